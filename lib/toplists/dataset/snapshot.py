"""The snapshot of a run: who knows what of whom at `as_of`, with positions, weights and split."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path

from pyspark import StorageLevel
from pyspark.sql import Column, DataFrame, Observation, SparkSession
from pyspark.sql import functions as F

from toplists.config.settings import PrepareSettings
from toplists.dataset.feedback import is_positive, last_opinions, weigh
from toplists.dataset.loader import known_before, load_events
from toplists.dataset.positions import IDS_PER_BUCKET, add_positions
from toplists.dataset.splits import Split, Survey, choose_split, survey
from toplists.engine.block_builder import Axis, build_blocks
from toplists.engine.blocks import BlockSet
from toplists.engine.tasks import at_once
from toplists.errors import InputRefusedError
from toplists.lake.dataset import Dataset, partition_files
from toplists.lake.frames import read_frame, replace_part
from toplists.lake.schema import Table
from toplists.lake.tables import INTERACTIONS, SNAPSHOT_ITEMS, SNAPSHOT_USERS

_KEPT = StorageLevel.MEMORY_AND_DISK


@dataclass(frozen=True)
class SnapshotFacts:
    """The size of a snapshot and how it was made, as the ledger keeps it.

    `repeated_pairs` counts pairs with several events, `surplus_events` their events beyond the last,
    `contradicted_pairs` those whose events disagree.
    """

    events: int
    interactions: int
    trained: int
    trained_in_train_part: int
    users: int
    items: int
    trained_items: int
    eligible: int
    protocol: str
    repeated_pairs: int
    surplus_events: int
    contradicted_pairs: int


@dataclass(frozen=True)
class Snapshot:
    """The stored snapshot of a run."""

    spark: SparkSession
    dataset: Dataset
    run_id: str
    facts: SnapshotFacts

    @property
    def interactions(self) -> DataFrame:
        """The run's `interactions`."""
        return read_frame(self.spark, self.dataset, INTERACTIONS, run_id=self.run_id)

    @property
    def users(self) -> DataFrame:
        """The run's `snapshot_users`."""
        return read_frame(self.spark, self.dataset, SNAPSHOT_USERS, run_id=self.run_id)

    def blocks(self, block_entries: int) -> SnapshotBlocks:
        """The interactions by user and by item, every one of them; built on first use.

        The flag of a user says who gets a list.
        """
        users = Axis(
            self._files(SNAPSHOT_USERS),
            position="user_pos",
            id="user_id",
            size="interactions",
            flag="eligible",
            rows=self.facts.users,
        )
        items = Axis(
            self._files(SNAPSHOT_ITEMS),
            position="item_pos",
            id="item_id",
            size="interactions",
            flag=None,
            rows=self.facts.items,
        )
        return SnapshotBlocks(
            *build_blocks(
                self.spark,
                self._files(INTERACTIONS),
                {"users": users, "items": items},
                block_entries=block_entries,
                folder=block_folder(self.dataset, self.run_id),
            )
        )

    def _files(self, table: Table) -> tuple[str, ...]:
        return partition_files(self.dataset, table, run_id=self.run_id)


@dataclass(frozen=True)
class SnapshotBlocks:
    """A snapshot as arrays: the same interactions by user and by item."""

    users: BlockSet
    items: BlockSet


def block_folder(dataset: Dataset, run_id: str) -> Path:
    """Where the blocks of a run lie."""
    return dataset.work / run_id / "blocks"


def take_snapshot(
    spark: SparkSession,
    dataset: Dataset,
    run_id: str,
    *,
    as_of: date,
    loads: Sequence[str],
    settings: PrepareSettings,
    active_days: int | None,
) -> Snapshot:
    """Make and store the snapshot of a run.

    Args:
        spark: The session.
        dataset: Where events come from and the snapshot goes.
        run_id: The run.
        as_of: End of what is known.
        loads: The loads that the run is over.
        settings: What counts as a liking, filters, split.
        active_days: Users without an event in this many days get no list; `None` = all do.

    Raises:
        InputRefusedError: nothing is known before `as_of`.
    """
    with ExitStack() as kept:

        def keep(frame: DataFrame) -> DataFrame:
            kept.callback(frame.persist(_KEPT).unpersist)
            return frame

        opinions = keep(_opinions(load_events(spark, dataset, as_of, loads), settings))
        seen = survey(opinions, settings.split, as_of)
        if seen.interactions == 0:
            raise InputRefusedError(
                f"No event of dataset {dataset.name} happened before {as_of}: there is nothing to "
                "recommend from. Choose a later --as-of, or ingest earlier events."
            )
        split = choose_split(seen, settings.split, as_of)
        since = None if active_days is None else known_before(as_of - timedelta(days=active_days))
        users = keep(_users(opinions, seen.users, since))
        items = keep(_axis(opinions, "item_id", "item_pos", _items_at_most(opinions, seen)))
        counted = _store(dataset, run_id, users, items, _place(opinions, users, items, split))
    return Snapshot(spark, dataset, run_id, SnapshotFacts(**counted, protocol=split.protocol))


