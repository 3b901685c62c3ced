"""Sums over all rows of a side that do not depend on how the rows are cut into blocks.

Rows are added up in chunks of a fixed size, and chunks pairwise along a binary tree that is laid over
all of them (pairwise summation: Higham, "The accuracy of floating point summation", 1993). A block adds
up the subtrees that lie within it; whoever has those of all blocks adds up the rest. Blocks therefore
begin at multiples of `CHUNK_ROWS`.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

CHUNK_ROWS = 64
"""Rows of a chunk, and what the first row of every block is a multiple of."""

_BATCH = 64
_CHUNKS_AT_ONCE = _BATCH * CHUNK_ROWS

Doubles = npt.NDArray[np.float64]


class Subtree(NamedTuple):
    """The sum over the chunks `[place 2^level, (place + 1) 2^level)`, as far as they exist."""

    level: int
    place: int
    total: Doubles


def as_chunks(rows: Doubles | npt.NDArray[np.float32]) -> Doubles:
    """Rows as chunks, the last one padded with zeros: float64[n, ...] → [chunks, CHUNK_ROWS, ...]."""
    chunks = -(-len(rows) // CHUNK_ROWS)
    padded = np.zeros((chunks * CHUNK_ROWS, *rows.shape[1:]))
    padded[: len(rows)] = rows
    return padded.reshape(chunks, CHUNK_ROWS, *rows.shape[1:])


def sum_rows(first: int, n_rows: int, sums_of_chunks: Callable[[slice], Doubles]) -> list[Subtree]:
    """Add up the rows of a block.

    Args:
        first: Position of the block's first row, a multiple of `CHUNK_ROWS`.
        n_rows: Number of its rows.
        sums_of_chunks: The sums of the chunks that a slice of the block's rows consists of:
            float64[chunks, sums]. The slice begins at a chunk's first row.

    Returns:
        The subtrees within the block, in order of position, as few as there can be.
    """
    if first % CHUNK_ROWS:
        raise ValueError(f"a block begins at row {first}, within a chunk")
    stack: list[Subtree] = []
    start = 0
    while start < n_rows:
        # Batches end at the same positions in every block.
        end = min(n_rows, start + _CHUNKS_AT_ONCE - (first + start) % _CHUNKS_AT_ONCE)
        leaves = sums_of_chunks(slice(start, end))
        for subtree in _subtrees((first + start) // CHUNK_ROWS, leaves):
            _push(stack, subtree)
        start = end
    return stack


def _subtrees(first_chunk: int, leaves: Doubles) -> list[Subtree]:
    """The subtrees within consecutive chunks, in order of position."""
    before: list[Subtree] = []
    after: list[Subtree] = []
    level, start = 0, first_chunk
    while len(leaves):
        if start % 2:
            before.append(Subtree(level, start, leaves[0]))
            leaves, start = leaves[1:], start + 1
        if len(leaves) % 2:
            after.append(Subtree(level, start + len(leaves) - 1, leaves[-1]))
            leaves = leaves[:-1]
        leaves = leaves[0::2] + leaves[1::2]
        level, start = level + 1, start // 2
    return before + after[::-1]


def _push(stack: list[Subtree], subtree: Subtree) -> None:
    while stack and _are_siblings(stack[-1], subtree):
        left = stack.pop()
        subtree = Subtree(left.level + 1, left.place // 2, left.total + subtree.total)
    stack.append(subtree)


def _are_siblings(left: Subtree, right: Subtree) -> bool:
    return (left.level, left.place + 1) == (right.level, right.place) and left.place % 2 == 0


def add_up(subtrees: Iterable[Subtree]) -> Doubles:
    """The sum over all rows, from the subtrees of all blocks: float64[sums]."""
    levels: defaultdict[int, dict[int, Doubles]] = defaultdict(dict)
    for level, place, total in subtrees:
        levels[level][place] = total
    level, top = 0, max(levels)
    while True:
        here = levels.pop(level, {})
        if level >= top and len(here) == 1 and 0 in here:
            return here[0]
        for place in here:
            if place % 2 == 0:
                # Only behind the last chunk is there no right sibling.
                right = here.get(place + 1)
                total = here[place] if right is None else here[place] + right
                levels[level + 1][place // 2] = total
        level += 1
        top = max(levels, default=top)
