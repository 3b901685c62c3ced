"""`toplists rejected`: what was refused and why."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from shutil import copytree

import pytest
from rich.cells import cell_len

from toplists.lake.bookkeeping import append_rows
from toplists.lake.dataset import Dataset
from toplists.lake.tables import LOADS, REJECTED_EVENTS

MARCH = datetime(2026, 3, 1, 4, 30, tzinfo=UTC)


def load(load_id, day, rejected):
    return {
        "load_id": load_id,
        "source": "csv",
        "path": "/data/ratings.csv",
        "fingerprint": load_id,
        "rows": 1000,
        "accepted": 1000 - rejected,
        "duplicates": 0,
        "corrections": 0,
        "rejected": rejected,
        "newest_event_time": None,
        "loaded_at": MARCH + timedelta(days=day),
    }


def refused(load_id, line, raw, *reasons):
    return {
        "load_id": load_id,
        "file": "ratings.csv",
        "line": line,
        "raw": raw,
        "reasons": list(reasons),
    }


ROWS = [
    refused("first000", 7, "u1,i1,five", "value_unreadable: 'five' is not a number"),
    refused("first000", 9, ",i1,3", "user_missing: there is no user id"),
    # Two reasons: counts under both.
    refused(
        "second00", 4, ",i2,?", "user_missing: there is no user id", "value_unreadable: '?' is not"
    ),
    refused("second00", 3, ",i3,1", "user_missing: there is no user id"),
    refused("second00", 5, "u\x1b[2J" + "é" * 5000, "line_too_long: it is"),  # hostile and long
    # A load that never completed: nobody asked for its rows.
    refused("killed00", 1, "x", "value_unreadable: x"),
]


@pytest.fixture(scope="module")
def lake_with_refusals(no_rows, tmp_path_factory):
    root = tmp_path_factory.mktemp("lake")
    films = Dataset(copytree(no_rows, root / "films"))
    append_rows(
        films, LOADS, [load("first000", 0, 2), load("clean000", 1, 0), load("second00", 2, 3)]
    )
    append_rows(films, REJECTED_EVENTS, ROWS)
    copytree(no_rows, root / "clean")
    return root


@pytest.fixture
def rejected(cli, lake_with_refusals):
    """Runs `toplists rejected ARGUMENTS`."""

    def run(*arguments, dataset="films", **screen):
        where = ("--lake", str(lake_with_refusals), "--dataset", dataset)
        return cli("rejected", *where, *arguments, **screen)

    return run


def test_reasons_with_counts_and_loads_then_examples_of_the_newest_load(rejected):
    answer = rejected()
    assert answer.code == 0
    assert answer.lines[:5] == [
        "Dataset films   5 refused rows in 2 loads",
        "  reason            rows  first load  last load",
        "  user_missing         3  2026-03-01  2026-03-03",
        "  value_unreadable     2  2026-03-01  2026-03-03",
        "  line_too_long        1  2026-03-03  2026-03-03",
    ]
    assert answer.lines[5:11] == [
        "",
        "user_missing   load second00",
        "  ratings.csv:3  ,i3,1",
        "    there is no user id",
        "  ratings.csv:4  ,i2,?",
        "    there is no user id",
    ]


def test_one_reason(rejected):
    answer = rejected("--reason", "value_unreadable", "--examples", "1")
    assert answer.lines == [
        "Dataset films   2 refused rows in 2 loads",
        "  reason            rows  first load  last load",
        "  value_unreadable     2  2026-03-01  2026-03-03",
        "",
        "value_unreadable   load second00",
        "  ratings.csv:4  ,i2,?",
        "    '?' is not",
    ]


def test_one_load(rejected):
    lines = rejected("--load", "first000").lines
    assert lines[0] == "Dataset films   2 refused rows in 1 load"
    assert "  ratings.csv:7  u1,i1,five" in lines
    assert not any("second00" in line for line in lines)


def test_as_many_examples_as_asked_for(rejected):
    shown = rejected("--reason", "user_missing", "--examples", "1").lines
    assert sum("ratings.csv:" in line for line in shown) == 1


@pytest.mark.parametrize("terminal", [True, False])
def test_a_hostile_row_is_shown_safely_and_not_whole(rejected, terminal):
    answer = rejected("--reason", "line_too_long", terminal=terminal, columns=80)
    [line] = [line for line in answer.lines if "ratings.csv:5" in line]
    assert "u\\x1b[2Jé" in line
    assert len(line) < 600


@pytest.mark.parametrize("columns", [60, 80, 120])
def test_fits_the_terminal(rejected, columns):
    lines = rejected(terminal=True, columns=columns).lines
    assert max(cell_len(line) for line in lines) <= columns


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["--reason", "value_unreadible"], "Did you mean value_unreadable?"),
        (["--reason", "zzz"], "There is user_missing, value_unreadable, line_too_long."),
        (["--load", "killed00"], "There is no load with refused rows killed00"),
        (["--reason", "x' OR '1'='1"], "There is no row refused for x' OR"),
    ],
)
def test_what_is_not_there_gets_the_nearest(rejected, arguments, expected):
    answer = rejected(*arguments)
    assert answer.code == 2
    assert expected in answer.error


def test_nothing_was_ever_refused(rejected):
    answer = rejected(dataset="clean")
    assert (answer.code, answer.lines) == (0, ["There are no refused rows in dataset clean."])
