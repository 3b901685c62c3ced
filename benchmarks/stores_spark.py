"""One store filled by `export` on Spark: the first night as a whole, then what changed in the second."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterator
from dataclasses import asdict
from datetime import UTC, date, datetime
from pathlib import Path

import pyarrow as pa
from stores_data import RUNS

from toplists.config.publish import PublishSettings
from toplists.engine.tasks import run_tasks
from toplists.lake.dataset import Dataset
from toplists.lake.lease import hold_lease
from toplists.lake.pointer import Publication, move_pointer, read_pointer
from toplists.lake.session import open_session
from toplists.pipeline.process import leave
from toplists.publish.stores.load import Loading, bring
from toplists.publish.stores.opening import open_store


def _look_at_nothing(number: int) -> Iterator[pa.RecordBatch]:
    yield pa.RecordBatch.from_arrays([pa.array([number])], names=["n"])


def publish(dataset: Dataset, run_id: str, as_of: date) -> Publication:
    """Make a run live in the lake; it may have been before, when another store was filled."""
    with hold_lease(dataset, "stores") as lease:
        return move_pointer(
            *(dataset, read_pointer(dataset), lease),
            run_id=run_id,
            as_of=as_of,
            action="publish",
            now=datetime.now(UTC),
        )


def main(root: str, entry: str, out: str) -> int:
    """Fill the store, and write how long each night took."""
    spark = open_session("stores")
    # A session whose workers have started and compiled, as a night's have by then.
    run_tasks(spark, range(4), _look_at_nothing, "n long").collect()
    settings = PublishSettings.model_validate({"stores": [json.loads(entry)]})
    dataset = Dataset(Path(root))
    loading = Loading(dataset, settings, lambda: spark, lambda: datetime.now(UTC), warn=print)
    store = open_store(settings.stores[0], "stores")
    nights = []
    for number, run_id in enumerate(RUNS, start=1):
        published = publish(dataset, run_id, date(2026, 1, number))
        began = time.perf_counter()
        brought = bring(loading, store, published, resume=False)
        nights.append({"seconds": time.perf_counter() - began, **asdict(brought)})
    Path(out).write_text(json.dumps(nights))
    return 0


if __name__ == "__main__":
    leave(main(*sys.argv[1:]))
