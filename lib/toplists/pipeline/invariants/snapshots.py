"""Invariants of a run's snapshot: positions, counts, and that it is what the events say."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, time
from functools import partial
from typing import TypeAlias

from toplists.lake.removal import removed_before
from toplists.lake.schema import Table
from toplists.lake.tables import EVENTS, INTERACTIONS, SNAPSHOT_ITEMS, SNAPSHOT_USERS
from toplists.pipeline.invariants.finding import Evidence, Invariant
from toplists.pipeline.invariants.lake_view import LakeView, StoredRun, in_list
from toplists.reader.queries import literal

_SIDES = ((SNAPSHOT_USERS, "user_id", "user_pos"), (SNAPSHOT_ITEMS, "item_id", "item_pos"))

_NO_TIME = -(2**62)


FaultsOf: TypeAlias = Callable[[LakeView, StoredRun, Table, str, str], Iterator[str]]


def _look_at_sides(faults_of: FaultsOf, view: LakeView) -> Evidence:
    runs, faults = view.runs_in(INTERACTIONS), []
    for run in runs:
        for table, id_column, position in _SIDES:
            faults += list(faults_of(view, run, table, id_column, position))
    return Evidence(_said(runs), faults)


def _misplaced(
    view: LakeView, run: StoredRun, table: Table, id_column: str, position: str
) -> Iterator[str]:
    of_run = f"run_id = {literal(run.run_id)}"
    # Text is compared bytewise by this engine.
    wrong = view.number(
        f"SELECT count(*) FROM (SELECT {position} AS pos, row_number() OVER "
        f"(PARTITION BY run_id ORDER BY {id_column}) - 1 AS rank FROM {table.name} WHERE {of_run}) "
        "WHERE pos <> rank"
    )
    if wrong:
        yield f"run {run.run_id}: {wrong:,} rows of {table.name} at another position than their id's"


def _miscounted(
    view: LakeView, run: StoredRun, table: Table, id_column: str, position: str
) -> Iterator[str]:
    """Compares a side with the interactions by grouping both together: an outer join that spills."""
    of_run = f"run_id = {literal(run.run_id)}"
    wrong = view.number(
        f"SELECT count(*) FROM (SELECT {id_column}, min({position}) AS low, max({position}) AS high, "
        "sum(stored) AS stored, sum(counted) AS counted, sum(trained) AS trained, "
        "sum(weighed) AS weighed FROM ("
        f"SELECT {id_column}, {position}, interactions AS stored, 0 AS counted, trained, "
        f"0 AS weighed FROM {table.name} WHERE {of_run} UNION ALL "
        f"SELECT {id_column}, {position}, 0, 1, 0, CASE WHEN weight > 0 THEN 1 ELSE 0 END "
        f"FROM interactions WHERE {of_run}) GROUP BY {id_column}) "
        "WHERE low <> high OR stored <> counted OR trained <> weighed"
    )
    if wrong:
        yield (
            f"run {run.run_id}: {wrong:,} rows of {table.name} disagree with the interactions on "
            "position or counts"
        )


def _look_at_replay(view: LakeView) -> Evidence:
    if not view.has(EVENTS):
        return Evidence("no events")
    runs = view.runs_in(INTERACTIONS)
    comparable = [run for run in runs if _is_comparable(view, run)]
    faults = [fault for run in comparable for fault in _departures(view, run)]
    left = len(runs) - len(comparable)
    excused = (
        f"{left:,} runs not compared: later loads corrected events, an ingest is incomplete, or events "
        "were removed"
        if left
        else ""
    )
    return Evidence(_said(comparable), faults, excused)


def _is_comparable(view: LakeView, run: StoredRun) -> bool:
    """Whether the events that the run saw are still there as it saw them."""
    seen = set(run.loads)
    later = [load for load in view.loads if load["load_id"] not in seen]
    corrected = any(load["corrections"] for load in later)
    removed = removed_before(view.tables["events"]) is not None
    return not (corrected or removed or view.incomplete_loads)


def _departures(view: LakeView, run: StoredRun) -> Iterator[str]:
    """Groups the run's interactions and its events by pair, and looks at each pair.

    An event becomes one text of its time, id and value in this order, so that the greatest text of a
    pair is that of its last event: aggregates in an order of their own neither are quick nor spill.
    """
    as_of = datetime.combine(run.row["as_of"], time(), tzinfo=UTC)
    # Microseconds: as times they would be compared in nanoseconds, which years before 1678 overflow.
    # What has no time is before all that has one, so that nulls are compared like values.
    micros = f"coalesce(CAST(event_time AS BIGINT), {_NO_TIME})"
    end = int(as_of.timestamp()) * 1_000_000
    moment = f"lpad(CAST({micros} - ({_NO_TIME}) AS VARCHAR), 20, '0')"
    value = "coalesce(CAST(value AS VARCHAR), 'none')"
    mark = "chr(1)"  # before every character of an id
    (row,) = view.rows(
        "SELECT count(*) FILTER (WHERE pairs <> 1 OR n = 0) AS unpaired, "
        "count(*) FILTER (WHERE pairs = 1 AND n > 0 AND n <> counted) AS miscounted, "
        "count(*) FILTER (WHERE pairs = 1 AND n > 0 AND moment <> substr(last, 1, 20)) AS outdated, "
        f"count(*) FILTER (WHERE pairs = 1 AND n > 0 AND value <> split_part(last, {mark}, 2)) "
        "AS other_value FROM (SELECT user_id, item_id, sum(stored) AS pairs, sum(replayed) AS n, "
        "sum(counted) AS counted, max(moment) AS moment, max(value) AS value, max(last) AS last FROM ("
        f"SELECT user_id, item_id, 1 AS stored, 0 AS replayed, events AS counted, {moment} AS moment, "
        f"{value} AS value, NULL AS last FROM interactions WHERE run_id = {literal(run.run_id)} "
        "UNION ALL "
        "SELECT user_id, item_id, 0, 1, 0, NULL, NULL, "
        f"concat({moment}, event_id, {mark}, {value}) FROM events "
        f"WHERE {in_list('load_id', run.loads)} AND {micros} < {end}"
        ") GROUP BY user_id, item_id)"
    )
    said = {
        "unpaired": "pairs are only in the interactions, or only in the events",
        "miscounted": "pairs have another number of events",
    }
    if _last_event_decides(run):
        said |= {
            "outdated": "pairs have another time than their last event",
            "other_value": "pairs have another value than their last event",
        }
    for name, what in said.items():
        if row[name]:
            yield f"run {run.run_id}: {row[name]:,} {what}"


def _last_event_decides(run: StoredRun) -> bool:
    """Whether a pair is what its last event says: no filter left any out, no types are told apart."""
    weighed = run.configuration.get("prepare", {}).get("event_weights")
    excluded = run.facts.get("excluded") or {}
    return not weighed and not any(any(counts.values()) for counts in excluded.values())


def _said(runs: list[StoredRun]) -> str:
    pairs = sum(int(run.facts["interactions"]) for run in runs)
    return f"{len(runs):,} runs, {pairs:,} interactions"


INVARIANTS = (
    Invariant(
        "positions",
        "The users and items of a run are numbered from 0 in bytewise order of their ids.",
        "The snapshot is damaged: roll back, and let a new run be prepared.",
        partial(_look_at_sides, _misplaced),
    ),
    Invariant(
        "snapshot-counts",
        "The users and items of a run are those of its interactions, with the same counts.",
        "The snapshot is damaged: roll back, and let a new run be prepared.",
        partial(_look_at_sides, _miscounted),
    ),
    Invariant(
        "replay",
        "The interactions of a run are what its loads' events before as_of say.",
        "The snapshot or `events` was changed: compare `events` with its earlier versions.",
        _look_at_replay,
        deep=True,
    ),
)
