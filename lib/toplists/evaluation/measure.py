"""The evaluation pass: every contender's lists for the same held-out users, judged where they are made.

Per-user figures never leave the task; what does is one row of exact sums per block, from which means,
paired differences and their bootstrap intervals follow.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from pyspark.sql import SparkSession

from toplists.engine.blocks import Block, BlockRef, BlockSet
from toplists.engine.kernels.bootstrap import partial_sums
from toplists.engine.kernels.draws import hash_ids
from toplists.engine.kernels.metrics import cutoff_of, list_metrics
from toplists.engine.shapes import Shape
from toplists.engine.tasks import run_tasks
from toplists.evaluation.comparison import value_columns
from toplists.ranking.fallback import Fallback
from toplists.ranking.scoring import list_tiles


@dataclass(frozen=True)
class Totals:
    """Sums over all judged users, for the sample (row 0) and for every bootstrap resample.

    `sums` int64[1 + resamples, contenders x metrics], contender by contender in the order of
    `contenders`, each with the metrics in the order of `metrics`; `counts` int64[1 + resamples].
    """

    contenders: tuple[str, ...]
    metrics: tuple[str, ...]
    sums: npt.NDArray[np.int64]
    counts: npt.NDArray[np.int64]

    @property
    def users(self) -> int:
        """How many users were judged."""
        return int(self.counts[0])


def judge(
    spark: SparkSession,
    users: BlockSet,
    contenders: Mapping[str, Shape],
    fallback: Fallback,
    metrics: Sequence[str],
    *,
    resamples: int,
    seed: int,
    tile_bytes: int,
) -> Totals:
    """Judge the contenders on everybody who has held-out likings and something to learn from.

    All contenders were fitted on the training part; what a user has seen in it is left out of the
    lists; what can no longer be recommended today is not, since held-out users could choose it then.
    A user for whom a contender has no list counts as zero.

    Args:
        spark: The session.
        users: User blocks of the snapshot.
        contenders: Evaluation fits by the name they are reported under.
        fallback: The evaluation fits of the rankings that fill short lists, as in production.
        metrics: What is measured, such as `ndcg@10`; lists are as long as the longest of them asks for.
        resamples: Bootstrap resamples.
        seed: Seed of the bootstrap.
        tile_bytes: What bounds the memory of a task: see `list_tiles`.
    """

    def judge_block(ref: BlockRef) -> Iterator[pa.RecordBatch]:
        block = ref.open()
        wanted = _judged(block, users.columns)
        if not wanted.any():
            return
        measured = [
            _figures(block, shape, fallback, metrics, wanted, users.columns, tile_bytes)
            for shape in contenders.values()
        ]
        values = value_columns(measured, metrics)
        ids = block.ids.filter(pa.array(wanted)).to_pylist()
        sums, counts = partial_sums(values, hash_ids(ids), resamples, seed)
        yield pa.RecordBatch.from_arrays(
            [pa.array([sums.tobytes()]), pa.array([counts.tobytes()])], names=["sums", "counts"]
        )

    width = len(contenders) * len(metrics)
    sums = np.zeros((1 + resamples, width), dtype=np.int64)
    counts = np.zeros(1 + resamples, dtype=np.int64)
    rows = run_tasks(spark, users.blocks, judge_block, "sums binary, counts binary").collect()
    for row in rows:
        sums += np.frombuffer(row["sums"], dtype=np.int64).reshape(sums.shape)
        counts += np.frombuffer(row["counts"], dtype=np.int64)
    return Totals(tuple(contenders), tuple(metrics), sums, counts)


def _judged(block: Block, columns: int) -> npt.NDArray[np.bool_]:
    """Who has held-out likings, and likings in the training part to learn from."""
    truth_indptr, _ = block.truth()
    trained = block.trained("train", columns)
    judged: npt.NDArray[np.bool_] = (np.diff(truth_indptr) > 0) & (np.diff(trained.indptr) > 0)
    return judged


def _figures(
    block: Block,
    shape: Shape,
    fallback: Fallback,
    metrics: Sequence[str],
    wanted: npt.NDArray[np.bool_],
    n_items: int,
    tile_bytes: int,
) -> dict[str, npt.NDArray[np.float64]]:
    """One contender's metrics: float64[wanted users] each."""
    indptr, truth = block.truth()
    tiles = []
    everything = np.ones(n_items, dtype=np.bool_)
    for tile in list_tiles(
        block,
        shape,
        fallback,
        part="train",
        n=max(map(cutoff_of, metrics)),
        wanted=wanted,
        listable=everything,
        tile_bytes=tile_bytes,
    ):
        lengths = np.diff(indptr)[tile.rows]
        held_out = np.concatenate([truth[indptr[row] : indptr[row + 1]] for row in tile.rows])
        bounds = np.concatenate(([0], np.cumsum(lengths)))
        tiles.append(list_metrics(tile.items, bounds, held_out, metrics))
    return {name: np.concatenate([tile[name] for tile in tiles]) for name in metrics}
