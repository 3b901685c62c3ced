"""Ratings predicted from neighbours, against the formula pair by pair."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conformance import select
from pydantic import ValidationError
from snapshots import write_blocks

from toplists.config.model_knn import RatingKnnSettings
from toplists.config.model_ratings import BaselineSettings
from toplists.engine.baselines import Rated, fit_baselines
from toplists.engine.comparison import Comparison
from toplists.engine.exchange import write_parts_here
from toplists.engine.kernels.ordered_sums import CHUNK_ROWS
from toplists.engine.rating_levels import Leveling
from toplists.engine.scorers import open_scorer
from toplists.engine.shapes import RatedNeighbours, commit_shape, open_shape, open_vectors
from toplists.models.baseline import baseline_method
from toplists.models.rating_knn import RatingKnn, fit_neighbours

N_USERS, N_ITEMS = 20, 11
LONG = CHUNK_ROWS + 3  # users that may be cut


def ratings(seed: int = 1, users: int = N_USERS, items: int = N_ITEMS) -> np.ndarray:
    """Half stars, NaN where not rated; user 3 and item 5 have none, user 4 rates all alike."""
    rng = np.random.default_rng(seed)
    values = 3 + rng.normal(size=(users, 1)) + rng.normal(size=items)
    values = np.clip(np.round(2 * values + rng.normal(size=values.shape)) / 2, 0.5, 5)
    values[rng.random(values.shape) > 0.35] = np.nan
    values[3], values[:, 5] = np.nan, np.nan
    values[4, :3] = 4.0
    values[4, 3:] = np.nan
    return values


class World:
    """Ratings as blocks, and what is fitted to them in this process."""

    def __init__(self, values: np.ndarray, folder: Path, **how: Any) -> None:
        self.values, self.folder = values, folder
        self.users, self.items = write_blocks(folder / "blocks", values, **how)
        self.rated = Rated(self.users, self.items, "train", float(np.nanmean(values)))

    def fit(self, **settings: Any) -> RatedNeighbours:
        own = RatingKnnSettings(**settings)
        baselines = fit_baselines(
            self.rated,
            baseline_method(BaselineSettings()),
            self.folder / "baselines",
            write_parts_here,
        )
        leveling = Leveling(self.rated, own.center, own.by, baselines)
        return fit_neighbours(leveling, own, self.folder / "model", write_parts_here)

    def predictions(self, shape: RatedNeighbours) -> np.ndarray:
        """Of every user and item, NaN where there is none."""
        found = select(shape, self.users, self.items, 1, seen=False)
        return found.target_scores.reshape(self.users.rows, self.items.rows)

    def similarities(self, **settings: Any) -> np.ndarray:
        """Of all pairs of the side that is similar, 0 where there is none."""
        own = RatingKnnSettings(**settings)
        sides = (self.users, self.items) if own.by == "users" else (self.items, self.users)
        comparison = Comparison(*sides, "train", "rated", own, own.by == "users", signed=own.signed)
        found = np.zeros((sides[0].rows, sides[0].rows))
        for ref in sides[0].blocks:
            lists = comparison.neighbours(ref, own.neighbours)
            owners = np.repeat(np.arange(ref.rows), np.diff(lists.indptr)) + ref.first
            found[owners, lists.columns] = lists.values
        return found

    def baselines(self) -> np.ndarray:
        found = fit_baselines(
            self.rated,
            baseline_method(BaselineSettings()),
            self.folder / "expected",
            write_parts_here,
        )
        users, items = (
            np.concatenate([open_vectors(part)[0] for part in parts])
            for parts in (found.users, found.items)
        )
        return users[:, :1].astype(np.float64) + items[:, 1]


def expected(world: World, **given: Any) -> np.ndarray:
    """What scikit-surprise's KNNBasic, KNNWithMeans, KNNWithZScore and KNNBaseline would say."""
    settings = RatingKnnSettings(**given)
    values, similar = world.values, world.similarities(**given)
    there = ~np.isnan(values)
    by_users = settings.by == "users"
    axis = 1 if by_users else 0
    means = np.array(
        [
            own[~np.isnan(own)].mean() if (~np.isnan(own)).any() else 0
            for own in (values if by_users else values.T)
        ]
    )
    spreads = np.array(
        [
            own[~np.isnan(own)].std() if (~np.isnan(own)).any() else 0
            for own in (values if by_users else values.T)
        ]
    )
    spreads[spreads == 0] = values[there].std()
    level, spread = np.zeros(values.shape), np.ones(values.shape)
    if settings.center in ("means", "z_score"):
        level += np.expand_dims(means, axis)
    if settings.center == "z_score":
        spread *= np.expand_dims(spreads, axis)
    if settings.center == "baseline":
        level = world.baselines()
    found = np.full(values.shape, np.nan)
    raters = there.sum(axis=0)
    for user in np.flatnonzero(there.any(axis=1)):
        for item in np.flatnonzero(there.any(axis=0)):
            if by_users:
                others = [(v, item, similar[user, v]) for v in np.flatnonzero(there[:, item])]
                others.sort(key=lambda one: (-abs(one[2]), one[0]))
            else:
                others = [(user, j, similar[item, j]) for j in np.flatnonzero(there[user])]
                others.sort(key=lambda one: (-abs(one[2]), raters[one[1]], one[1]))
            others = [one for one in others if one[2] != 0][: settings.k]
            top = sum(s * (values[v, j] - level[v, j]) / spread[v, j] for v, j, s in others)
            bottom = sum(abs(s) for _, _, s in others) + settings.denominator
            if len(others) < settings.min_k or bottom == 0:
                left = world.rated.mean if settings.center == "none" else 0.0
            else:
                left = spread[user, item] * top / bottom
            found[user, item] = level[user, item] + left
    return found


