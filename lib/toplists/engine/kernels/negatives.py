"""Items drawn for a user from all that the user has nothing to do with."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from toplists.engine.kernels.candidates import ItemSets, frozen_sets
from toplists.engine.kernels.compiling import compiled
from toplists.engine.kernels.draws import random_bits
from toplists.engine.kernels.frozen import frozen


def draw_negatives(
    hashes: npt.NDArray[np.uint64], known: ItemSets, n_items: int, count: int, seed: int
) -> ItemSets:
    """`count` items for each user, none of them known and none twice; all others where there are fewer.

    Every such set is equally likely. It depends on the user's hash, on what is known, on the number of
    items and on the seed, and not on who else is drawn for.

    Args:
        hashes: uint64[users], of their external ids; see `draws.hash_ids`.
        known: The items that are not drawn, a row per user.
        n_items: Items are drawn from 0 … n_items-1.
        count: How many, at least 1.
        seed: From 0 below 2^64.
    """
    sizes = np.minimum(count, n_items - np.diff(known.indptr))
    indptr = np.concatenate(([0], np.cumsum(sizes, dtype=np.int64)))
    items = np.empty(indptr[-1], dtype=np.int32)
    words = random_bits(hashes, int(sizes.max(initial=0)), seed)
    _draw(frozen(words), frozen_sets(known), n_items, frozen(indptr), items)
    return ItemSets(indptr, items)


@compiled
def _draw(
    words: npt.NDArray[np.uint64],
    known: ItemSets,
    n_items: int,
    indptr: npt.NDArray[np.int64],
    items: npt.NDArray[np.int32],
) -> None:
    """The first steps of the shuffle of Fisher and Yates (Durstenfeld 1964), over who is not known."""
    others = np.empty(n_items, dtype=np.int32)
    for user in range(len(indptr) - 1):
        entry, end, left = known.indptr[user], known.indptr[user + 1], 0
        for item in range(n_items):
            if entry < end and known.items[entry] == item:
                entry += 1
            else:
                others[left] = item
                left += 1
        for place in range(indptr[user + 1] - indptr[user]):
            chosen = place + np.int64(words[user, place] % np.uint64(left - place))
            others[place], others[chosen] = others[chosen], others[place]
            items[indptr[user] + place] = others[place]
        items[indptr[user] : indptr[user + 1]].sort()
