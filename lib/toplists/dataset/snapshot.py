"""The snapshot of a run: who knows what of whom at `as_of`, with positions, weights and split."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

from pyspark import StorageLevel
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from toplists.config.settings import PrepareSettings
from toplists.dataset.feedback import is_positive, last_opinions, weigh
from toplists.dataset.loader import known_before, load_events
from toplists.dataset.positions import add_positions
from toplists.dataset.splits import choose_split
from toplists.engine.block_builder import Axis, build_blocks
from toplists.engine.blocks import BlockSet
from toplists.engine.tasks import at_once
from toplists.errors import InputRefusedError
from toplists.lake.dataset import Dataset, partition_files
from toplists.lake.frames import read_frame, replace_part
from toplists.lake.schema import Table
from toplists.lake.tables import INTERACTIONS, SNAPSHOT_ITEMS, SNAPSHOT_USERS


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

    @property
    def items(self) -> DataFrame:
        """The run's `snapshot_items`."""
        return read_frame(self.spark, self.dataset, SNAPSHOT_ITEMS, run_id=self.run_id)

    @property
    def folder(self) -> Path:
        """Where the run's files lie."""
        return self.dataset.work / self.run_id

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
                folder=self.folder / "blocks",
            )
        )

    def _files(self, table: Table) -> tuple[str, ...]:
        return partition_files(self.dataset, table, run_id=self.run_id)


@dataclass(frozen=True)
class SnapshotBlocks:
    """A snapshot as arrays: the same interactions by user and by item."""

    users: BlockSet
    items: BlockSet


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
    opinions = _opinions(load_events(spark, dataset, as_of, loads), settings).persist(
        StorageLevel.MEMORY_AND_DISK
    )
    try:
        counts = _count(opinions)
        if counts["interactions"] == 0:
            raise InputRefusedError(
                f"No event of dataset {dataset.name} happened before {as_of}: there is nothing to "
                "recommend from. Choose a later --as-of, or ingest earlier events."
            )
        split = choose_split(opinions, settings.split, as_of)
        divided = opinions.withColumn("split", F.when(split.holdout, "holdout").otherwise("train"))
        users = _axis(opinions, "user_id", "user_pos", counts["users"])
        since = None if active_days is None else known_before(as_of - timedelta(days=active_days))
        active = F.lit(True) if since is None else F.col("last_time") >= F.lit(since)
        users = users.withColumn("eligible", F.coalesce(active, F.lit(True)))
        items = _axis(opinions, "item_id", "item_pos", counts["items"])
        at_once(
            lambda: replace_part(users, dataset, SNAPSHOT_USERS, run_id=run_id),
            lambda: replace_part(items, dataset, SNAPSHOT_ITEMS, run_id=run_id),
        )
        stored_users = read_frame(spark, dataset, SNAPSHOT_USERS, run_id=run_id)
        stored_items = read_frame(spark, dataset, SNAPSHOT_ITEMS, run_id=run_id)
        placed = divided.join(stored_users.select("user_id", "user_pos"), "user_id").join(
            stored_items.select("item_id", "item_pos"), "item_id"
        )
        replace_part(
            placed.sortWithinPartitions("user_pos", "item_pos"),
            dataset,
            INTERACTIONS,
            run_id=run_id,
        )
        in_train = divided.where((F.col("weight") > 0) & (F.col("split") == "train")).count()
        eligible = counts["users"] if since is None else stored_users.where("eligible").count()
    finally:
        opinions.unpersist()
    facts = SnapshotFacts(
        **counts, protocol=split.protocol, trained_in_train_part=in_train, eligible=eligible
    )
    return Snapshot(spark, dataset, run_id, facts)


def _opinions(events: DataFrame, settings: PrepareSettings) -> DataFrame:
    opinions = last_opinions(events).withColumn("positive", is_positive(settings.positive_from))
    return weigh(
        opinions,
        min_user=settings.min_user_interactions,
        min_item=settings.min_item_interactions,
        max_user=settings.max_user_interactions,
    )


def _count(opinions: DataFrame) -> dict[str, int]:
    repeated = F.col("events") > 1
    row = opinions.agg(
        F.coalesce(F.sum("events"), F.lit(0)).alias("events"),
        F.count(F.lit(1)).alias("interactions"),
        F.count_if(F.col("weight") > 0).alias("trained"),
        F.count_distinct("user_id").alias("users"),
        F.count_distinct("item_id").alias("items"),
        F.count_distinct(F.when(F.col("weight") > 0, F.col("item_id"))).alias("trained_items"),
        F.count_if(repeated).alias("repeated_pairs"),
        F.coalesce(F.sum(F.col("events") - 1), F.lit(0)).alias("surplus_events"),
        F.count_if("contradicted").alias("contradicted_pairs"),
    ).first()
    return {name: int(value) for name, value in row.asDict().items()} if row else {}


def _axis(opinions: DataFrame, id_column: str, position: str, size: int) -> DataFrame:
    """One side of the snapshot: every id with its position and counts."""
    rows = opinions.groupBy(id_column).agg(
        F.count(F.lit(1)).alias("interactions"),
        F.count_if(F.col("weight") > 0).alias("trained"),
        F.max("event_time").alias("last_time"),
    )
    return add_positions(rows, id_column, position, size)
