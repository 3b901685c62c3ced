"""Measures of similarity between the rows of a matrix, as formulas over sums that the kernels form.

Rows are items and columns users, or the other way round. A measure is a change of every value, which
depends on what is known of its row and column, and a formula over what two rows have in common. The
*source* of a similarity is what is given, the *target* what is found: measures that are not symmetric
say how well a target goes with the source.

With x and y the values of source and target, |.| numbers of columns, and sums over common columns:

- `cosine`: Σxy / (‖x‖ ‖y‖), norms over all columns,
- `asymmetric_cosine`: Σxy / (‖x‖^2a ‖y‖^2(1-a)) (Aiolli, "Efficient top-N recommendation for very large
  scale binary rated datasets", RecSys 2013),
- `jaccard`: |x∧y| / |x∨y|; `dice`: 2|x∧y| / (|x| + |y|); `tversky`: |x∧y| / (|x∧y| + a|x-y| + b|y-x|),
- `lift`: |x∧y| N / (|x| |y|), out of the N columns that have anything,
- `conditional_probability`: |x∧y| / |x|; with a popularity exponent, Deshpande and Karypis, "Item-based
  top-N recommendation algorithms", ACM TOIS 22, 2004,
- `log_likelihood_ratio`: Dunning 1993, negative where less is in common than by chance,
- `co_occurrence`: |x∧y|,
- `common_cosine`: cosine over common columns only,
- `adjusted_cosine`: the same after the mean of each column is subtracted (Sarwar et al. 2001),
- `pearson`: correlation over common columns; `profile_pearson`: cosine after each row's mean is subtracted,
- `baseline_pearson`: `common_cosine` of what a baseline leaves; damped by n - 1 (Koren 2010),
- `spearman`: `pearson` of ranks within each row, equal values sharing the mean of their ranks,
- `msd`: 1 / (mean squared difference + 1).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple, TypeAlias, get_args

import numpy as np
import numpy.typing as npt

from toplists.config.model_knn import RatingMeasure, SimilaritySettings
from toplists.engine.caps import Cap, Columns, cap_columns
from toplists.engine.kernels.alternating_biases import (
    ITEM_PENALTY,
    PASSES,
    USER_PENALTY,
    Offsets,
    Shrinkage,
    find_biases,
)
from toplists.engine.kernels.gram import TILE_BYTES
from toplists.engine.kernels.side_totals import Totals, side_totals
from toplists.engine.kernels.similarity import (
    COSINE,
    DISTANCE,
    LIKELIHOOD,
    OVERLAP,
    PEARSON,
    RATIO,
    Content,
    Doubles,
    Formula,
    similar_rows,
)
from toplists.engine.kernels.weight_sums import Sparse
from toplists.engine.times import Times

Floats: TypeAlias = npt.NDArray[np.float32]
Source = Literal["row", "neighbour"]

_RATING_MEASURES: tuple[str, ...] = get_args(RatingMeasure)
_BINARY = (
    "jaccard",
    "dice",
    "tversky",
    "lift",
    "conditional_probability",
    "log_likelihood_ratio",
    "co_occurrence",
)


class _Entries(NamedTuple):
    """Entries of a matrix: their row, their column, their float32 value."""

    rows: npt.NDArray[np.integer]
    columns: npt.NDArray[np.integer]
    values: Floats


_Change: TypeAlias = Callable[[_Entries], Floats]


class Walk(NamedTuple):
    """Walks of two steps: from a source over a column to a target.

    The probability of each step counts to the power of `alpha` (P3α: Cooper et al., "Random walks in
    recommender systems: exact computation and simulations", WWW 2014); the end is divided by the number of
    its columns to the power of `beta` (RP3β: Paudel et al., "Updatable, accurate, diverse, and scalable
    recommendations for interactive applications", ACM TiiS 7, 2017).
    """

    alpha: float
    beta: float = 0.0


class LinearFilter(NamedTuple):
    """What two rows have in common, of a matrix whose entries are divided by powers of numbers of entries.

    That of an entry's row counts to the power of `row_exponent`, that of its column to the power of
    `column_exponent`. With 0.5 each it is the linear filter of GF-CF (Shen et al., "How powerful is graph
    convolution for recommendation?", CIKM 2021).
    """

    row_exponent: float
    column_exponent: float


def learns_ratings(settings: SimilaritySettings) -> bool:
    """Whether a measure compares values that were given, instead of who likes what."""
    return settings.measure in _RATING_MEASURES


@dataclass(frozen=True)
class Similarities:
    """The rows of one matrix, ready to be compared: see `prepare`."""

    columns: Sparse
    formula: Formula
    content: Content
    change: _Change | None
    cap: Cap | None

    def of(
        self,
        rows: Sparse,
        first: int,
        candidates: npt.NDArray[np.bool_] | None = None,
        *,
        k: int | None,
        tile_bytes: int = TILE_BYTES,
    ) -> Sparse:
        """Each row's k most similar others, best first, as of `similar_rows`.

        Args:
            rows: Consecutive rows of the matrix as it is, columns ascending.
            first: Position of the first of them.
            candidates: bool[rows of the matrix], which may be neighbours; `None` = all.
            k: Neighbours per row; `None` = all there are.
            tile_bytes: Memory for the rows of the product that are held at a time.
        """
        counted = rows if self.cap is None else self.cap.of(rows, first)
        own = _changed(counted, first, self.change)
        return similar_rows(
            own,
            first,
            self.columns,
            self.formula,
            self.content,
            candidates,
            k=k,
            tile_bytes=tile_bytes,
        )


def prepare(
    settings: SimilaritySettings,
    columns: Columns,
    n_rows: int,
    *,
    source: Source = "row",
    users_are_rows: bool = False,
    signed: bool = False,
    times: Sequence[Times | None] = (),
) -> Similarities:
    """Get the rows of a matrix ready to be compared.

    Args:
        settings: What similarity is.
        columns: The whole matrix by column; nothing in it is NaN.
        n_rows: Number of its rows.
        source: What is given: the row whose neighbours are sought, or the neighbour. It decides nothing
            of symmetric measures but what the popularity exponent is of.
        users_are_rows: Whether rows are users; it counts for a baseline.
        signed: Whether rows may have neighbours with a similarity of 0 or less.
        times: When the entries of each block of columns came about, for a cap; none without it.
    """
    cap = None
    if settings.cap is not None:
        columns, cap = cap_columns(columns, times or [None] * len(columns), settings.cap)
    change = _change(settings, columns, n_rows, users_are_rows=users_are_rows)
    columns = [(first, _changed(block, first, change, by_column=True)) for first, block in columns]
    rows, others = side_totals(columns, n_rows)
    formula = _formula(settings, rows, others, source)._replace(
        least=float(settings.min_common), lowest=settings.threshold, signed=signed
    )
    if settings.popularity_exponent > 0.0:
        scale = np.maximum(rows.counts, 1.0) ** -settings.popularity_exponent
        formula = formula.scaled_by(scale, row=source == "neighbour")
    content: Content = "ones" if _is_binary(settings) else _content(columns)
    return Similarities(_whole(columns), formula, content, change, cap)


def prepare_walk(walk: Walk, columns: Columns, n_rows: int, *, source: Source) -> Similarities:
    """Get the rows of a matrix ready for walks between them; arguments and values as of `prepare`.

    Values are above 0.
    """
    rows, others = side_totals(columns, n_rows)
    # A product has the column's number twice.
    share = np.maximum(others.sums, np.finfo(np.float64).tiny) ** (-0.5 * walk.alpha)

    def change(entries: _Entries) -> Floats:
        steps: Floats = (entries.values**walk.alpha * share[entries.columns]).astype(np.float32)
        return steps

    of_source, of_target = rows.sums**walk.alpha, rows.counts**walk.beta
    return _ratios(columns, change, *_ordered(source, of_source, of_target))


def prepare_filter(linear: LinearFilter, columns: Columns, n_rows: int) -> Similarities:
    """Get the rows of a matrix ready to be filtered; arguments and values as of `prepare`."""
    rows, others = side_totals(columns, n_rows)
    share = np.maximum(others.counts, 1.0) ** -linear.column_exponent

    def change(entries: _Entries) -> Floats:
        shares: Floats = (entries.values * share[entries.columns]).astype(np.float32)
        return shares

    sizes = np.maximum(rows.counts, 1.0) ** linear.row_exponent
    return _ratios(columns, change, sizes, sizes)


def _ratios(
    columns: Columns, change: _Change, of_row: Doubles, of_neighbour: Doubles
) -> Similarities:
    """Products of changed rows, divided by a number of each of the two."""
    changed = [(first, _changed(block, first, change, by_column=True)) for first, block in columns]
    formula = Formula(RATIO, of_row, of_neighbour)
    return Similarities(_whole(changed), formula, _content(changed), change, None)


def _whole(columns: Columns) -> Sparse:
    """All columns as one block, without a copy where they are."""
    return columns[0][1] if len(columns) == 1 else Sparse.stacked([block for _, block in columns])


def _is_binary(settings: SimilaritySettings) -> bool:
    return settings.measure in _BINARY


def _content(columns: Columns) -> Content:
    above = all((block.values > 0.0).all() for _, block in columns)
    return "positive" if above else "any"


def _formula(
    settings: SimilaritySettings, rows: Totals, columns: Totals, source: Source
) -> Formula:
    """The measure's formula, with the factors or summands of the row and of the neighbour."""
    ones, counts, added = np.ones_like(rows.counts), rows.counts, settings.shrinkage
    n_columns = float(np.count_nonzero(columns.counts))

    def ratio(of_source: Doubles, of_target: Doubles) -> Formula:
        return Formula(RATIO, *_ordered(source, of_source, of_target), added=added)

    def overlap(only_source: float, only_target: float) -> Formula:
        pair = _ordered(source, only_source * counts, only_target * counts)
        return Formula(OVERLAP, *pair, added=added, overlap=1.0 - only_source - only_target)

    def damped(form: int, own: Doubles = ones) -> Formula:
        return Formula(form, own, own, damping=settings.shrinkage)

    match settings.measure:
        case "cosine":
            return ratio(rows.norms, rows.norms)
        case "asymmetric_cosine":
            share = settings.asymmetry
            return ratio(rows.squares**share, rows.squares ** (1.0 - share))
        case "jaccard":
            return overlap(1.0, 1.0)
        case "dice":
            return overlap(0.5, 0.5)
        case "tversky":
            return overlap(settings.tversky_source, settings.tversky_target)
        case "lift":
            return ratio(counts, counts / max(1.0, n_columns))
        case "conditional_probability":
            return ratio(counts, ones)
        case "log_likelihood_ratio":
            return damped(LIKELIHOOD, counts)._replace(added=n_columns)
        case "co_occurrence":
            return damped(RATIO)
        case "common_cosine" | "adjusted_cosine":
            return damped(COSINE)
        case "baseline_pearson":
            return damped(COSINE)._replace(free=1.0)
        case "profile_pearson":
            return damped(RATIO, rows.norms)
        case "pearson" | "spearman":
            return damped(PEARSON)
        case "msd":
            return damped(DISTANCE)


def _ordered(source: Source, of_source: Doubles, of_target: Doubles) -> tuple[Doubles, Doubles]:
    return (of_source, of_target) if source == "row" else (of_target, of_source)


def _change(
    settings: SimilaritySettings, columns: Columns, n_rows: int, *, users_are_rows: bool
) -> _Change | None:
    """What a measure makes of each value before it is compared; `None` = nothing."""
    if _is_binary(settings):
        return lambda entries: np.ones_like(entries.values)
    if settings.measure == "spearman":
        return _ranks(columns)
    rows, others = side_totals(columns, n_rows)
    match settings.measure:
        case "adjusted_cosine":
            return _less(Offsets(0.0, np.zeros(n_rows), others.means))
        case "profile_pearson":
            return _less(Offsets(0.0, rows.means, np.zeros(len(others.counts))))
        case "baseline_pearson":
            mean = float(rows.sums.sum() / max(1.0, rows.counts.sum()))
            of_rows, of_columns = USER_PENALTY, ITEM_PENALTY
            if not users_are_rows:
                of_rows, of_columns = of_columns, of_rows
            shrinkage = Shrinkage(of_rows, of_columns, PASSES)
            return _less(
                find_biases(columns, n_rows, mean, shrinkage, rows_first=not users_are_rows)
            )
        case "cosine" | "asymmetric_cosine":
            return _weighted(settings, rows, others)
    return None


def _less(offsets: Offsets) -> _Change:
    def change(entries: _Entries) -> Floats:
        expected = offsets.mean + offsets.rows[entries.rows] + offsets.columns[entries.columns]
        left: Floats = (entries.values - expected).astype(np.float32)
        return left

    return change


def _weighted(settings: SimilaritySettings, rows: Totals, columns: Totals) -> _Change | None:
    """How much each liking counts: rows are documents, and columns are terms.

    BM25 is as `implicit` has it. Rows that have nothing are no documents: there may be any number of them.
    """
    if settings.common_exponent == 0.0 and settings.weighting == "none":
        return None
    filled = rows.counts > 0.0
    in_rows, n_rows = np.maximum(columns.counts, 1.0), max(1.0, float(np.count_nonzero(filled)))
    # Products have each column's number twice.
    share = in_rows ** (-0.5 * settings.common_exponent)
    match settings.weighting:
        case "inverse_frequency":
            share *= np.log(n_rows / in_rows)
        case "tf_idf" | "bm25":
            share *= np.abs(np.log(n_rows) - np.log1p(columns.counts))
    k1, b = settings.bm25_k1, settings.bm25_b
    mean_length = rows.sums[filled].sum() / n_rows
    length = k1 * (1.0 - b + b * rows.sums / max(mean_length, np.finfo(np.float64).tiny))

    def change(entries: _Entries) -> Floats:
        values = entries.values
        match settings.weighting:
            case "binary":
                own = np.ones_like(values)
            case "log":
                own = np.log1p(values)
            case "tf_idf":
                own = np.sqrt(values)
            case "bm25":
                own = values * (k1 + 1.0) / (length[entries.rows] + values)
            case "none" | "inverse_frequency":
                own = values
        weighted: Floats = (own * share[entries.columns]).astype(np.float32)
        return weighted

    return change


def _ranks(columns: Columns) -> _Change:
    """Each value's rank within its row, from 1; equal ones share the mean of their ranks."""
    rows = np.concatenate([block.columns for _, block in columns]).astype(np.int64)
    values = np.concatenate([block.values for _, block in columns])
    levels = np.unique(values)

    def key(rows: npt.NDArray[np.integer], values: Floats) -> npt.NDArray[np.int64]:
        place: npt.NDArray[np.int64] = rows * len(levels) + np.searchsorted(levels, values)
        return place

    keys, counts = np.unique(key(rows, values), return_counts=True)
    ends = np.cumsum(counts)
    row_of_key = keys // max(1, len(levels))
    before_row = (ends - counts)[np.searchsorted(row_of_key, row_of_key)]
    ranks = ((2 * ends - counts + 1) / 2.0 - before_row).astype(np.float32)
    return lambda entries: ranks[
        np.searchsorted(keys, key(entries.rows.astype(np.int64), entries.values))
    ]


def _entries(block: Sparse, first: int, *, by_column: bool) -> _Entries:
    own = np.repeat(np.arange(first, first + len(block.indptr) - 1), np.diff(block.indptr))
    if by_column:
        return _Entries(block.columns, own, block.values)
    return _Entries(own, block.columns, block.values)


def _changed(
    block: Sparse, first: int, change: _Change | None, *, by_column: bool = False
) -> Sparse:
    if change is None:
        return block
    return block._replace(values=change(_entries(block, first, by_column=by_column)))
