"""Two nights of lists in a lake, as an export finds them: in the second a share of users has other lists."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from toplists.lake.adding import NewFile, replace_files
from toplists.lake.dataset import Dataset
from toplists.lake.schema import Table
from toplists.lake.statistics import file_statistics
from toplists.lake.tables import POPULAR_ITEMS, RECOMMENDATIONS, SIMILAR_ITEMS

RUNS = ("2026-01-01-00000001", "2026-01-02-00000002")
LENGTH, ITEMS = 50, 25_000
_USERS_PER_FILE = 62_500


def make_lake(folder: Path, users: int, changed: float) -> Dataset:
    """The dataset, made if it is not there."""
    dataset = Dataset(folder / f"stores-{users}-{changed:g}")
    ready = dataset.root / "ready"
    if ready.exists():
        return dataset
    dataset.create_tables()
    for number, run_id in enumerate(RUNS):
        _write(dataset, RECOMMENDATIONS, "user_id", users, run_id, changed if number else 0.0)
        _write(dataset, SIMILAR_ITEMS, "item_id", 1_000, run_id, 0.0)
        _write(dataset, POPULAR_ITEMS, "segment", 1, run_id, 0.0)
    ready.touch()
    return dataset


def _write(
    dataset: Dataset, table: Table, key: str, count: int, run_id: str, changed: float
) -> None:
    files = []
    for first in range(0, count, _USERS_PER_FILE):
        rows = _lists(key, first, min(first + _USERS_PER_FILE, count), changed)
        path = f"run_id={run_id}/part-{first:08}.snappy.parquet"
        target = Path(dataset.path(table), path)
        target.parent.mkdir(exist_ok=True)
        pq.write_table(rows, target, compression="snappy", row_group_size=1_000)
        flat = rows.drop(["items"])
        stats = json.dumps(file_statistics(flat))
        files.append(NewFile(path, target.stat().st_size, len(rows), stats))
    replace_files(dataset, table, files, run_id=run_id)


def _lists(key: str, first: int, end: int, changed: float) -> pa.Table:
    """Lists of owners `first` to before `end`; the same in both nights but for those that changed."""
    rng = np.random.default_rng(first)
    count = end - first
    items = rng.integers(0, ITEMS, (count, LENGTH))
    items[rng.random(count) < changed, 0] = ITEMS  # that nobody had before
    scores = np.sort(rng.random((count, LENGTH)))[:, ::-1]
    names = pa.array([f"item-{number}" for number in range(ITEMS + 1)])
    sources = pa.array(["personal"] * (LENGTH - 3) + ["popularity"] * 3)
    entries = pa.StructArray.from_arrays(
        [
            names.take(pa.array(items.ravel())),
            pa.array(scores.ravel()),
            sources.take(pa.array(np.tile(np.arange(LENGTH), count))),
        ],
        names=["item_id", "score", "source"],
    )
    offsets = pa.array(np.arange(count + 1, dtype=np.int32) * LENGTH)
    return pa.table(
        {
            "placement": pa.repeat("default", count),
            key: pa.array([f"{number:09}" for number in range(first, end)]),
            "items": pa.ListArray.from_arrays(offsets, entries),
            "short_reason": pa.nulls(count, pa.string()),
            "schema_version": pa.repeat(pa.scalar(1, pa.int32()), count),
        }
    )
