"""What the reader answers with: small immutable records."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, time


@dataclass(frozen=True)
class Publication:
    """One move of the pointer: from `published_at` on, the lists of `run_id` were live.

    `action` is `publish` or `rollback`; `bad_run_id` names a run that this move declared bad.
    """

    sequence: int
    run_id: str
    action: str
    as_of: date
    previous_run_id: str | None
    bad_run_id: str | None
    published_at: datetime

    @property
    def known_until(self) -> datetime:
        """When `as_of` begins: how old the lists are counts from then."""
        return datetime.combine(self.as_of, time.min, UTC)


@dataclass(frozen=True)
class RecommendedItem:
    """One place in a list. `score` is comparable only between items of the same `source`."""

    item_id: str
    score: float
    source: str


@dataclass(frozen=True)
class RecommendationList:
    """A list, best first.

    Attributes:
        run_id: The run that it comes from; all of it.
        items: What is in it.
        short_reason: Why it is shorter than configured; `None` if it is not.
        as_of: Everything that happened before this day was known when it was made; `None` where a run is read
            that need not be published.
        fallback: Whether a user without a list of its own is shown what is popular.
    """

    run_id: str
    items: tuple[RecommendedItem, ...]
    short_reason: str | None
    as_of: date | None = None
    fallback: bool = False

    def to_dict(self, n: int | None = None) -> dict[str, object]:
        """The list with its first `n` items (`None` = all), of nothing but what JSON has; days in ISO 8601."""
        return {
            **vars(self),
            "items": [vars(item) for item in self.items[:n]],
            "as_of": None if self.as_of is None else self.as_of.isoformat(),
        }


@dataclass(frozen=True)
class CatalogueItem:
    """What the catalogue knows of an item."""

    item_id: str
    title: str | None
    year: int | None
    genres: tuple[str, ...]


@dataclass(frozen=True)
class Interaction:
    """What a user thought of an item; no `value` means that the event is itself the feedback."""

    item_id: str
    value: float | None
    event_time: datetime | None


@dataclass(frozen=True)
class ListCounts:
    """How many users and items have a published list."""

    users: int
    items: int
