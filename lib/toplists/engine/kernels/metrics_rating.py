"""Metrics of predicted values: how far scores are from the values that were held out.

They are taken over all pairs of a user and a held-out item that has a value, not over users. Pairs without
a score drop out of the errors; `predictable` says how many are left. Scores are compared as they are: whoever
wants them within the range of values clips them before.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from toplists.engine.kernels.evidence import Evidence
from toplists.engine.kernels.metric_kind import Asked, Kind, Scale, UserFigure
from toplists.engine.kernels.outcomes import Floats, Measured


def squared_error(evidence: Evidence, asked: Asked) -> Measured:  # noqa: ARG001  (no cutoff)
    """The mean squared error of predicted values.

    Formula: `sum of (score - value)^2 over pairs / pairs`
    Larger: predictions are farther off, and few far ones count most.
    Source: Herlocker et al., "Evaluating collaborative filtering recommender systems", TOIS 2004.
    """
    return _over_pairs(evidence, _errors(evidence) ** 2)


def root_squared_error(evidence: Evidence, asked: Asked) -> Measured:
    """The root of the mean squared error, which is in the unit of the values.

    Formula: `sqrt(sum of (score - value)^2 over pairs / pairs)`, over all pairs, not a mean of users' roots
    Larger: predictions are farther off, and few far ones count most.
    Source: Herlocker et al., "Evaluating collaborative filtering recommender systems", TOIS 2004.
    """
    return squared_error(evidence, asked)


def absolute_error(evidence: Evidence, asked: Asked) -> Measured:  # noqa: ARG001  (no cutoff)
    """By how much predicted values miss on average.

    Formula: `sum of |score - value| over pairs / pairs`
    Larger: predictions are farther off.
    Source: Herlocker et al., "Evaluating collaborative filtering recommender systems", TOIS 2004.
    """
    return _over_pairs(evidence, np.abs(_errors(evidence)))


def predictable(evidence: Evidence, asked: Asked) -> Measured:  # noqa: ARG001  (no cutoff)
    """The share of held-out values for which there is a score at all.

    Formula: pairs with a value and a score / pairs with a value
    Larger: more can be predicted.
    Source: Herlocker et al., "Evaluating collaborative filtering recommender systems", TOIS 2004, where it
        is prediction coverage.
    """
    return Measured(
        evidence.count(evidence.predicted).astype(np.float64),
        evidence.count(evidence.valued).astype(np.float64),
    )


def _errors(evidence: Evidence) -> Floats:
    of = evidence.predicted
    return evidence.outcomes.scores[of] - evidence.outcomes.values[of]


def _over_pairs(evidence: Evidence, errors: Floats) -> Measured:
    pairs = evidence.predicted
    return Measured(evidence.sum(pairs, errors), evidence.count(pairs).astype(np.float64))


def _most_error(scale: Scale) -> float:
    return scale.most_targets * scale.largest_error


def _most_squared_error(scale: Scale) -> float:
    return scale.most_targets * scale.largest_error**2


def _most_pairs(scale: Scale) -> float:
    return scale.most_targets


RATING_KINDS: Mapping[str, Kind[UserFigure]] = {
    "rmse": Kind(
        root_squared_error,
        "smaller",
        needs=("values", "scores"),
        cutoff=False,
        bound=_most_squared_error,
        finish=np.sqrt,
    ),
    "mae": Kind(
        absolute_error, "smaller", needs=("values", "scores"), cutoff=False, bound=_most_error
    ),
    "mse": Kind(
        squared_error,
        "smaller",
        needs=("values", "scores"),
        cutoff=False,
        bound=_most_squared_error,
    ),
    "predictable": Kind(predictable, needs=("values", "scores"), cutoff=False, bound=_most_pairs),
}
"""What each kind is, by its name."""
