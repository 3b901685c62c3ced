"""The most similar rows of each row of a sparse matrix, whatever similarity is."""

from __future__ import annotations

import math
from typing import Literal, NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt

from toplists.engine.kernels.compiling import compiled
from toplists.engine.kernels.frozen import frozen
from toplists.engine.kernels.gram import COUNTED, MOMENTS, PRODUCT, TILE_BYTES, Tile, gram_tiles
from toplists.engine.kernels.nearest_rows import nearest_rows
from toplists.engine.kernels.topk import empty_heaps, offer, sort_heaps
from toplists.engine.kernels.weight_sums import Sparse

Doubles: TypeAlias = npt.NDArray[np.float64]
Content: TypeAlias = Literal["ones", "positive", "any"]
"""What the values of a matrix are: all 1, all above 0, or any numbers."""

RATIO, OVERLAP, LIKELIHOOD, COSINE, PEARSON, DISTANCE = range(6)
"""Forms of similarity; see `Formula`."""

_TOTALS_ONLY = (RATIO, OVERLAP, LIKELIHOOD)
_NO_SCALE, _BY_NEIGHBOUR, _BY_ROW = range(3)

# A variance below this share of the mean square is what rounding leaves of equal values.
_ROUNDING = 1e-12


class Formula(NamedTuple):
    """What the similarity of row i to row j is made of.

    With n common columns, and sums over them, it is by `form`

    - `RATIO`: Σxy / (own_i other_j + added),
    - `OVERLAP`: n / (own_i + other_j + overlap n + added), of values that are 1,
    - `LIKELIHOOD`: the log-likelihood ratio of n among own_i and other_j out of `added` (Dunning,
      "Accurate methods for the statistics of surprise and coincidence", 1993), negative where n is less
      than by chance,
    - `COSINE`: Σxy / sqrt(Σx² Σy²),
    - `PEARSON`: the correlation of x and y,
    - `DISTANCE`: 1 / (Σ(x - y)²/n + 1),

    times `(n - free) / (n - free + damping)`, times scale_j or, if `scaled` says so, scale_i.
    It exists only where `least` columns are common, and where the formula does not divide by 0. What is
    below `lowest` by its absolute value is no neighbour, nor is what is not above 0, unless `signed`.
    """

    form: int
    own: Doubles
    other: Doubles
    added: float = 0.0
    overlap: float = 0.0
    damping: float = 0.0
    free: float = 0.0
    scale: Doubles = np.empty(0)
    scaled: int = _NO_SCALE
    least: float = 1.0
    lowest: float = 0.0
    signed: bool = False

    def scaled_by(self, scale: Doubles, *, row: bool) -> Formula:
        """The same times a number of the neighbour, or of the row."""
        return self._replace(scale=scale, scaled=_BY_ROW if row else _BY_NEIGHBOUR)

    def width(self, content: Content) -> int:
        """How many sums of a pair it takes."""
        if self.form not in _TOTALS_ONLY:
            return MOMENTS
        is_enough = content == "ones" or (content == "positive" and not self.is_counted)
        return PRODUCT if is_enough else COUNTED

    @property
    def is_plain(self) -> bool:
        """Whether nothing but sum, row and neighbour count."""
        return self.form == RATIO and self.scaled == _NO_SCALE and not self.is_counted

    @property
    def is_counted(self) -> bool:
        """Whether the number of common columns decides anything by itself."""
        return self.least > 1.0 or self.damping > 0.0


