"""Users and items of the lists that look-ups are timed on, and which items are in whose list."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

RUN = "2026-11-27-00000001"
CATALOGUE = 50_000


def user_id(number: int) -> str:
    """The id of a user; in the order of numbers."""
    return f"user-{number:09d}"


def item_ids() -> list[str]:
    """The ids of all items."""
    return [str(item * 17 + 1_000) for item in range(CATALOGUE)]


def items_of(users: npt.NDArray[np.int64], n: int) -> npt.NDArray[np.int64]:
    """The items of each user's list, best first, some in many lists and most in few: [users, n]."""
    mixed = users[:, np.newaxis] * np.uint64(2_654_435_761) + np.arange(n, dtype=np.uint64) * (
        np.uint64(40_503) * np.uint64(65_537)
    )
    share = (mixed.astype(np.uint64) % np.uint64(2**32)).astype(np.float64) / 2**32
    chosen: npt.NDArray[np.int64] = (CATALOGUE * share**3).astype(np.int64)
    return chosen
