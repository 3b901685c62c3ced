"""Similar rows by every measure, against the formulas pair by pair."""

from __future__ import annotations

import itertools
import math
import random
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from pydantic import ValidationError
from scipy.stats import rankdata

from toplists.config.model_knn import SimilaritySettings
from toplists.engine.kernels.weight_sums import Sparse
from toplists.engine.measures import Similarities, Source, Walk, prepare, prepare_walk
from toplists.engine.times import NEVER

NOTHING = np.nan
RATINGS = arrays(
    np.float32,
    st.tuples(st.integers(1, 8), st.integers(1, 7)),  # rows x columns
    elements=st.sampled_from([NOTHING, NOTHING, 1.0, 2.0, 2.5, 5.0]),
)
Pair = tuple[np.ndarray, np.ndarray]


def by_row(matrix: np.ndarray) -> Sparse:
    """What is not NaN; scipy would drop zeros."""
    rows, columns = np.nonzero(~np.isnan(matrix))
    indptr = np.concatenate(([0], np.cumsum((~np.isnan(matrix)).sum(axis=1))))
    return Sparse(indptr.astype(np.int64), columns.astype(np.int32), matrix[rows, columns])


def neighbours(
    matrix: np.ndarray,
    k: int | None = None,
    *,
    cuts: int = 1,
    tile: int = 1 << 20,
    candidates: np.ndarray | None = None,
    source: Source = "row",
    users_are_rows: bool = False,
    signed: bool = False,
    times: np.ndarray | None = None,
    **settings: Any,
) -> dict[int, dict[int, float]]:
    """Each row's neighbours in their order."""
    rows, columns = matrix.shape
    bounds = np.linspace(0, columns, cuts + 1).astype(int)
    blocks = [(int(a), by_row(matrix[:, a:b].T)) for a, b in itertools.pairwise(bounds)]
    ready = prepare(
        SimilaritySettings(**settings),
        blocks,
        rows,
        source=source,
        users_are_rows=users_are_rows,
        signed=signed,
        times=()
        if times is None
        else [of_columns(times, matrix, *pair) for pair in itertools.pairwise(bounds)],
    )
    return listed(ready, matrix, k, cuts, tile, candidates)


def of_columns(times: np.ndarray, matrix: np.ndarray, first: int, end: int) -> np.ndarray:
    """The times of what is not NaN in some columns, column by column."""
    return times[:, first:end].T[~np.isnan(matrix[:, first:end].T)]


def listed(
    ready: Similarities,
    matrix: np.ndarray,
    k: int | None = None,
    cuts: int = 1,
    tile: int = 1,
    candidates: np.ndarray | None = None,
) -> dict[int, dict[int, float]]:
    found: dict[int, dict[int, float]] = {}
    bounds = np.linspace(0, len(matrix), cuts + 1).astype(int)
    for first, end in itertools.pairwise(bounds):
        block = ready.of(by_row(matrix[first:end]), first, candidates, k=k, tile_bytes=tile)
        for row, (a, b) in enumerate(itertools.pairwise(block.indptr)):
            own = zip(block.columns[a:b].tolist(), block.values[a:b].tolist(), strict=True)
            found[int(first) + row] = dict(own)
    return found


def expected(
    matrix: np.ndarray,
    similarity: Callable[[np.ndarray, np.ndarray], float],
    *,
    signed: bool = False,
) -> dict[int, dict[int, float]]:
    """Pair by pair, in the order that lists have."""
    found: dict[int, dict[int, float]] = {}
    for row in range(len(matrix)):
        pairs = []
        for other in range(len(matrix)):
            common = ~np.isnan(matrix[row]) & ~np.isnan(matrix[other])
            if other == row or not common.any():
                continue
            value = np.float32(similarity(matrix[row], matrix[other]))
            if np.isfinite(value) and (signed or value > 0):
                pairs.append((-float(value), other))
        found[row] = {other: -value for value, other in sorted(pairs)}
    return found


def agree(found: dict[int, dict[int, float]], wanted: dict[int, dict[int, float]]) -> None:
    """The same neighbours, up to rounding, and in the order of what was found."""
    assert found.keys() == wanted.keys()
    for row, own in found.items():
        assert clear(own) == pytest.approx(clear(wanted[row]), rel=1e-5, abs=1e-6)
        assert list(own) == sorted(own, key=lambda other: (-own[other], other))


