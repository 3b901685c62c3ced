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
from toplists.engine.kernels.bootstrap import Sums, no_sums, partial_sums
from toplists.engine.kernels.candidates import ItemSets
from toplists.engine.kernels.draws import hash_ids
from toplists.engine.kernels.metric_kind import Scale, depth_of
from toplists.engine.kernels.metrics import bounds, measure
from toplists.engine.kernels.outcomes import Measured, liked_only, unknown_traits
from toplists.engine.shapes import Shape
from toplists.engine.tasks import run_tasks
from toplists.evaluation.comparison import value_columns
from toplists.ranking.fallback import Fallback
from toplists.ranking.scoring import list_tiles


@dataclass(frozen=True)
class Totals:
    """Sums over all judged users, for the sample and for every bootstrap resample.

    `sums` has a column per contender and metric, contender by contender in the order of `contenders`,
    each with the metrics in the order of `metrics`; `scale` is what bounded them.
    """

    contenders: tuple[str, ...]
    metrics: tuple[str, ...]
    sums: Sums
    scale: Scale


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
    scale = Scale()
    limits = np.tile(bounds(metrics, scale), len(contenders))

    def judge_block(ref: BlockRef) -> Iterator[pa.RecordBatch]:
        block = ref.open()
        wanted = _judged(block, users.columns)
        if not wanted.any():
            return
        measured = [
            _figures(block, shape, fallback, metrics, wanted, users.columns, tile_bytes)
            for shape in contenders.values()
        ]
        hashes = hash_ids(block.ids.filter(pa.array(wanted)).to_pylist())
        columns = value_columns(measured, metrics)
        sums = partial_sums(*columns, hashes, resamples, seed, limits)
        yield pa.RecordBatch.from_arrays(
            [pa.array([part.tobytes()]) for part in sums], names=list(Sums._fields)
        )

    schema = ", ".join(f"{name} binary" for name in Sums._fields)
    sums = no_sums(resamples, len(limits))
    for row in run_tasks(spark, users.blocks, judge_block, schema).collect():
        parts = (np.frombuffer(row[name], dtype=np.int64) for name in Sums._fields)
        sums = sums.plus(
            Sums(*(part.reshape(own.shape) for part, own in zip(parts, sums, strict=True)))
        )
    return Totals(tuple(contenders), tuple(metrics), sums, scale)


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
) -> dict[str, Measured]:
    """One contender's metrics of the wanted users."""
    indptr, truth = block.truth()
    tiles = []
    everything = np.ones(n_items, dtype=np.bool_)
    for tile in list_tiles(
        block,
        shape,
        fallback,
        part="train",
        n=depth_of(metrics),
        wanted=wanted,
        listable=everything,
        tile_bytes=tile_bytes,
    ):
        held_out = ItemSets(indptr, truth).of(tile.rows)
        outcomes = liked_only(tile.items, held_out.indptr, held_out.items)
        tiles.append(measure(outcomes, unknown_traits(n_items), metrics))
    return {
        name: Measured(*map(np.concatenate, zip(*(tile[name] for tile in tiles), strict=True)))
        for name in metrics
    }
