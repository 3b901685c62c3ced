"""How often lists name each item, counted from the files of the lists."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from deltalake import DeltaTable

from toplists.evaluation.report.content import LongTail, TailPoint
from toplists.lake.dataset import Dataset, partition_files
from toplists.lake.tables import RECOMMENDATIONS, SNAPSHOT_ITEMS

_POINTS = 100
_MOST_LISTS = 200_000


def count_tail(dataset: Dataset, run_id: str, *, most: int = _MOST_LISTS) -> LongTail | None:
    """How the run's recommendations spread over items; `None` where its lists or items are gone.

    Memory holds the catalogue, and one row group of lists.

    Args:
        dataset: The dataset.
        run_id: The run.
        most: About how many lists are read; of more, every so many-th row group is.
    """
    items = _items(dataset, run_id)
    files = partition_files(dataset, RECOMMENDATIONS, run_id=run_id)
    if not items.num_rows or not files:
        return None
    every = max(1, -(-_rows(files) // most))
    named = pa.table({"item_id": pa.array([], pa.string()), "n": pa.array([], pa.int64())})
    lists = 0
    for batch in _batches(files, every):
        lists += batch.num_rows
        ids = batch.column(0).flatten().field("item_id").cast(pa.string())
        counted = ids.value_counts()
        found = pa.table({"item_id": counted.field("values"), "n": counted.field("counts")})
        named = _add_up(pa.concat_tables([named, found]))
    shown = _aligned(items.column("item_id"), named)
    return _spread(shown, items.column("interactions").to_numpy(), lists, _rows(files))


def _items(dataset: Dataset, run_id: str) -> pa.Table:
    """`[item_id, interactions]` of what may be recommended, most popular first, ties by id."""
    # Through the table's schema: files of an earlier release lack `recommendable`.
    items = DeltaTable(dataset.path(SNAPSHOT_ITEMS)).to_pyarrow_table(
        columns=["item_id", "interactions", "trained", "recommendable"],
        filters=[("run_id", "=", run_id)],
    )
    allowed = pc.and_(
        pc.greater(items.column("trained"), 0), pc.fill_null(items.column("recommendable"), True)
    )
    order = [("interactions", "descending"), ("item_id", "ascending")]
    return items.filter(allowed).sort_by(order)


def _rows(files: Sequence[str]) -> int:
    return sum(pq.read_metadata(file).num_rows for file in files)


def _batches(files: Sequence[str], every: int) -> Iterator[pa.RecordBatch]:
    """The lists in every so many-th row group of all files together."""
    passed = 0
    for file in files:
        with pq.ParquetFile(file) as opened:
            groups = range(opened.num_row_groups)
            chosen = [group for group in groups if (passed + group) % every == 0]
            passed += len(groups)
            if chosen:
                yield from opened.iter_batches(row_groups=chosen, columns=_id_columns(opened))


def _id_columns(opened: pq.ParquetFile) -> list[str]:
    """Where ids lie within `items`; writers name the levels between differently."""
    paths = [opened.schema.column(place).path for place in range(len(opened.schema))]
    return [path for path in paths if path.startswith("items.") and path.endswith(".item_id")]


def _add_up(counts: pa.Table) -> pa.Table:
    added = counts.group_by("item_id").aggregate([("n", "sum")])
    return added.rename_columns(["item_id", "n"])


def _aligned(ids: pa.ChunkedArray, named: pa.Table) -> npt.NDArray[np.int64]:
    """How often each of `ids` is named: int64[len(ids)]."""
    places = pc.index_in(ids, value_set=named.column("item_id"))
    counts = pc.fill_null(named.column("n").take(places), 0)
    return np.asarray(counts.to_numpy(), dtype=np.int64)


def _spread(
    shown: npt.NDArray[np.int64], popular: npt.NDArray[np.int64], lists: int, all_lists: int
) -> LongTail | None:
    if not shown.sum() or not popular.sum():
        return None
    cumulated = [np.concatenate(([0.0], np.cumsum(n) / n.sum())) for n in (shown, popular)]
    ends = np.unique(np.rint(np.linspace(0, len(shown), _POINTS + 1)).astype(np.int64))
    points = [
        TailPoint(float(end / len(shown)), float(cumulated[0][end]), float(cumulated[1][end]))
        for end in ends
    ]
    return LongTail(points, len(shown), int(np.count_nonzero(shown)), lists, all_lists)
