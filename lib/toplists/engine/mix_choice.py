"""Which mix of models ranks held-out likings best."""

from __future__ import annotations

from collections.abc import Sequence
from math import comb
from pathlib import Path

import numpy as np
import numpy.typing as npt
from pyspark.sql import SparkSession

from toplists.engine.blocks import BlockRef, BlockSet, tiles
from toplists.engine.exchange import write_parts
from toplists.engine.kernels.candidates import Candidates, ItemSets, holds
from toplists.engine.kernels.dense_scores import (
    add_scores,
    no_totals,
    scale_of,
    select_by_totals,
)
from toplists.engine.kernels.draws import random_bits
from toplists.engine.kernels.products import TILE_ROWS
from toplists.engine.scorers import known_items, open_scorer
from toplists.engine.shapes import Member
from toplists.engine.storage import Arrays, open_array

Mix = tuple[float, ...]

_MOST_MIXES, _MOST_STEPS = 15, 10
_MOST_IN_STEPS = 3  # of more models there are too many mixes in steps
_DEPTH = 10
_UNIT = 2.0**-20
"""Of a figure: added as whole numbers, the sum does not depend on the order."""


def round_mixes(members: int) -> list[Mix]:
    """A dozen mixes of so many models, about; the even one first.

    Of up to three models they are weights in equal steps; of more, all models but one, and each alone.
    """
    even = (1.0 / members,) * members
    if members <= _MOST_IN_STEPS:
        steps = max(
            count
            for count in range(1, _MOST_STEPS + 1)
            if count == 1 or comb(count + members - 1, members - 1) <= _MOST_MIXES
        )
        mixes = [tuple(part / steps for part in parts) for parts in _parts(steps, members)]
        mixes.sort(key=lambda mix: (max(mix) - min(mix), mix))
    else:
        each = range(members)
        without = [tuple((one != left) / (members - 1) for one in each) for left in each]
        mixes = [*without, *(tuple(float(one == alone) for one in each) for alone in each)]
    return list(dict.fromkeys([even, *mixes]))


def _parts(total: int, count: int) -> list[tuple[int, ...]]:
    """All ways to write a number as the sum of so many, from 0."""
    if count == 1:
        return [(total,)]
    return [
        (first, *rest) for first in range(total + 1) for rest in _parts(total - first, count - 1)
    ]


def judge_mixes(
    spark: SparkSession,
    members: Sequence[Member],
    mixes: Sequence[Mix],
    users: BlockSet,
    most_users: int,
    seed: int,
    folder: Path,
) -> npt.NDArray[np.float64]:
    """The mean NDCG@10 of each mix over users with a held-out liking; NaN where there is none.

    Args:
        spark: The session.
        members: Models that were fitted to the `train` part of the blocks.
        mixes: The weights of the members.
        users: Blocks of users.
        most_users: About so many of them are judged, drawn by a hash of their positions.
        seed: Decides which.
        folder: Where sums go; every executor sees it.
    """
    share = most_users / max(1, users.rows)

    def judge(ref: BlockRef) -> Arrays:
        rows = np.arange(ref.rows)
        if share < 1:
            hashes = random_bits((ref.first + rows).astype(np.uint64), 1, seed)[:, 0]
            rows = rows[hashes < np.uint64(share * 2**64)]
        return _judge(members, mixes, ref, rows, users.columns)

    parts = write_parts(spark, users.blocks, judge, folder, "mixes")
    count = sum(int(open_array(part, "count")[0]) for part in parts)
    total = np.sum([open_array(part, "totals") for part in parts], axis=0)
    means: npt.NDArray[np.float64] = total * _UNIT / (count or np.nan)
    return means


def _judge(
    members: Sequence[Member],
    mixes: Sequence[Mix],
    ref: BlockRef,
    rows: npt.NDArray[np.int64],
    n_items: int,
) -> Arrays:
    """What the users in some rows of a block add to the figure of each mix, in units."""
    block = ref.open()
    seen, truth = ItemSets(*block.seen("train")), ItemSets(*block.truth())
    rows = rows[np.diff(truth.indptr)[rows] > 0]
    scorers = [open_scorer(member, block, "train", n_items) for member in members]
    known = [known_items(member, n_items) for member in members]
    everything, totals = np.ones(n_items, dtype=np.bool_), np.zeros(len(mixes), dtype=np.int64)
    for some in tiles(len(rows), TILE_ROWS):
        own = rows[some]
        scores = [score(own) for score in scorers]
        scales = [scale_of(one, items) for one, items in zip(scores, known, strict=True)]
        candidates, wanted = Candidates(seen.of(own)), truth.of(own)
        for number, mix in enumerate(mixes):
            mixed = no_totals(len(own), n_items)
            for one, scale, weight in zip(scores, scales, mix, strict=True):
                if weight > 0:
                    add_scores(one, scale, weight, mixed)
            lists = select_by_totals(mixed, everything, candidates, _DEPTH).items
            totals[number] += np.rint(_ndcg(lists, wanted) / _UNIT).astype(np.int64).sum()
    return {"totals": totals, "count": np.array([len(rows)])}


def _ndcg(lists: npt.NDArray[np.int32], wanted: ItemSets) -> npt.NDArray[np.float64]:
    """The NDCG of each list; all of them have something that is wanted."""
    places = np.arange(lists.shape[1])
    owners = np.repeat(np.arange(len(lists)), len(places))
    hits = holds(wanted, owners, np.maximum(lists, 0).ravel()).reshape(lists.shape) & (lists >= 0)
    gains = 1.0 / np.log2(places + 2.0)
    best = np.cumsum(gains)[np.minimum(np.diff(wanted.indptr), len(places)) - 1]
    ndcg: npt.NDArray[np.float64] = (hits * gains).sum(axis=1) / best
    return ndcg