def clear(own: dict[int, float]) -> dict[int, float]:
    """Without what is 0 but for rounding, which may be on either side of it."""
    return {other: value for other, value in own.items() if abs(value) > 1e-5}


def common(x: np.ndarray, y: np.ndarray) -> Pair:
    both = ~np.isnan(x) & ~np.isnan(y)
    return x[both].astype(float), y[both].astype(float)


def cosine(x: np.ndarray, y: np.ndarray) -> float:
    norms = math.sqrt((x @ x) * (y @ y))
    return x @ y / norms if norms > 0 else math.nan


def correlation(x: np.ndarray, y: np.ndarray) -> float:
    if len(set(x)) < 2 or len(set(y)) < 2:
        return math.nan
    return cosine(x - x.mean(), y - y.mean())


def counts(x: np.ndarray, y: np.ndarray) -> tuple[int, int, int]:
    mine, others = ~np.isnan(x), ~np.isnan(y)
    return int((mine & others).sum()), int(mine.sum()), int(others.sum())


def whole_cosine(x: np.ndarray, y: np.ndarray) -> float:
    return cosine(np.nan_to_num(x).astype(float), np.nan_to_num(y).astype(float))


def centred(x: np.ndarray) -> np.ndarray:
    return np.nan_to_num(x - np.nanmean(x, dtype=float))


def ranked(x: np.ndarray) -> np.ndarray:
    ranks = np.full(len(x), np.nan)
    ranks[~np.isnan(x)] = rankdata(x[~np.isnan(x)])
    return ranks


def jaccard(x: np.ndarray, y: np.ndarray) -> float:
    n, a, b = counts(x, y)
    return n / (a + b - n)


def dice(x: np.ndarray, y: np.ndarray) -> float:
    n, a, b = counts(x, y)
    return 2 * n / (a + b)


def msd(x: np.ndarray, y: np.ndarray) -> float:
    x, y = common(x, y)
    return 1 / (((x - y) ** 2).mean() + 1)


PLAIN: dict[str, Callable[[np.ndarray, np.ndarray], float]] = {
    "cosine": whole_cosine,
    "jaccard": jaccard,
    "dice": dice,
    "co_occurrence": lambda x, y: counts(x, y)[0],
    "conditional_probability": lambda x, y: counts(x, y)[0] / counts(x, y)[1],
    "common_cosine": lambda x, y: cosine(*common(x, y)),
    "pearson": lambda x, y: correlation(*common(x, y)),
    "profile_pearson": lambda x, y: cosine(centred(x), centred(y)),
    "spearman": lambda x, y: correlation(*common(ranked(x), ranked(y))),
    "msd": msd,
}


@pytest.mark.parametrize("measure", PLAIN)
@given(matrix=RATINGS)
def test_measures_equal_their_formulas(measure: str, matrix: np.ndarray) -> None:
    agree(neighbours(matrix, measure=measure), expected(matrix, PLAIN[measure]))


@pytest.mark.parametrize("measure", ["pearson", "profile_pearson", "spearman"])
@given(matrix=RATINGS)
def test_negative_similarities_are_there_for_who_asks(measure: str, matrix: np.ndarray) -> None:
    wanted = expected(matrix, PLAIN[measure], signed=True)
    agree(neighbours(matrix, measure=measure, signed=True), wanted)


@given(RATINGS)
def test_adjusted_cosine_leaves_out_what_the_column_has_on_average(matrix: np.ndarray) -> None:
    seen = ~np.isnan(matrix)
    means = np.nan_to_num(matrix).sum(axis=0, dtype=float) / np.maximum(seen.sum(axis=0), 1)
    left = np.where(seen, matrix - means, np.nan)
    wanted = expected(left, lambda x, y: cosine(*common(x, y)), signed=True)
    agree(neighbours(matrix, measure="adjusted_cosine", signed=True), wanted)


def baseline(matrix: np.ndarray, users_are_rows: bool) -> np.ndarray:
    """What biases leave, as scikit-surprise computes them: users by items here, items first."""
    ratings = (matrix if users_are_rows else matrix.T).astype(float)
    seen = ~np.isnan(ratings)
    mean = ratings[seen].mean() if seen.any() else 0.0
    users, items = np.zeros(ratings.shape[0]), np.zeros(ratings.shape[1])
    for _ in range(10):
        left = np.where(seen, ratings - mean - users[:, None], 0.0)
        items = left.sum(axis=0) / (10 + seen.sum(axis=0))
        left = np.where(seen, ratings - mean - items, 0.0)
        users = left.sum(axis=1) / (15 + seen.sum(axis=1))
    left = ratings - mean - users[:, None] - items
    return left if users_are_rows else left.T


