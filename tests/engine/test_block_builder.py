"""From a snapshot's files to blocks: every pair is where it belongs, with its weights."""

from __future__ import annotations

import shutil
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from toplists.engine import block_builder, tasks
from toplists.engine.block_builder import Axis, build_blocks
from toplists.engine.blocks import BlockSet
from toplists.engine.times import NEVER

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

# user, item, weight, value, rating_weight, split
PAIRS = [
    (0, 0, 1.0, 5.0, 1.0, "train"),
    (0, 2, 0.0, 1.0, 1.0, "train"),  # a dislike: only its value is learnt
    (1, 0, 2.0, None, 0.0, "train"),  # only liked
    (1, 1, 0.0, 4.0, 0.0, "train"),  # seen, beyond the cap
    (2, 1, 1.0, 3.0, None, "train"),  # of a release that had no weight of a value
    (2, 2, 1.0, 2.0, 1.0, "holdout"),
]


@pytest.fixture
def blocks(spark: SparkSession, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Builds blocks of two entries from one file of pairs per user."""
    monkeypatch.setattr(block_builder, "CHUNK_ROWS", 1)  # else all rows were in one block

    def build(pairs: list[tuple], single_task_entries: int = 0) -> tuple[BlockSet, BlockSet]:
        names = ("user_pos", "item_pos", "weight", "value", "rating_weight", "split", "event_time")
        schema = pa.schema(
            dict.fromkeys(names[:2], pa.int32())
            | {"weight": pa.float32(), "value": pa.float64()}
            | {"rating_weight": pa.float32(), "split": pa.string()}
        )
        if len(pairs[0]) == len(names):
            schema = schema.append(pa.field("event_time", pa.timestamp("us", "UTC")))
        files = []
        for user in range(3):
            rows = [dict(zip(names, pair, strict=False)) for pair in pairs if pair[0] == user]
            files.append(str(tmp_path / f"pairs-{user}.parquet"))
            pq.write_table(pa.Table.from_pylist(rows, schema=schema), files[-1])
        axes = {}
        for side, position in (("users", "user_pos"), ("items", "item_pos")):
            sizes = np.bincount([pair[position == "item_pos"] for pair in pairs])
            path = str(tmp_path / f"{side}.parquet")
            columns = {position: np.arange(3, dtype=np.int32), "id": list("abc"), "size": sizes}
            pq.write_table(pa.table(columns), path)
            axes[side] = Axis((path,), position, "id", "size", None, 3)
        return build_blocks(
            spark,
            files,
            axes,
            block_entries=2,
            single_task_entries=single_task_entries,
            folder=tmp_path / "blocks",
        )

    return build


def dense(side: BlockSet, part: str, what: str) -> list[list[float]]:
    """A side's matrix, one list per row."""
    rows = []
    for ref in side.blocks:
        block = ref.open()
        matrix = (
            block.trained(part, side.columns)
            if what == "liked"
            else block.rated(part, side.columns)
        )
        if what == "weights":
            weights = block.learnt("rated", part).weights
            matrix.data = np.ones_like(matrix.data) if weights is None else weights
        rows += matrix.toarray().tolist()
    return rows


def test_what_is_liked_and_what_is_rated_are_apart(blocks) -> None:
    users, items = blocks(PAIRS)
    assert len(users.blocks) == len(items.blocks) == 3
    assert dense(users, "all", "liked") == [[1, 0, 0], [2, 0, 0], [0, 1, 1]]
    assert dense(users, "all", "rated") == [[5, 0, 1], [0, 0, 0], [0, 0, 2]]
    assert dense(users, "all", "weights") == [[1, 0, 1], [0, 0, 0], [0, 0, 1]]
    assert dense(users, "train", "rated") == [[5, 0, 1], [0, 0, 0], [0, 0, 0]]
    for what in ("liked", "rated"):
        assert np.array_equal(dense(items, "all", what), np.transpose(dense(users, "all", what)))


def test_few_pairs_are_put_in_order_in_one_task(
    blocks, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whats = ("liked", "rated", "weights")
    apart = [dense(side, "all", what) for side in blocks(PAIRS) for what in whats]
    shutil.rmtree(tmp_path / "blocks")
    jobs: list[int] = []
    collect = tasks.collect_tasks

    def noted(spark: SparkSession, pieces: list, function) -> list:
        jobs.append(len(pieces))
        return collect(spark, pieces, function)

    monkeypatch.setattr(tasks, "collect_tasks", noted)
    monkeypatch.setattr(block_builder, "collect_tasks", noted)
    together = blocks(PAIRS, single_task_entries=len(PAIRS))
    assert jobs == [1]
    assert [dense(side, "all", what) for side in together for what in whats] == apart


def test_weights_of_values_are_kept_where_they_differ(blocks) -> None:
    weighed = [(*pair[:4], 0.5, pair[5]) if pair[:2] == (2, 2) else pair for pair in PAIRS]
    users, items = blocks(weighed)
    # The other users' files say nothing of weights, since all are 1.
    assert dense(users, "all", "weights") == [[1, 0, 1], [0, 0, 0], [0, 0, 0.5]]
    assert dense(items, "all", "weights") == [[1, 0, 0], [0, 0, 0], [1, 0, 0.5]]
    assert [ref.open().rating_weights is None for ref in users.blocks] == [True, True, False]


@pytest.mark.parametrize(
    "second",
    [
        datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC),
        datetime(2026, 1, 2, 3, 4, 5, 678901, tzinfo=UTC),  # no whole second
        datetime(2126, 1, 2, tzinfo=UTC),  # beyond 32 bits
        datetime(1960, 1, 2, tzinfo=UTC),  # before they begin
    ],
)
def test_every_pair_has_its_time(blocks, second: datetime) -> None:
    first = datetime(2026, 1, 1, tzinfo=UTC)
    when = {(0, 0): first, (1, 1): second, (2, 2): first}  # the others have none
    users, items = blocks([(*pair, when.get(pair[:2])) for pair in PAIRS])
    for side, turned in ((users, False), (items, True)):
        found = {}
        for ref in side.blocks:
            block = ref.open()
            rows = np.repeat(np.arange(ref.first, ref.first + ref.rows), np.diff(block.indptr))
            times = [NEVER] * len(rows) if block.times is None else block.times.tolist()
            for pair, time in zip(zip(rows, block.indices, strict=True), times, strict=True):
                found[tuple(map(int, pair))[:: -1 if turned else 1]] = time
        wanted = {pair[:2]: NEVER for pair in PAIRS}
        wanted |= {pair: round(time.timestamp() * 1e6) for pair, time in when.items()}
        assert found == wanted
    (liked,) = [ref.open().times_of("liked", "train") for ref in users.blocks[:1]]
    assert liked.tolist() == [when[0, 0].timestamp() * 1e6]


def test_without_times_blocks_have_none(blocks) -> None:
    for side in blocks(PAIRS):
        assert all(ref.open().times_of("liked", "all") is None for ref in side.blocks)


@pytest.mark.parametrize(
    ("sizes", "count", "starts"),
    [
        ({0: 50, 1: 50, 2: 50, 3: 50}, 2, [0, 20]),  # two equal halves
        ({0: 50, 1: 50, 2: 50, 3: 60}, 3, [0, 10, 30]),  # no small rest: three shares of 70
        ({0: 1, 1: 300, 2: 1}, 3, [0, 10, 20]),  # what is too large stands alone
        ({0: 5}, 1, [0]),
        ({}, 1, [0]),  # nobody
    ],
)
def test_blocks_are_equal_shares(sizes: dict[int, int], count: int, starts: list[int]) -> None:
    assert block_builder._starts(sizes, 10, count) == starts


@pytest.mark.parametrize(
    ("total", "cores", "count"),
    [
        (10_000_000, 2, 6),  # five of two million would leave one core idle at the end
        (10_000_000, 1, 5),
        (800_000, 2, 2),  # less than one block: a half for each core
        (800_000, 16, 8),  # as many as are worth a task
        (150_000, 2, 1),  # not worth two
        (0, 2, 1),  # nothing
    ],
)
def test_every_core_gets_as_many_blocks(total: int, cores: int, count: int) -> None:
    assert block_builder._count(total, 2_000_000, cores) == count
