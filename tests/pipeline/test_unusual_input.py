"""The input gate within a night."""

from __future__ import annotations

import json
from datetime import date, timedelta
from typing import Any

import pytest
from worlds import World

from toplists.errors import InputRefusedError
from toplists.lake.tables import RUNS

DAILY: dict[str, Any] = {"input": {"min_daily_events": 5}}


def daily_feed(days: int, users: int = 30) -> list[str]:
    """Ten events on each of the days before 2024-03-01."""
    return [
        f"u{(day * 10 + n) % users:02},i{(day * 7 + n * 3) % 20:02},5,"
        f"{date(2024, 3, 1) - timedelta(days=day + 1)}T08:00:{n:02}"
        for day in range(days)
        for n in range(10)
    ]


def test_a_missing_day_is_refused_and_can_be_accepted(world: World) -> None:
    source = world.feed(daily_feed(40))
    asked = date(2024, 3, 2)  # so that 2024-03-01 should be there
    with pytest.raises(InputRefusedError, match="2024-03-01 has no event") as refused:
        world.night(source, as_of=asked, **DAILY)
    assert refused.value.exit_code == 5
    assert "--accept-input" in str(refused.value)
    ledger = {row["state"]: row for row in world.rows(RUNS, step="prepare")}
    assert "2024-03-01 has no event" in ledger["refused"]["reason"]

    world.night(source, as_of=asked, accept_input=True, **DAILY)
    facts = json.loads(next(row["facts"] for row in world.rows(RUNS, step="prepare", state="done")))
    assert facts["accepted_input"] is True
    assert [check["name"] for check in facts["input"] if not check["passed"]] == ["yesterday"]
    assert world.lists()
