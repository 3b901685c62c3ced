"""What the users of a contender add up to, without tables and tasks."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from toplists.engine.kernels.bootstrap import partial_sums
from toplists.engine.kernels.draws import hash_ids
from toplists.engine.kernels.metric_kind import Scale
from toplists.engine.kernels.metrics import bounds
from toplists.engine.kernels.outcomes import Measured
from toplists.evaluation.comparison import Added


def add_up(measured: Mapping[str, Measured], scale: Scale = Scale(), resamples: int = 500) -> Added:
    """Users called 0, 1, … with what each adds to every metric."""
    metrics = tuple(measured)
    numerators, denominators = (
        np.stack(sides, axis=1) for sides in zip(*measured.values(), strict=True)
    )
    hashes, limits = hash_ids(map(str, range(len(numerators)))), bounds(metrics, scale)
    return Added(
        metrics, partial_sums(numerators, denominators, hashes, resamples, 1, limits), limits
    )
