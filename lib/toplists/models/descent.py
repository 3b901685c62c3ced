"""Fits by stochastic gradients, in strata, as models make them."""

from __future__ import annotations

from toplists.engine.cells import Gradient
from toplists.engine.strata import Descent, descend
from toplists.models.protocol import Fitted, TrainingData


def fit_by_descent(
    data: TrainingData, gradient: Gradient, epochs: int, single_task_entries: int
) -> Fitted:
    """The factors that so many epochs come to, and the loss of each epoch.

    Args:
        data: What is learnt from.
        gradient: What is descended.
        epochs: How many.
        single_task_entries: A fit to at most so many entries is one task.

    Raises:
        ConfigurationError: the learning rate is too high.
    """
    fit = Descent({"users": data.users, "items": data.items}, gradient, epochs, data.seed)
    result = descend(data.spark, fit, data.folder, single_task_entries)
    return Fitted(result.factors, {"losses": list(result.losses)})
