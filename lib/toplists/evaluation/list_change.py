"""How the lists of some users differ between two runs, as arrays."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from toplists.engine.kernels.metrics_runs import measure_change
from toplists.engine.kernels.outcomes import Measured

Lists: TypeAlias = npt.NDArray[np.int32]


@dataclass(frozen=True)
class ListPair:
    """The Parquet files of the lists of a run and of the one before it: `[user_id, items]`."""

    now: tuple[str, ...]
    before: tuple[str, ...]


@dataclass(frozen=True)
class ListChange:
    """What became of the lists of some users.

    Attributes:
        measured: Similarities of the two lists of every user who has one in both runs, by name. Users who
            were never shown anything do not count in them.
        changed: bool[users with both], whose first places hold other items, or the same in another order.
        users_entered: Users with a list now, and none before.
        users_left: Users with a list before, and none now.
    """

    measured: Mapping[str, Measured]
    changed: npt.NDArray[np.bool_]
    users_entered: int
    users_left: int


def compare_lists(
    now: pa.Table, before: pa.Table, metrics: Sequence[str], depth: int
) -> ListChange:
    """Compare the lists of some users.

    Args:
        now: `[user_id: string, items: list<struct<item_id: string, …>>]`, all lists of these users in
            the one run.
        before: The same of the other.
        metrics: Similarities to measure, such as `rbo@10`, of at most `depth` places.
        depth: How many places count.
    """
    place = pc.index_in(now["user_id"], before["user_id"].combine_chunks())
    same = pc.is_valid(place)
    matched, others = now.filter(same), before.take(place.filter(same))
    stayed = pc.is_in(before["user_id"], now["user_id"].combine_chunks())
    first, second = _first_places(others, matched, depth)
    return ListChange(
        measured=measure_change(first, second, list(metrics)),
        changed=(first != second).any(axis=1),
        users_entered=len(now) - len(matched),
        users_left=len(before) - (pc.sum(stayed).as_py() or 0),
    )


def listed_items(lists: pa.Table) -> pa.ChunkedArray:
    """The items of all lists, one after the other: `string`, as often as they are listed."""
    return pc.struct_field(pc.list_flatten(lists["items"]), "item_id")


def _first_places(before: pa.Table, now: pa.Table, k: int) -> tuple[Lists, Lists]:
    """The first `k` items of every list of both, in numbers that both share: int32[n, k], -1 behind the end."""
    parts = [pc.list_slice(lists["items"].combine_chunks(), 0, k) for lists in (before, now)]
    ids = [pc.struct_field(pc.list_flatten(part), "item_id") for part in parts]
    names = pa.chunked_array(ids, pa.string()).unique()
    both = []
    for part, listed in zip(parts, ids, strict=True):
        lengths = pc.list_value_length(part).fill_null(0).to_numpy(zero_copy_only=False)
        matrix = np.full((len(part), k), -1, dtype=np.int32)
        filled = np.arange(k) < lengths[:, np.newaxis]
        matrix[filled] = pc.index_in(listed, names).to_numpy()
        both.append(matrix)
    return both[0], both[1]