@given(RATINGS, st.booleans(), st.sampled_from([0.0, 100.0]))
def test_baseline_pearson_is_damped_by_one_less_than_the_common_ones(
    matrix: np.ndarray, users_are_rows: bool, shrinkage: float
) -> None:
    def damped(x: np.ndarray, y: np.ndarray) -> float:
        n = counts(x, y)[0]
        return cosine(*common(x, y)) * ((n - 1) / (n - 1 + shrinkage) if shrinkage else 1)

    found = neighbours(
        matrix,
        measure="baseline_pearson",
        shrinkage=shrinkage,
        users_are_rows=users_are_rows,
        signed=True,
    )
    left = baseline(matrix, users_are_rows)
    wanted = expected(left, damped, signed=True)
    for row, own in found.items():
        assert own.keys() == wanted[row].keys()
        for other, value in own.items():
            # Of values that the baseline explains nothing is left but rounding.
            if min(np.abs(part).max() for part in common(left[row], left[other])) > 1e-4:
                assert value == pytest.approx(wanted[row][other], abs=1e-3)


@given(RATINGS, st.sampled_from(["row", "neighbour"]))
def test_measures_that_are_not_symmetric_go_from_the_source(
    matrix: np.ndarray, source: Source
) -> None:
    def of_source(measure: Callable[[int, int, int], float]) -> Callable[..., float]:
        def similarity(x: np.ndarray, y: np.ndarray) -> float:
            n, a, b = counts(x, y)
            return measure(n, a, b) if source == "row" else measure(n, b, a)

        return similarity

    agree(
        neighbours(matrix, measure="conditional_probability", source=source),
        expected(matrix, of_source(lambda n, a, b: n / a)),
    )
    agree(
        neighbours(
            matrix, measure="conditional_probability", source=source, popularity_exponent=0.5
        ),
        expected(matrix, of_source(lambda n, a, b: n / a / b**0.5)),
    )
    tversky = {"measure": "tversky", "tversky_source": 0.25, "tversky_target": 1.5}
    agree(
        neighbours(matrix, source=source, **tversky),
        expected(matrix, of_source(lambda n, a, b: n / (n + 0.25 * (a - n) + 1.5 * (b - n)))),
    )
    ones = np.where(np.isnan(matrix), matrix, np.float32(1))
    agree(
        neighbours(ones, source=source, measure="asymmetric_cosine", asymmetry=0.2),
        expected(matrix, of_source(lambda n, a, b: n / (a**0.2 * b**0.8))),
    )


def entropy(*cells: float) -> float:
    total = sum(cells)
    return -sum(cell * math.log(cell / total) for cell in cells if cell)


@given(RATINGS)
def test_what_counts_against_chance(matrix: np.ndarray) -> None:
    total = int((~np.isnan(matrix)).any(axis=0).sum())

    def likelihood_ratio(x: np.ndarray, y: np.ndarray) -> float:
        n, a, b = counts(x, y)
        rows, columns = entropy(a, total - a), entropy(b, total - b)
        ratio = 2 * (rows + columns - entropy(n, a - n, b - n, total - a - b + n))
        return ratio if n * total >= a * b else -ratio

    found = neighbours(matrix, measure="log_likelihood_ratio", signed=True)
    wanted = expected(matrix, likelihood_ratio, signed=True)
    for row, own in found.items():
        assert own == pytest.approx(wanted[row], abs=1e-5)
    agree(
        neighbours(matrix, measure="lift"),
        expected(
            matrix, lambda x, y: counts(x, y)[0] * total / (counts(x, y)[1] * counts(x, y)[2])
        ),
    )


