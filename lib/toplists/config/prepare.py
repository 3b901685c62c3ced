"""Settings of what is learnt from, and of the holdout."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from toplists.config.section import Section, Share

EventWeight = Annotated[float, Field(ge=0.0, le=1000.0)]


class SplitSettings(Section):
    method: Literal["auto", "days", "last", "hash"] = Field(
        "auto",
        description="How the holdout is chosen; `auto` takes the first of days, last, hash that serves.",
    )
    holdout_days: int = Field(30, ge=1, description="`days`: the holdout is this many last days.")
    min_warm_users: int = Field(
        200, ge=1, description="`auto`: users that `days` must leave to judge on."
    )
    holdout_last: int = Field(5, ge=1, description="`last`: newest interactions held out per user.")
    holdout_share: Share = Field(0.2, description="`hash`: share of interactions held out.")


class WindowSettings(Section):
    """Which events are trained on, by their time; those outside still count as seen."""

    since: date | None = Field(
        None, description="Events before this UTC day are not trained on; `null` = no limit."
    )
    until: date | None = Field(
        None, description="Events from this UTC day on are not trained on; `null` = no limit."
    )
    last_days: int | None = Field(
        None, ge=1, description="Events older than this many days are not trained on."
    )

    @model_validator(mode="after")
    def _has_a_day_in_it(self) -> Self:
        if self.since and self.until and self.since >= self.until:
            raise ValueError(f"since {self.since} must be before until {self.until}")
        return self


class OutlierSettings(Section):
    """Which users are not trained on because no person acts like that; `null` = no such rule."""

    max_events: int | None = Field(
        None, ge=1, description="Users with more events than this are outliers."
    )
    burst_events: int | None = Field(
        None, ge=1, description="Users with more events than this in `burst_minutes` are outliers."
    )
    burst_minutes: int = Field(1, ge=1, description="Length of the interval of `burst_events`.")
    max_deviation: float | None = Field(
        None,
        gt=0.0,
        description="Modified z-score of a user's number of events above which it is an outlier; 3.5 is usual.",
    )
    same_value_from: int | None = Field(
        None,
        ge=2,
        description="Users with at least this many ratings, all of one value, are outliers.",
    )


class PrepareSettings(Section):
    positive_from: float = Field(
        4.0,
        description="Values from here on are positive feedback; events without a value are too.",
    )
    event_weights: dict[str, EventWeight] = Field(
        {},
        description="Weight of each event type; without any, the last event of a pair decides.",
    )
    other_event_weight: EventWeight = Field(
        1.0, description="Weight of event types that `event_weights` does not name."
    )
    max_weight: float = Field(
        10.0, gt=0.0, le=1000.0, description="Cap on what the events of a pair add up to."
    )
    half_life_days: float | None = Field(
        None, gt=0.0, description="Age at which an event counts half; `null` = age does not matter."
    )
    session_gap_minutes: int | None = Field(
        None,
        ge=1,
        description="A longer pause begins a new session of a user; `null` = no sessions.",
    )
    window: WindowSettings = WindowSettings()
    outliers: OutlierSettings = OutlierSettings()
    stop_items: tuple[str, ...] = Field(
        (), description="Items that are neither trained on nor recommended."
    )
    stop_items_file: str | None = Field(
        None, description="File with more of them, one id per line; empty lines do not count."
    )
    new_items: bool = Field(
        False,
        description=(
            "Whether items that only the catalogue knows are part of a run, so that models of content can list them."
        ),
    )
    min_user_interactions: int = Field(
        1,
        ge=1,
        description="Users with fewer likings (explicit ALS: ratings) are not trained on.",
    )
    min_item_interactions: int = Field(
        1,
        ge=1,
        description="Items with fewer likings (explicit ALS: ratings) are not trained on.",
    )
    max_user_interactions: int = Field(
        2000,
        ge=1,
        description="Newest likings (explicit ALS: ratings) of a user that are trained on.",
    )
    split: SplitSettings = SplitSettings()

    @model_validator(mode="after")
    def _a_return_has_no_weight(self) -> Self:
        if "return" in self.event_weights:
            raise ValueError("event_weights names return, which cancels its purchase: leave it out")
        return self
