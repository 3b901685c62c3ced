"""Ridge regression on a few features, given their Gram matrix."""

from __future__ import annotations

import numpy as np
from scipy.linalg import lapack

from toplists.engine.kernels.gram_rows import Doubles


def solve_ridge(gram: Doubles, pull: Doubles, regularization: float, drop: float) -> Doubles:
    """The weights that solve `(G + diag(regularization + drop G_jj)) w = pull`: float64[n].

    The second term is that of features which are left out at random, a share `drop / (1 + drop)` of them
    (Steck, "Autoencoders that don't overfit towards the identity", 2020).

    Args:
        gram: float64[n, n]; it is overwritten.
        pull: float64[n].
        regularization: Not negative; with a `drop` of 0 above 0.
        drop: Not negative.
    """
    diagonal = np.einsum("ii->i", gram)
    diagonal += regularization + drop * diagonal
    # A symmetric matrix is its own transpose, which LAPACK takes without a copy.
    _, weights, failed = lapack.dposv(gram.T, pull, lower=1, overwrite_a=1)
    if failed:
        raise FloatingPointError("a ridge that is not above 0")
    solved: Doubles = weights
    return solved
