"""Scored items as single numbers, whose order is the total order that every list has.

The upper half of a key is the score, in single precision and above 0, whose bits ascend as it does; the
lower half counts down as the position ascends. So the key is the greater, the higher the score, and of
equal scores the lower the position: keys are compared, chosen and sorted at the price of whole numbers.
"""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from toplists.engine.kernels.compiling import compiled
from toplists.engine.kernels.weight_sums import Sparse

Keys: TypeAlias = npt.NDArray[np.uint64]
"""uint64; 0 is no item."""

_HALF = np.uint64(32)
_LAST = np.uint64(0xFFFFFFFF)


@compiled
def key_of(bits: np.uint32, item: int) -> np.uint64:
    """The key of an item, by the bits of its score."""
    return (np.uint64(bits) << _HALF) | (_LAST - np.uint64(item))


@compiled
def keep_greatest(keys: Keys, size: int, k: int) -> None:
    """Bring the k greatest of the first `size` keys to the front, in any order.

    Hoare's selection, by the median of three; k is below `size`.
    """
    low, high, last = 0, size - 1, k - 1
    while low < high:
        first, middle, end = keys[low], keys[(low + high) // 2], keys[high]
        pivot = max(min(first, middle), min(max(first, middle), end))
        left, right = low, high
        while left <= right:
            while keys[left] > pivot:
                left += 1
            while keys[right] < pivot:
                right -= 1
            if left <= right:
                keys[left], keys[right] = keys[right], keys[left]
                left += 1
                right -= 1
        if last <= right:
            high = right
        elif last >= left:
            low = left
        else:
            break


def sorted_lists(keys: Keys) -> Sparse:
    """Rows of keys as lists of items with their scores, best first. The keys are sorted in place."""
    keys.sort(axis=1)
    ordered = keys[:, ::-1]
    listed = ordered > 0
    indptr = np.concatenate(([0], np.cumsum(np.count_nonzero(listed, axis=1))))
    chosen = ordered[listed]
    items = (_LAST - (chosen & _LAST)).astype(np.int32)
    return Sparse(indptr, items, (chosen >> _HALF).astype(np.uint32).view(np.float32))
