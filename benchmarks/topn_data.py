"""The data of the top-N benchmark: blocks, factors and popularity of generated feedback.

Runs on Spark. Leaves in FOLDER/topn: `blocks`, `als` and `popularity` as the engine has them, and the same
factors and seen items as plain arrays for those who know no blocks.
"""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from pathlib import Path
from time import perf_counter

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as pds
import pyarrow.parquet as pq
from pyspark.sql import SparkSession

from toplists.config.settings import AlsSettings
from toplists.engine.block_builder import Axis, build_blocks
from toplists.engine.blocks import BlockSet
from toplists.engine.shapes import commit_shape, open_vectors
from toplists.lake.session import open_session
from toplists.models.als import Als
from toplists.models.popularity import Popularity
from toplists.models.protocol import TrainingData

RANK, ITERATIONS = 64, 5
_BLOCK_ENTRIES = 1_000_000
_FILES = 8
_LIKED = 4.0


def write_snapshot(events: Path, folder: Path) -> tuple[list[str], dict[str, Axis]]:
    """The events as interactions by position, as `prepare` leaves them: files and axes."""
    folder.mkdir(parents=True, exist_ok=True)
    sources = [str(events / name) for name in ("history", "last-day")]
    rows = pds.dataset([pds.dataset(source) for source in sources]).to_table(
        columns=["user", "item", "rating"]
    )
    positions, axes = {}, {}
    for side, name in (("users", "user"), ("items", "item")):
        encoded = rows[name].combine_chunks().dictionary_encode()
        order = pc.array_sort_indices(encoded.dictionary)
        place = np.empty(len(order), dtype=np.int32)
        place[order.to_numpy()] = np.arange(len(order))
        positions[side] = place[encoded.indices.to_numpy()]
        table = pa.table(
            {
                f"{name}_pos": pa.array(np.arange(len(order), dtype=np.int32)),
                f"{name}_id": encoded.dictionary.take(order),
                "size": pa.array(np.bincount(positions[side])),
            }
        )
        pq.write_table(table, folder / f"{side}.parquet")
        axes[side] = Axis(
            (str(folder / f"{side}.parquet"),),
            f"{name}_pos",
            f"{name}_id",
            "size",
            None,
            len(order),
        )
    values = rows["rating"].to_numpy()
    files = []
    for number, own in enumerate(np.array_split(np.arange(len(values)), _FILES)):
        files.append(str(folder / f"interactions-{number}.parquet"))
        table = pa.table(
            {
                "user_pos": positions["users"][own],
                "item_pos": positions["items"][own],
                "weight": (values[own] >= _LIKED).astype(np.float32),
                "value": values[own].astype(np.float64),
                "rating_weight": np.ones(len(own), dtype=np.float32),
                "split": pa.array(["train"] * len(own)),
            }
        )
        pq.write_table(table, files[-1])
    return files, axes


def training_data(
    spark: SparkSession, users: BlockSet, items: BlockSet, folder: Path
) -> TrainingData:
    """All interactions, as models see them that need blocks only."""
    liked = sum(int(np.count_nonzero(ref.open().weights)) for ref in users.blocks)
    none = spark.range(0)
    now = datetime(2026, 1, 1, tzinfo=UTC)
    return TrainingData(spark, none, users, items, "all", liked, now, none, (), 42, folder)


def main() -> None:
    """Make what is not there."""
    events = Path(sys.argv[1])
    folder = events / "topn"
    spark = open_session("benchmark topn data")
    files, axes = write_snapshot(events, folder / "snapshot")
    started = perf_counter()
    users, items = build_blocks(
        spark, files, axes, block_entries=_BLOCK_ENTRIES, folder=folder / "blocks"
    )
    print(f"blocks, both sides: {perf_counter() - started:.1f} s")
    settings = AlsSettings(rank=RANK, iterations=ITERATIONS, solver="cg", feedback="implicit")
    for name, model in (("als", Als(settings, 0)), ("popularity", Popularity())):
        started = perf_counter()
        shape = model.fit(training_data(spark, users, items, folder / name))
        print(f"{name}: {perf_counter() - started:.1f} s")
        commit_shape(folder / name, shape)
        if name == "als":
            for side in ("users", "items"):
                parts = [open_vectors(part)[0] for part in getattr(shape, side)]
                np.save(folder / f"{side}.npy", np.concatenate(parts))
    opened = [ref.open() for ref in users.blocks]
    lengths = np.concatenate([np.diff(block.indptr) for block in opened])
    np.save(folder / "indptr.npy", np.concatenate(([0], np.cumsum(lengths))))
    np.save(folder / "indices.npy", np.concatenate([block.indices for block in opened]))
    (folder / "ready").touch()


if __name__ == "__main__":
    main()
