"""Item-to-item cosine similarity as a row-wise sparse Gram product with fused selection."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt
import scipy.sparse as sp

from toplists.engine.kernels.topk import top_k_sparse

# A tile is a sparse product, dense at worst: index, value, and what the selection needs of them.
_BYTES_PER_PAIR = 32


def cosine_neighbours(
    items: sp.csr_array,
    first: int,
    users: Sequence[tuple[int, sp.csr_array]],
    norms: npt.NDArray[np.float64],
    candidates: npt.NDArray[np.bool_] | None = None,
    *,
    k: int,
    shrinkage: float,
    tile_bytes: int,
) -> Iterator[tuple[int, npt.NDArray[np.int32], npt.NDArray[np.float64]]]:
    """The k most similar items of each of a block of items, over all raters.

    `sim(i, j) = Σ_u x_ui x_uj / (|x_i| |x_j| + shrinkage)`; an item is no neighbour of itself, and
    items without a common rater are no neighbours. Pairs are never materialised: the product is
    formed for a few rows at a time and reduced to its best before the next ones.

    Args:
        items: float32[block, n_users], the block's items by user.
        first: Position of the block's first item.
        users: The whole matrix by user as `(position of the first user, float32[rows, n_items])`.
        norms: float64[n_items], Euclidean norm of every item.
        candidates: bool[n_items], which items may be neighbours; `None` = all.
        k: Neighbours per item.
        shrinkage: Added to the denominator; pulls similarities from few raters down.
        tile_bytes: Memory for the rows of the product that are held at a time.

    Yields:
        `(first row of the tile, neighbours int32[tile, k], similarities float64[tile, k])`, -1 and
        NaN where an item has fewer neighbours.
    """
    n_items = len(norms)
    height = max(1, tile_bytes // max(1, _BYTES_PER_PAIR * n_items))
    for start in range(0, items.shape[0], height):
        rows = items[start : start + height]
        dots = sp.csr_array((rows.shape[0], n_items), dtype=np.float32)
        for offset, block in users:
            dots = dots + rows[:, offset : offset + block.shape[0]] @ block
        lengths = np.diff(dots.indptr)
        own = np.repeat(np.arange(first + start, first + start + rows.shape[0]), lengths)
        similarities = dots.data / (norms[own] * norms[dots.indices] + shrinkage)
        others = (own != dots.indices) & (dots.data > 0)
        if candidates is not None:
            others &= candidates[dots.indices]
        before = np.concatenate(([0], np.cumsum(others)))
        neighbours, values = top_k_sparse(
            before[dots.indptr],
            dots.indices[others],
            similarities[others].astype(np.float32),
            k,
        )
        yield first + start, neighbours, values
