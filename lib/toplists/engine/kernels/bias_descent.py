"""Biases of users and items by stochastic gradient descent, one rating after the other."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from toplists.engine.kernels.compiling import compiled
from toplists.engine.kernels.frozen import frozen
from toplists.engine.kernels.weight_sums import Sparse

Doubles = npt.NDArray[np.float64]


def descend(
    ratings: Sparse,
    weights: npt.NDArray[np.float32] | None,
    mean: float,
    users: Doubles,
    items: Doubles,
    *,
    learning_rate: float,
    regularization: float,
) -> None:
    """Go once through the ratings of some users, and change the biases of them and of items in place.

    Args:
        ratings: Users by items.
        weights: float32[entries], how much each rating counts; `None` where all count 1.
        mean: What the biases are added to.
        users: float64[users], of the rows of `ratings`.
        items: float64[items].
        learning_rate: Share of the gradient that a step goes.
        regularization: Penalty on the square of a bias, for each of its ratings.
    """
    counts = np.ones(len(ratings.values), dtype=np.float32) if weights is None else weights
    _descend(ratings.frozen(), frozen(counts), mean, users, items, learning_rate, regularization)


@compiled
def _descend(
    ratings: Sparse,
    weights: npt.NDArray[np.float32],
    mean: float,
    users: Doubles,
    items: Doubles,
    learning_rate: float,
    regularization: float,
) -> None:
    for user in range(len(users)):
        for entry in range(ratings.indptr[user], ratings.indptr[user + 1]):
            item = ratings.columns[entry]
            error = float(ratings.values[entry]) - (mean + users[user] + items[item])
            step = learning_rate * float(weights[entry])
            users[user] += step * (error - regularization * users[user])
            items[item] += step * (error - regularization * items[item])
