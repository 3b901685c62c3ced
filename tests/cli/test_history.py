from __future__ import annotations

import io
import json
import re
from datetime import UTC, datetime, timedelta

import pytest
from rich.cells import cell_len

from toplists.cli.history import print_chart
from toplists.lake.attempts import last_nights
from toplists.pipeline.screen import open_console

ANSI = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")
BEGAN = datetime(2026, 3, 10, 4, 0, tzinfo=UTC)


def row(run_id, step, minute, seconds, loads=()):
    return {
        "run_id": run_id,
        "step": step,
        "state": "done",
        "attempt": 1,
        "seconds": seconds,
        "reason": None,
        "inputs": json.dumps({"loads": loads}),
        "as_of": BEGAN.date() if run_id.startswith("run-") else None,
        "at": BEGAN + timedelta(minutes=minute),
    }


LEDGER = [
    row("load-a", "ingest", 0, 20.0, ["a"]),
    row("run-1", "prepare", 1, 10.0, ["a"]),
    row("run-1", "train", 2, 30.0, ["a"]),
    row("load-b", "ingest", 10, 5.0, ["b"]),
    row("run-2", "prepare", 11, 10.0, ["a", "b"]),
    row("run-2", "train", 12, 15.0, ["a", "b"]),
    row("run-3", "train", 20, 15.0, ["a", "b"]),  # no new load
    row("run-3.compare-0123abcd", "compare", 25, 50.0, ["a", "b"]),  # a study, no night
    row("maintain-2026-03-10", "maintain", 30, 90.0),  # no night
]


def chart(*, terminal=False, columns=80):
    out = io.StringIO()
    environ = {"COLUMNS": str(columns), "TERM": "xterm-256color"}
    if terminal:
        environ["TOPLISTS_TERMINAL"] = "1"
    print_chart(open_console(out, environ), last_nights(LEDGER, 5), indent=2)
    return ANSI.sub("", out.getvalue()).splitlines()


def test_a_load_counts_with_the_first_run_over_it_only():
    assert [(night.run_id, dict(night.steps)) for night in last_nights(LEDGER, 5)] == [
        ("run-1", {"ingest": 20.0, "prepare": 10.0, "train": 30.0}),
        ("run-2", {"ingest": 5.0, "prepare": 10.0, "train": 15.0}),
        ("run-3", {"train": 15.0}),
    ]


def test_the_newest_are_shown_oldest_first():
    assert [night.run_id for night in last_nights(LEDGER, 2)] == ["run-2", "run-3"]


def test_bars_are_as_long_as_seconds_and_parts_as_steps():
    assert chart(columns=80) == [
        "  run-1  1 min 00 s  " + "#" * 20 + "=" * 10 + "+" * 29,
        "  run-2      30.0 s  " + "#" * 5 + "=" * 10 + "+" * 15,
        "  run-3      15.0 s  " + "+" * 15,
        "  # ingest  = prepare  + train",
    ]


@pytest.mark.parametrize("columns", [20, 40, 60, 80, 120])
def test_fits_the_terminal(columns):
    assert max(map(cell_len, chart(terminal=True, columns=columns))) <= columns


def test_nothing_to_show():
    out = io.StringIO()
    print_chart(open_console(out, {}), [], indent=2)
    assert out.getvalue() == ""
