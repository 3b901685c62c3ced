"""All metrics of users, by name, computed together for the users of a block."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from toplists.engine.kernels.evidence import Evidence
from toplists.engine.kernels.metric_kind import Kind, Scale, asked, depth_of
from toplists.engine.kernels.metrics_exposure import EXPOSURE_KINDS
from toplists.engine.kernels.metrics_lists import LIST_KINDS
from toplists.engine.kernels.metrics_ranking import RANKING_KINDS
from toplists.engine.kernels.metrics_rating import RATING_KINDS
from toplists.engine.kernels.metrics_runs import RUN_KINDS
from toplists.engine.kernels.outcomes import (
    Floats,
    ItemTraits,
    Measured,
    Outcomes,
    check_outcomes,
)

KINDS = {**RANKING_KINDS, **RATING_KINDS, **LIST_KINDS}
"""Every kind that is measured of a user's list."""

ALL_KINDS: Mapping[str, Kind[Any]] = {**KINDS, **EXPOSURE_KINDS, **RUN_KINDS}
"""Every kind of metric."""


def measure(outcomes: Outcomes, traits: ItemTraits, metrics: Sequence[str]) -> dict[str, Measured]:
    """Metrics of each user of a block.

    Args:
        outcomes: What a contender came to. Lists are at least as deep as the largest cutoff.
        traits: What is known of the items.
        metrics: Names such as `ndcg@10`.

    Returns:
        What each user adds, by name, in the order of `metrics`.

    Raises:
        ValueError: the arrays contradict their contract, a list repeats a hit, a name is none of a
            metric, or what a metric needs is not there.
        KeyError: there is no such metric.
    """
    questions = [asked(name) for name in metrics]
    check_outcomes(outcomes, depth_of(metrics))
    evidence = Evidence(outcomes, traits)
    return {
        name: KINDS[question.kind].figure(evidence, question)
        for name, question in zip(metrics, questions, strict=True)
    }


def bounds(metrics: Sequence[str], scale: Scale) -> Floats:
    """The most that one user's numerator can be, of each metric: float64[n_metrics], at least 1."""
    return np.array([max(1.0, ALL_KINDS[asked(name).kind].bound(scale)) for name in metrics])


def finished(means: Floats, metrics: Sequence[str]) -> Floats:
    """From ratios of sums to figures, float64[..., n_metrics]: the root for `rmse`, else as they are."""
    columns = [
        ALL_KINDS[asked(name).kind].finish(means[..., place]) for place, name in enumerate(metrics)
    ]
    return np.stack(columns, axis=-1)