def _place(opinions: DataFrame, users: DataFrame, items: DataFrame, split: Split) -> DataFrame:
    """The opinions with their positions and part."""
    return (
        opinions.withColumn("split", F.when(split.holdout, "holdout").otherwise("train"))
        .join(users.select("user_id", "user_pos"), "user_id")
        .join(items.select("item_id", "item_pos"), "item_id")
        .sortWithinPartitions("user_pos", "item_pos")
    )


def _store(
    dataset: Dataset, run_id: str, users: DataFrame, items: DataFrame, interactions: DataFrame
) -> dict[str, int]:
    """Write a run's snapshot; what was counted on the way, by name."""
    counts = []

    def write(frame: DataFrame, table: Table, counted: Sequence[Column]) -> None:
        count = Observation()
        counts.append(count)
        replace_part(frame.observe(count, *counted), dataset, table, run_id=run_id)

    at_once(
        lambda: write(users, SNAPSHOT_USERS, _count_users()),
        lambda: write(items, SNAPSHOT_ITEMS, _count_items()),
    )
    write(interactions, INTERACTIONS, _count_interactions())
    return {name: int(n) for count in counts for name, n in count.get.items()}


def _opinions(events: DataFrame, settings: PrepareSettings) -> DataFrame:
    opinions = last_opinions(events).withColumn("positive", is_positive(settings.positive_from))
    return weigh(
        opinions,
        min_user=settings.min_user_interactions,
        min_item=settings.min_item_interactions,
        max_user=settings.max_user_interactions,
    )


# What is counted while rows are written: facts of the snapshot without a pass of their own.


def _count_users() -> list[Column]:
    return [F.count(F.lit(1)).alias("users"), F.count_if("eligible").alias("eligible")]


def _count_items() -> list[Column]:
    return [
        F.count(F.lit(1)).alias("items"),
        F.count_if(F.col("trained") > 0).alias("trained_items"),
    ]


def _count_interactions() -> list[Column]:
    trained = F.col("weight") > 0
    return [
        F.sum("events").alias("events"),
        F.count(F.lit(1)).alias("interactions"),
        F.count_if(trained).alias("trained"),
        F.count_if(trained & (F.col("split") == "train")).alias("trained_in_train_part"),
        F.count_if(F.col("events") > 1).alias("repeated_pairs"),
        F.sum(F.col("events") - 1).alias("surplus_events"),
        F.count_if("contradicted").alias("contradicted_pairs"),
    ]


def _items_at_most(opinions: DataFrame, seen: Survey) -> int:
    """How many items there are, or a few more where it does not matter for their positions."""
    if seen.interactions <= IDS_PER_BUCKET:
        return seen.interactions
    return opinions.select("item_id").distinct().count()


def _users(opinions: DataFrame, size: int, active_since: datetime | None) -> DataFrame:
    """The users; those without an event since are not eligible."""
    active = F.lit(True)
    if active_since is not None:
        active = F.coalesce(F.col("last_time") >= F.lit(active_since), F.lit(True))
    return _axis(opinions, "user_id", "user_pos", size).withColumn("eligible", active)


def _axis(opinions: DataFrame, id_column: str, position: str, size: int) -> DataFrame:
    """One side of the snapshot: every id with its position and counts."""
    rows = opinions.groupBy(id_column).agg(
        F.count(F.lit(1)).alias("interactions"),
        F.count_if(F.col("weight") > 0).alias("trained"),
        F.max("event_time").alias("last_time"),
    )
    return add_positions(rows, id_column, position, size)
