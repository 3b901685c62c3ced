"""ALS by Spark MLlib, tuned: the input without other columns, in memory, in blocks of both sides.

    als_mllib.py SNAPSHOT OUT FITS BLOCKS

FITS as for als_engine.py; there is one solver. Writes OUT/result.json.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
import pyarrow.parquet as pq
from als_data import Snapshot
from pyspark import StorageLevel
from pyspark.ml.recommendation import ALS
from pyspark.sql import functions as F

from toplists.lake.session import open_session


def als(fit: dict[str, Any], blocks: int, iterations: int) -> ALS:
    """MLlib's estimator for a fit."""
    return ALS(
        rank=fit["rank"],
        maxIter=iterations,
        regParam=fit["penalty"],
        alpha=fit["alpha"],
        implicitPrefs=fit["feedback"] == "implicit",
        userCol="user_pos",
        itemCol="item_pos",
        ratingCol="rating",
        numUserBlocks=blocks,
        numItemBlocks=blocks,
        checkpointInterval=10,
        seed=fit.get("seed", 42),
    )


def load(folder: Path, rows: int, rank: int) -> np.ndarray:
    """Factors that MLlib wrote, by position; zeros for those without."""
    table = pq.read_table(folder)
    vectors = np.zeros((rows, rank), dtype=np.float32)
    features = table["features"].combine_chunks().flatten().to_numpy()
    vectors[table["id"].to_numpy()] = features.reshape(-1, rank)
    return vectors


def main() -> None:
    """Warm up on a fiftieth of the data, then do the fits."""
    snapshot, out = Snapshot.open(Path(sys.argv[1])), Path(sys.argv[2])
    fits, blocks = json.loads(sys.argv[3]), int(sys.argv[4])
    spark = open_session("benchmark als mllib")
    rows = spark.read.parquet(*snapshot.files).where(F.col("split") == "train")
    kept: dict[str, Any] = {}
    for feedback, rating in (("implicit", "weight"), ("explicit", "value")):
        if any(fit["feedback"] == feedback for fit in fits):
            frame = rows.select("user_pos", "item_pos", F.col(rating).cast("float").alias("rating"))
            kept[feedback] = frame.repartition(blocks, "user_pos")
            kept[feedback] = kept[feedback].persist(StorageLevel.MEMORY_ONLY)
            kept[feedback].count()
    few = next(iter(kept.values())).where(F.col("user_pos") % 50 == 0)
    als({**fits[0], "rank": 8}, blocks, 2).fit(few)
    result: dict[str, Any] = {"fits": {}}
    for fit in fits:
        started = perf_counter()
        model = als(fit, blocks, fit["iterations"]).fit(kept[fit["feedback"]])
        for side, factors in (("users", model.userFactors), ("items", model.itemFactors)):
            factors.write.mode("overwrite").parquet(str(out / f"mllib-{side}"))
        result["fits"][fit["name"]] = {"seconds": perf_counter() - started}
        folder = out / fit["name"]
        folder.mkdir(parents=True, exist_ok=True)
        for side, size in (("users", snapshot.users), ("items", snapshot.items)):
            np.save(folder / f"{side}.npy", load(out / f"mllib-{side}", size, fit["rank"]))
    (out / "result.json").write_text(json.dumps(result))


if __name__ == "__main__":
    main()
