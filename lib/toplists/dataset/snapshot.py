"""The snapshot of a run: who knows what of whom at `as_of`, with positions, weights and split."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path

from deltalake import DeltaTable
from pyspark import StorageLevel
from pyspark.sql import Column, DataFrame, Observation, SparkSession
from pyspark.sql import functions as F

from toplists.config.operation import EngineSettings
from toplists.config.prepare import PrepareSettings
from toplists.config.protocol_names import Protocol
from toplists.config.recommend import RecommendSettings
from toplists.dataset.axes import item_axis, user_axis
from toplists.dataset.filters import choose_filters
from toplists.dataset.loader import known_before, load_events
from toplists.dataset.opinions import Excluded, count_excluded, opinions_of
from toplists.dataset.protocols import folds_of
from toplists.dataset.segments import Segments, segment_names
from toplists.dataset.splits import choose_protocol, survey
from toplists.engine.block_builder import Axis, build_blocks
from toplists.engine.blocks import BlockSet, Part, Side
from toplists.engine.remote_parts import keep_parts_in
from toplists.engine.shapes import EVERYBODY
from toplists.engine.tasks import at_once
from toplists.errors import ConfigurationError, InputRefusedError
from toplists.lake.bookkeeping import read_rows
from toplists.lake.dataset import Dataset, files_of_version, partition_files
from toplists.lake.frames import read_frame, replace_part
from toplists.lake.schema import Table
from toplists.lake.tables import INTERACTIONS, ITEMS, LOADS, SNAPSHOT_ITEMS, SNAPSHOT_USERS, USERS

_KEPT = StorageLevel.MEMORY_AND_DISK
_EVENTS_PER_TASK = 500_000


@dataclass(frozen=True)
class SnapshotFacts:
    """The size of a snapshot and how it was made, as the ledger keeps it.

    `trained` counts likings that are learnt from, `rated` ratings, liked or not, for models that learn
    values. `trained_items` counts items with likings, `listable_items` those of them that may be recommended.
    `end` is the instant of `as_of`, in ISO 8601; `cut` the one at which the training part ends for
    everybody, if there is one.
    `repeated_pairs` counts pairs with several events, `surplus_events` their events beyond the last,
    `contradicted_pairs` those whose ratings disagree. `excluded` says what the filters left out.
    `new_items` counts those of `items` that only the catalogue knows, `catalogue_version` is the version of the
    table `items` that the snapshot was made by (`None` before 0.3.0).
    """

    events: int
    interactions: int
    trained: int
    trained_in_train_part: int
    rated: int
    rated_in_train_part: int
    users: int
    items: int
    trained_items: int
    listable_items: int
    eligible: int
    protocol: str
    end: str
    cut: str | None
    repeated_pairs: int
    surplus_events: int
    contradicted_pairs: int
    excluded: Excluded
    segments: Sequence[str]
    new_items: int = 0
    catalogue_version: int | None = None

    def learnt(self, part: Part, *, values: bool) -> int:
        """How many pairs a fit on `part` learns from: likings, or ratings if it learns `values`."""
        if values:
            return self.rated if part == "all" else self.rated_in_train_part
        return self.trained if part == "all" else self.trained_in_train_part

    def end_of(self, part: Part) -> datetime:
        """When a part ends: at `as_of`, but the training part at its cut, where there is one."""
        return datetime.fromisoformat(self.cut if part == "train" and self.cut else self.end)


@dataclass(frozen=True)
class Snapshot:
    """The stored snapshot of a run.

    `exchange` is the URI of the storage that its tasks exchange files through, if they do not lie in
    the run's work folder.
    """

    spark: SparkSession
    dataset: Dataset
    run_id: str
    facts: SnapshotFacts
    exchange: str | None

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
    def segments(self) -> Segments:
        """The run's segments."""
        return Segments((EVERYBODY, *self.facts.segments), self.files(SNAPSHOT_USERS))

    @property
    def segmented_users(self) -> DataFrame:
        """`[user_pos: int, segment: string]` of the users who are in one."""
        return self.users.where(F.col("segment").isNotNull()).select("user_pos", "segment")

    @property
    def catalogue(self) -> tuple[str, ...]:
        """The Parquet files of the table `items` as it was then, or as it is where these are vacuumed."""
        return files_of_version(self.dataset, ITEMS, self.facts.catalogue_version)

    def axes(self) -> dict[Side, Axis]:
        """Its users and items, for blocks of any of its interactions.

        The flag of a user says who gets a list, that of an item what may be in one.
        """
        users = Axis(
            self.files(SNAPSHOT_USERS),
            position="user_pos",
            id="user_id",
            size="interactions",
            flag="eligible",
            rows=self.facts.users,
        )
        items = Axis(
            self.files(SNAPSHOT_ITEMS),
            position="item_pos",
            id="item_id",
            size="interactions",
            flag="recommendable",
            rows=self.facts.items,
        )
        return {"users": users, "items": items}

    def blocks(self, engine: EngineSettings) -> SnapshotBlocks:
        """The interactions by user and by item, every one of them; built on first use."""
        folder = block_folder(self.dataset, self.run_id)
        # A run goes on where it began. Nothing comes into its work folder before its blocks.
        if self.exchange is not None and not folder.exists():
            keep_parts_in(folder.parent, self.exchange)
        return SnapshotBlocks(
            *build_blocks(
                self.spark,
                self.files(INTERACTIONS),
                self.axes(),
                block_entries=engine.block_entries,
                single_task_entries=engine.single_task_entries,
                folder=folder,
            )
        )

    def files(self, table: Table) -> tuple[str, ...]:
        """The Parquet files of the run's part of a table of the snapshot."""
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
    recommend: RecommendSettings,
    stop_items: Collection[str],
    exchange: str | None,
) -> Snapshot:
    """Make and store the snapshot of a run.

    Args:
        spark: The session.
        dataset: Where events come from and the snapshot goes.
        run_id: The run.
        as_of: End of what is known.
        loads: The loads that the run is over.
        settings: What counts as a liking, filters, split.
        recommend: Who gets a list, and what users are told apart by.
        stop_items: Items that are neither trained on nor recommended.
        exchange: See `Snapshot`.

    Raises:
        InputRefusedError: nothing is known before `as_of`.
        ConfigurationError: no user has the attribute that segments are by.
    """
    with ExitStack() as kept:

        def keep(frame: DataFrame) -> DataFrame:
            kept.callback(frame.persist(_KEPT).unpersist)
            return frame

        filters = choose_filters(settings, as_of, stop_items)
        events = load_events(spark, dataset, as_of, loads)
        parts = _parts(dataset, loads)
        opinions = keep(opinions_of(events, settings, as_of, filters, parts))
        seen = survey(opinions, settings.split, as_of)
        if seen.interactions == 0:
            raise InputRefusedError(
                f"No event of dataset {dataset.name} happened before {as_of}: there is nothing to "
                "recommend from. Choose a later --as-of, or ingest earlier events."
            )
        protocol = choose_protocol(seen, settings.split)
        # What is not judged is held out all the same: the publication fit learns from it.
        fold, *_ = folds_of(Protocol(protocol.way), opinions, known_before(as_of))
        catalogue_version = DeltaTable(dataset.path(ITEMS)).version()
        attributes, catalogue = (read_frame(spark, dataset, table) for table in (USERS, ITEMS))
        users = keep(user_axis(opinions, seen, attributes, as_of, recommend))
        items = keep(item_axis(opinions, seen, catalogue, as_of, stop_items, settings.new_items))
        segments = _segments(users, recommend.segment_by)
        excluded = count_excluded(opinions, filters)
        counted = _store(dataset, run_id, users, items, _place(fold.rows, users, items))
    facts = SnapshotFacts(
        **counted,
        protocol=str(protocol),
        end=known_before(as_of).isoformat(),
        cut=fold.cut.isoformat() if fold.cut else None,
        excluded=excluded,
        segments=segments,
        catalogue_version=catalogue_version,
    )
    return Snapshot(spark, dataset, run_id, facts, exchange)


