"""The lists that look-ups are timed on: as a nightly writes them, without a nightly."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path

import numpy as np
import pyarrow as pa
from lookup_users import CATALOGUE, RUN, item_ids, items_of, user_id

from toplists.engine.lists import lists_of
from toplists.lake.adding import replace_files
from toplists.lake.bookkeeping import append_rows
from toplists.lake.dataset import Dataset
from toplists.lake.schema import Table
from toplists.lake.tables import (
    POPULAR_ITEMS,
    PUBLICATIONS,
    RECOMMENDATIONS,
    SIMILAR_ITEMS,
)
from toplists.lake.writing import columns_of, write_file

_USERS_PER_FILE = 62_500
_USERS_PER_BATCH = 8_192


def make_dataset(folder: Path, users: int, n: int) -> None:
    """Write a dataset with one run, which is live: `users` lists of `n` items."""
    dataset = Dataset(folder)
    dataset.create_tables()
    names = pa.array(item_ids())
    _write(dataset, RECOMMENDATIONS, "user_id", range(users), n, names)
    _write(dataset, SIMILAR_ITEMS, "item_id", range(CATALOGUE), 20, names)
    _write(dataset, POPULAR_ITEMS, "segment", range(1), n, names)
    publication = {
        "sequence": 1,
        "run_id": RUN,
        "action": "publish",
        "as_of": date(2026, 11, 27),
        "previous_run_id": None,
        "bad_run_id": None,
        "fence": 1,
        "published_at": datetime(2026, 11, 27, 4, tzinfo=UTC),
    }
    append_rows(dataset, PUBLICATIONS, [publication])


def _write(
    dataset: Dataset, table: Table, key: str, owners: range, n: int, names: pa.Array
) -> None:
    folder, columns = Path(dataset.path(table)), columns_of(table, {"run_id"})
    files = []
    for first in range(0, len(owners), _USERS_PER_FILE):
        part = owners[first : first + _USERS_PER_FILE]
        batches = _batches(key, part, n, names)
        file = write_file(batches, folder, f"run_id={RUN}", columns, f"file of {table.name}")
        assert file is not None
        files.append(file)
    replace_files(dataset, table, files, run_id=RUN)


def _batches(key: str, owners: range, n: int, names: pa.Array) -> Iterator[pa.RecordBatch]:
    for first in range(0, len(owners), _USERS_PER_BATCH):
        part = owners[first : first + _USERS_PER_BATCH]
        numbers = np.asarray(part, dtype=np.int64)
        items = items_of(numbers, n).ravel()
        scores = (1.0 - np.arange(n) / n + (numbers % 997)[:, np.newaxis] / 1e6).ravel()
        entries = pa.StructArray.from_arrays(
            [names.take(pa.array(items)), pa.array(scores), pa.repeat("personal", len(items))],
            names=["item_id", "score", "source"],
        )
        ids = {"user_id": [user_id(number) for number in part], "segment": ["all"]}
        owner = names.take(pa.array(numbers)) if key == "item_id" else pa.array(ids[key])
        yield pa.RecordBatch.from_pydict(
            {
                key: owner,
                "items": lists_of(np.full(len(part), n), entries),
                "short_reason": pa.nulls(len(part), pa.string()),
                "placement": pa.repeat("default", len(part)),
                "schema_version": pa.repeat(pa.scalar(1, pa.int32()), len(part)),
            }
        )


if __name__ == "__main__":
    make_dataset(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]))
