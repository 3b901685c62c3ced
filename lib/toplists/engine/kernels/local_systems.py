"""Normal equations of items over their nearest neighbours, one small system each."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from toplists.engine.kernels.candidates import ItemSets
from toplists.engine.kernels.compiling import compiled
from toplists.engine.kernels.gram_rows import Doubles, Likings, Positions
from toplists.engine.kernels.product_rows import empty_row, sum_row, unsigned
from toplists.engine.kernels.weight_sums import Sparse

_FLOAT = 4


class System(NamedTuple):
    """The Gram matrix of an item's neighbours, and their column of the item itself.

    `row` of the item in its block; `members` int32[n] positions of the neighbours, ascending; `gram`
    float64[n, n]; `pull` float64[n].
    """

    row: int
    members: Positions
    gram: Doubles
    pull: Doubles


def local_systems(
    likings: Likings, first: int, neighbours: ItemSets, memory: int
) -> Iterator[System]:
    """The systems of consecutive items, of those that have a neighbour.

    Args:
        likings: What was liked.
        first: Position of the first item.
        neighbours: The neighbours of each item, in any order; the item is not among them.
        memory: Bytes for the systems that are held at a time, of which there is one at least.
    """
    sizes = np.diff(neighbours.indptr) + 1
    needed = np.cumsum(_FLOAT * sizes * (sizes + 1) // 2)
    start = 0
    while start < len(sizes):
        before = needed[start - 1] if start else 0
        end = max(start + 1, int(np.searchsorted(needed, before + memory, side="right")))
        rows = np.arange(start, end)
        own = (first + rows).astype(np.int32)
        members = _with_own(neighbours.of(rows), own)
        triangles, ends = _triangles(likings, members), _ends(members)
        for row in np.flatnonzero(np.diff(members.indptr) > 1).tolist():
            together = members.row(row)
            place = int(np.searchsorted(together, own[row]))
            size = len(together) - 1
            gram, pull = np.empty((size, size)), np.empty(size)
            _unfold(triangles[ends[row] : ends[row + 1]], place, gram, pull)
            yield System(start + row, np.delete(together, place), gram, pull)
        start = end


def _with_own(neighbours: ItemSets, own: Positions) -> ItemSets:
    """Each item with its neighbours, ascending."""
    rows = np.arange(len(own))
    owners = np.concatenate((np.repeat(rows, np.diff(neighbours.indptr)), rows))
    items = np.concatenate((neighbours.items, own))
    indptr = neighbours.indptr + np.arange(len(own) + 1)
    return ItemSets(indptr, items[np.lexsort((items, owners))])


def _triangles(likings: Likings, members: ItemSets) -> npt.NDArray[np.float32]:
    """The Gram matrix of each set, as the rows of its lower triangle, one behind the other.

    A row of the whole Gram matrix is formed once, and goes to all sets that its item is in.
    """
    ends = _ends(members)
    triangles = np.zeros(int(ends[-1]), dtype=np.float32)
    by_item = np.argsort(members.items, kind="stable")
    wanted, begins = np.unique(members.items[by_item], return_index=True)
    bounds = np.append(begins, len(by_item))
    owners = np.repeat(np.arange(len(ends) - 1), np.diff(members.indptr))[by_item]
    _spread(
        unsigned(likings.items),
        unsigned(likings.users),
        wanted,
        bounds,
        by_item,
        owners,
        ItemSets(members.indptr, members.items.view(np.uint32)),
        ends,
        np.zeros(likings.n_items),
        triangles,
    )
    return triangles


def _ends(members: ItemSets) -> npt.NDArray[np.int64]:
    """Where the triangle of each set begins, and the last one ends: int64[sets + 1]."""
    sizes = np.diff(members.indptr)
    return np.concatenate(([0], np.cumsum(sizes * (sizes + 1) // 2)))


@compiled
def _spread(
    items: Sparse,
    users: Sparse,
    wanted: Positions,
    bounds: npt.NDArray[np.int64],
    entries: npt.NDArray[np.int64],
    owners: npt.NDArray[np.int64],
    members: ItemSets,
    begins: npt.NDArray[np.int64],
    sums: Doubles,
    triangles: npt.NDArray[np.float32],
) -> None:
    """Form the rows of the wanted items, and bring them to the sets that they are in.

    These are the `owners` of as many of the `entries` as `bounds` say. The sums are 0 before.
    """
    for row in range(len(wanted)):
        sum_row(items, wanted[row], users, sums)
        for turn in range(bounds[row], bounds[row + 1]):
            first = members.indptr[owners[turn]]
            place = entries[turn] - first
            begin = begins[owners[turn]] + place * (place + 1) // 2
            for other in range(place + 1):
                triangles[begin + other] = sums[members.items[first + other]]
        empty_row(items, wanted[row], users, sums)


@compiled
def _unfold(triangle: npt.NDArray[np.float32], left_out: int, gram: Doubles, pull: Doubles) -> None:
    """A triangle as a full matrix without one of its members, whose own column becomes `pull`."""
    for place in range(len(pull) + 1):
        begin, row = place * (place + 1) // 2, place - (place > left_out)
        for other in range(place + 1):
            value, column = float(triangle[begin + other]), other - (other > left_out)
            if place == left_out and other == left_out:
                continue
            if place == left_out:
                pull[column] = value
            elif other == left_out:
                pull[row] = value
            else:
                gram[row, column] = value
                gram[column, row] = value