PLAIN = {"measure": "msd", "shrinkage": 0.0, "neighbours": None}


@pytest.mark.parametrize("by", ["users", "items"])
@pytest.mark.parametrize("center", ["none", "means", "z_score", "baseline"])
def test_it_is_the_formula(by: str, center: str, tmp_path: Path) -> None:
    world = World(ratings(), tmp_path)
    how = {**PLAIN, "by": by, "center": center, "k": 3}
    np.testing.assert_allclose(
        world.predictions(world.fit(**how)), expected(world, **how), atol=1e-5
    )


@pytest.mark.parametrize("by", ["users", "items"])
@pytest.mark.parametrize(
    "other",
    [
        {"k": 1},
        {"k": 100},
        {"min_k": 5},
        {"denominator": 0.7},
        {"neighbours": 2},
        {"min_common": 2},
        {"measure": "pearson", "signed": True},
        {"measure": "baseline_pearson", "signed": True, "denominator": 0.3, "shrinkage": 10.0},
    ],
)
def test_every_setting_counts(by: str, other: dict[str, Any], tmp_path: Path) -> None:
    world = World(ratings(), tmp_path)
    plain = {**PLAIN, "by": by, "center": "means", "k": 5}
    how = {**plain, **other}
    found = world.predictions(world.fit(**how))
    np.testing.assert_allclose(found, expected(world, **how), atol=1e-5)
    assert not np.allclose(found, world.predictions(world.fit(**plain)), equal_nan=True)


@pytest.mark.parametrize("by", ["users", "items"])
def test_blocks_and_batches_change_nothing(by: str, tmp_path: Path) -> None:
    whole = World(ratings(users=LONG), tmp_path / "whole")
    cut = World(ratings(users=LONG), tmp_path / "cut", cuts=([CHUNK_ROWS], [5]))
    found = whole.predictions(whole.fit(by=by, k=2, center="z_score"))
    shape = cut.fit(by=by, k=2, center="z_score")
    assert np.array_equal(found, cut.predictions(shape), equal_nan=True)
    alone = select(shape, cut.users, cut.items, 1, one_by_one=True, seen=False).target_scores
    assert np.array_equal(found.ravel(), alone, equal_nan=True)


