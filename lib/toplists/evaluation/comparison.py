"""From sums over users to figures: each contender's metrics, and how they differ.

All contenders are judged on the same users, and all share the bootstrap weights of those users. So
the difference of two contenders' figures within one resample is that of the same users, and its spread is
the paired bootstrap's: what makes a user easy or hard for everybody cancels out.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass

import numpy as np

from toplists.engine.kernels.bootstrap import Sums, interval, resampled_means
from toplists.engine.kernels.metric_kind import Scale
from toplists.engine.kernels.metrics import bounds, finished
from toplists.engine.kernels.outcomes import Floats, Measured
from toplists.lake.bookkeeping import Row

POPULARITY = "popularity"
"""Contender: the most popular items for everybody."""

LIVE = "live"
"""Contender: the live run's configuration, fitted on the same part as the candidate."""


@dataclass(frozen=True)
class Figure:
    """One figure about a contender, as the `metrics` table keeps it.

    With an empty `versus` it is the subject's own, over `users` who count in it, else the difference
    subject - versus.
    """

    subject: str
    metric: str
    versus: str
    value: float
    low: float
    high: float
    users: int


def value_columns(measured: Sequence[Mapping[str, Measured]], metrics: Sequence[str]) -> Measured:
    """What users add to the figures of all contenders, in the layout that `compare` expects.

    Args:
        measured: Per contender, by metric; the same users in the same order.
        metrics: Names of the metrics to keep, in order.

    Returns:
        Numerators and denominators float64[n_users, n_contenders * n_metrics], all metrics of the first
        contender first.
    """
    columns = [values[metric] for values in measured for metric in metrics]
    return Measured(*(np.stack(parts, axis=1) for parts in zip(*columns, strict=True)))


def compare(
    contenders: Sequence[str],
    metrics: Sequence[str],
    sums: Sums,
    scale: Scale,
    confidence: float,
) -> list[Figure]:
    """Every contender's figures, then the candidate's difference to every other contender.

    Args:
        contenders: Names; the first is the candidate.
        metrics: Names of the metrics.
        sums: Of `bootstrap.partial_sums` over `value_columns`, added up over all blocks.
        scale: What bounded the metrics of users.
        confidence: Probability that an interval is meant to cover.

    Returns:
        The figures, the candidate's first, without those for which there was no user to measure.

    Raises:
        ValueError: `sums` has another number of columns.
    """
    columns = len(sums.users)
    if columns != len(contenders) * len(metrics):
        raise ValueError(
            f"{columns} columns are not {len(contenders)} contenders x {len(metrics)} metrics"
        )
    mean, resampled = resampled_means(sums, np.tile(bounds(metrics, scale), len(contenders)))
    values = _with_differences(mean[np.newaxis], metrics)[0].ravel()
    low, high = interval(
        _with_differences(resampled, metrics).reshape(len(resampled), -1), confidence
    )
    counted = sums.users.reshape(len(contenders), len(metrics))
    users = np.concatenate((counted, np.minimum(counted[0], counted[1:]))).ravel()

    measured = [(name, "") for name in contenders]
    measured += [(contenders[0], other) for other in contenders[1:]]
    names = [(subject, metric, versus) for subject, versus in measured for metric in metrics]
    return [
        Figure(*name, float(values[i]), float(low[i]), float(high[i]), int(users[i]))
        for i, name in enumerate(names)
        if not np.isnan(values[i])
    ]


def _with_differences(means: Floats, metrics: Sequence[str]) -> Floats:
    """The figures of float64[n, columns], then candidate - other: float64[n, figures, metrics]."""
    figures = finished(means.reshape(len(means), -1, len(metrics)), metrics)
    return np.concatenate([figures, figures[:, :1] - figures[:, 1:]], axis=1)


def to_rows(figures: Sequence[Figure], run_id: str, protocol: str) -> list[Row]:
    """The figures as rows of the `metrics` table.

    Args:
        figures: What was measured.
        run_id: Run that was measured.
        protocol: How the holdout was chosen, such as `last(5)`.
    """
    return [{"run_id": run_id, "protocol": protocol, **asdict(figure)} for figure in figures]
