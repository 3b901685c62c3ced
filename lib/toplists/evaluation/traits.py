"""What is known of items, and of values, from the training part: what lists are described by."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from pyspark.sql import SparkSession

from toplists.engine.blocks import BlockRef, BlockSet, all_ids
from toplists.engine.kernels.candidates import count_in_rows
from toplists.engine.kernels.metric_kind import Scale
from toplists.engine.kernels.outcomes import ItemTraits
from toplists.engine.tasks import run_tasks

_MOST_FEATURES = 64
_SURVEY = pa.schema(
    {
        "low": pa.float64(),
        "high": pa.float64(),
        "least": pa.float64(),
        "greatest": pa.float64(),
        "most": pa.int64(),
        "likings": pa.list_(pa.int64()),
        "users": pa.list_(pa.int64()),
    }
)


@dataclass(frozen=True)
class Traits:
    """Where the traits of items are read from; every task opens them for itself.

    Attributes:
        items: Item blocks, whose training part says how many users liked an item.
        users: How many users liked anything in it.
        catalogue: Parquet files of `[item_id: string, genres: array<string>]`.
        low: The least value in the training part; NaN where there is none.
        high: The greatest.
        width: How far apart any two values are at most, held out or not; 0 where there is none.
        most_targets: Held-out items with a value of the user who has most of them.
        activity: How many users have how many likings in it, ascending: `((likings, users), …)`.
    """

    items: tuple[BlockRef, ...]
    users: int
    catalogue: tuple[str, ...]
    low: float
    high: float
    width: float
    most_targets: int
    activity: tuple[tuple[int, int], ...]

    def open(self) -> ItemTraits:
        """The traits of all items, put together once per worker."""
        return _open(self)

    @property
    def scale(self) -> Scale:
        """What bounds the figures of users, where predictions are clipped to the values there are."""
        n_items = sum(ref.rows for ref in self.items)
        return Scale(self.users, n_items, self.width, self.most_targets)


def survey_traits(
    spark: SparkSession, users: BlockSet, items: BlockSet, catalogue: Sequence[str]
) -> Traits:
    """Look through user blocks once."""

    def look(ref: BlockRef) -> Iterator[pa.RecordBatch]:
        block = ref.open()
        # Not by `learnt`: a night that learns likings would write the values for this alone.
        valued, held_out = ~np.isnan(block.values), block.held_out()
        every, values = block.values[valued], block.values[valued & ~block.holdout]
        own = count_in_rows(~np.isnan(held_out.values), held_out.indptr)
        counts = np.diff(block.learnt("liked", "train").indptr)
        likings, number = np.unique(counts[counts > 0], return_counts=True)
        low, high = (float(end(values)) if len(values) else None for end in (np.min, np.max))
        least, most = (float(end(every)) if len(every) else None for end in (np.min, np.max))
        ends = {"low": low, "high": high, "least": least, "greatest": most}
        seen = {**ends, "most": int(own.max(initial=0))}
        yield pa.RecordBatch.from_pylist(
            [seen | {"likings": likings.tolist(), "users": number.tolist()}], _SURVEY
        )

    schema = (
        "low double, high double, least double, greatest double, most long, likings array<long>, "
        "users array<long>"
    )
    rows = run_tasks(spark, users.blocks, look, schema).collect()
    lows, highs, least, greatest = (
        [row[end] for row in rows if row[end] is not None]
        for end in ("low", "high", "least", "greatest")
    )
    activity: Counter[int] = Counter()
    for row in rows:
        activity.update(dict(zip(row["likings"], row["users"], strict=True)))
    return Traits(
        items.blocks,
        activity.total(),
        tuple(catalogue),
        min(lows, default=np.nan),
        max(highs, default=np.nan),
        max(greatest, default=0.0) - min(least, default=0.0),
        max((row["most"] for row in rows), default=0),
        tuple(sorted(activity.items())),
    )


@lru_cache(maxsize=1)
def _open(traits: Traits) -> ItemTraits:
    raters = [np.diff(ref.open().learnt("liked", "train").indptr) for ref in traits.items]
    return ItemTraits(
        np.concatenate(raters), traits.users, _features(traits.items, traits.catalogue)
    )


def _features(items: Sequence[BlockRef], catalogue: Sequence[str]) -> npt.NDArray[np.float32]:
    """The genres of each item as a row of length 1, or 0 where none is known.

    Of more than `_MOST_FEATURES` genres the most frequent count.
    """
    ids = all_ids(items)
    read = [pq.read_table(file, columns=["item_id", "genres"]) for file in catalogue]
    if not read:
        return np.zeros((len(ids), 0), dtype=np.float32)
    table = pa.concat_tables(read)
    place = pc.fill_null(pc.index_in(table["item_id"], ids), -1).to_numpy()
    lengths = pc.list_value_length(table["genres"]).fill_null(0).to_numpy()
    owner, names = np.repeat(place, lengths), pc.list_flatten(table["genres"])
    here = owner >= 0
    frequent = Counter(names.filter(pa.array(here)).to_pylist())
    # By name where equally frequent: the same features in every task.
    chosen = sorted(frequent, key=lambda name: (-frequent[name], name))[:_MOST_FEATURES]
    column = pc.fill_null(pc.index_in(names, pa.array(chosen, pa.string())), -1).to_numpy()
    features = np.zeros((len(ids), len(chosen)), dtype=np.float32)
    named = here & (column >= 0)
    features[owner[named], column[named]] = 1
    lengths = np.linalg.norm(features, axis=1, keepdims=True)
    np.divide(features, lengths, out=features, where=lengths > 0)
    return features
