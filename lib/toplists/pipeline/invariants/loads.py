"""Invariants of the events: every row of every load is accounted for."""

from __future__ import annotations

from datetime import datetime

from toplists.lake.removal import removed_before
from toplists.lake.tables import EVENTS, REJECTED_EVENTS
from toplists.pipeline.invariants.finding import Evidence, Invariant
from toplists.pipeline.invariants.lake_view import LakeView

_OUTCOMES = ("accepted", "duplicates", "corrections", "rejected")


def _look_at_rows(view: LakeView) -> Evidence:
    faults = [
        f"load {load['load_id']}: {load['rows']:,} rows, {known:,} accounted for"
        for load in view.loads
        if (known := sum(load[outcome] for outcome in _OUTCOMES)) != load["rows"]
    ]
    rows = sum(load["rows"] for load in view.loads)
    return Evidence(f"{len(view.loads):,} loads, {rows:,} rows", faults)


def _look_at_rejected(view: LakeView) -> Evidence:
    if not view.has(REJECTED_EVENTS):
        return Evidence("no table of them")
    stored = _count_by_load(view, "rejected_events")
    cut = removed_before(view.tables["rejected_events"])
    kept = [load for load in view.loads if cut is None or load["loaded_at"] >= cut]
    faults = [
        f"load {load['load_id']}: {load['rejected']:,} rejected, "
        f"{stored.get(load['load_id'], 0):,} stored"
        for load in kept
        if load["rejected"] != stored.get(load["load_id"], 0)
    ]
    return Evidence(f"{sum(stored.values()):,} rejected rows", faults, _removal(cut))


def _look_at_events(view: LakeView) -> Evidence:
    if not view.has(EVENTS):
        return Evidence("no table of them")
    stored = _count_by_load(view, "events")
    faults = [
        f"load {load['load_id']} brought {most:,} events, {have:,} are stored"
        for load in view.loads
        # Those that another load corrected since are counted there.
        if (have := stored.get(load["load_id"], 0))
        > (most := load["accepted"] + load["corrections"])
    ]
    events = sum(stored.values())
    accepted = sum(load["accepted"] for load in view.loads)
    cut = removed_before(view.tables["events"])
    whole = cut is None and not view.incomplete_loads
    if whole and events != accepted:
        faults.append(f"{accepted:,} events were accepted, {events:,} are stored")
    return Evidence(f"{events:,} events", faults, _removal(cut))


def _look_at_interrupted(view: LakeView) -> Evidence:
    known = {load["load_id"] for load in view.loads}
    events = _count_by_load(view, "events") if view.has(EVENTS) else {}
    faults = [
        f"load {load_id} has {events[load_id]:,} events and is not complete"
        for load_id in view.incomplete_loads
    ]
    faults += [
        f"load {load_id} has rejected rows and is not complete"
        for load_id in sorted(view.partitions(REJECTED_EVENTS) - known)
    ]
    return Evidence(f"{len(known):,} complete loads", faults)


def _count_by_load(view: LakeView, table: str) -> dict[str, int]:
    rows = view.rows(f"SELECT load_id, count(*) AS n FROM {table} GROUP BY load_id")
    return {row["load_id"]: int(row["n"]) for row in rows}


def _removal(cut: datetime | None) -> str:
    return "" if cut is None else f"those before {cut:%Y-%m-%d} were removed by maintain"


INVARIANTS = (
    Invariant(
        "load-rows",
        "Every row of a load was accepted, a duplicate, a correction or rejected.",
        "The row of `loads` was written by somebody else; the events themselves may be sound.",
        _look_at_rows,
    ),
    Invariant(
        "rejected-rows",
        "Every rejected row of a load is in `rejected_events`.",
        "Rows were removed by hand. Ingest the source into a new dataset if they are needed.",
        _look_at_rejected,
    ),
    Invariant(
        "load-events",
        "No load has more events than it brought, and all accepted events are there.",
        "Somebody else wrote to `events`: restore its version before that.",
        _look_at_events,
    ),
    Invariant(
        "interrupted-loads",
        "Every load that left something behind is complete.",
        "An ingest was interrupted, or still runs: run the same ingest or nightly again.",
        _look_at_interrupted,
        level="warning",
    ),
)
