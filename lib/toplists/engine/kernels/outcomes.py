"""What contenders came to for their users, and what metrics make of it: the arrays of the evaluation."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from toplists.engine.kernels.candidates import ItemSets

Floats = npt.NDArray[np.float64]
Counts = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]


class Outcomes(NamedTuple):
    """What a contender came to for some users.

    Users without a list have -1 only, and are never left out. A held-out item may be any that the
    protocol put aside, liked or not.

    Attributes:
        lists: int32[n_users, depth], positions, best first, -1 behind the end, none twice.
        indptr: int64[n_users + 1], where each user's held-out items begin and end.
        items: int32[n_targets], the held-out items' positions, ascending per user, none twice.
        liked: bool[n_targets], which of them are relevant to ranking metrics.
        values: float32[n_targets], rating or amount; NaN = none.
        scores: float64[n_targets], what the contender predicts; NaN = it cannot be scored.
        ranks: int64[n_targets], 1 = best of all candidates, 0 = no candidate or not scored.
        candidates: int64[n_users], how many items could have been listed, scored or not; the held-out ones
            are among them.
        personal: int64[n_users], entries of the list that the model itself put there: its first ones.
        scored: int64[n_users], how many of the candidates have a score. `None` where it was not
            counted; `auc` asks for it.
        history: What the users had seen in the training part, which their lists leave out. `None` where it
            is not at hand; `unexpectedness` and `calibration` ask for it.
    """

    lists: npt.NDArray[np.int32]
    indptr: Counts
    items: npt.NDArray[np.int32]
    liked: Flags
    values: npt.NDArray[np.float32]
    scores: Floats
    ranks: Counts
    candidates: Counts
    personal: Counts
    scored: Counts | None = None
    history: ItemSets | None = None


class ItemTraits(NamedTuple):
    """What is known of items, from the training part only.

    Attributes:
        raters: int64[n_items], users who liked it in the training part.
        users: Users of the training part. 0 = nothing is known of anybody's likings.
        features: float32[n_items, f], rows of length 1, or 0 for an item that is not described (genres);
            f may be 0.
    """

    raters: Counts
    users: int
    features: npt.NDArray[np.float32]


class Measured(NamedTuple):
    """One metric of some users: the figure is `finish(sum of numerators / sum of denominators)`.

    Attributes:
        numerators: float64[n_users], 0 where the denominator is.
        denominators: float64[n_users], whole numbers; 0 = the user does not count in this metric.
    """

    numerators: Floats
    denominators: Floats


def liked_only(
    lists: npt.NDArray[np.int32], indptr: Counts, items: npt.NDArray[np.int32]
) -> Outcomes:
    """Outcomes of which nothing is known but lists and held-out likings, for metrics of hits."""
    n_users, n_targets = len(lists), len(items)
    return Outcomes(
        lists=lists,
        indptr=indptr,
        items=items,
        liked=np.ones(n_targets, dtype=np.bool_),
        values=np.full(n_targets, np.nan, dtype=np.float32),
        scores=np.full(n_targets, np.nan),
        ranks=np.zeros(n_targets, dtype=np.int64),
        candidates=np.zeros(n_users, dtype=np.int64),
        personal=np.zeros(n_users, dtype=np.int64),
    )


def unknown_traits(n_items: int) -> ItemTraits:
    """Traits of items of which nothing is known."""
    return ItemTraits(
        np.zeros(n_items, dtype=np.int64), 0, np.zeros((n_items, 0), dtype=np.float32)
    )


def check_outcomes(outcomes: Outcomes, depth: int) -> None:
    """Refuse arrays that do not belong together.

    Raises:
        ValueError: lengths differ, lists are shallower than `depth`, or held-out items are out of order.
    """
    lists, indptr, items = outcomes.lists, outcomes.indptr, outcomes.items
    if lists.ndim != 2 or lists.shape[1] < depth:
        raise ValueError(
            f"lists of shape {lists.shape} cannot be judged at {depth}; pad them with -1"
        )
    if len(indptr) != len(lists) + 1:
        raise ValueError(f"{len(lists)} lists, but held-out items of {len(indptr) - 1} users")
    if indptr[0] != 0 or indptr[-1] != len(items):
        raise ValueError("indptr does not span the held-out items")
    for name in ("liked", "values", "scores", "ranks"):
        if len(getattr(outcomes, name)) != len(items):
            raise ValueError(f"{name} are not of the {len(items)} held-out items")
    for name in ("candidates", "personal", "scored"):
        counts = getattr(outcomes, name)
        if counts is not None and len(counts) != len(lists):
            raise ValueError(f"{name} are not of the {len(lists)} users")
    if outcomes.history is not None and len(outcomes.history.indptr) != len(indptr):
        raise ValueError(f"history is not of the {len(lists)} users")
    falls = np.diff(items) <= 0
    falls[indptr[1:-1][(indptr[1:-1] > 0) & (indptr[1:-1] < len(items))] - 1] = False
    if items.min(initial=0) < 0 or falls.any():
        raise ValueError("held-out items must be ascending positions within each user, none twice")
