"""A stack: which weights its members get, and what it predicts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from conformance import select
from fitted import fit_here
from pydantic import ValidationError
from snapshots import write_blocks

from toplists.config.model import ModelSettings
from toplists.config.model_stack import StackSettings
from toplists.engine.exchange import write_parts_here
from toplists.engine.shapes import Factors, Mixture, RatedNeighbours
from toplists.engine.stacking import Stacking
from toplists.errors import ConfigurationError
from toplists.models.definition import Parameters
from toplists.models.protocol import Fitted, TrainingData
from toplists.models.stack import STACK, Stack

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


class Levels(Known):
    """Predicts the sum of a number of the user and one of the item, as what has neighbours does."""

    def fit(self, data: TrainingData) -> Fitted:
        self.fitted_to.append(data)
        sides = []
        for name, vectors, blocks in (("users", USERS, data.users), ("items", ITEMS, data.items)):
            pieces = []
            for ref in blocks.blocks:
                none = {"indptr": np.zeros(ref.rows + 1, np.int64), "rated": np.zeros(0, np.int32)}
                level = self.scale * vectors[ref.first : ref.first + ref.rows, 2]
                none["deviations"] = none["weights"] = np.zeros(0, np.float32)
                none["neighbours"] = none["rated"]
                pieces.append({"level": level, "spread": np.ones(ref.rows), **none})
            sides.append(write_parts_here(pieces, dict, data.folder, name))
        rule = {"k": 1, "min_k": 1, "shift": 0.0, "counted": False, "otherwise": 0.0}
        return Fitted(RatedNeighbours(*sides, sides[0], by="users", **rule))


def training_data(spark: SparkSession, folder: Path, values: np.ndarray) -> TrainingData:
    users, items = write_blocks(folder / "blocks", values, cuts=([64], [64]))
    return TrainingData(
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
        folder=folder / "model",
    )


@pytest.mark.parametrize("mixed", [False, True])
def test_members_get_the_weights_that_predict_held_out_values_best(
    spark: SparkSession, tmp_path: Path, mixed: bool
) -> None:
    # Values are the sum of what two members know, one of whom says half of it; the third knows nothing, or
    # what the others do not and is of another shape.
    values = USERS[:, :2] @ ITEMS[:, :2].T
    third: Known = Known("baseline", [2])
    if mixed:
        values += 2 * (USERS[:, 2, np.newaxis] + ITEMS[:, 2])
        third = Levels("rating_knn", [])
    rated = np.where(RNG.random(values.shape) < 0.8, values, np.nan)
    data = training_data(spark, tmp_path, rated)
    members = [Known("svd", [0]), Known("nmf", [1], np.sqrt(0.5)), third]
    fitted = Stack(StackSettings(penalty=1e-3), members).fit(data)
    weights = {"svd": 1, "nmf": 2, third.name: 2 if mixed else 0}
    assert fitted.report["weights"] == pytest.approx(weights, abs=0.15)
    assert isinstance(fitted.shape, Mixture if mixed else Factors)
    found = select(fitted.shape, data.users, data.items, 1, seen=False)
    errors = found.target_scores.reshape(values.shape) - values
    assert np.sqrt(np.mean(errors**2)) < 0.2 * np.std(values)
    for member in members:
        judged, refitted = member.fitted_to
        assert judged.part == "train"
        assert judged.users != data.users
        assert refitted == replace(data, folder=refitted.folder)


def test_it_needs_no_member_with_vectors(spark: SparkSession, tmp_path: Path) -> None:
    values = 5 + USERS[:, 2, np.newaxis] + ITEMS[:, 2]
    data = training_data(spark, tmp_path, values)
    members = [Levels("rating_knn", []), Levels("slope_one", [], 0.5)]
    fitted = Stack(StackSettings(penalty=1e-3), members).fit(data)
    found = select(fitted.shape, data.users, data.items, 1, seen=False)
    errors = found.target_scores.reshape(values.shape) - values
    # None of them knows the 5, and so they are asked for more than they know.
    assert np.sqrt(np.mean(errors**2)) < np.std(values)


def test_ratings_that_count_more_decide_the_weights(tmp_path: Path) -> None:
    # Of two values held out of each user, the first is as one member says and the second as the other.
    values = np.tile([3.0, 1.0, 2.0], (4, 1))
    blocks, _ = write_blocks(
        tmp_path,
        np.ones(values.shape),
        values=values,
        rating_weights=np.tile([1.0, 9.0, 1.0], (4, 1)),
        holdout=np.tile([True, True, False], (4, 1)),
    )
    members = []
    for name, level in (("high", 3.0), ("low", 1.0)):
        pieces = [np.full((4, 1), level), np.ones((3, 1))]
        parts = write_parts_here(
            [{"vectors": np.float32(one), "known": np.full(len(one), True)} for one in pieces],
            dict,
            tmp_path,
            name,
        )
        members.append(Factors((parts[0],), (parts[1],)))
    totals = Stacking(tuple(members), mean=2.0).sum_block(3, blocks.blocks[0])["totals"]
    # By entry of a user: (member - mean, member - mean, value - mean), (1, -1, 1) once and (1, -1, -1) nine times.
    expected = [[10, -10, -8], [-10, 10, 8], [-8, 8, 10]]
    assert totals.sum(axis=0).reshape(3, 3).tolist() == (4 * np.array(expected)).tolist()


def test_weights_that_are_learnt_from_nothing_are_equal_and_said_to_be(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of few values a small share is none."""
    model = Stack(StackSettings(held_out_share=1e-9), [Known("svd", [0]), Known("nmf", [1])])
    values = np.where(RNG.random((N_USERS, N_ITEMS)) < 0.1, 3.0, 0.0)
    fitted = fit_here(model, values, tmp_path, monkeypatch)
    assert fitted.report == {"weights": {"svd": 0.5, "nmf": 0.5}, "held_out": 0}


def test_als_is_a_member_where_it_learns_values() -> None:
    stack = {"members": ["als", "baseline"]}
    with pytest.raises(ConfigurationError, match=r"set model\.als\.feedback=explicit"):
        STACK.make(Parameters(ModelSettings.model_validate({"stack": stack})))
    als = {"feedback": "explicit"}
    made = STACK.make(Parameters(ModelSettings.model_validate({"stack": stack, "als": als})))
    assert made.parameters["members"]["als"]["feedback"] == "explicit"


@pytest.mark.parametrize("members", [("svd",), ("svd", "svd"), ("ease", "svd")])
def test_members_are_different_models_that_predict_values(members: tuple[str, ...]) -> None:
    with pytest.raises(ValidationError):
        StackSettings.model_validate({"members": members})
