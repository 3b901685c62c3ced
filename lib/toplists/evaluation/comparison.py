"""From sums over users to figures: each contender's metrics, and how they differ.

All contenders are judged on the same users, and all share the bootstrap weights of those users. So
the difference of two contenders' figures within one resample is that of the same users, and its spread is
the paired bootstrap's: what makes a user easy or hard for everybody cancels out.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import NamedTuple

import numpy as np

from toplists.engine.kernels.bootstrap import Sums, interval, resampled_means
from toplists.engine.kernels.metrics import finished
from toplists.engine.kernels.outcomes import Floats
from toplists.lake.bookkeeping import Row

POPULARITY = "popularity"
"""Contender: the most popular items for everybody."""

LIVE = "live"
"""Contender: the live run's configuration, fitted on the same part as the candidate."""

LISTS = "lists"
"""Subject of figures about a run's lists, whatever model made them."""

SNAPSHOT = "snapshot"
"""Subject of figures about what a run learnt from."""


@dataclass(frozen=True)
class Figure:
    """One figure about a contender, as the `metrics` table keeps it.

    With an empty `versus` it is the subject's own, over `users` who count in it, else the difference
    subject - versus. `low` and `high` are the ends of its interval, NaN where it has none. `slice` is the
    part of the users, or of what was held out, that it is about; empty = all.
    """

    subject: str
    metric: str
    versus: str
    value: float
    low: float
    high: float
    users: int
    slice: str = ""


@dataclass(frozen=True)
class Added:
    """What the users of a contender add up to: `sums` with a column per metric, and their `bounds`."""

    metrics: tuple[str, ...]
    sums: Sums
    bounds: Floats

    def spread(self) -> Spread:
        """The figures, and how they would be for other users like these."""
        mean, resampled = resampled_means(self.sums, self.bounds)
        return Spread(finished(mean, self.metrics), finished(resampled, self.metrics))


class Spread(NamedTuple):
    """Figures float64[metrics], and those of every resample float64[resamples, metrics]; NaN = of nobody."""

    values: Floats
    resampled: Floats


def compare(
    contenders: Mapping[str, Added], confidence: float, *, part: str = "", min_users: int = 1
) -> list[Figure]:
    """Every contender's figures, then the candidate's difference to every other contender.

    Args:
        contenders: What their users add up to, by name; the first is the candidate.
        confidence: Probability that an interval is meant to cover.
        part: The slice that the users are of.
        min_users: Users that a figure needs.

    Returns:
        The figures, the candidate's first, without those of too few users.
    """
    spreads = {name: added.spread() for name, added in contenders.items() if added.metrics}
    found = [
        figure
        for name, added in contenders.items()
        if added.metrics
        for figure in _figures(
            name, "", added.metrics, spreads[name], added.sums.users, part, confidence
        )
    ]
    candidate, *others = contenders
    for other in others:
        mine, theirs = (contenders[name].metrics for name in (candidate, other))
        shared = tuple(metric for metric in mine if metric in theirs)
        if shared:
            one, two = (
                _only(contenders[name], spreads[name], shared) for name in (candidate, other)
            )
            difference = Spread(*(left - right for left, right in zip(one[0], two[0], strict=True)))
            users = np.minimum(one[1], two[1])
            found += _figures(candidate, other, shared, difference, users, part, confidence)
    return [figure for figure in found if figure.users >= max(1, min_users)]


def _only(added: Added, spread: Spread, metrics: Sequence[str]) -> tuple[Spread, Floats]:
    """The figures of some of the metrics, and their users."""
    columns = [added.metrics.index(metric) for metric in metrics]
    users = added.sums.users[columns].astype(np.float64)
    return Spread(spread.values[columns], spread.resampled[:, columns]), users


def _figures(
    subject: str,
    versus: str,
    metrics: Sequence[str],
    spread: Spread,
    users: np.ndarray,
    part: str,
    confidence: float,
) -> Iterator[Figure]:
    low, high = interval(spread.resampled, confidence)
    for place, metric in enumerate(metrics):
        value = float(spread.values[place])
        if not np.isnan(value):
            ends = float(low[place]), float(high[place])
            yield Figure(subject, metric, versus, value, *ends, int(users[place]), part)


def to_rows(figures: Sequence[Figure], run_id: str, protocol: str) -> list[Row]:
    """The figures as rows of the `metrics` table.

    Args:
        figures: What was measured.
        run_id: Run that was measured.
        protocol: How the holdout was chosen, such as `last(5)`.
    """
    return [{"run_id": run_id, "protocol": protocol, **_row(figure)} for figure in figures]


def _row(figure: Figure) -> Row:
    ends = {"low": figure.low, "high": figure.high}
    return asdict(figure) | {name: None if np.isnan(end) else end for name, end in ends.items()}
