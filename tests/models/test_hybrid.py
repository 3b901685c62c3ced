"""Mixtures of models against dense sums of z-scores, and how their weights are chosen."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fitted import NO_SPARK, fit_here, fitted_weights, likings, without_spark
from pydantic import ValidationError
from snapshots import write_blocks

from toplists.config.model import ModelSettings
from toplists.config.model_hybrid import HybridSettings
from toplists.engine import inner_holdout
from toplists.engine.alternation import Start
from toplists.engine.blocks import BlockRef
from toplists.engine.kernels.candidates import Candidates, ItemSets, Selection, no_sets
from toplists.engine.kernels.draws import derive_seed
from toplists.engine.mix_choice import _ndcg, round_mixes
from toplists.engine.selectors import open_selector
from toplists.engine.shapes import Factors, ItemWeights, Mixture, commit_shape, open_shape
from toplists.engine.storage import save_part
from toplists.errors import ConfigurationError, InputRefusedError
from toplists.models.definition import Parameters
from toplists.models.hybrid import HYBRID, Hybrid
from toplists.models.item_knn import ITEM_KNN
from toplists.models.local_ridge import LOCAL_RIDGE
from toplists.models.protocol import Fitted, TrainingData
from toplists.models.registry import can_start_warm, vectors_of

N_USERS, N_ITEMS = 150, 20  # more users than fit a tile
RNG = np.random.default_rng(7)
LIKED = np.where(RNG.random((N_USERS, N_ITEMS)) < 0.3, 1.0, 0.0)
LIKED[3] = 0
USERS, ITEMS = RNG.normal(size=(N_USERS, 3)), RNG.normal(size=(N_ITEMS, 3))
KNOWN_USERS, KNOWN_ITEMS = RNG.random(N_USERS) < 0.8, RNG.random(N_ITEMS) < 0.8
WEIGHTS = RNG.normal(size=(N_ITEMS, N_ITEMS)) * (RNG.random((N_ITEMS, N_ITEMS)) < 0.2)
LISTABLE = RNG.random(N_ITEMS) < 0.9


def members(folder: Path, new_items: int = 0) -> tuple[Factors, ItemWeights]:
    """One block each; weights are of history by scored. Behind the items are some that nobody knows."""
    users, items = (
        save_part(str(folder), side, {"vectors": vectors.astype(np.float32), "known": known})
        for side, vectors, known in (
            ("users", USERS, KNOWN_USERS),
            (
                "items",
                np.vstack((ITEMS, np.zeros((new_items, 3)))),
                np.append(KNOWN_ITEMS, np.zeros(new_items, dtype=np.bool_)),
            ),
        )
    )
    scored, history = np.nonzero(WEIGHTS.T)
    weights = {
        "indptr": np.searchsorted(scored, np.arange(N_ITEMS + new_items + 1)),
        "neighbours": history.astype(np.int32),
        "weights": WEIGHTS[history, scored].astype(np.float32),
    }
    return Factors((users,), (items,)), ItemWeights((save_part(str(folder), "weights", weights),))


def oracle(weights: tuple[float, float], *, standardized: bool) -> np.ndarray:
    """Totals; NaN where nobody says anything, or, of values, where not everybody does."""
    known = KNOWN_USERS[:, None] & KNOWN_ITEMS
    total, said = np.zeros(LIKED.shape), np.zeros(LIKED.shape, dtype=np.bool_)
    scores = np.where(known, USERS @ ITEMS.T, np.nan), LIKED @ WEIGHTS
    if not standardized:
        return weights[0] * scores[0] + weights[1] * scores[1]
    for weight, own in zip(weights, scores, strict=True):
        for user, row in enumerate(own):
            finite = np.isfinite(row)
            if not finite.any() or row[finite].std() == 0:
                continue
            there = row[finite]
            total[user, finite] += weight * (there - there.mean()) / there.std()
            said[user, finite] |= there != 0
    return np.where(said, total, np.nan)


@pytest.mark.parametrize("standardized", [True, False])
def test_lists_are_by_the_sum_over_members(tmp_path: Path, standardized: bool) -> None:
    weights = (0.75, 0.25)
    shape = Mixture(members(tmp_path), weights, standardized)
    users, _ = write_blocks(tmp_path / "blocks", np.where(LIKED > 0, LIKED, np.nan))
    block = users.blocks[0].open()
    selector = open_selector(shape, block, "all", LISTABLE, 1 << 20)
    expected = oracle(weights, standardized=standardized)
    expected[(LIKED > 0) | ~LISTABLE] = np.nan

    def select(rows: np.ndarray) -> Selection:
        seen = ItemSets(*block.seen("all")).of(rows)
        targets = ItemSets(
            np.arange(len(rows) + 1) * N_ITEMS,
            np.tile(np.arange(N_ITEMS, dtype=np.int32), len(rows)),
        )
        return selector.select(rows, Candidates(seen), 5, targets)

    found = select(np.arange(N_USERS))
    np.testing.assert_allclose(found.target_scores.reshape(LIKED.shape), expected, atol=1e-4)
    assert found.scored.tolist() == np.isfinite(expected).sum(axis=1).tolist()
    for row, items in zip(found.target_scores.reshape(LIKED.shape), found.items, strict=True):
        best = [i for i in np.lexsort((np.arange(N_ITEMS), -row)) if np.isfinite(row[i])][:5]
        assert items[items >= 0].tolist() == best
    ranks = found.target_ranks.reshape(LIKED.shape)
    for row, items in zip(ranks, found.items, strict=True):
        assert row[items[items >= 0]].tolist() == list(range(1, 1 + np.count_nonzero(items >= 0)))

    some = np.array([1, 3, 77, 149])
    alone = select(some)
    assert np.array_equal(alone.items, found.items[some])
    np.testing.assert_array_equal(alone.scores, found.scores[some])


def test_items_that_nobody_knows_change_no_score(tmp_path: Path) -> None:
    found = []
    for new in (0, 30):
        folder, n_items = tmp_path / str(new), N_ITEMS + new
        liked = np.full((N_USERS, n_items), np.nan)
        liked[:, :N_ITEMS] = np.where(LIKED > 0, LIKED, np.nan)
        users, _ = write_blocks(folder / "blocks", liked)
        shape = Mixture(members(folder, new), (0.75, 0.25))
        selector = open_selector(
            shape, users.blocks[0].open(), "all", np.ones(n_items, dtype=np.bool_), 1 << 20
        )
        every = np.tile(np.arange(N_ITEMS, dtype=np.int32), N_USERS)
        found.append(
            selector.select(
                np.arange(N_USERS),
                Candidates(no_sets(N_USERS)),
                5,
                ItemSets(np.arange(N_USERS + 1) * N_ITEMS, every),
            )
        )
    np.testing.assert_array_equal(found[1].items, found[0].items)
    np.testing.assert_allclose(found[1].target_scores, found[0].target_scores, atol=1e-12)


def test_a_mixture_is_found_where_it_was_committed(tmp_path: Path) -> None:
    shape = Mixture(members(tmp_path), (0.75, 0.25), standardized=False)
    commit_shape(tmp_path, shape)
    assert open_shape(tmp_path) == shape


def test_mixes_are_round_a_dozen_and_the_most_even_first() -> None:
    assert round_mixes(1) == [(1.0,)]
    assert round_mixes(2)[:2] == [(0.5, 0.5), (0.4, 0.6)]
    for n in range(2, 9):
        mixes = round_mixes(n)
        assert n <= len(mixes) <= 17
        assert len(set(mixes)) == len(mixes)
        assert mixes[0] == (1 / n,) * n
        # Of many models not only single ones are tried, nor pairs.
        assert n == 1 or {np.count_nonzero(mix) for mix in mixes} >= {1, n - 1, n}
        assert all(sum(mix) == pytest.approx(1) and min(mix) >= 0 for mix in mixes)
        assert {tuple(row) for row in np.eye(n)} <= set(mixes)


def test_ndcg_of_lists() -> None:
    wanted = ItemSets(np.array([0, 2, 3]), np.array([0, 4, 2], dtype=np.int32))
    lists = np.array([[4, 1, 0], [0, -1, -1]], dtype=np.int32)
    ideal = 1 + 1 / np.log2(3)
    assert _ndcg(lists, wanted).tolist() == pytest.approx([(1 + 1 / np.log2(4)) / ideal, 0])


Fit = Callable[..., Fitted]
GROUPED = likings(users=200, items=40)


@pytest.fixture
def fit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Fit:
    folders = map(tmp_path.joinpath, map(str, count()))

    def fit(liked: np.ndarray, how: Mapping[str, Any] | None = None, **changes: Any) -> Fitted:
        settings = {
            "hybrid": {"members": ["local_ridge", "item_knn"], "weights": [], **changes},
            "local_ridge": {"neighbours": 10},
        }
        model = HYBRID.make(Parameters(ModelSettings.model_validate(settings)))
        return fit_here(model, liked, next(folders), monkeypatch, **(how or {}))

    return fit


def test_weights_are_those_of_the_best_mix(
    fit: Fit, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    figures = mix_figures(tmp_path, monkeypatch)
    fitted = fit(GROUPED)
    assert fitted.report["ndcg@10"] == pytest.approx(figures, abs=1e-5)
    best = max(figures, key=lambda mix: figures[mix])
    weights = dict(zip(["local_ridge", "item_knn"], map(float, best.split("/")), strict=True))
    assert fitted.report["weights"] == {name: w for name, w in weights.items() if w > 0}
    assert isinstance(fitted.shape, Mixture)
    assert fitted.shape.weights == tuple(fitted.report["weights"].values())
    assert len(figures) == 11
    assert max(figures.values()) > 0.1


def mix_figures(folder: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, float]:
    """The NDCG@10 of each mix on what the hybrid holds out, user by user."""
    without_spark(monkeypatch)
    sides = write_blocks(folder / "whole", np.where(GROUPED > 0, GROUPED, np.nan))
    seed = derive_seed(42, "hybrid")
    split = inner_holdout.hold_out(NO_SPARK, sides, "all", 0.1, seed, folder / "held-out")
    learnt, truth, _ = parts_of_block(split.users.blocks[0], GROUPED.shape[1])
    left = GROUPED * learnt
    settings = Parameters(ModelSettings.model_validate({"local_ridge": {"neighbours": 10}}))
    scores = []
    for member in (LOCAL_RIDGE, ITEM_KNN):
        own = left @ fitted_weights(member.make(settings), left, folder / member.name, monkeypatch)
        deviations = own.std(axis=1, keepdims=True)
        scored = (own - own.mean(axis=1, keepdims=True)) / np.where(deviations > 0, deviations, 1)
        scores.append((scored, own != 0))
    figures = {}
    for mix in round_mixes(2):
        total = sum(weight * scored for weight, (scored, _) in zip(mix, scores, strict=True))
        said = np.logical_or.reduce(
            [there for weight, (_, there) in zip(mix, scores, strict=True) if weight > 0]
        )
        gains = []
        for own, may, wanted in zip(total, said & ~learnt, truth, strict=True):
            if wanted.any():
                order = [i for i in np.lexsort((np.arange(len(own)), -own)) if may[i]][:10]
                discounts = 1 / np.log2(np.arange(2, 12))
                best = discounts[: min(10, wanted.sum())].sum()
                gains.append(
                    sum(discounts[place] for place, i in enumerate(order) if wanted[i]) / best
                )
        figures["/".join(f"{weight:g}" for weight in mix)] = float(np.mean(gains))
    return figures


def test_too_few_likings_to_choose_by_are_refused(fit: Fit) -> None:
    with pytest.raises(InputRefusedError, match=r"Give model\.hybrid\.weights"):
        fit(np.array([[1.0, 0.0]]), validation_share=0.5)


def test_given_weights_are_taken_and_0_leaves_a_member_out(fit: Fit) -> None:
    fitted = fit(GROUPED, weights=[0.0, 2.0])
    assert fitted.report["weights"] == {"item_knn": 2.0}
    assert fitted.report["ndcg@10"] == {}


def test_als_goes_on_where_its_last_fit_ended_and_nobody_else_does(tmp_path: Path) -> None:
    begun: dict[str, Start | None] = {}

    class Member:
        parameters: Mapping[str, Any] = {}

        def __init__(self, name: str) -> None:
            self.name = name

        def fit(self, data: TrainingData) -> Fitted:
            begun[self.name] = data.start
            return Fitted(ItemWeights(()))

    settings = HybridSettings(members=("als", "slim"), weights=(0.5, 0.5))
    start = Start((), ())
    nothing: Any = None
    data = TrainingData(
        *(nothing, nothing, nothing, nothing, "all", 0, datetime(2024, 1, 1, tzinfo=UTC)),
        *(nothing, (), 42, tmp_path, start),
    )
    Hybrid(settings, [Member("als"), Member("slim")]).fit(data)
    assert begun == {"als": start, "slim": None}


@pytest.mark.parametrize(
    ("hybrid", "als", "warm"),
    [
        ({"members": ["slim", "als"], "weights": [0.7, 0.3]}, {}, True),
        ({"members": ["slim", "als"], "weights": [0.7, 0.3]}, {"warm_start": False}, False),
        ({"members": ["slim", "als"], "weights": [1.0, 0.0]}, {}, False),
        # Which members count is chosen anew each time.
        ({"members": ["slim", "als"], "weights": []}, {}, False),
        ({"members": ["slim", "ease"], "weights": [0.7, 0.3]}, {}, False),
    ],
)
def test_a_night_starts_from_the_last_where_als_counts(
    hybrid: Mapping[str, Any], als: Mapping[str, Any], warm: bool
) -> None:
    settings = ModelSettings.model_validate({"name": "hybrid", "hybrid": hybrid, "als": als})
    assert can_start_warm(settings) == warm


@pytest.mark.parametrize(
    ("settings", "weights"),
    [
        ({}, (0.7, 0.3)),
        ({"members": ["als", "slim"]}, (0.3, 0.7)),  # of each its own, in whatever order
        ({"members": ["item_knn", "als"]}, ()),  # to be chosen
        ({"weights": []}, ()),
        ({"weights": [1.0, 2.0]}, (1.0, 2.0)),
    ],
)
def test_weights_that_are_not_said(settings: Mapping[str, Any], weights: tuple[float, ...]) -> None:
    assert HybridSettings.model_validate(settings).given_weights == weights


def test_markov_sees_times_of_what_weights_are_chosen_by() -> None:
    def make(**hybrid: object) -> None:
        settings = ModelSettings.model_validate(
            {"hybrid": {"members": ["slim", "markov"], **hybrid}}
        )
        HYBRID.make(Parameters(settings))

    with pytest.raises(ConfigurationError, match=r"give model\.hybrid\.weights"):
        make()
    make(weights=[0.5, 0.5])


def test_a_member_of_two_parts_is_refused() -> None:
    settings = {"hybrid": {"members": ["slim", "low_pass"]}, "low_pass": {"linear": 3.3}}
    with pytest.raises(ConfigurationError, match=r"set model\.low_pass\.linear=0"):
        HYBRID.make(Parameters(ModelSettings.model_validate(settings)))


def test_the_vectors_of_a_mixture_are_those_of_als() -> None:
    weights, filtered, vectors = (
        ItemWeights(("w",)),
        Factors(("f",), ("f",)),
        Factors(("v",), ("v",)),
    )
    settings = ModelSettings.model_validate(
        {
            "name": "hybrid",
            "hybrid": {"members": ["slim", "low_pass", "ease", "als"], "weights": [1, 1, 0, 1]},
        }
    )
    shape = Mixture((weights, filtered, vectors), (1.0, 1.0, 1.0))
    assert vectors_of(settings, shape) == vectors
    assert vectors_of(ModelSettings(name="als"), vectors) == vectors
    assert vectors_of(ModelSettings(name="als"), weights) is None


def test_blocks_change_neither_the_choice_nor_its_figures(fit: Fit) -> None:
    cut = fit(GROUPED, {"cuts": ([64, 128], [10])})
    assert cut.report["ndcg@10"] == fit(GROUPED).report["ndcg@10"]


def test_fewer_users_may_be_judged(fit: Fit) -> None:
    assert fit(GROUPED, validation_users=50).report != fit(GROUPED).report


def test_the_inner_holdout_is_of_the_part_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    without_spark(monkeypatch)
    outer = np.random.default_rng(2).random(GROUPED.shape) < 0.2
    times = np.arange(GROUPED.size).reshape(GROUPED.shape) * 1_000_000
    sides = write_blocks(
        tmp_path,
        np.where(GROUPED > 0, GROUPED, np.nan),
        holdout=outer,
        times=times,
        cuts=([64], [7]),
    )
    split = inner_holdout.hold_out(NO_SPARK, sides, "train", 0.25, 1, tmp_path / "inner")
    by_user, by_item = (
        [
            np.vstack(arrays)
            for arrays in zip(
                *(parts_of_block(ref, side.columns) for ref in side.blocks), strict=True
            )
        ]
        for side in (split.users, split.items)
    )
    for own, other in zip(by_user, by_item, strict=True):
        assert np.array_equal(own, other.T)
    learnt, truth, seen = by_user
    part = (GROUPED > 0) & ~outer
    assert np.array_equal(learnt | truth, part)
    assert not (learnt & truth).any()
    assert np.array_equal(seen, learnt)
    assert 0.2 < truth.sum() / part.sum() < 0.3
    assert split.size == learnt.sum()
    first = split.users.blocks[0].open()
    users = np.repeat(np.arange(first.ref.rows), np.diff(first.indptr))
    assert np.array_equal(first.times, times[users, first.indices])


def parts_of_block(ref: BlockRef, columns: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """What is learnt from, held out, and seen, densely."""
    block = ref.open()
    learnt = block.trained("train", columns).toarray() > 0

    def dense(sets: ItemSets) -> np.ndarray:
        flags = np.zeros((ref.rows, columns), dtype=np.bool_)
        flags[np.repeat(np.arange(ref.rows), np.diff(sets.indptr)), sets.items] = True
        return flags

    return learnt, dense(ItemSets(*block.truth())), dense(ItemSets(*block.seen("train")))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"members": ["als", "als"]}, "names a model twice"),
        ({"weights": [1.0]}, "as many as members"),
        ({"weights": [0, 0]}, "not all be 0"),
        ({"weights": [1, -1]}, "greater than or equal to 0"),
        ({"members": []}, "at least 1"),
    ],
)
def test_settings_that_make_no_sense_are_refused(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        HybridSettings.model_validate(settings)


def test_a_member_that_would_see_what_is_held_out_is_refused() -> None:
    settings = ModelSettings.model_validate({"als": {"engine": "mllib", "over_relaxation": True}})
    with pytest.raises(ConfigurationError, match=r"set model\.als\.engine=kernels"):
        HYBRID.make(Parameters(settings))


def test_a_member_that_learns_values_is_refused() -> None:
    settings = ModelSettings.model_validate({"als": {"feedback": "explicit"}})
    with pytest.raises(ConfigurationError, match=r"set model\.als\.feedback=implicit"):
        HYBRID.make(Parameters(settings))
