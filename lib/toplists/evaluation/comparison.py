"""From sums over users to figures: each contender's metrics, and how they differ.

All contenders are judged on the same users, and all share the bootstrap weights of those users. So
the difference of two contenders' means within one resample is the mean of the users' own
differences, and its spread is the paired bootstrap's: what makes a user easy or hard for everybody
cancels out.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass

import numpy as np
import numpy.typing as npt

from toplists.engine.kernels.bootstrap import interval, resampled_means
from toplists.lake.bookkeeping import Row

POPULARITY = "popularity"
"""Contender: the most popular items for everybody."""

LIVE = "live"
"""Contender: the live run's configuration, fitted on the same part as the candidate."""


@dataclass(frozen=True)
class Figure:
    """One figure about a contender, as the `metrics` table keeps it.

    With an empty `versus` it is the subject's own mean over `users`, else the difference subject -
    versus.
    """

    subject: str
    metric: str
    versus: str
    value: float
    low: float
    high: float
    users: int


def value_columns(
    measured: Sequence[Mapping[str, npt.NDArray[np.float64]]], metrics: Sequence[str]
) -> npt.NDArray[np.float64]:
    """Users' values of all contenders in the layout that `compare` expects.

    Args:
        measured: Per contender, float64[n_users] per metric; the same users in the same order.
        metrics: Names of the metrics to keep, in order.

    Returns:
        float64[n_users, n_contenders * n_metrics], all metrics of the first contender first.
    """
    return np.stack([values[metric] for values in measured for metric in metrics], axis=1)


def compare(
    contenders: Sequence[str],
    metrics: Sequence[str],
    sums: npt.NDArray[np.int64],
    counts: npt.NDArray[np.int64],
    confidence: float,
) -> list[Figure]:
    """Every contender's figures, then the candidate's difference to every other contender.

    Args:
        contenders: Names; the first is the candidate.
        metrics: Names of the metrics.
        sums: int64[1 + resamples, n_contenders * n_metrics] of `bootstrap.partial_sums` over
            `value_columns`, added up over all blocks.
        counts: int64[1 + resamples], likewise.
        confidence: Probability that an interval is meant to cover.

    Returns:
        The figures, the candidate's first; none where there was no user to measure.

    Raises:
        ValueError: `sums` has another number of columns.
    """
    if sums.shape[1] != len(contenders) * len(metrics):
        raise ValueError(
            f"{sums.shape[1]} columns are not {len(contenders)} contenders x {len(metrics)} metrics"
        )
    users = int(counts[0])
    if users == 0:
        return []
    mean, resampled = resampled_means(sums, counts)
    values = _with_differences(mean[np.newaxis], len(contenders))[0]
    low, high = interval(_with_differences(resampled, len(contenders)), confidence)

    measured = [(name, "") for name in contenders]
    measured += [(contenders[0], other) for other in contenders[1:]]
    names = [(subject, metric, versus) for subject, versus in measured for metric in metrics]
    return [
        Figure(*name, float(values[i]), float(low[i]), float(high[i]), users)
        for i, name in enumerate(names)
    ]


def _with_differences(means: npt.NDArray[np.float64], n_contenders: int) -> npt.NDArray[np.float64]:
    """Append the columns candidate - other, for each other contender, to float64[n, columns]."""
    by_contender = means.reshape(len(means), n_contenders, -1)
    differences = by_contender[:, :1] - by_contender[:, 1:]
    both = np.concatenate([by_contender, differences], axis=1)
    return both.reshape(len(means), -1)


def to_rows(figures: Sequence[Figure], run_id: str, protocol: str) -> list[Row]:
    """The figures as rows of the `metrics` table.

    Args:
        figures: What was measured.
        run_id: Run that was measured.
        protocol: How the holdout was chosen, such as `last(5)`.
    """
    return [{"run_id": run_id, "protocol": protocol, **asdict(figure)} for figure in figures]
