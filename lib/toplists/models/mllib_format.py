"""Stored factors as a folder that MLlib opens: `ALSModel.load`.

MLlib numbers users and items, so every id gets one, in the order in which vectors are stored; the numbers
and their ids lie beside the model, where MLlib does not look. Rows are streamed from file to file: memory holds a batch.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator, Sequence
from datetime import datetime
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from toplists.errors import ConfigurationError

_CLASS = "org.apache.spark.ml.recommendation.ALSModel"
_BATCH_ROWS = 65_536
_FACTORS = pa.schema([("id", pa.int32()), ("features", pa.list_(pa.float32()))])
_IDS = pa.schema([("position", pa.int32()), ("id", pa.string())])
_PARAMETERS = {
    "userCol": "user",
    "itemCol": "item",
    "predictionCol": "prediction",
    "coldStartStrategy": "nan",
    "blockSize": 4096,
}


def write_als_model(
    users: Sequence[str],
    items: Sequence[str],
    folder: Path,
    *,
    uid: str,
    spark_version: str,
    now: datetime,
) -> tuple[int, int]:
    """Write the model as `folder`, whole or not at all.

    Beside what MLlib reads (`metadata`, `userFactors`, `itemFactors`) are `userIds` and `itemIds`:
    Parquet files `[position: int, id: string]`.

    Args:
        users: Parquet files `[id: string, vector: array<float>]` of the user side.
        items: The same of the item side.
        folder: Where to; it must not exist.
        uid: The model's name for MLlib.
        spark_version: The version of Spark whose format it is.
        now: When it is written.

    Returns:
        The number of users and of items.

    Raises:
        ConfigurationError: the folder exists.
    """
    if folder.exists():
        raise ConfigurationError(f"{folder} exists. Name a folder that does not exist yet.")
    draft = folder.with_name(f".{folder.name}.tmp")
    shutil.rmtree(draft, ignore_errors=True)
    try:
        sizes = [
            _write_side(files, draft, side) for side, files in (("user", users), ("item", items))
        ]
        metadata = {
            "class": _CLASS,
            "timestamp": int(now.timestamp() * 1000),
            "sparkVersion": spark_version,
            "uid": uid,
            "paramMap": _PARAMETERS,
            "defaultParamMap": _PARAMETERS,
            "rank": max(rank for _, rank in sizes),
        }
        (draft / "metadata").mkdir()
        (draft / "metadata" / "part-00000").write_text(json.dumps(metadata) + "\n")
        folder.parent.mkdir(parents=True, exist_ok=True)
        draft.rename(folder)
    finally:
        shutil.rmtree(draft, ignore_errors=True)
    return sizes[0][0], sizes[1][0]


def _write_side(files: Sequence[str], draft: Path, side: str) -> tuple[int, int]:
    """Number one side's rows and write them; their number and the length of their vectors."""
    factors, ids = draft / f"{side}Factors", draft / f"{side}Ids"
    for folder in (factors, ids):
        folder.mkdir(parents=True)
    count = rank = 0
    with (
        pq.ParquetWriter(factors / "part-00000.parquet", _FACTORS) as factor_writer,
        pq.ParquetWriter(ids / "part-00000.parquet", _IDS) as id_writer,
    ):
        for batch in _batches(files):
            positions = pa.array(np.arange(count, count + len(batch), dtype=np.int32))
            vectors = batch.column("vector").cast(pa.list_(pa.float32()))
            rank = len(vectors[0])
            factor_writer.write_batch(pa.record_batch([positions, vectors], schema=_FACTORS))
            id_writer.write_batch(pa.record_batch([positions, batch.column("id")], schema=_IDS))
            count += len(batch)
    return count, rank


def _batches(files: Sequence[str]) -> Iterator[pa.RecordBatch]:
    for file in files:
        with pq.ParquetFile(file) as opened:
            found = opened.iter_batches(_BATCH_ROWS, columns=["id", "vector"])
            yield from (batch for batch in found if len(batch))
