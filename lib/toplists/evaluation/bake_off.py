"""Who is better than whom, of several models judged on the same users, and whether that is sure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import ndtr

from toplists.engine.kernels.bootstrap import interval
from toplists.engine.kernels.outcomes import Floats
from toplists.evaluation.comparison import Added, Figure


@dataclass(frozen=True)
class Standing:
    """A model's place by the metric that decides.

    Attributes:
        name: The model.
        value: Its figure.
        behind: The best model's figure less its own, with its interval; `None` for the best, and for what
            was not measured on the same users.
        p: The probability of a difference like that if there is none, corrected for the number of models.
        differs: Whether the difference is real.
    """

    name: str
    value: float
    behind: Figure | None
    p: float | None
    differs: bool

    @property
    def verdict(self) -> str:
        """The same in words."""
        if self.behind is None:
            return "best"
        if self.differs:
            return "clearly behind"
        return "no real difference"


def standings(added: Mapping[str, Added], metric: str, confidence: float) -> list[Standing]:
    """Models from the best to the worst by a metric of which larger is better.

    Each is compared with the best on the same resamples of the users. The best is known from the same data, so
    that any pair might have been compared: p-values are corrected by Holm's method for all of them.

    Args:
        added: What their users add up to, by name.
        metric: The metric that decides; models without it are left out.
        confidence: Of intervals; a difference is real if p is below the rest.
    """
    values, resampled = {}, {}
    for name, one in added.items():
        if metric in one.metrics:
            place, spread = one.metrics.index(metric), one.spread()
            if not np.isnan(spread.values[place]):
                values[name], resampled[name] = spread.values[place], spread.resampled[:, place]
    order = sorted(values, key=lambda name: (-values[name], name))
    if not order:
        return []
    best, *others = order
    differences = {name: resampled[best] - resampled[name] for name in others}
    pairs = len(order) * (len(order) - 1) // 2
    p_values = [bootstrap_p(values[best] - values[name], differences[name]) for name in others]
    corrected = holm(p_values, pairs)
    found = [Standing(best, float(values[best]), None, None, differs=False)]
    for name, p in zip(others, corrected, strict=True):
        low, high = interval(differences[name][:, np.newaxis], confidence)
        users = min(
            int(added[one].sums.users[added[one].metrics.index(metric)]) for one in (best, name)
        )
        behind = Figure(
            *(best, metric, name, float(values[best] - values[name])),
            *(float(low[0]), float(high[0]), users),
        )
        found.append(Standing(name, float(values[name]), behind, p, differs=p < 1 - confidence))
    return found


def bootstrap_p(difference: float, resampled: Floats) -> float:
    """The two-sided p-value of no difference.

    By the normal distribution with the bootstrap's standard error (Efron and Tibshirani, "An introduction to
    the bootstrap", 1993, 13.2): counting resamples on the other side of 0 could not tell small ones apart.

    Args:
        difference: The difference of two figures.
        resampled: The same in every resample: float64[resamples], NaN where it is of nobody.
    """
    error = (
        float(np.nanstd(resampled, ddof=1)) if np.count_nonzero(~np.isnan(resampled)) > 1 else 0.0
    )
    if error == 0.0:
        return 1.0 if difference == 0.0 else 0.0
    return float(2 * ndtr(-abs(difference) / error))


def holm(p_values: Sequence[float], tests: int) -> list[float]:
    """P-values, the smallest of `tests`, corrected for how many tests there are; in their order.

    From the smallest on, each is multiplied by the number of tests that are left, and none falls below the
    one before (Holm, "A simple sequentially rejective multiple test procedure", 1979).
    """
    order = np.argsort(p_values, kind="stable")
    factors = tests - np.arange(len(order))
    corrected = np.empty(len(order))
    corrected[order] = np.maximum.accumulate(np.minimum(1.0, np.take(p_values, order) * factors))
    return [float(p) for p in corrected]
