"""Likings to fit models to, and what came out, as dense matrices."""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import pytest
from snapshots import write_blocks

from toplists.engine.alone import Work
from toplists.engine.exchange import write_parts_here
from toplists.engine.shapes import Factors, ItemWeights, Mixture, Shape, item_weights, open_vectors
from toplists.engine.storage import attempt_folder
from toplists.models.protocol import Fitted, Model, TrainingData

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

NO_SPARK = cast("SparkSession", None)
"""For what is asked for no session after all; see `without_spark`."""


def likings(users: int = 60, items: int = 24, seed: int = 5) -> np.ndarray:
    """Whole numbers above 0 where liked (users x items): some groups of users, some popular items."""
    rng = np.random.default_rng(seed)
    tastes = rng.random((users, 2)) @ rng.random((2, items)) * rng.random(items)
    liked = rng.random((users, items)) < 0.15 + 0.5 * tastes
    return np.where(liked, rng.integers(1, 3, liked.shape), 0).astype(np.float64)


def fit_here(
    model: Model,
    liked: np.ndarray,
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    *,
    catalogue: tuple[str, ...] = (),
    **how: Any,
) -> Fitted:
    """Fit a model that hands all its work to `write_parts`, in this process and without Spark.

    Args:
        model: The model.
        liked: Likings, of users by items; 0 = none.
        folder: Where files go.
        monkeypatch: Of the test.
        catalogue: Files of the table `items`.
        how: What `write_blocks` takes besides.
    """
    without_spark(monkeypatch)
    part = "train" if "holdout" in how else "all"
    users, items = write_blocks(folder / "blocks", np.where(liked > 0, liked, np.nan), **how)
    data = TrainingData(
        spark=NO_SPARK,
        interactions=cast("DataFrame", None),
        users=users,
        items=items,
        part=part,
        size=int((liked > 0).sum()),
        end=datetime(2024, 1, 1, tzinfo=UTC),
        segments=cast("DataFrame", None),
        segment_names=(),
        seed=42,
        folder=folder / "model",
        catalogue=catalogue,
    )
    return model.fit(data)


def without_spark(monkeypatch: pytest.MonkeyPatch) -> None:
    """What fits leave to Spark's tasks is done in this process; what they ask of tables is not."""
    for name, module in list(sys.modules.items()):
        if name.startswith("toplists."):
            for function, here in (("write_parts", _write_parts), ("run_alone", _run_alone)):
                if hasattr(module, function):
                    monkeypatch.setattr(module, function, here)
    monkeypatch.setattr(TrainingData, "mean_value", _mean_value)
    monkeypatch.setattr(TrainingData, "no_times", lambda *_, **__: False)


def _write_parts(_: object, *work: Any) -> tuple[str, ...]:
    return write_parts_here(*work)


def _run_alone(_: object, work: Work, folder: Path) -> Path:
    path = attempt_folder(str(folder), "fit")
    work(path, write_parts_here)
    return path


def _mean_value(data: TrainingData) -> float | None:
    values = [ref.open().learnt("rated", data.part).data for ref in data.users.blocks]
    return float(np.concatenate(values).mean(dtype=np.float64)) if any(map(len, values)) else None


def fitted_weights(model: Model, *where: Any, **how: Any) -> np.ndarray:
    """The weights that `fit_here` ends in: float64[items (of the history), items (scored)]."""
    shape = fit_here(model, *where, **how).shape
    assert isinstance(shape, ItemWeights)
    return item_weights(shape).toarray().astype(np.float64)


def fitted_scores(shape: Shape, liked: np.ndarray) -> np.ndarray:
    """What a fit says of all users and items, whether liked or not: float64[users, items], NaN = nothing."""
    match shape:
        case Mixture(standardized=False):
            scores = (fitted_scores(member, liked) for member in shape.members)
            return sum(map(np.multiply, scores, shape.weights), np.zeros(liked.shape))
        case ItemWeights():
            return cast("np.ndarray", liked @ item_weights(shape).toarray().astype(np.float64))
        case Factors():
            users, items = (_known_vectors(parts) for parts in (shape.users, shape.items))
            return cast("np.ndarray", users @ items.T)
    raise TypeError(f"there are no scores of {shape} here")


def _known_vectors(parts: tuple[str, ...]) -> np.ndarray:
    opened = map(open_vectors, parts)
    vectors = [np.where(known[:, None], vectors, np.nan) for vectors, known in opened]
    return np.concatenate(vectors).astype(np.float64)
