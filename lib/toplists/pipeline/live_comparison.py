"""How a run's lists and snapshot compare with those of the live run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, time

from toplists.config.gate_rules import ChurnRule
from toplists.dataset.snapshot import Snapshot
from toplists.engine.tasks import at_once
from toplists.evaluation.churn import measure_churn
from toplists.evaluation.comparison import Figure
from toplists.evaluation.drift import SnapshotFiles, measure_drift
from toplists.evaluation.list_change import ListPair
from toplists.evaluation.timeliness import measure_timeliness
from toplists.evaluation.user_ranges import UserRange
from toplists.lake.dataset import partition_files
from toplists.lake.pointer import Publication
from toplists.lake.tables import INTERACTIONS, RECOMMENDATIONS, SNAPSHOT_ITEMS, SNAPSHOT_USERS
from toplists.pipeline.workplace import Workplace

CHURN, DRIFT, TIMELINESS = "churn", "drift", "timeliness"
"""Protocols of these figures in the table `metrics`."""


def compare_with_live(
    place: Workplace, snapshot: Snapshot, live: Publication, ranges: Sequence[UserRange]
) -> Mapping[str, list[Figure]]:
    """Churn of the lists, drift of the snapshot, and how soon new events are reflected, by protocol.

    Lists of a live run are always kept; where its snapshot is gone, there are no figures of drift.

    Args:
        place: The workplace.
        snapshot: The run's, whose lists are made.
        live: What is live.
        ranges: Of users, all together.
    """
    figures: dict[str, list[Figure]] = {CHURN: [], DRIFT: [], TIMELINESS: []}
    lists = ListPair(
        *(
            partition_files(place.dataset, RECOMMENDATIONS, run_id=run_id)
            for run_id in (snapshot.run_id, live.run_id)
        )
    )
    rules = [rule for rule in place.settings.gate.rules if isinstance(rule, ChurnRule)]
    now, before = (_snapshot_files(place, run_id) for run_id in (snapshot.run_id, live.run_id))
    since = datetime.combine(live.as_of, time(), UTC)
    at_once(
        lambda: figures[CHURN].extend(measure_churn(place.spark, lists, ranges, rules)),
        lambda: figures[DRIFT].extend(
            measure_drift(place.spark, now, before, ranges) if before.users else ()
        ),
        lambda: figures[TIMELINESS].extend(
            measure_timeliness(place.spark, now.interactions, since=since, at=place.clock())
        ),
    )
    return figures


def _snapshot_files(place: Workplace, run_id: str) -> SnapshotFiles:
    tables = (SNAPSHOT_USERS, SNAPSHOT_ITEMS, INTERACTIONS)
    return SnapshotFiles(
        *(partition_files(place.dataset, table, run_id=run_id) for table in tables)
    )