@given(RATINGS, st.integers(1, 3), st.sampled_from([0.0, 0.3]))
def test_shrinkage_least_common_and_threshold(
    matrix: np.ndarray, least: int, threshold: float
) -> None:
    rules = {"min_common": least, "threshold": threshold, "shrinkage": 2.5}

    def ruled(
        formula: Callable[[np.ndarray, np.ndarray, int], float],
    ) -> Callable[[np.ndarray, np.ndarray], float]:
        def similarity(x: np.ndarray, y: np.ndarray) -> float:
            n = counts(x, y)[0]
            value = formula(x, y, n)
            return value if n >= least and np.float32(value) >= np.float32(threshold) else math.nan

        return similarity

    def shrunk_cosine(x: np.ndarray, y: np.ndarray, n: int) -> float:
        x, y = np.nan_to_num(x).astype(float), np.nan_to_num(y).astype(float)
        return x @ y / (np.linalg.norm(x) * np.linalg.norm(y) + 2.5)

    agree(
        neighbours(matrix, **rules),
        expected(matrix, ruled(shrunk_cosine)),
    )
    agree(
        neighbours(matrix, measure="jaccard", **rules),
        expected(matrix, ruled(lambda x, y, n: n / (counts(x, y)[1] + counts(x, y)[2] - n + 2.5))),
    )
    agree(
        neighbours(matrix, measure="msd", **rules),
        expected(matrix, ruled(lambda x, y, n: msd(x, y) * n / (n + 2.5))),
    )


def column_counts(matrix: np.ndarray) -> np.ndarray:
    return np.maximum((~np.isnan(matrix)).sum(axis=0), 1)


def documents(matrix: np.ndarray) -> int:
    """A row that has nothing is none."""
    return max(1, np.count_nonzero((~np.isnan(matrix)).any(axis=1)))


def bm25(matrix: np.ndarray) -> np.ndarray:
    lengths = np.nansum(matrix, axis=1)
    mean = lengths.sum() / documents(matrix)
    share = (1 - 0.75 + 0.75 * lengths / max(mean, 1e-9))[:, None]
    idf = np.log(documents(matrix)) - np.log1p((~np.isnan(matrix)).sum(axis=0))
    return matrix * (1.2 + 1) / (1.2 * share + matrix) * np.abs(idf)


WEIGHTINGS: dict[str, tuple[dict[str, Any], Callable[[np.ndarray], np.ndarray]]] = {
    "binary": ({"weighting": "binary"}, lambda x: x * 0 + 1),
    "log": ({"weighting": "log"}, np.log1p),
    "inverse_frequency": (
        {"weighting": "inverse_frequency"},
        lambda x: x * np.log(documents(x) / column_counts(x)),
    ),
    "tf_idf": (
        {"weighting": "tf_idf"},
        lambda x: np.sqrt(x) * (np.log(documents(x)) - np.log1p((~np.isnan(x)).sum(axis=0))),
    ),
    "bm25": ({"weighting": "bm25", "bm25_k1": 1.2, "bm25_b": 0.75}, bm25),
    "common_exponent": ({"common_exponent": 0.5}, lambda x: x * column_counts(x) ** -0.25),
}


@pytest.mark.parametrize("name", WEIGHTINGS)
@given(matrix=RATINGS)
def test_weightings_are_of_the_values_before_they_are_compared(
    name: str, matrix: np.ndarray
) -> None:
    settings, weigh = WEIGHTINGS[name]
    weighted = weigh(matrix.astype(float)).astype(np.float32)
    agree(neighbours(matrix, **settings), expected(weighted, whole_cosine))


@pytest.mark.parametrize("name", WEIGHTINGS)
def test_rows_that_have_nothing_change_nothing(name: str) -> None:
    settings, _ = WEIGHTINGS[name]
    matrix = np.array([[1, 2, NOTHING], [5, NOTHING, 1], [2, 1, NOTHING]], dtype=np.float32)
    more = np.vstack((matrix, np.full((9, 3), NOTHING, dtype=np.float32)))
    found = neighbours(more, **settings)
    assert {row: found[row] for row in range(3)} == neighbours(matrix, **settings)


@given(RATINGS, st.sampled_from([0.1, 1.0]))
def test_what_is_common_is_common_however_little_it_counts(matrix: np.ndarray, unit: float) -> None:
    """Sums of products far below 1 are no less than one common column."""
    small = matrix * np.float32(unit)
    agree(
        neighbours(small, measure="cosine", popularity_exponent=0.5),
        expected(small, lambda x, y: whole_cosine(x, y) * counts(x, y)[2] ** -0.5),
    )


