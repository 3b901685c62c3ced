"""The input gate within a night."""

from __future__ import annotations

import io
import json
from datetime import date, timedelta
from functools import partial
from typing import Any

import pytest
from worlds import World

from toplists.errors import InputRefusedError
from toplists.ingest.source import parse_source
from toplists.lake.tables import RUNS
from toplists.pipeline.console import open_narrator
from toplists.pipeline.nightly import begin_run, perform
from toplists.pipeline.steps.ingest import ingest_source
from toplists.pipeline.workplace import Workplace

DAILY: dict[str, Any] = {"input": {"min_daily_events": 5}}


def daily_feed(days: int, users: int = 30) -> list[str]:
    """Ten events on each of the days before 2024-03-01."""
    return [
        f"u{(day * 10 + n) % users:02},i{(day * 7 + n * 3) % 20:02},5,"
        f"{date(2024, 3, 1) - timedelta(days=day + 1)}T08:00:{n:02}"
        for day in range(days)
        for n in range(10)
    ]


def prepare_night(world: World, source: str, as_of: date, *, accept_input: bool) -> None:
    """A night up to the step that judges the input."""

    def work(place: Workplace) -> None:
        ingest_source(place, parse_source(source))
        out = io.StringIO()
        perform(place, open_narrator({}, out, out), begin_run(place, as_of), "prepare")

    world.workplace(world.settings(**DAILY), work, lambda: world.spark, accept_input=accept_input)


def test_a_missing_day_is_refused_and_can_be_accepted(world: World) -> None:
    source = world.feed(daily_feed(40))
    asked = date(2024, 3, 2)  # so that 2024-03-01 should be there
    prepare_at = partial(prepare_night, world, source, asked)
    with pytest.raises(InputRefusedError, match="2024-03-01 has no event") as refused:
        prepare_at(accept_input=False)
    assert refused.value.exit_code == 5
    assert "--accept-input" in str(refused.value)
    ledger = {row["state"]: row for row in world.rows(RUNS, step="prepare")}
    assert "2024-03-01 has no event" in ledger["refused"]["reason"]

    prepare_at(accept_input=True)
    facts = json.loads(next(row["facts"] for row in world.rows(RUNS, step="prepare", state="done")))
    assert facts["accepted_input"] is True
    assert [check["name"] for check in facts["input"] if not check["passed"]] == ["yesterday"]