def _parts(dataset: Dataset, loads: Collection[str]) -> int:
    """Into how many tasks the events of `loads` are shared out."""
    brought = (row["accepted"] for row in read_rows(dataset, LOADS) if row["load_id"] in loads)
    events: int = sum(brought)
    return max(1, -(-events // _EVENTS_PER_TASK))


def _segments(users: DataFrame, attribute: str | None) -> list[str]:
    """The names of the segments that users are in."""
    names = [] if attribute is None else segment_names(users)
    if attribute is not None and not names:
        raise ConfigurationError(
            f"recommend.segment_by = {attribute}, but no user of the run has such an attribute in the "
            "table users. Name one that they have, or take segment out of recommend.fallback."
        )
    return names


def _place(opinions: DataFrame, users: DataFrame, items: DataFrame) -> DataFrame:
    """The opinions with their positions."""
    return (
        opinions.join(users.select("user_id", "user_pos"), "user_id")
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


# What is counted while rows are written: facts of the snapshot without a pass of their own.


def _count_users() -> list[Column]:
    return [F.count(F.lit(1)).alias("users"), F.count_if("eligible").alias("eligible")]


def _count_items() -> list[Column]:
    return [
        F.count(F.lit(1)).alias("items"),
        F.count_if(F.col("interactions") == 0).alias("new_items"),
        F.count_if(F.col("trained") > 0).alias("trained_items"),
        F.count_if((F.col("trained") > 0) & F.col("recommendable")).alias("listable_items"),
    ]


def _count_interactions() -> list[Column]:
    trained, rated = F.col("weight") > 0, F.col("rating_weight") > 0
    in_train_part = F.col("split") == "train"
    return [
        F.sum("events").alias("events"),
        F.count(F.lit(1)).alias("interactions"),
        F.count_if(trained).alias("trained"),
        F.count_if(trained & in_train_part).alias("trained_in_train_part"),
        F.count_if(rated).alias("rated"),
        F.count_if(rated & in_train_part).alias("rated_in_train_part"),
        F.count_if(F.col("events") > 1).alias("repeated_pairs"),
        F.sum(F.col("events") - 1).alias("surplus_events"),
        F.count_if("contradicted").alias("contradicted_pairs"),
    ]
