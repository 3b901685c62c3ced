"""Which lists differ from those of the run before, so that only these are sent."""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from toplists.publish.stores.columns import list_lengths
from toplists.publish.stores.store import PartLists

Flags: TypeAlias = npt.NDArray[np.bool_]

_NUL = "\0"  # in no id


def all_changed(rows: pa.Table, key: str) -> PartLists:
    """A part without a base: every list is to be sent."""
    nothing = rows.select(["placement", key]).slice(0, 0)
    return PartLists(rows, np.ones(len(rows), np.bool_), nothing)


def find_changes(now: pa.Table, before: pa.Table, key: str, tolerance: float) -> PartLists:
    """Tell lists that changed from those that did not.

    Other items, another order, another source or reason are a change; other scores are one if any differs
    by `tolerance` or more of the largest (by amount) of the list.

    Args:
        now: The lists of a run in a range of keys, as `PartLists.rows`.
        before: The same of the base.
        key: The column that is the key, with the placement.
        tolerance: A share; 0 = scores have to be equal.
    """
    names, former = _names(now, key), _names(before, key)
    place = pc.index_in(names, value_set=former)
    in_both = np.flatnonzero(pc.is_valid(place).to_numpy(zero_copy_only=False))
    others = place.drop_null().to_numpy()
    same = np.zeros(len(now), np.bool_)
    same[in_both] = _same_lists(_taken(now, in_both), _taken(before, others), tolerance)
    copied = np.zeros(len(before), np.bool_)
    copied[others[same[in_both]]] = True
    replaced = before.select(["placement", key]).filter(pa.array(~copied))
    return PartLists(now, ~same, replaced)


def _names(rows: pa.Table, key: str) -> pa.Array:
    columns = rows["placement"].combine_chunks(), rows[key].combine_chunks()
    return pc.binary_join_element_wise(*columns, _NUL)


def _taken(rows: pa.Table, places: npt.NDArray[np.integer]) -> pa.Table:
    """The rows at `places`; lists are copied only where they have to be."""
    if len(places) == len(rows) and np.array_equal(places, np.arange(len(rows))):
        return rows
    return rows.take(pa.array(places))


def _same_lists(now: pa.Table, before: pa.Table, tolerance: float) -> Flags:
    """Whether lists are the same, row by row."""
    left, right = now["items"].combine_chunks(), before["items"].combine_chunks()
    lengths, others = (list_lengths(lists) for lists in (left, right))
    reasons = [rows["short_reason"].fill_null("").combine_chunks() for rows in (now, before)]
    same: Flags = lengths == others
    same &= pc.equal(*reasons).to_numpy(zero_copy_only=False)
    compared = np.flatnonzero(same)
    if not len(compared):
        return same
    if len(compared) < len(same):
        left, right = left.take(pa.array(compared)), right.take(pa.array(compared))
    entries, others = left.flatten(), right.flatten()
    equal = np.ones(len(entries), np.bool_)
    for field in ("item_id", "source"):
        pair = entries.field(field), others.field(field)
        equal &= pc.equal(*pair).to_numpy(zero_copy_only=False)
    owners = np.repeat(np.arange(len(compared)), lengths[compared])
    scores, former = (part.field("score").to_numpy() for part in (entries, others))
    largest = np.zeros(len(compared))
    np.maximum.at(largest, owners, np.abs(former))
    equal &= np.abs(scores - former) <= tolerance * largest[owners] * (1 - 1e-12)
    wrong = np.bincount(owners[~equal], minlength=len(compared))
    same[compared] = wrong == 0
    return same
