"""A stack: which weights its members get, and what it predicts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from pydantic import ValidationError
from snapshots import write_blocks

from toplists.config.model_stack import StackSettings
from toplists.engine.exchange import write_parts_here
from toplists.engine.shapes import Factors, open_vectors
from toplists.models.protocol import Fitted, TrainingData
from toplists.models.stack import Stack

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

N_USERS, N_ITEMS = 70, 66
RNG = np.random.default_rng(3)
USERS, ITEMS = RNG.normal(0, 1, (N_USERS, 3)), RNG.normal(0, 1, (N_ITEMS, 3))


class Known:
    """Predicts a part of what decides the values, and says what it was fitted to."""

    def __init__(self, name: str, dimensions: list[int], scale: float = 1.0) -> None:
        self.name, self.dimensions, self.scale = name, dimensions, scale
        self.fitted_to: list[TrainingData] = []

    @property
    def parameters(self) -> Mapping[str, Any]:
        return {"scale": self.scale}

    def fit(self, data: TrainingData) -> Fitted:
        self.fitted_to.append(data)
        sides = []
        for name, vectors, blocks in (("users", USERS, data.users), ("items", ITEMS, data.items)):
            known = (self.scale * vectors[:, self.dimensions]).astype(np.float32)
            own = [known[ref.first : ref.first + ref.rows] for ref in blocks.blocks]
            pieces = [{"vectors": one, "known": np.ones(len(one), dtype=np.bool_)} for one in own]
            sides.append(write_parts_here(pieces, dict, data.folder, name))
        return Fitted(Factors(*sides))


def test_members_get_the_weights_that_predict_held_out_values_best(
    spark: SparkSession, tmp_path: Path
) -> None:
    # Values are the sum of what two members know, one of whom says half of it; the third knows nothing.
    values = USERS[:, :2] @ ITEMS[:, :2].T
    rated = np.where(RNG.random(values.shape) < 0.8, values, np.nan)
    users, items = write_blocks(tmp_path / "blocks", rated, cuts=([64], [64]))
    data = TrainingData(
        spark=spark,
        interactions=spark.range(0),
        users=users,
        items=items,
        part="all",
        size=0,
        end=datetime(2024, 1, 1, tzinfo=UTC),
        segments=spark.range(0),
        segment_names=(),
        seed=42,
        folder=tmp_path / "model",
    )
    members = [Known("svd", [0]), Known("nmf", [1], np.sqrt(0.5)), Known("baseline", [2])]
    stack = Stack(StackSettings(penalty=1e-3), members)
    fitted = stack.fit(data)
    assert fitted.report["weights"] == pytest.approx({"svd": 1, "nmf": 2, "baseline": 0}, abs=0.15)
    assert isinstance(fitted.shape, Factors)
    vectors = [
        np.concatenate([open_vectors(part)[0] for part in parts])
        for parts in (fitted.shape.users, fitted.shape.items)
    ]
    errors = vectors[0] @ vectors[1].T - values
    assert np.sqrt(np.mean(errors**2)) < 0.2 * np.std(values)
    for member in members:
        judged, refitted = member.fitted_to
        assert judged.part == "train"
        assert judged.users != users
        assert refitted == replace(data, folder=refitted.folder)


@pytest.mark.parametrize("members", [("svd",), ("svd", "svd"), ("als", "svd")])
def test_members_are_different_models_that_end_in_factors(members: tuple[str, ...]) -> None:
    with pytest.raises(ValidationError):
        StackSettings.model_validate({"members": members})
