"""Settings of how input is read, and of what is unusual of it."""

from __future__ import annotations

import re
from typing import Literal, Self, TypeAlias
from zoneinfo import ZoneInfo

from pydantic import Field, field_validator, model_validator

from toplists.config.section import Section, Share

Encoding: TypeAlias = Literal[
    "utf-8",
    "utf-16",
    "latin-1",
    "iso-8859-15",
    "cp1250",
    "cp1251",
    "cp1252",
    "shift_jis",
    "gb18030",
]
TIME_DIRECTIVES = frozenset(
    {"%Y", "%y", "%m", "%b", "%d", "%H", "%I", "%p", "%M", "%S", "%f", "%z"}
)


class ColumnSettings(Section):
    """Which input column means what; `null` = found by its usual names."""

    user: str | None = Field(None, description="Column with the user id.")
    item: str | None = Field(None, description="Column with the item id.")
    value: str | None = Field(None, description="Column with the rating or amount; may be absent.")
    time: str | None = Field(None, description="Column with the time of the event; may be absent.")
    event_type: str | None = Field(
        None, description="Column with the kind of event; may be absent."
    )
    event_id: str | None = Field(None, description="Column with a unique event id; may be absent.")
    updated_at: str | None = Field(
        None, description="Column that says which of two versions of an event is newer."
    )


class TypeSettings(Section):
    """What ids must be; a row with another id is refused."""

    user: Literal["text", "whole"] = Field(
        "text", description="User ids are any text, or whole numbers only."
    )
    item: Literal["text", "whole"] = Field(
        "text", description="Item ids are any text, or whole numbers only."
    )


class ValueScaleSettings(Section):
    """A linear map of values; without one they stay as they are."""

    input: list[float] | None = Field(
        None,
        min_length=2,
        max_length=2,
        description="Ends of the scale that values come in; those beyond are refused.",
    )
    output: list[float] | None = Field(
        None, min_length=2, max_length=2, description="What these two ends become."
    )

    @model_validator(mode="after")
    def _both_or_none(self) -> Self:
        if (self.input is None) != (self.output is None):
            raise ValueError("give both ingest.value_scale.input and .output, or neither")
        if self.input is not None and self.input[0] >= self.input[1]:
            raise ValueError("ingest.value_scale.input must rise: its smaller end comes first")
        return self


class IngestSettings(Section):
    columns: ColumnSettings = ColumnSettings()
    types: TypeSettings = TypeSettings()
    delimiter: str = Field(
        ",", min_length=1, max_length=4, description="Separator of `csv:` files."
    )
    header: list[str] | None = Field(
        None, description="Column names of `csv:` and `tsv:` files that have no line of them."
    )
    encoding: Encoding = Field("utf-8", description="How the characters of text files are written.")
    decimal: Literal[".", ","] = Field(
        ".", description="What stands before the fraction of a number in `csv:` and `tsv:` files."
    )
    missing: list[str] | None = Field(
        None, description="Texts that mean that there is nothing, such as NULL or -1."
    )
    missing_value: Literal["refused", "accepted"] = Field(
        "refused",
        description="Whether a row whose value is missing is refused, or an event without a value.",
    )
    value_scale: ValueScaleSettings = ValueScaleSettings()
    time_format: Literal["auto", "seconds", "millis", "micros", "iso"] = Field(
        "auto",
        description="How times are written; `auto` tells numbers by size, the rest is ISO 8601.",
    )
    time_pattern: str | None = Field(
        None, description="Pattern of times, as in %d.%m.%Y %H:%M; goes before time_format."
    )
    time_zone: str = Field("UTC", description="Zone of times that name none, as in Europe/Berlin.")
    event_types: list[str] | None = Field(
        None, description="Kinds of events that are allowed; others are refused."
    )
    min_value: float | None = Field(None, description="Smallest allowed value; lower is refused.")
    max_value: float | None = Field(None, description="Largest allowed value; higher is refused.")
    items: str | None = Field(
        None, description="File with the catalogue of items: csv, tsv, jsonl or parquet."
    )
    users: str | None = Field(
        None, description="File with attributes of users: csv, tsv, jsonl or parquet."
    )
    delta_rewrites: Literal["refuse", "reread"] = Field(
        "refuse",
        description="What to do where a Delta source did not only grow: refuse, or read all of it.",
    )
    max_rejected_share: Share = Field(
        0.01, description="Share of refused rows above which the whole input is refused."
    )

    @field_validator("time_zone")
    @classmethod
    def _known_zone(cls, zone: str) -> str:
        try:
            ZoneInfo(zone)
        except (OSError, ValueError, KeyError) as error:
            raise ValueError(f"there is no time zone {zone}") from error
        return zone

    @field_validator("time_pattern")
    @classmethod
    def _known_directives(cls, pattern: str | None) -> str | None:
        unknown = set(re.findall("%.?", pattern or "")) - TIME_DIRECTIVES
        if unknown:
            raise ValueError(f"{', '.join(sorted(unknown))} is none of {sorted(TIME_DIRECTIVES)}")
        return pattern


class InputSettings(Section):
    """What is usual of a feed that comes daily; anything else is refused before training."""

    daily_from: int = Field(
        21, ge=7, le=28, description="A feed is judged if so many of the last 28 days had events."
    )
    min_daily_events: int = Field(
        1000, ge=1, description="A feed is judged from so many events on the median day."
    )
    min_volume: float = Field(
        0.3, ge=0.0, description="Least events of the last day, as a share of its weekday's median."
    )
    max_volume: float = Field(
        4.0, ge=1.0, description="Most events of the last day, as a share of its weekday's median."
    )
    max_new_rise: Share = Field(
        0.3, description="How much larger than usual the share of new users or items may be."
    )
    max_value_drift: float = Field(
        0.25, gt=0.0, description="Largest population stability index of the last day's values."
    )