def test_the_holdout_is_not_learnt_from(tmp_path: Path) -> None:
    values = ratings()
    held_out = np.random.default_rng(5).random(values.shape) < 0.3
    left = np.where(held_out, np.nan, values)
    one = World(values, tmp_path / "with", holdout=held_out)
    one.rated = Rated(one.users, one.items, "train", float(np.nanmean(left)))
    other = World(left, tmp_path / "without")
    assert np.array_equal(
        one.predictions(one.fit(k=3)), other.predictions(other.fit(k=3)), equal_nan=True
    )


def test_lists_are_the_highest_predictions_of_what_may_be_listed(tmp_path: Path) -> None:
    world = World(ratings(), tmp_path)
    shape = world.fit(by="users", k=3)
    scores = world.predictions(shape)
    seen = ~np.isnan(world.values)
    found = select(shape, world.users, world.items, 4)
    open_scores = np.where(seen, np.nan, scores)
    for user, own in enumerate(open_scores):
        order = sorted(np.flatnonzero(~np.isnan(own)), key=lambda item, own=own: (-own[item], item))
        assert found.items[user].tolist() == (order + [-1] * 4)[:4]


def test_small_truths(tmp_path: Path) -> None:
    """Ann and Bob agree, Cid is two stars off; Ann has not rated the last item."""
    nan = np.nan
    values = np.array([[4.0, 2.0, nan], [4.0, 2.0, 5.0], [2.0, 4.0, 1.0]])
    world = World(values, tmp_path)
    # MSD: Bob 1 / (0 + 1), Cid 1 / (4 + 1).
    basic = world.fit(by="users", center="none", **PLAIN)
    assert world.predictions(basic)[0, 2] == pytest.approx((5 * 1 + 1 * 0.2) / 1.2)
    nearest = world.fit(by="users", center="none", k=1, **PLAIN)
    assert world.predictions(nearest)[0, 2] == pytest.approx(5)
    # Ann's mean is 3, Bob's 11/3, Cid's 7/3.
    means = world.fit(by="users", center="means", **PLAIN)
    assert world.predictions(means)[0, 2] == pytest.approx(3 + (4 / 3 - 0.2 * 4 / 3) / 1.2)
    # The last item to the first: (5-4)² and (1-2)² make 1/2; to the second: 9 and 9 make 1/10.
    items = world.fit(by="items", center="none", **PLAIN)
    assert world.predictions(items)[0, 2] == pytest.approx((4 * 0.5 + 2 * 0.1) / 0.6)


def test_parameters_say_what_decides(tmp_path: Path) -> None:
    def parameters(**settings: Any) -> dict[str, Any]:
        return dict(RatingKnn(RatingKnnSettings(**settings), BaselineSettings()).parameters)

    assert parameters()["feedback"] == "explicit"
    assert parameters()["baseline"]["user_penalty"] == 15.0
    assert "baseline" not in parameters(center="means")


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"min_k": 50}, "min_k must not exceed k"),
        ({"center": "none", "denominator": 0.5}, "denominator needs a level"),
        ({"center": "none", "signed": True}, "signed needs a level"),
    ],
)
def test_settings_that_predict_no_values_are_refused(settings: dict[str, Any], said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        RatingKnnSettings(**settings)


@pytest.mark.parametrize("by", ["users", "items"])
def test_as_a_member_it_predicts_the_same(by: str, tmp_path: Path) -> None:
    world = World(ratings(users=LONG), tmp_path, cuts=([CHUNK_ROWS], []))
    shape = world.fit(by=by, k=2, signed=True, denominator=0.3)
    found = []
    for ref in world.users.blocks:
        rows = np.arange(ref.rows)[::-1]
        values = open_scorer(shape, ref.open(), "train", N_ITEMS)(rows)
        found.append(values[::-1])
    np.testing.assert_allclose(np.concatenate(found), world.predictions(shape), rtol=1e-6)
    commit_shape(tmp_path, shape)
    assert open_shape(tmp_path) == shape
