"""How good factors are, by one measure for all contenders."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import scipy.sparse as sp
from numba import njit

Floats = npt.NDArray[np.float32]

_JUDGED, _AT_ONCE = 5_000, 100
_LIST = 10


@dataclass(frozen=True)
class Task:
    """What is fitted, as all contenders are told.

    `penalty` is multiplied by a row's number of ratings if `by_count` is set. `alpha` counts for
    implicit feedback only: all ratings are positive with confidence 1 + alpha, all else is 0 with
    confidence 1.
    """

    feedback: str
    rank: int
    penalty: float
    by_count: bool
    alpha: float = 1.0


def objective(task: Task, train: sp.csr_array, users: Floats, items: Floats) -> float:
    """What ALS minimizes: implicit over all cells, those without a rating through the Gram matrices."""
    predicted = _predict(train.indptr, train.indices, users, items).astype(np.float64)
    if task.feedback == "explicit":
        total = float(np.square(predicted - train.data).sum())
    else:
        grams = [side.T.astype(np.float64) @ side for side in (users, items)]
        total = float((grams[0] * grams[1]).sum())
        confidence = 1.0 + task.alpha
        total += float((confidence * (1.0 - predicted) ** 2 - predicted**2).sum())
    for side, counts in (
        (users, np.diff(train.indptr)),
        (items, np.bincount(train.indices, minlength=len(items))),
    ):
        lengths = np.square(side, dtype=np.float64).sum(axis=1)
        total += task.penalty * float((lengths * (counts if task.by_count else 1)).sum())
    return total


def root_mean_square_error(held_out: sp.csr_array, users: Floats, items: Floats) -> float:
    """Of the held-out ratings; a prediction is the product of the vectors."""
    predicted = _predict(held_out.indptr, held_out.indices, users, items)
    return float(np.sqrt(np.mean(np.square(predicted - held_out.data, dtype=np.float64))))


def ndcg(train: sp.csr_array, held_out: sp.csr_array, users: Floats, items: Floats) -> float:
    """NDCG@10 of some users' lists without what they have seen, the held-out items being relevant."""
    judged = np.flatnonzero(np.diff(held_out.indptr))
    judged = np.random.default_rng(0).permutation(judged)[:_JUDGED]
    gains = 1.0 / np.log2(np.arange(2, _LIST + 2))
    total = 0.0
    for some in np.array_split(judged, -(-len(judged) // _AT_ONCE)):
        for user, scores in zip(some.tolist(), users[some] @ items.T, strict=True):
            scores[train.indices[train.indptr[user] : train.indptr[user + 1]]] = -np.inf
            best = np.argpartition(-scores, _LIST)[:_LIST]
            best = best[np.argsort(-scores[best], kind="stable")]
            relevant = held_out.indices[held_out.indptr[user] : held_out.indptr[user + 1]]
            found = np.isin(best, relevant)
            ideal = gains[: min(_LIST, len(relevant))].sum()
            total += float(gains[found].sum() / ideal)
    return total / len(judged)


@njit(cache=True, fastmath=True)
def _predict(
    indptr: npt.NDArray[np.int32], indices: npt.NDArray[np.int32], users: Floats, items: Floats
) -> Floats:
    predicted = np.empty(len(indices), dtype=np.float32)
    for user in range(len(indptr) - 1):
        for entry in range(indptr[user], indptr[user + 1]):
            item, total = indices[entry], np.float32(0)
            for p in range(users.shape[1]):
                total += users[user, p] * items[item, p]
            predicted[entry] = total
    return predicted
