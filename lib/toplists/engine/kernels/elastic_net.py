"""Least squares with an elastic net, by coordinate descent on the Gram matrix of the features."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from toplists.engine.kernels.compiling import compiled
from toplists.engine.kernels.gram_rows import Doubles, Positions

_SMALLEST_STEP = 1e-5
"""Of the largest weight: a pass whose steps are all smaller is the last."""


_FIRST = 128
"""Features to begin with, where most are expected to have no weight."""

MOST_WEIGHTS = 8_000
"""Features that may have a weight for one: their Gram matrix takes 0.5 GiB, and half as much on the way."""

_ROWS_AT_ONCE = 256

_BEYOND = 1.0 + 1e-6
"""How far a feature's pull goes beyond the penalty before it gets a weight, in shares of the penalty."""


class Penalty(NamedTuple):
    """`sparse` times the sum of sizes, and half of `ridge` times that of squares, of the weights.

    With `positive` weights are not below 0. After `passes` over the weights the descent ends in any case.
    """

    sparse: float
    ridge: float
    positive: bool
    passes: int


def fit_elastic_net(gram: Doubles, pull: Doubles, penalty: Penalty) -> Doubles:
    """The weights w that minimize `wᵀGw/2 - pullᵀw` and the penalty: float64[n].

    Friedman, Hastie and Tibshirani, "Regularization paths for generalized linear models via coordinate
    descent", Journal of Statistical Software 33, 2010, with covariance updates.

    Args:
        gram: float64[n, n].
        pull: float64[n], products of the features with what they foretell.
        penalty: On the weights.
    """
    weights = np.zeros(len(pull))
    _descend(gram, pull.copy(), penalty, weights)
    return weights


def fit_to_all(
    gram: Callable[[Positions], npt.NDArray[np.float32]], own: int, penalty: Penalty
) -> tuple[Positions, Doubles]:
    """The same of one feature by all others, of which few are looked at: those that can have a weight.

    Features whose pull goes beyond the penalty join until there are none left, as at the minimum.

    Args:
        gram: Rows of the Gram matrix, float32[positions, n], of int32[positions].
        own: The feature that is foretold.
        penalty: On the weights; `sparse` is above 0.

    Returns:
        Positions int32[k], ascending, and their weights float64[k].

    Raises:
        ArithmeticError: more than `MOST_WEIGHTS` features can have a weight.
    """
    pull = gram(np.array([own], dtype=np.int32))[0].astype(np.float64)
    pull[own] = 0.0
    chosen, weights, left = np.empty(0, dtype=np.int32), np.empty(0), pull.copy()
    while True:
        beyond = left if penalty.positive else np.abs(left)
        joining = np.flatnonzero(beyond > penalty.sparse * _BEYOND)
        if not len(joining):
            return chosen, weights
        strongest = joining[np.argsort(-beyond[joining], kind="stable")]
        some = strongest[: max(_FIRST, len(chosen))].astype(np.int32)
        chosen = np.sort(np.concatenate((chosen, some)))
        if len(chosen) > MOST_WEIGHTS:
            raise ArithmeticError(f"more than {MOST_WEIGHTS:,} weights for one feature")
        within = np.concatenate([gram(turn)[:, chosen] for turn in _turns(chosen)])
        weights = fit_elastic_net(within.astype(np.float64), pull[chosen], penalty)
        left = pull.copy()
        for turn, own_weights in zip(_turns(chosen), _turns(weights), strict=True):
            left -= own_weights @ gram(turn).astype(np.float64)
        left[chosen] = 0.0
        left[own] = 0.0


def _turns(array: npt.NDArray[Any]) -> list[npt.NDArray[Any]]:
    """An array cut into pieces, of which whole rows of the Gram matrix are held one after the other."""
    return [array[first : first + _ROWS_AT_ONCE] for first in range(0, len(array), _ROWS_AT_ONCE)]


@compiled
def _descend(gram: Doubles, left: Doubles, penalty: Penalty, weights: Doubles) -> None:
    """Go over the weights until they hardly change; `left` is what of the pull they leave."""
    for _ in range(penalty.passes):
        largest, longest = 0.0, 0.0
        for feature in range(len(weights)):
            curvature = gram[feature, feature] + penalty.ridge
            if curvature <= 0.0:
                continue
            pulled = left[feature] + gram[feature, feature] * weights[feature]
            size = max(abs(pulled) - penalty.sparse, 0.0) / curvature
            weight = size if pulled > 0.0 else (0.0 if penalty.positive else -size)
            step = weight - weights[feature]
            if step != 0.0:
                weights[feature] = weight
                for other in range(len(left)):
                    left[other] -= step * gram[feature, other]
            largest, longest = max(largest, abs(weight)), max(longest, abs(step))
        if longest <= _SMALLEST_STEP * largest:
            break