def similar_rows(
    rows: Sparse,
    first: int,
    columns: Sparse,
    formula: Formula,
    content: Content,
    candidates: npt.NDArray[np.bool_] | None = None,
    *,
    k: int | None,
    tile_bytes: int = TILE_BYTES,
) -> Sparse:
    """The k most similar others of each of a block of rows; items by users as well as users by items.

    A row is no neighbour of itself, and rows without a common column are no neighbours. Similarities are
    compared as the single precision that they are stored in, where equal ones are equal: the order is
    by (similarity descending, position ascending). Neither depends on how the matrix is cut.

    Args:
        rows: The block's rows; columns ascend.
        first: Position of the block's first row.
        columns: The whole matrix by column.
        formula: What similarity is; its arrays are of all rows of the matrix.
        content: What the values of the matrix are.
        candidates: bool[rows of the matrix], which may be neighbours; `None` = all.
        k: Neighbours per row; `None` = all there are.
        tile_bytes: Memory for the rows of the product that are held at a time, of which there is one at least.

    Returns:
        Each row's neighbours, best first, with their similarities.
    """
    n_rows = len(formula.own)
    chosen = frozen(np.ones(n_rows, np.bool_) if candidates is None else candidates)
    width = formula.width(content)
    smallest = 0.0 if formula.signed else float(np.finfo(np.float32).smallest_subnormal)
    lowest = max(float(np.float32(formula.lowest)), smallest)
    if width == PRODUCT and formula.is_plain:
        # Nothing is similar to whoever divides by infinity.
        others = np.where(chosen & (formula.other > 0.0), formula.other, np.inf)
        return nearest_rows(
            rows,
            first,
            columns,
            formula.own,
            others,
            added=formula.added,
            lowest=lowest,
            k=k,
            memory=tile_bytes,
        )
    formula = formula._replace(
        own=frozen(formula.own),
        other=frozen(formula.other),
        scale=frozen(formula.scale),
        lowest=lowest,
        # Nothing counts common columns there, and whatever is touched has one.
        least=0.0 if width == PRODUCT and content != "ones" else formula.least,
    )
    found = []
    by_column = [(0, columns)]
    for start, tile in gram_tiles(rows, by_column, n_rows, width=width, tile_bytes=tile_bytes):
        most = max(1, int(tile.counts.max()))
        heaps = empty_heaps(len(tile.counts), most if k is None else min(k, most))
        _choose(tile, first + start, formula, chosen, *heaps)
        sort_heaps(*heaps)
        found.append(Sparse.of_lists(*heaps))
    return Sparse.stacked(found)


@compiled
def _choose(
    tile: Tile,
    first: int,
    formula: Formula,
    candidates: npt.NDArray[np.bool_],
    items: npt.NDArray[np.int32],
    scores: Doubles,
) -> None:
    """The same for any formula."""
    width = tile.sums.shape[2]
    for row in range(len(tile.counts)):
        itself = first + row
        for place in range(tile.counts[row]):
            item = tile.touched[row, place]
            sums = tile.sums[row, item]
            common = sums[0]
            if item != itself and candidates[item] and common >= formula.least:
                similarity = _similarity(formula, sums, width, itself, item)
                similarity *= _confidence(formula, common)
                if formula.scaled != _NO_SCALE:
                    similarity *= formula.scale[itself if formula.scaled == _BY_ROW else item]
                similarity = float(np.float32(similarity))
                large = abs(similarity) >= formula.lowest and np.isfinite(similarity)
                if large and (formula.signed or similarity > 0.0):
                    offer(items, scores, row, item, similarity)
            sums[:] = 0.0


@compiled
def _confidence(formula: Formula, common: float) -> float:
    counted = common - formula.free
    return counted / (counted + formula.damping) if formula.damping > 0.0 else 1.0


@compiled
def _similarity(formula: Formula, sums: Doubles, width: int, row: int, other: int) -> float:
    """By the form; NaN where it divides by 0."""
    common, product = sums[0], sums[0] if width == PRODUCT else sums[1]
    own, others = formula.own[row], formula.other[other]
    if formula.form == RATIO:
        return _divide(product, own * others + formula.added)
    if formula.form == OVERLAP:
        return _divide(product, own + others + formula.overlap * product + formula.added)
    if formula.form == LIKELIHOOD:
        return _likelihood_ratio(product, own, others, formula.added)
    x, y, xx, yy = sums[2], sums[3], sums[4], sums[5]
    if formula.form == COSINE:
        return _divide(product, math.sqrt(xx * yy))
    if formula.form == PEARSON:
        x_spread, y_spread = common * xx - x * x, common * yy - y * y
        if x_spread <= _ROUNDING * common * xx or y_spread <= _ROUNDING * common * yy:
            return np.nan
        return float((common * product - x * y) / math.sqrt(x_spread * y_spread))
    return float(1.0 / (max(0.0, xx + yy - 2.0 * product) / common + 1.0))


@compiled
def _divide(number: float, by: float) -> float:
    return number / by if by > 0.0 else np.nan


@compiled
def _likelihood_ratio(common: float, own: float, other: float, total: float) -> float:
    """Twice the difference of the log-likelihoods of 'together as often as not' and of independence."""
    ratio = 2.0 * (
        _information(common, own, other, total)
        + _information(own - common, own, total - other, total)
        + _information(other - common, total - own, other, total)
        + _information(total - own - other + common, total - own, total - other, total)
    )
    return ratio if common * total >= own * other else -ratio


@compiled
def _information(cell: float, row: float, column: float, total: float) -> float:
    """What a cell of the table of counts adds."""
    return cell * math.log(cell * total / (row * column)) if cell > 0.0 else 0.0
