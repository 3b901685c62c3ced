"""Which settings are tried."""

from __future__ import annotations

from itertools import pairwise
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from toplists.config.model import ModelSettings
from toplists.config.model_als import AlsSettings, PenaltyScaling
from toplists.models.als import als_space
from toplists.models.registry import MODELS, search_spaces
from toplists.models.search import Choices, LogRange, Range, Rung, Space, halve

SPACES = [
    *search_spaces(ModelSettings()).values(),
    *(als_space(AlsSettings(regularization_scaling=one)) for one in get_args(PenaltyScaling)),
    als_space(AlsSettings(feedback="explicit")),
    als_space(AlsSettings(engine="mllib", over_relaxation=True)),
]
TINY = Space({"size": Choices((1, 2, 4)), "pull": LogRange(0.01, 1.0)})


@given(st.sampled_from(SPACES), st.integers(1, 80), st.integers(0, 2**32))
def test_what_is_drawn_is_within_limits_and_the_same_for_the_same_seed(
    space: Space, number: int, seed: int
) -> None:
    drawn = space.random(number, seed)
    assert drawn == space.random(number, seed)
    assert drawn[: number // 2] == space.random(number // 2, seed)
    assert len(drawn) == len({tuple(one.values()) for one in drawn}) <= number
    for one in drawn:
        assert one.keys() == space.dimensions.keys()
        for name, value in one.items():
            dimension = space.dimensions[name]
            if isinstance(dimension, Choices):
                assert value in dimension.values
            else:
                assert dimension.low <= value <= dimension.high
                assert float(f"{value:.3g}") == value  # short enough to be read


@given(st.sampled_from(SPACES), st.integers(1, 100))
def test_a_grid_has_no_more_than_it_may_and_both_ends(space: Space, most: int) -> None:
    grid = space.grid(most)
    assert 1 <= len(grid) <= most
    assert len({tuple(one.values()) for one in grid}) == len(grid)
    for name, dimension in space.dimensions.items():
        tried = {one[name] for one in grid}
        if len(tried) > 1:
            assert {dimension.at(0.0), dimension.at(1.0)} <= tried


def test_a_grid_is_all_combinations() -> None:
    assert TINY.grid(7) == [
        {"size": size, "pull": pull} for size in (1, 2, 4) for pull in (0.01, 1.0)
    ]
    assert TINY.grid(1) == [{"size": 2, "pull": 0.1}]


def test_draws_end_where_there_is_nothing_else() -> None:
    assert len(Space({"size": Choices((1, 2, 4))}).random(10, seed=1)) == 3


def test_ranges_go_by_differences_or_by_factors() -> None:
    assert [Range(0, 100).at(share) for share in (0.0, 0.5, 1.0)] == [0, 50, 100]
    assert Range(0.0, 1.0).at(0.12345) == 0.123
    assert [LogRange(1, 100).at(share) for share in (0.0, 0.5, 1.0)] == [1, 10, 100]
    assert LogRange(0.001, 1.0).at(1 / 3) == pytest.approx(0.01)


def test_draws_fill_a_log_range_by_factors() -> None:
    pulls = [one["pull"] for one in TINY.random(200, seed=3)]
    assert 70 <= sum(pull < 0.1 for pull in pulls) <= 130


@given(st.integers(1, 500), st.integers(1, 500))
def test_halving_keeps_half_and_doubles_iterations(entries: int, iterations: int) -> None:
    rungs = halve(entries, iterations)
    assert rungs[0].entries == entries
    assert rungs[-1].iterations == iterations
    assert rungs[-1].entries <= 2 or rungs[0].iterations == 1  # no further halving
    for before, after in pairwise(rungs):
        assert after.entries == -(-before.entries // 2)
        assert 2 * before.iterations <= after.iterations <= 2 * before.iterations + 1


def test_sixty_settings_of_ten_iterations() -> None:
    assert halve(60, 10) == [Rung(60, 1), Rung(30, 2), Rung(15, 5), Rung(8, 10)]


def test_what_can_be_tuned_are_settings_of_models() -> None:
    settings = ModelSettings()
    for name, space in search_spaces(settings).items():
        assert name in MODELS
        assert space.dimensions.keys() <= getattr(settings, name).model_dump().keys()
    assert "alpha" not in als_space(AlsSettings(feedback="explicit")).dimensions
    assert als_space(AlsSettings(engine="mllib")).warmth is None
