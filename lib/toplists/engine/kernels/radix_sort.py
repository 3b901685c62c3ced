"""Sorting whole numbers, in time proportional to their count.

Least-significant-digit radix sort: Knuth, "The Art of Computer Programming", volume 3, section 5.2.5. A
comparison sort of a block's entries takes ten times as long.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from toplists.engine.kernels.compiling import compiled
from toplists.engine.kernels.frozen import frozen

Order = npt.NDArray[np.int64]

_DIGIT = 16  # bits: the places of a digit stay in the second-level cache
_MASK = (1 << _DIGIT) - 1


def order_by(keys: npt.NDArray[np.int32], before: Order | None = None) -> Order:
    """The order in which keys ascend: int64[n]. It is stable.

    Args:
        keys: int32[n], not negative.
        before: int64[n], the order to begin with, in which equal keys stay; without it that of the array.
    """
    order = np.arange(len(keys)) if before is None else before
    largest = int(keys.max(initial=0))
    for shift in range(0, max(1, largest.bit_length()), _DIGIT):
        most = min(largest >> shift, _MASK)
        order = _order_by_digit(frozen(keys), shift, most, frozen(order))
    return order


@compiled
def _order_by_digit(keys: npt.NDArray[np.int32], shift: int, most: int, before: Order) -> Order:
    """One pass; no digit is more than `most`."""
    place = np.zeros(most + 2, dtype=np.int64)
    for key in keys:
        place[((key >> shift) & _MASK) + 1] += 1
    for digit in range(most):
        place[digit + 1] += place[digit]
    order = np.empty(len(before), dtype=np.int64)
    for entry in before:
        digit = (keys[entry] >> shift) & _MASK
        order[place[digit]] = entry
        place[digit] += 1
    return order