@given(RATINGS, st.sampled_from([0.5, 1.0, 1.7]), st.sampled_from([0.0, 0.6]))
def test_walks_have_the_probability_of_both_steps(
    matrix: np.ndarray, alpha: float, beta: float
) -> None:
    values = np.nan_to_num(matrix).astype(float)
    lengths = np.maximum(values.sum(axis=1, keepdims=True), 1e-9)
    to_columns = (values / lengths) ** alpha
    to_rows = (values / np.maximum(values.sum(axis=0), 1e-9)) ** alpha
    popularity = np.maximum((values > 0).sum(axis=1), 1) ** beta
    arrives = to_columns @ to_rows.T / popularity  # from a row to another
    columns = [(0, by_row(matrix.T))]
    for source, wanted in (("neighbour", arrives.T), ("row", arrives)):
        found = listed(prepare_walk(Walk(alpha, beta), columns, len(matrix), source=source), matrix)
        for row, own in found.items():
            assert own == pytest.approx(
                {o: p for o, p in enumerate(wanted[row]) if p and o != row}, rel=1e-5
            )


CHANGES: list[dict[str, Any]] = [
    {"measure": "jaccard"},
    *({"weighting": kind} for kind in ("binary", "log", "inverse_frequency", "tf_idf")),
    {"weighting": "bm25"},
    {"weighting": "bm25", "bm25_k1": 2.0},
    {"weighting": "bm25", "bm25_b": 0.1},
    {"common_exponent": 0.5},
    {"measure": "asymmetric_cosine", "asymmetry": 0.3},
    {"measure": "tversky"},
    {"measure": "tversky", "tversky_source": 0.1},
    {"measure": "tversky", "tversky_target": 0.1},
    {"shrinkage": 3.0},
    {"popularity_exponent": 0.3},
    {"min_common": 4},
    {"threshold": 0.3},
    {"cap": 3},
]


def test_every_setting_changes_something() -> None:
    random = np.random.default_rng(5)
    dense = np.where(random.random((20, 15)) < 0.4, random.integers(1, 6, (20, 15)), np.nan)
    matrix = dense.astype(np.float32)
    results = [neighbours(matrix), *(neighbours(matrix, **change) for change in CHANGES)]
    for one, other in itertools.combinations(results, 2):
        assert one != other
    changed = {name for change in CHANGES for name in change}
    assert changed == SimilaritySettings.model_fields.keys()


@pytest.mark.parametrize(
    "settings",
    [
        {"weighting": "bm25", "measure": "jaccard"},
        {"common_exponent": 0.5, "measure": "pearson"},
        {"bm25_b": 0.5},
        {"asymmetry": 0.2},
        {"tversky_target": 1.0, "measure": "dice"},
    ],
)
def test_settings_that_would_change_nothing_are_refused(settings: dict[str, Any]) -> None:
    with pytest.raises(ValidationError, match="leave it out"):
        SimilaritySettings(**settings)


@given(
    RATINGS,
    st.sampled_from(["cosine", "jaccard", "pearson", "spearman", "baseline_pearson", "msd"]),
    st.sampled_from([None, 2]),
)
def test_blocks_and_tiles_change_nothing(matrix: np.ndarray, measure: str, cap: int | None) -> None:
    whole = neighbours(matrix, 3, measure=measure, cap=cap, signed=True)
    cut = neighbours(matrix, 3, measure=measure, cap=cap, signed=True, cuts=3, tile=1)
    assert {row: list(own.items()) for row, own in cut.items()} == {
        row: list(own.items()) for row, own in whole.items()
    }


@given(RATINGS, st.integers(1, 4), st.integers(0, 255))
def test_only_candidates_are_neighbours_and_the_list_stays_full(
    matrix: np.ndarray, k: int, chosen: int
) -> None:
    candidates = np.array([bool(chosen >> row & 1) for row in range(len(matrix))])
    everything = neighbours(matrix)
    found = neighbours(matrix, k, candidates=candidates)
    for row, listed in everything.items():
        assert (
            list(found[row].items())
            == [(other, value) for other, value in listed.items() if candidates[other]][:k]
        )


@given(RATINGS, st.integers(1, 4))
def test_a_cap_bounds_what_a_column_adds(matrix: np.ndarray, cap: int) -> None:
    found = neighbours(matrix, measure="co_occurrence", cap=cap)
    pairs = sum(sum(own.values()) for own in found.values())
    kept = np.minimum((~np.isnan(matrix)).sum(axis=0), cap)
    assert pairs == (kept * (kept - 1)).sum()


