"""What the settings and the types of columns say of the rows of a file."""

from __future__ import annotations

import pytest

from toplists.config.ingest import IngestSettings
from toplists.ingest.columns import Role
from toplists.ingest.parquet import ParquetLayout
from toplists.ingest.rules import rules_for

DAYS = IngestSettings(time_pattern="%d.%m.%Y")
IDS: dict[Role, str] = {"user": "u", "item": "i"}
BOTH: dict[Role, str] = {"time": "t", "updated_at": "v"}


@pytest.mark.parametrize(
    ("typed", "time", "updated_at"),
    [
        (set(), "%d.%m.%Y", "%d.%m.%Y"),
        ({"updated_at"}, "%d.%m.%Y", None),
        ({"time"}, None, "%d.%m.%Y"),
        ({"time", "updated_at"}, None, None),
    ],
)
def test_the_pattern_is_that_of_times_that_are_text(
    typed: set[Role], time: str | None, updated_at: str | None
) -> None:
    for stored, constants in (({**IDS, **BOTH}, {}), (IDS, dict.fromkeys(BOTH, "x"))):
        layout = ParquetLayout(stored, frozenset(typed), (1,), constants)
        rules = rules_for("parquet", layout, DAYS)
        assert (rules.pattern_of("time"), rules.pattern_of("updated_at")) == (time, updated_at)


def test_a_pattern_without_a_text_to_read_does_not_count() -> None:
    layout = ParquetLayout({**IDS, "time": "t"}, frozenset({"time"}), (1,))
    plain = rules_for("parquet", layout, IngestSettings())
    assert rules_for("parquet", layout, DAYS).described() == plain.described()
