"""Which event a row is, and which row of an event counts."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from toplists.ingest.identity import resolve
from toplists.ingest.plain import ACCEPTED
from toplists.ingest.source import SourceKind
from toplists.ingest.staging import Stage, StagedFile, cut_buckets, gather, paths_of
from toplists.lake.failpoints import FAIL_AT

Row = dict[str, Any]
Identify = Callable[..., list[Row]]

T1, T2 = datetime(2020, 1, 1, tzinfo=UTC), datetime(2021, 1, 1, tzinfo=UTC)
GOOD: Row = {
    "file": 0,
    "user_id": "u",
    "item_id": "i",
    "event_type": "rating",
    "value": 4.0,
    "event_time": T1,
}


def stage(folder: Path, parts: list[list[Row]], source: SourceKind = "csv") -> list[StagedFile]:
    """Rows like GOOD with some columns changed; each part by a task of its own."""
    staged = []
    for number, rows in enumerate(parts):
        one = Stage(str(folder), f"part-{number}", source)
        for row in rows:  # a batch each: what is in one is in no other
            complete = {name: {**GOOD, **row}.get(name) for name in ACCEPTED.names}
            one.add(pa.RecordBatch.from_pylist([complete], schema=ACCEPTED))
        staged.append(one.close())
    return staged


def events(staged: list[StagedFile], rows_per_bucket: int = 1000) -> list[Row]:
    files = [one for one in staged if one.rows]
    found = [
        resolve(gather(one, paths_of(one, files)))[0] for one in cut_buckets(files, rows_per_bucket)
    ]
    return sorted(
        (row for table in found for row in table.to_pylist()),
        key=lambda row: (row["file"], row["line"]),
    )


@pytest.fixture
def identify(tmp_path: Path) -> Identify:
    """The events that rows are, in the order of their lines."""

    def run(rows: list[Row], source: SourceKind = "csv") -> list[Row]:
        numbered = [{"line": line, **row} for line, row in enumerate(rows, start=1)]
        return events(stage(tmp_path, [numbered], source))

    return run


def test_every_part_of_the_content_makes_the_id(identify: Identify) -> None:
    rows = identify(
        [
            {},
            {"user_id": "v"},
            {"item_id": "j"},
            {"event_type": "click"},
            {"value": 5.0},
            {"value": None},
            {"event_time": T2},
            {"user_id": "", "item_id": "ui"},  # the same characters, cut elsewhere
            {"user_id": "ui", "item_id": ""},
        ],
    )
    ids = {row["event_id"] for row in rows}
    assert len(ids) == 9
    assert {len(one) for one in ids} == {32}
    assert identify([{}], "movielens")[0]["event_id"] not in ids


def test_the_id_stays_the_same_for_ever(identify: Identify) -> None:
    # Stored tables hold these ids: another value here doubles every event that is loaded again.
    four = "-3054283333461073093"  # xxhash64 of the bits of 4.0
    timed, timeless = identify([{}, {"event_time": None}])
    assert timed["event_id"] == sha256("csv", "u", "i", "rating", four, "1577836800000000")
    content = sha256("csv", "u", "i", "rating", four, "")
    assert timeless["event_id"] == sha256(content, "1")
    assert timeless["content_hash"] == content


def sha256(*parts: str) -> str:
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:32]


def test_zero_has_one_id(identify: Identify) -> None:
    assert len(identify([{"value": 0.0}, {"value": -0.0}])) == 1


def test_equal_rows_with_a_time_are_one_event(identify: Identify) -> None:
    assert [row["line"] for row in identify([{}, {"user_id": "v"}, {}])] == [1, 2]


def test_equal_rows_without_a_time_are_several_events(identify: Identify) -> None:
    rows = identify([{"event_time": None}, {"event_time": None}, {"event_time": None}])
    assert len({row["event_id"] for row in rows}) == 3


def test_equal_rows_of_other_files_are_the_same_events(identify: Identify) -> None:
    twins: list[Row] = [{"event_time": None}, {"event_time": None}]
    rows = identify([*twins, *({**row, "file": 1} for row in [*twins, *twins[:1]])])
    assert [(row["file"], row["line"]) for row in rows] == [(0, 1), (0, 2), (1, 5)]


def test_of_a_given_id_the_newest_version_counts(identify: Identify) -> None:
    rows = identify(
        [
            {"event_id": "a", "updated_at": T1},
            {"event_id": "a", "updated_at": T2, "value": 1.0},  # newest, whatever its content
            {"event_id": "a", "updated_at": None, "value": 5.0},  # no version is the oldest
            {"event_id": "b"},
        ],
    )
    assert [(row["event_id"], row["line"]) for row in rows] == [("a", 2), ("b", 4)]


def test_between_equal_versions_the_content_decides_not_the_order(identify: Identify) -> None:
    rows: list[Row] = [{"event_id": "a", "value": float(n)} for n in range(6)]
    (one,), (other,) = identify(rows), identify(rows[::-1])
    assert one["value"] == other["value"]
    greatest = max(identify([{"value": float(n)}])[0]["content_hash"] for n in range(6))
    assert one["content_hash"] == greatest


ROWS = st.lists(
    st.fixed_dictionaries(
        {
            "user_id": st.sampled_from(["u", "v"]),
            "event_time": st.sampled_from([None, T1, T1 + timedelta(days=1)]),
            "file": st.sampled_from([0, 1]),
        }
    ),
    max_size=30,
)


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(rows=ROWS, parts=st.integers(1, 4), bucket=st.integers(1, 8), seed=st.integers(0, 99))
def test_ids_depend_neither_on_lines_nor_on_tasks_nor_on_buckets(
    tmp_path: Path, rows: list[Row], parts: int, bucket: int, seed: int
) -> None:
    shuffled = random.Random(seed).sample(rows, len(rows))
    numbered = [{**row, "line": line} for line, row in enumerate(shuffled)]
    found = events(stage(tmp_path, [numbered[part::parts] for part in range(parts)]), bucket)
    # Slowly: timed rows are one event, untimed ones as many as the file that has most of them.
    expected = set()
    for row in rows:
        alike = [other for other in rows if other == row]
        for ordinal in range(len(alike) if row["event_time"] is None else 1):
            expected.add((row["user_id"], row["event_time"], ordinal))
    assert len(found) == len(expected) == len({row["event_id"] for row in found})
    whole = [{**row, "line": line} for line, row in enumerate(rows)]
    assert {row["event_id"] for row in found} == {
        row["event_id"] for row in events(stage(tmp_path, [whole]))
    }


def test_every_write_of_a_stage_is_a_failpoint(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(FAIL_AT, f">{tmp_path / 'moments'}")
    stage(tmp_path, [[{"line": 1}, {"line": 2}]])
    moments = (tmp_path / "moments").read_text().splitlines()
    assert moments == ["before staged rows", "after staged rows"] * 3  # two batches, the footer


def test_buckets_are_whole_days_and_large_days_are_parted(tmp_path: Path) -> None:
    days = [0, 1, 1, 2, 2, 2, 2, 2, 3]
    rows = [
        {"line": line, "user_id": f"u{line}", "event_time": T1 + timedelta(days=day)}
        for line, day in enumerate(days)
    ]
    staged = stage(tmp_path, [rows])
    buckets = cut_buckets(staged, 3)
    first = buckets[0].first
    assert [(one.first - first, one.last - first, one.parts) for one in buckets] == [
        (0, 1, 1),
        (2, 2, 2),
        (2, 2, 2),
        (3, 3, 1),
    ]
    assert sorted(
        line for one in buckets for line in gather(one, paths_of(one, staged))["line"].to_pylist()
    ) == list(range(9))
