"""Ranking metrics: known answers, and a plain oracle."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain
from math import log2

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from toplists.engine.kernels.metrics import measure
from toplists.engine.kernels.outcomes import Outcomes, liked_only, unknown_traits

DEPTH = 50
RANKING = ("hit_rate", "precision", "recall", "capped_recall", "ndcg", "map", "mrr", "arhr")
METRICS = tuple(f"{kind}@{cutoff}" for cutoff in (10, 50) for kind in RANKING)


def block(*users: tuple[list[int], list[int]]) -> Outcomes:
    """Outcomes for users given as (list, held-out likings)."""
    lists = np.full((len(users), DEPTH), -1, dtype=np.int32)
    for row, (ranked, _) in enumerate(users):
        lists[row, : len(ranked)] = ranked
    truth = [sorted(held_out) for _, held_out in users]
    indptr = np.cumsum([0, *map(len, truth)]).astype(np.int64)
    return liked_only(lists, indptr, np.array([*chain(*truth)], dtype=np.int32))


def figures(outcomes: Outcomes, metrics: Sequence[str]) -> dict[str, np.ndarray]:
    """Users' figures by metric, of users who all count."""
    measured = measure(outcomes, unknown_traits(100), metrics)
    assert all(np.all(one.denominators == 1) for one in measured.values())
    return {name: one.numerators for name, one in measured.items()}


def plain_metrics(ranked: list[int], held_out: list[int], k: int) -> dict[str, float]:
    """The definitions, written as they are read."""
    hits = [item in held_out for item in ranked[:k]]
    ranks = [rank for rank, hit in enumerate(hits, start=1) if hit]
    gain = sum(1 / log2(rank + 1) for rank, hit in enumerate(hits, start=1) if hit)
    ideal = sum(1 / log2(rank + 1) for rank in range(1, min(k, len(held_out)) + 1))
    return {
        f"hit_rate@{k}": float(any(hits)),
        f"precision@{k}": sum(hits) / k,
        f"recall@{k}": sum(hits) / len(held_out),
        f"capped_recall@{k}": sum(hits) / min(k, len(held_out)),
        f"ndcg@{k}": gain / ideal,
        f"map@{k}": sum(sum(hits[:rank]) / rank for rank in ranks) / min(k, len(held_out)),
        f"mrr@{k}": 1 / ranks[0] if ranks else 0.0,
        f"arhr@{k}": sum(1 / rank for rank in ranks) / len(held_out),
    }


def test_known_answer() -> None:
    # Hits at ranks 1 and 3 of two held-out items.
    result = figures(block(([5, 1, 2], [2, 5])), METRICS)
    assert {name: values[0] for name, values in result.items() if name.endswith("@10")} == {
        "hit_rate@10": 1.0,
        "precision@10": 0.2,
        "recall@10": 1.0,
        "capped_recall@10": 1.0,
        "ndcg@10": pytest.approx(1.5 / (1 + 1 / log2(3))),
        "map@10": pytest.approx((1 + 2 / 3) / 2),
        "mrr@10": 1.0,
        "arhr@10": pytest.approx((1 + 1 / 3) / 2),
    }


def test_the_average_reciprocal_hit_rank_of_ranks_3_2_and_1() -> None:
    users = ([8, 9, 1], [1]), ([8, 1], [1]), ([1], [1])
    arhr = figures(block(*users), ["arhr@10"])["arhr@10"]
    assert arhr.mean() == pytest.approx((1 / 3 + 1 / 2 + 1) / 3)


def test_a_hit_counts_only_up_to_the_cutoff() -> None:
    # The held-out item is at rank 11: outside 10, inside 50.
    result = figures(block((list(range(11)), [10])), METRICS)
    assert [result[name][0] for name in METRICS if name.endswith("@10")] == [0] * len(RANKING)
    deep = [result[f"{kind}@50"][0] for kind in RANKING]
    assert deep == pytest.approx([1, 1 / 50, 1, 1, 1 / log2(12), 1 / 11, 1 / 11, 1 / 11])


def test_recall_divides_by_all_held_out_items_and_ndcg_by_the_attainable() -> None:
    # One place, three held-out items: the list is as good as it can be.
    names = ("recall@1", "ndcg@1", "capped_recall@1", "map@1")
    result = figures(block(([7], [3, 7, 9])), names)
    assert [result[name][0] for name in names] == pytest.approx([1 / 3, 1, 1, 1])


def test_an_oracle_scores_exactly_one() -> None:
    users = [(list(range(size)), list(range(size))) for size in range(1, 11)]
    result = figures(block(*users), METRICS)
    for name in METRICS:
        # The others divide by the cutoff, or by all that is held out.
        if name.partition("@")[0] not in ("precision", "arhr"):
            assert np.all(result[name] == 1.0), name