@given(RATINGS, st.integers(1, 4), st.integers(1, 3), st.randoms(use_true_random=False))
def test_a_cap_keeps_the_newest(
    matrix: np.ndarray, cap: int, cuts: int, random: random.Random
) -> None:
    n_rows, n_columns = matrix.shape
    order = random.sample(range(matrix.size), matrix.size)  # no two at once
    times = np.array(order, dtype=np.int64).reshape(matrix.shape)
    kept = np.full_like(matrix, NOTHING)
    for column in range(n_columns):
        own = [row for row in range(n_rows) if not np.isnan(matrix[row, column])]
        for row in sorted(own, key=lambda row: -times[row, column])[:cap]:
            kept[row, column] = matrix[row, column]
    found = neighbours(matrix, cap=cap, times=times, cuts=cuts)
    assert found == neighbours(kept)


def test_what_has_no_time_is_older_than_anything() -> None:
    # Of column 0 two count: row 2, which has a time, and one that a hash chooses.
    matrix = np.ones((3, 1), dtype=np.float32)
    times = np.array([[NEVER], [NEVER], [5]])
    found = neighbours(matrix, cap=2, times=times)
    assert sorted(map(len, found.values())) == [0, 1, 1]
    assert found[2]


def test_ten_equal_ones_are_in_order_of_position() -> None:
    matrix = np.ones((11, 2), dtype=np.float32)
    assert list(neighbours(matrix, 4)[5]) == [0, 1, 2, 3]
    assert list(neighbours(matrix)[5]) == [0, 1, 2, 3, 4, 6, 7, 8, 9, 10]


def test_no_raters_in_common_is_no_neighbour() -> None:
    # Row 0 has column 0 alone, rows 1 and 2 column 1; row 3 has nothing.
    matrix = np.full((4, 3), NOTHING, dtype=np.float32)
    matrix[0, 0] = matrix[1, 1] = matrix[2, 1] = 1
    for measure in [*PLAIN, "lift", "log_likelihood_ratio"]:
        found = neighbours(matrix, measure=measure, signed=True)
        assert found[0] == found[3] == {}
        assert found[1].keys() <= {2}
    assert neighbours(matrix) == {0: {}, 1: {2: 1.0}, 2: {1: 1.0}, 3: {}}


INDIANA, WARS, CASABLANCA, EMPIRE, INCREDIBLES = range(5)
BOB, TED, ANN = range(3)


@pytest.fixture
def films() -> np.ndarray:
    """Bob: Indiana Jones 4, Star Wars 5; Ted: Casablanca 1; Ann: Star Wars, Empire, Incredibles 5."""
    ratings = np.full((3, 5), NOTHING, dtype=np.float32)
    ratings[BOB, [INDIANA, WARS]] = 4, 5
    ratings[TED, CASABLANCA] = 1
    ratings[ANN, [WARS, EMPIRE, INCREDIBLES]] = 5
    return ratings


def test_known_small_truths(films: np.ndarray) -> None:
    users = neighbours(films, measure="common_cosine")
    assert users == {BOB: {ANN: 1.0}, TED: {}, ANN: {BOB: 1.0}}
    items = neighbours(films.T, measure="common_cosine")
    assert items[WARS] == {INDIANA: 1.0, EMPIRE: 1.0, INCREDIBLES: 1.0}
    assert EMPIRE not in items[INDIANA]
    assert items[CASABLANCA] == {}
    # Over all raters: 25 / (|4, 5| |5, 5, 5|), and Bob's share of who rated Star Wars.
    assert neighbours(films)[BOB][ANN] == pytest.approx(25 / math.sqrt(41 * 75))
    assert neighbours(films.T)[WARS][INDIANA] == pytest.approx(math.sqrt(0.5))


def test_scipy_finds_the_same_in_a_larger_matrix() -> None:
    random = np.random.default_rng(7)
    dense = np.where(random.random((60, 90)) < 0.2, random.integers(1, 6, (60, 90)), 0)
    matrix = sp.csr_array(dense.astype(float))
    norms = np.sqrt((dense**2).sum(axis=1))
    wanted = (matrix @ matrix.T).toarray() / np.outer(norms, norms)
    found = neighbours(np.where(dense > 0, dense, np.nan).astype(np.float32), cuts=4)
    for row, own in found.items():
        assert own == pytest.approx(
            {other: value for other, value in enumerate(wanted[row]) if value and other != row}
        )
