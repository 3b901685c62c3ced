"""What is measured of users, alike when they are judged and when their rows are added up."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from toplists.config.metric_names import HELD_OUT_KINDS
from toplists.engine.blocks import BlockSet
from toplists.engine.kernels.candidates import ItemSets
from toplists.engine.kernels.metric_kind import asked
from toplists.engine.kernels.metrics import KINDS, finished, measure
from toplists.engine.kernels.outcomes import Floats, Measured, Outcomes
from toplists.evaluation.outcome_rows import Users
from toplists.evaluation.traits import Traits


@dataclass(frozen=True)
class Measuring:
    """The metrics of a contender, and what they need beside its outcomes.

    Attributes:
        metrics: Names.
        traits: What is known of the items from the training part.
        users: User blocks, for what users had seen in it.
    """

    metrics: tuple[str, ...]
    traits: Traits
    users: BlockSet

    def measure(self, users: Users, outcomes: Outcomes) -> dict[str, Measured]:
        """What each user adds to each metric.

        Predictions are clipped to the values that there are, as whoever shows them would.
        """
        clipped = outcomes._replace(
            scores=np.clip(outcomes.scores, self.traits.low, self.traits.high)
        )
        if self._needs("history"):
            clipped = clipped._replace(history=_history(self.users, users))
        return measure(clipped, self.traits.open(), self.metrics)

    def measure_held_out(self, users: Users, outcomes: Outcomes) -> dict[str, Measured]:
        """The same where `outcomes` hold some of the held-out items: nobody counts in other metrics."""
        chosen = tuple(metric for metric in self.metrics if is_of_held_out(metric))
        measured = replace(self, metrics=chosen).measure(users, outcomes)
        none = np.zeros(len(users.positions))
        return {metric: measured.get(metric, Measured(none, none)) for metric in self.metrics}

    def of_each(self, measured: dict[str, Measured]) -> dict[str, Floats]:
        """The figure of each user by itself, NaN where the user does not count in it."""
        if not measured:
            return {}
        numerators, denominators = in_columns(measured, 0)
        means = np.full(numerators.shape, np.nan)
        np.divide(numerators, denominators, out=means, where=denominators > 0)
        return dict(zip(measured, finished(means, self.metrics).T, strict=True))

    def _needs(self, what: str) -> bool:
        return any(what in KINDS[asked(name).kind].needs for name in self.metrics)


def in_columns(measured: Mapping[str, Measured], users: int) -> Measured:
    """What users add to all metrics, of which there may be none: float64[users, metrics] each."""
    if not measured:
        return Measured(np.zeros((users, 0)), np.zeros((users, 0)))
    return Measured(*(np.stack(side, axis=1) for side in zip(*measured.values(), strict=True)))


def predicts_only(metric: str) -> bool:
    """Whether a metric makes sense only of models that predict values."""
    return "scores" in KINDS[asked(metric).kind].needs


def is_of_held_out(metric: str) -> bool:
    """Whether a metric can be told of some of the held-out items, the others left aside."""
    return asked(metric).kind in HELD_OUT_KINDS


def _history(blocks: BlockSet, users: Users) -> ItemSets:
    """What users, ascending, had seen in the training part."""
    found = []
    for ref in blocks.blocks:
        own = (users.positions >= ref.first) & (users.positions < ref.first + ref.rows)
        if own.any():
            rows = users.positions[own].astype(np.int64) - ref.first
            found.append(ItemSets(*ref.open().seen("train")).of(rows))
    lengths = [np.diff(sets.indptr) for sets in found]
    return ItemSets(
        np.concatenate(([0], np.cumsum(np.concatenate([np.empty(0, np.int64), *lengths])))),
        np.concatenate([np.empty(0, np.int32), *(sets.items for sets in found)]),
    )
