"""How the lists of two runs differ, user by user and item by item: without Spark, a range of users at a time."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from toplists.evaluation.list_change import ListPair, compare_lists, listed_items
from toplists.evaluation.user_ranges import UserRange, read_columns
from toplists.lake.row_groups import cut_row_groups, read_row_groups

OVERLAP_BINS = (0.0, 0.2, 0.4, 0.6, 0.8, 0.9, 1.0)
"""Bounds of the bins that overlaps are counted in; the last one holds what is 1 itself as well."""
_LISTS_AT_ONCE = 40_000
_NEARLY = 1e-9


@dataclass(frozen=True)
class RunDifference:
    """What became of the lists of one run in another.

    Attributes:
        k: How many places were looked at.
        users: Users with a list in both, who are compared.
        users_entered: Users with a list in the later run only.
        users_left: Users with a list in the earlier run only.
        changed: Users compared whose lists hold other items, or the same in another order.
        overlap: Mean rank-biased overlap of the lists compared; NaN where there are none.
        overlaps: How many of them overlap by how much, by `OVERLAP_BINS`.
        similarity: Their mean Jaccard similarity.
        before: In how many lists of the earlier run each item is, among the places looked at.
        now: The same of the later run.
    """

    k: int
    users: int
    users_entered: int
    users_left: int
    changed: int
    overlap: float
    overlaps: tuple[int, ...]
    similarity: float
    before: Mapping[str, int]
    now: Mapping[str, int]

    def entered(self) -> list[tuple[str, int]]:
        """Items that are in a list now and were in none, with the number of lists, most first."""
        return _only_in(self.now, self.before)

    def left(self) -> list[tuple[str, int]]:
        """Items that were in a list and are in none now, with the number of lists, most first."""
        return _only_in(self.before, self.now)


def compare_runs(files: ListPair, k: int, placement: str) -> RunDifference:
    """Compare the first places of all lists of two runs that lie in files.

    Args:
        files: Where the lists lie: `[placement, user_id, items]`, row groups of few users.
        k: How many places count.
        placement: Which lists.
    """
    return compare_parts(_parts(files, k, placement), k)


def compare_parts(parts: Iterable[tuple[pa.Table, pa.Table]], k: int) -> RunDifference:
    """Compare the first places of all lists of two runs.

    Memory is bounded by one part, and a number per item.

    Args:
        parts: `[user_id: string, items: list<struct<item_id: string, …>>]` of the earlier run and of the later
            one, at most `k` items each. No user is in two parts.
        k: How many places count.
    """
    overlap, similarity = f"rbo@{k}", f"jaccard@{k}"
    sums: Counter[str] = Counter()
    totals = {overlap: 0.0, similarity: 0.0}
    bins: npt.NDArray[np.int64] = np.zeros(len(OVERLAP_BINS) - 1, dtype=np.int64)
    listed: tuple[Counter[str], Counter[str]] = (Counter(), Counter())
    for before, now in parts:
        change = compare_lists(now, before, [overlap, similarity], k)
        figures, counted = change.measured[overlap]
        sums["users"] += int((counted > 0).sum())
        sums["changed"] += int(change.changed.sum())
        sums["entered"] += change.users_entered
        sums["left"] += change.users_left
        for name in totals:
            totals[name] += float(change.measured[name].numerators.sum())
        # What is the same list comes out as 1 but for the last digits.
        bins += np.histogram(np.minimum(figures[counted > 0] + _NEARLY, 1.0), OVERLAP_BINS)[0]
        for counts, lists in zip(listed, (before, now), strict=True):
            _count(counts, lists)
    users = sums["users"]
    return RunDifference(
        k=k,
        users=users,
        users_entered=sums["entered"],
        users_left=sums["left"],
        changed=sums["changed"],
        overlap=totals[overlap] / users if users else float("nan"),
        overlaps=tuple(map(int, bins)),
        similarity=totals[similarity] / users if users else float("nan"),
        before=listed[0],
        now=listed[1],
    )


def as_table(lists: Sequence[tuple[str, Sequence[str]]]) -> pa.Table:
    """Users and the items of their lists, as `compare_parts` takes them."""
    ids = pa.array([item for _, items in lists for item in items], pa.string())
    ends = np.cumsum([0, *(len(items) for _, items in lists)], dtype=np.int32)
    entries = pa.StructArray.from_arrays([ids], ["item_id"])
    items = pa.ListArray.from_arrays(pa.array(ends), entries)
    users = pa.array([user for user, _ in lists], pa.string())
    return pa.table({"user_id": users, "items": items})


def _parts(files: ListPair, k: int, placement: str) -> Iterator[tuple[pa.Table, pa.Table]]:
    for within in _cut(files):
        before, now = (_read(part, within, placement, k) for part in (files.before, files.now))
        yield before, now


def _cut(files: ListPair) -> list[UserRange]:
    """Ranges of users with some ten thousand lists in both runs together."""
    cuts = cut_row_groups(read_row_groups((*files.now, *files.before), "user_id"), _LISTS_AT_ONCE)
    return [UserRange(*ends) for ends in pairwise([None, *cuts, None])]


def _read(files: Sequence[str], within: UserRange, placement: str, k: int) -> pa.Table:
    rows = read_columns(files, ["user_id", "items", "placement"], within)
    chosen = rows.filter(pc.equal(rows["placement"], placement)).drop_columns(["placement"])
    return chosen.set_column(1, "items", pc.list_slice(chosen["items"], 0, k))


def _count(counts: Counter[str], lists: pa.Table) -> None:
    for entry in listed_items(lists).value_counts().to_pylist():
        counts[entry["values"]] += entry["counts"]


def _only_in(counts: Mapping[str, int], others: Mapping[str, int]) -> list[tuple[str, int]]:
    only = ((item, lists) for item, lists in counts.items() if item not in others)
    return sorted(only, key=lambda entry: (-entry[1], entry[0]))
