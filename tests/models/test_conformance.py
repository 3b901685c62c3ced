"""What is true of every model in the registry, whatever it is."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from conformance import Made, World, fit, random_world, select
from pydantic import ValidationError

from toplists.config.model import ModelSettings
from toplists.engine.kernels.candidates import Selection
from toplists.engine.kernels.ordered_sums import CHUNK_ROWS
from toplists.engine.scorers import open_scorer
from toplists.engine.shapes import Mixture
from toplists.errors import InputRefusedError
from toplists.lake.dataset import Dataset
from toplists.models.models_page import settings_of
from toplists.models.registry import MODELS
from toplists.models.store import load_shape, save_shape

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

WHOLE = random_world()
N_USERS, N_ITEMS = WHOLE.values.shape
LARGE = random_world(users=7 * CHUNK_ROWS + 14, items=7 * CHUNK_ROWS + 9, share=0.02)

Fit = Callable[..., Made]


@pytest.fixture(scope="module")
def fits(spark: SparkSession, tmp_path_factory: pytest.TempPathFactory) -> Fit:
    """Fits a model to a world; to the whole one, uncut, once."""
    made: dict[str, Made] = {}

    def fits(name: str, world: World = WHOLE, **how: object) -> Made:
        if world is not WHOLE or how:
            return fit(spark, tmp_path_factory.mktemp(name), name, world, **how)
        if name not in made:
            made[name] = fit(spark, tmp_path_factory.mktemp(name), name, world)
        return made[name]

    return fits


def same(left: Selection, right: Selection) -> None:
    assert np.array_equal(left.items, right.items)
    assert np.array_equal(left.target_ranks, right.target_ranks)
    np.testing.assert_allclose(left.scores, right.scores, rtol=1e-5)
    np.testing.assert_allclose(left.target_scores, right.target_scores, rtol=1e-5)


@pytest.mark.parametrize("name", MODELS)
class TestEveryModel:
    def test_it_ends_in_the_shape_that_it_says(self, fits: Fit, name: str) -> None:
        assert isinstance(fits(name).shape, MODELS[name].shape)

    def test_lists_are_sorted_and_hold_nothing_seen_or_twice(self, fits: Fit, name: str) -> None:
        lists = fits(name).select(N_ITEMS + 5)  # more than there are
        for user, (items, scores) in enumerate(zip(lists.items, lists.scores, strict=True)):
            own = items[items >= 0]
            assert np.isfinite(scores[items >= 0]).all()
            assert np.isnan(scores[items < 0]).all()
            assert (np.diff(scores[items >= 0]) <= 0).all()
            assert len(set(own)) == len(own) <= N_ITEMS
            assert np.isnan(WHOLE.values[user, own]).all()

    def test_ranks_are_those_of_the_lists(self, fits: Fit, name: str) -> None:
        lists = fits(name).select(N_ITEMS)
        ranks = lists.target_ranks.reshape(N_USERS, N_ITEMS)
        for own, items in zip(ranks, lists.items, strict=True):
            listed = items[items >= 0]
            assert own[listed].tolist() == list(range(1, len(listed) + 1))

    def test_users_one_by_one_get_what_they_get_together(self, fits: Fit, name: str) -> None:
        made = fits(name)
        same(made.select(5), made.select(5, one_by_one=True))

    def test_the_same_seed_gives_the_same_however_blocks_are_cut(
        self, fits: Fit, name: str
    ) -> None:
        # Eight blocks of users and eight of items; a side's blocks begin at whole chunks.
        eighths = range(CHUNK_ROWS, 8 * CHUNK_ROWS, CHUNK_ROWS)
        cut = fits(name, LARGE, cuts=(eighths, eighths))
        assert (len(cut.users.blocks), len(cut.items.blocks)) == (8, 8)
        same(fits(name, LARGE).select(5), cut.select(5))

    def test_it_comes_back_as_it_was_saved(
        self, spark: SparkSession, no_rows: Path, fits: Fit, name: str, tmp_path: Path
    ) -> None:
        made, dataset = fits(name), Dataset.open(str(tmp_path / "lake"), "test")
        dataset.create_tables()
        save_shape(spark, made.shape, dataset, "m", made.users, made.items)
        again = load_shape(
            spark, dataset, made.shape.kind, "m", made.users, made.items, tmp_path / "again"
        )
        same(made.select(5), select(again, made.users, made.items, 5))

    def test_as_a_member_of_a_mixture_it_says_what_it_says_alone(
        self, fits: Fit, name: str
    ) -> None:
        made = fits(name)
        if isinstance(made.shape, Mixture):
            return
        alone = made.select(1, seen=False).target_scores.reshape(N_USERS, N_ITEMS)
        (ref,) = made.users.blocks
        scores = open_scorer(made.shape, ref.open(), "train", N_ITEMS)(np.arange(N_USERS))
        said = np.isfinite(alone)
        np.testing.assert_allclose(scores[said], alone[said], rtol=1e-5)
        # What is 0 or no number says nothing.
        assert not np.nan_to_num(scores[~said], posinf=0, neginf=0).any()

    def test_who_and_what_is_cold_breaks_nothing(self, fits: Fit, name: str) -> None:
        values = WHOLE.values.copy()
        values[3] = np.nan  # a user without an interaction
        values[:, 4] = np.nan  # an item without one
        values[5, values[5] >= 4] = 2.0  # a user who likes nothing
        holdout = np.zeros(values.shape, dtype=np.bool_)
        holdout[6] = ~np.isnan(values[6])  # all of whom is held out
        lists = fits(name, World(values, holdout)).select(N_ITEMS)
        assert lists.items.shape == (N_USERS, N_ITEMS)
        assert np.isfinite(lists.scores[lists.items >= 0]).all()
        # The new item is listed by who knows items by what they are, with a score, and by nobody else.
        listed = (lists.items == 4).any(axis=1)
        scores = lists.target_scores.reshape(N_USERS, N_ITEMS)[:, 4]
        assert np.array_equal(listed, np.isfinite(scores))
        assert listed.any() == MODELS[name].scores_new_items

    @pytest.mark.parametrize("shape", [(3, 4), (0, 0)])
    def test_nothing_to_learn_is_refused_or_lists_nothing(
        self, fits: Fit, name: str, shape: tuple[int, int]
    ) -> None:
        try:
            made = fits(name, World(np.full(shape, np.nan)))
        except InputRefusedError as error:
            assert re.search(r"model\.name=|prepare\.|Use ", str(error))  # noqa: PT017  (or it lists)
        else:
            lists = made.select(2).items
            assert len(lists) == shape[0]
            assert (lists == -1).all()

    def test_one_user_is_enough(self, fits: Fit, name: str) -> None:
        values = np.array([[5.0, 4.0, np.nan, 2.0]])
        lists = fits(name, World(values)).select(4)
        assert not np.isin(lists.items, [0, 1, 3]).any()

    def test_values_that_are_all_equal_break_nothing(self, fits: Fit, name: str) -> None:
        values = np.where(np.isnan(WHOLE.values), np.nan, 4.0)
        lists = fits(name, World(values)).select(5)
        assert np.isfinite(lists.scores[lists.items >= 0]).all()


@pytest.mark.parametrize("name", [one.name for one in MODELS.values() if one.feedback == "values"])
def test_who_learns_values_refuses_to_do_without(fits: Fit, name: str) -> None:
    with pytest.raises(InputRefusedError, match=rf"{name} .*model\.name="):
        fits(name, World(WHOLE.values, with_values=False))


@pytest.mark.parametrize("name", MODELS)
def test_settings_have_ranges(name: str) -> None:
    """Nonsense is refused before anything is fitted: a text for any number, a number below any range."""
    own = (one for one in settings_of(MODELS[name]) if one.key.startswith("model."))
    for setting in own:
        _, section, key = setting.key.split(".")
        nonsense = [-1e31, "nonsense"] if not isinstance(setting.default, bool) else ["nonsense"]
        for value in nonsense:
            with pytest.raises(ValidationError):
                ModelSettings.model_validate({section: {key: value}})
