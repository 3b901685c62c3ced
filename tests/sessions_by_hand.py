"""Sessions of a small world, one liking after the other."""

from __future__ import annotations

import numpy as np
from conformance import World

_HOUR = 3_600_000_000


def sessions_by_hand(world: World, gap_hours: float | None) -> list[list[int]]:
    """What each user likes, oldest first, cut where a pause is longer than that."""
    found: list[list[int]] = []
    for times, liked in zip(world.times, world.weights > 0, strict=True):
        newest = None
        for item in sorted(np.flatnonzero(liked), key=times.__getitem__):
            if newest is None or (gap_hours and times[item] - newest > gap_hours * _HOUR):
                found.append([])
            found[-1].append(int(item))
            newest = times[item]
    return found


def liked_by_session(world: World, gap_hours: float | None) -> np.ndarray:
    """The same as bool[sessions, items]."""
    sessions = sessions_by_hand(world, gap_hours)
    liked = np.zeros((len(sessions), world.values.shape[1]), dtype=np.bool_)
    for row, items in zip(liked, sessions, strict=True):
        row[items] = True
    return liked
