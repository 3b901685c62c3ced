"""Outcomes of the evaluation, a user at a time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain

import numpy as np

from toplists.engine.kernels.candidates import ItemSets
from toplists.engine.kernels.outcomes import ItemTraits, Outcomes

DEPTH = 50


@dataclass(frozen=True)
class Judged:
    """A user: the list, the held-out likings, and values, scores and ranks of held-out items, liked or not."""

    listed: Sequence[int] = ()
    liked: Sequence[int] = ()
    values: Mapping[int, float] = field(default_factory=dict)
    scores: Mapping[int, float] = field(default_factory=dict)
    ranks: Mapping[int, int] = field(default_factory=dict)
    candidates: int = 0
    scored: int = 0
    personal: int = 0
    history: Sequence[int] = ()

    @property
    def targets(self) -> list[int]:
        return sorted({*self.liked, *self.values, *self.scores, *self.ranks})


def outcomes_of(*users: Judged, depth: int = DEPTH) -> Outcomes:
    lists = np.full((len(users), depth), -1, dtype=np.int32)
    for row, user in enumerate(users):
        lists[row, : len(user.listed)] = user.listed
    targets = [(user, item) for user in users for item in user.targets]
    items, indptr = sets_of([user.targets for user in users])
    history, ends = sets_of([sorted(user.history) for user in users])
    return Outcomes(
        lists=lists,
        indptr=indptr,
        items=items,
        liked=np.array([item in user.liked for user, item in targets], dtype=np.bool_),
        values=np.array(
            [user.values.get(item, np.nan) for user, item in targets], dtype=np.float32
        ),
        scores=np.array(
            [user.scores.get(item, np.nan) for user, item in targets], dtype=np.float64
        ),
        ranks=np.array([user.ranks.get(item, 0) for user, item in targets], dtype=np.int64),
        candidates=np.array([user.candidates for user in users], dtype=np.int64),
        personal=np.array([user.personal for user in users], dtype=np.int64),
        scored=np.array([user.scored for user in users], dtype=np.int64),
        history=ItemSets(ends, history),
    )


def sets_of(sets: Sequence[Sequence[int]]) -> tuple[np.ndarray, np.ndarray]:
    """Items of all sets behind one another, and where each set begins and ends."""
    indptr = np.cumsum([0, *map(len, sets)]).astype(np.int64)
    return np.array([*chain(*sets)], dtype=np.int32), indptr


def traits_of(
    raters: Sequence[int], users: int, genres: Sequence[Sequence[float]] | None = None
) -> ItemTraits:
    """Traits of items; `genres` are amounts per item, here brought to length 1."""
    features = np.array(
        genres if genres is not None else [[]] * len(raters), dtype=np.float64
    ).reshape(len(raters), -1)
    lengths = np.sqrt((features**2).sum(axis=1, keepdims=True))
    features /= np.where(lengths > 0, lengths, 1)
    return ItemTraits(np.array(raters, dtype=np.int64), users, features.astype(np.float32))
