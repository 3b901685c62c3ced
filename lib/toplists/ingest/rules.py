"""What a row must satisfy, and how the text of its fields is understood."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Literal, TypeAlias

from toplists.config.ingest import IngestSettings
from toplists.ingest.columns import Role
from toplists.ingest.layout import LineLayout
from toplists.ingest.parquet import ParquetLayout
from toplists.ingest.source import SourceKind

TimeFormat: TypeAlias = Literal["auto", "seconds", "millis", "micros", "iso"]

# Stars; a 0 in some export means "not rated" and is no rating.
_STARS: Mapping[SourceKind, tuple[float, float]] = {"movielens": (0.5, 5.0), "netflix": (1.0, 5.0)}
_TIMES: frozenset[Role] = frozenset({"time", "updated_at"})


@dataclass(frozen=True)
class RowRules:
    """What a row must satisfy, besides having ids.

    Attributes:
        roles: The roles that have a column; a given event id must be there if its role is.
        time_format: How event times are written.
        version_format: How `updated_at` is written.
        value_range: Smallest and largest allowed value as it is written, `None` = no bound.
        time_pattern: strftime-like pattern of times; goes before their formats.
        typed_times: The times that `time_pattern` does not concern, since their type says what they are.
        time_zone: Zone of times that name none.
        decimal: What stands before the fraction of a value.
        missing: Texts that mean that there is nothing.
        value_optional: Whether an event may have no value although there is a column of values.
        value_scale: `(a, b)`: a value v becomes a · v + b.
        event_types: Allowed kinds of events, `None` = all.
        whole: Roles whose ids must be whole numbers.
    """

    roles: frozenset[Role]
    time_format: TimeFormat
    version_format: TimeFormat
    value_range: tuple[float | None, float | None]
    time_pattern: str | None = None
    time_zone: str = "UTC"
    decimal: str = "."
    missing: tuple[str, ...] = ()
    value_optional: bool = False
    value_scale: tuple[float, float] | None = None
    event_types: tuple[str, ...] | None = None
    whole: frozenset[Role] = frozenset()
    typed_times: frozenset[Role] = frozenset()

    def pattern_of(self, role: Role) -> str | None:
        """The pattern of the times of `role`; `None` where they go by their format."""
        return None if role in self.typed_times else self.time_pattern

    def described(self) -> dict[str, object]:
        """The rules as plain data: what is as by default is left out, so that a new one changes nothing."""
        described: dict[str, object] = {}
        for field in fields(self):
            value = getattr(self, field.name)
            if value != field.default:
                described[field.name] = sorted(value) if isinstance(value, frozenset) else value
        return described


def rules_for(
    kind: SourceKind, layout: LineLayout | ParquetLayout, settings: IngestSettings
) -> RowRules:
    """The rules for the rows of a file of a source of `kind`."""
    typed = layout.typed_times if isinstance(layout, ParquetLayout) else frozenset()
    constants = layout.constants if isinstance(layout, ParquetLayout) else {}
    roles: frozenset[Role] = frozenset(layout.columns) | frozenset(constants)
    # Where no time is text the pattern means nothing, and must not make it another input.
    pattern = None if typed and typed == _TIMES & roles else settings.time_pattern
    scale = settings.value_scale
    low, high = scale.input or _STARS.get(kind) or (None, None)
    return RowRules(
        roles=roles,
        time_format="iso" if "time" in typed else settings.time_format,
        version_format="iso" if "updated_at" in typed else settings.time_format,
        value_range=(
            low if settings.min_value is None else settings.min_value,
            high if settings.max_value is None else settings.max_value,
        ),
        time_pattern=pattern,
        time_zone=settings.time_zone,
        decimal=settings.decimal if kind in ("csv", "tsv") else ".",
        missing=tuple(sorted(settings.missing or ())),
        value_optional=settings.missing_value == "accepted",
        value_scale=_linear(scale.input, scale.output) if scale.input and scale.output else None,
        event_types=None if settings.event_types is None else tuple(sorted(settings.event_types)),
        whole=_whole(settings),
        typed_times=frozenset() if pattern is None else typed,
    )


def _whole(settings: IngestSettings) -> frozenset[Role]:
    declared: dict[Role, str] = {"user": settings.types.user, "item": settings.types.item}
    return frozenset(role for role, kind in declared.items() if kind == "whole")


def _linear(given: list[float], wanted: list[float]) -> tuple[float, float]:
    (low, high), (to_low, to_high) = given, wanted
    slope = (to_high - to_low) / (high - low)
    return slope, to_low - slope * low
