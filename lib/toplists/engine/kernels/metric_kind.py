"""What is said of a kind of metric beside its formula, and how one is asked for by name."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Generic, Literal, NamedTuple, TypeVar

import numpy as np

from toplists.engine.kernels.evidence import Evidence
from toplists.engine.kernels.outcomes import Floats, Measured

Better = Literal["larger", "smaller", "neither"]
Need = Literal["values", "scores", "ranks", "raters", "features", "history", "personal"]

Figure = TypeVar("Figure")


class Asked(NamedTuple):
    """A metric as its name asks for it.

    `ndcg@10` looks at 10 places, `cumulative_hit_rate@10>=4` at held-out items of value 4 or more,
    `rating_hit_rate@10=5` at those of value 5, `auc` at all there is (cutoff 0).
    """

    kind: str
    cutoff: int
    comparison: str
    value: float


UserFigure = Callable[[Evidence, Asked], Measured]
"""What computes a metric of users."""


class Scale(NamedTuple):
    """What bounds the figures of users.

    Attributes:
        users: Users of the training part.
        items: Items of the catalogue.
        largest_error: By how much a prediction can miss a value at most: where predictions are
            clipped to the values' range, the width of that range. A user's errors may add up to no more
            than `most_targets` of them.
        most_targets: Held-out items with a value of the user who has most of them.
    """

    users: int = 1
    items: int = 1
    largest_error: float = 0.0
    most_targets: int = 0


def one(_: Scale) -> float:
    """The bound of a share."""
    return 1.0


def as_it_is(means: Floats) -> Floats:
    """The figure is the mean."""
    return means


class Kind(NamedTuple, Generic[Figure]):
    """A kind of metric.

    Attributes:
        figure: What computes it. Its docstring says what it is, its formula, what larger means, and its
            source, each behind that word: `docs/metrics.md` is made of it.
        better: Whether a larger figure is better.
        needs: What of outcomes and traits it looks at beside lists and held-out likings.
        cutoff: Whether it looks at a number of places.
        comparison: How its name picks held-out items by their value: `>=`, `=`, or not.
        bound: The most that one user's numerator can be.
        finish: From the ratio of the sums to the figure.
    """

    figure: Figure
    better: Better = "larger"
    needs: tuple[Need, ...] = ()
    cutoff: bool = True
    comparison: str = ""
    bound: Callable[[Scale], float] = one
    finish: Callable[[Floats], Floats] = as_it_is


_NAME = re.compile(r"([a-z_]+)(?:@(\d+))?(?:(>=|=)(-?\d+(?:\.\d+)?))?")


def asked(name: str) -> Asked:
    """What a name asks for.

    Raises:
        ValueError: it is no name of a metric.
    """
    parts = _NAME.fullmatch(name)
    if parts is None:
        raise ValueError(f"{name!r} is no name of a metric")
    kind, cutoff, comparison, value = parts.groups()
    if cutoff is not None and int(cutoff) < 1:
        raise ValueError(f"cutoffs must be 1 or more, got {name}")
    return Asked(kind, int(cutoff or 0), comparison or "", float(value or np.nan))


def depth_of(metrics: Sequence[str]) -> int:
    """How many places the deepest of the metrics looks at, at least 1."""
    return max((asked(name).cutoff for name in metrics), default=1) or 1
