"""ALS by this project's engine, on Spark: the blocks, then fits.

    als_engine.py SNAPSHOT OUT FITS

FITS is a JSON list of fits: the fields of `Task`, `solver`, `iterations`, `name`, `over_relaxation`,
`biases`.
Writes OUT/result.json.
"""

from __future__ import annotations

import json
import shutil
import sys
from datetime import UTC, datetime
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
from als_data import Snapshot
from pyspark.sql import SparkSession

from toplists.config.model_als import AlsSettings
from toplists.config.operation import EngineSettings
from toplists.engine.block_builder import Axis, build_blocks
from toplists.engine.blocks import BlockSet, Side
from toplists.engine.shapes import Factors, Shape, open_vectors
from toplists.lake.session import open_session
from toplists.models.als import Als
from toplists.models.protocol import TrainingData

_BLOCK_ENTRIES = 2_000_000
_SEED = 42


def settings_of(fit: dict[str, Any]) -> AlsSettings:
    """A fit as the settings of an operator."""
    return AlsSettings(
        feedback=fit["feedback"],
        rank=fit["rank"],
        iterations=fit["iterations"],
        regularization=fit["penalty"],
        regularization_scaling="by_count" if fit["by_count"] else "plain",
        alpha=fit["alpha"],
        solver=fit["solver"],
        tolerance=None,
        over_relaxation=fit["over_relaxation"],
        biases=fit["biases"],
    )


def build(spark: SparkSession, snapshot: Snapshot, folder: Path) -> tuple[BlockSet, BlockSet]:
    """The blocks of both sides."""
    shutil.rmtree(folder, ignore_errors=True)
    users, items = (
        Axis(
            (str(snapshot.folder / f"{name}s.parquet"),),
            position=f"{name}_pos",
            id=f"{name}_id",
            size="size",
            flag=None,
            rows=rows,
        )
        for name, rows in (("user", snapshot.users), ("item", snapshot.items))
    )
    axes: dict[Side, Axis] = {"users": users, "items": items}
    return build_blocks(
        spark,
        snapshot.files,
        axes,
        block_entries=_BLOCK_ENTRIES,
        single_task_entries=EngineSettings().single_task_entries,
        folder=folder,
    )


def training_data(
    spark: SparkSession, users: BlockSet, items: BlockSet, seed: int, folder: Path
) -> TrainingData:
    """The training part, as a model sees it that needs blocks only."""
    nothing, now = spark.range(0), datetime(2026, 1, 1, tzinfo=UTC)
    size = sum(ref.entries for ref in users.blocks)
    return TrainingData(spark, nothing, users, items, "train", size, now, nothing, (), seed, folder)


def save(factors: Shape, folder: Path) -> None:
    """Write factors as the other contenders do."""
    assert isinstance(factors, Factors)
    folder.mkdir(parents=True, exist_ok=True)
    for side in ("users", "items"):
        parts = [open_vectors(part)[0] for part in getattr(factors, side)]
        np.save(folder / f"{side}.npy", np.concatenate(parts))


def main() -> None:
    """Build the blocks twice and fit an iteration, to warm up, then do the fits."""
    snapshot, out = Snapshot.open(Path(sys.argv[1])), Path(sys.argv[2])
    fits = json.loads(sys.argv[3])
    spark = open_session("benchmark als")
    result: dict[str, Any] = {"fits": {}}
    for name in ("blocks, cold", "blocks"):
        started = perf_counter()
        users, items = build(spark, snapshot, out / "blocks")
        result[name] = perf_counter() - started
    warm = training_data(spark, users, items, _SEED, out / "warm-fit")
    limit = EngineSettings().single_task_entries
    result["in_one_task"] = warm.size <= limit
    Als(settings_of({**fits[0], "iterations": 1}), limit).fit(warm)
    for fit in fits:
        folder = out / f"{fit['name']}-fit"
        data = training_data(spark, users, items, fit.get("seed", _SEED), folder)
        # What is learnt from is picked out of the blocks once per snapshot; here, every time.
        for kept in (out / "blocks").glob("*/train-*"):
            shutil.rmtree(kept)
        started = perf_counter()
        fitted = Als(settings_of(fit), limit).fit(data)
        seconds = perf_counter() - started
        save(fitted.shape, out / fit["name"])
        result["fits"][fit["name"]] = {"seconds": seconds, "report": dict(fitted.report)}
        shutil.rmtree(data.folder)
    (out / "result.json").write_text(json.dumps(result))


if __name__ == "__main__":
    main()
