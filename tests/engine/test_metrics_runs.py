"""Metrics of how lists changed."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from toplists.engine.kernels.metrics_runs import measure_change

P = 0.9


def padded(*lists: list[int], depth: int = 12) -> np.ndarray:
    array = np.full((len(lists), depth), -1, dtype=np.int32)
    for row, items in enumerate(lists):
        array[row, : len(items)] = items
    return array


def change(metric: str, before: list[int], after: list[int]) -> float:
    """The figure of one user; NaN where the user does not count."""
    numerators, denominators = measure_change(padded(before), padded(after), [metric])[metric]
    return float(numerators[0]) if denominators[0] else np.nan


@pytest.mark.parametrize(
    ("before", "after", "jaccard", "rbo"),
    [
        ([1, 2, 3], [1, 2, 3], 1.0, 1.0),
        ([1, 2, 3], [4, 5, 6], 0.0, 0.0),
        # Agreement 0, 1 and 1 at depths 1, 2 and 3.
        ([1, 2, 3], [2, 1, 3], 1.0, (1 - P) / P * (P**2 + P**3) + P**3),
        # One of two is shared, from depth 2 on: agreement 0 and 1/2.
        ([1, 2], [3, 1], 1 / 3, (1 - P) / P * 0.5 * P**2 + 0.5 * P**2),
        # All of the shorter one is at the top of the other: its agreement is carried on.
        ([1, 2], [1, 2, 3, 4], 1 / 2, 1.0),
        ([], [1, 2], 0.0, 0.0),
        ([1, 2], [], 0.0, 0.0),
    ],
    ids=["same", "other", "swapped", "half", "longer", "new", "gone"],
)
def test_known_answers(before: list[int], after: list[int], jaccard: float, rbo: float) -> None:
    assert change("jaccard@10", before, after) == pytest.approx(jaccard)
    assert change("rbo@10", before, after) == pytest.approx(rbo)


def test_without_lists_there_is_nothing_to_compare() -> None:
    assert np.isnan(change("jaccard@10", [], []))
    assert np.isnan(change("rbo@10", [], []))


def test_only_the_places_up_to_the_cutoff_count() -> None:
    assert change("jaccard@2", [1, 2, 3], [1, 4, 2]) == pytest.approx(1 / 3)
    assert change("rbo@1", [1, 2, 3], [1, 4, 2]) == pytest.approx(1.0)


def test_refuses_lists_of_others_and_lists_that_are_too_short() -> None:
    with pytest.raises(ValueError, match="1 lists before, but 2 after"):
        measure_change(padded([1]), padded([1], [2]), ["jaccard@10"])
    with pytest.raises(ValueError, match="too short to be compared at 20"):
        measure_change(padded([1]), padded([1]), ["jaccard@20"])
    with pytest.raises(KeyError, match="ndcg"):
        measure_change(padded([1]), padded([1]), ["ndcg@10"])


def plain_rbo(before: list[int], after: list[int]) -> float:
    """Equation 32 of Webber et al., term by term."""
    short, long = sorted((before, after), key=len)
    s, l = len(short), len(long)  # noqa: E741  (as the paper has it)
    if s == 0:
        return 0.0

    def shared(depth: int) -> int:
        return len({*short[:depth]} & {*long[:depth]})

    seen = sum(shared(d) / d * P**d for d in range(1, l + 1))
    carried = sum(shared(s) * (d - s) / (s * d) * P**d for d in range(s + 1, l + 1))
    rest = (shared(l) - shared(s)) / l + shared(s) / s
    return (1 - P) / P * (seen + carried) + rest * P**l


item_lists = st.lists(st.integers(0, 14), unique=True, max_size=12)


@given(
    st.lists(st.tuples(item_lists, item_lists), min_size=1, max_size=4),
    st.lists(st.integers(1, 12), min_size=1, max_size=2, unique=True),
)
def test_equals_the_definitions(
    users: list[tuple[list[int], list[int]]], cutoffs: list[int]
) -> None:
    names = [f"{kind}@{k}" for k in cutoffs for kind in ("jaccard", "rbo")]
    before, after = (padded(*lists) for lists in zip(*users, strict=True))
    measured = measure_change(before, after, names)
    for row, user in enumerate(users):
        for k in cutoffs:
            one, other = (items[:k] for items in user)
            union = {*one} | {*other}
            assert measured[f"jaccard@{k}"].denominators[row] == bool(union)
            assert measured[f"rbo@{k}"].denominators[row] == bool(union)
            expected = len({*one} & {*other}) / max(1, len(union))
            assert measured[f"jaccard@{k}"].numerators[row] == pytest.approx(expected)
            assert measured[f"rbo@{k}"].numerators[row] == pytest.approx(
                plain_rbo(one, other), abs=1e-12
            )
    # Either way round, and the same to the last bit in any block.
    back = measure_change(after, before, names)
    for name in names:
        assert measured[name].numerators == pytest.approx(back[name].numerators, abs=1e-12)
        for row in range(len(users)):
            alone = measure_change(before[row : row + 1], after[row : row + 1], [name])
            assert alone[name].numerators[0] == measured[name].numerators[row]