def test_a_model_that_answers_half_of_the_users_scores_half() -> None:
    # The second user got no list at all.
    result = figures(block(([4, 8], [4, 8]), ([], [4, 8])), METRICS)
    for name in METRICS:
        assert result[name].mean() == result[name][0] / 2, name


def test_random_lists_land_on_their_expectation() -> None:
    # Of 100 items, 10 are listed: each held-out item is among them with probability 0.1.
    rng = np.random.default_rng(1)
    users = [
        (rng.permutation(100)[:DEPTH].tolist(), rng.permutation(100)[:4].tolist())
        for _ in range(2000)
    ]
    recall = figures(block(*users), ["recall@10"])["recall@10"]
    assert recall.mean() == pytest.approx(0.1, abs=4 * recall.std() / np.sqrt(len(recall)))


items = st.integers(0, 30)
users_strategy = st.lists(
    st.tuples(
        st.lists(items, max_size=20, unique=True),
        st.lists(items, min_size=1, max_size=15, unique=True),
    ),
    min_size=1,
    max_size=6,
)


@given(users_strategy, st.lists(st.integers(1, 25), min_size=1, max_size=3, unique=True))
def test_equals_the_definitions(
    users: list[tuple[list[int], list[int]]], cutoffs: list[int]
) -> None:
    names = tuple(f"{kind}@{k}" for k in cutoffs for kind in RANKING)
    result = figures(block(*users), names)
    assert tuple(result) == names
    for row, (ranked, held_out) in enumerate(users):
        for k in cutoffs:
            for name, expected in plain_metrics(ranked, held_out, k).items():
                assert result[name][row] == pytest.approx(expected, abs=1e-12), name


@given(users_strategy)
def test_a_user_scores_the_same_bit_for_bit_in_any_block(
    users: list[tuple[list[int], list[int]]],
) -> None:
    together = figures(block(*users), METRICS)
    for row, user in enumerate(users):
        alone = figures(block(user), METRICS)
        for name in METRICS:
            assert together[name][row] == alone[name][0], name


def test_a_block_without_users_has_no_figures() -> None:
    assert all(len(values) == 0 for values in figures(block(), METRICS).values())


def test_a_user_without_held_out_likings_does_not_count() -> None:
    # The first has nothing held out, the second something that was not liked, and is listed.
    outcomes = block(([1], []), ([1], [1]), ([], [2]))
    outcomes = outcomes._replace(liked=np.array([False, True]))
    for name, (numerators, denominators) in measure(outcomes, unknown_traits(3), METRICS).items():
        assert numerators.tolist() == [0, 0, 0], name
        assert denominators.tolist() == [0, 0, 1], name


@pytest.mark.parametrize("metrics", [("map@0",), ("mrr@10", "ndcg@0")])
def test_refuses_a_cutoff_below_one(metrics: tuple[str, ...]) -> None:
    with pytest.raises(ValueError, match="cutoffs"):
        figures(block(([1], [1])), metrics)


@pytest.mark.parametrize("name", ["ndcg@-1", "ndcg@", "ndcg@10>", "NDCG", ""])
def test_refuses_what_is_no_name(name: str) -> None:
    with pytest.raises(ValueError, match="no name of a metric"):
        figures(block(([1], [1])), [name])


def test_refuses_lists_shallower_than_the_cutoff() -> None:
    # Else a metric at 10 would be reported as one at 50.
    outcomes = block(([1], [1]))
    with pytest.raises(ValueError, match="cannot be judged at 50"):
        figures(outcomes._replace(lists=outcomes.lists[:, :10]), ["map@50"])


def test_refuses_a_list_that_counts_a_hit_twice() -> None:
    with pytest.raises(ValueError, match="twice"):
        figures(block(([3, 3], [3])), METRICS)


@pytest.mark.parametrize("held_out", [[2, 1], [1, 1], [-1, 3]], ids=["falling", "twice", "padding"])
def test_refuses_held_out_items_out_of_order(held_out: list[int]) -> None:
    outcomes = block(([], []), ([1], [0, 1]), ([], []), ([], [0]))
    items = np.array([*held_out, 0], dtype=np.int32)
    with pytest.raises(ValueError, match="ascending"):
        figures(outcomes._replace(items=items), METRICS)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"indptr": [0, 1, 2]}, "1 lists, but held-out items of 2"),
        ({"indptr": [0, 1]}, "span"),
        ({"indptr": [1, 2]}, "span"),
        ({"liked": [True]}, "liked are not of the 2 held-out items"),
        ({"scores": [0.5]}, "scores are not of the 2 held-out items"),
        ({"personal": [1, 1]}, "personal are not of the 1 users"),
        ({"scored": []}, "scored are not of the 1 users"),
    ],
)
def test_refuses_arrays_of_others(changes: dict[str, list[int]], message: str) -> None:
    outcomes = block(([1], [0, 1]))
    arrays = {name: np.array(values) for name, values in changes.items()}
    with pytest.raises(ValueError, match=message):
        figures(outcomes._replace(**arrays), METRICS)
