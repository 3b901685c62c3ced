"""A stack: values by a weighted sum of what other models predict (Wolpert 1992, Breiman 1996)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from toplists.config.model import ModelSettings
from toplists.config.model_stack import StackSettings
from toplists.engine.half import remove_rests
from toplists.engine.inner_holdout import hold_out
from toplists.engine.kernels.draws import derive_seed
from toplists.engine.shapes import Factors, Member, Mixture, parts_of
from toplists.engine.stacking import Stacking
from toplists.errors import ConfigurationError, InputRefusedError
from toplists.models.als import ALS
from toplists.models.baseline import BASELINE
from toplists.models.bayesian_mf import BAYESIAN_MF
from toplists.models.co_clustering import CO_CLUSTERING
from toplists.models.content_ratings import CONTENT_RATINGS
from toplists.models.definition import Definition, Parameters, lengths_of
from toplists.models.nmf import NMF
from toplists.models.protocol import Fitted, FromSettings, Model, TrainingData
from toplists.models.rating_knn import RATING_KNN
from toplists.models.residual_als import RESIDUAL_ALS
from toplists.models.search import LogRange, Space
from toplists.models.slope_one import SLOPE_ONE
from toplists.models.svd import SVD
from toplists.models.svd_plus_plus import SVD_PLUS_PLUS
from toplists.models.truncated_svd import TRUNCATED_SVD

_MEMBERS = {
    one.name: one
    for one in (
        ALS,
        BASELINE,
        BAYESIAN_MF,
        CO_CLUSTERING,
        CONTENT_RATINGS,
        NMF,
        RATING_KNN,
        RESIDUAL_ALS,
        SLOPE_ONE,
        SVD,
        SVD_PLUS_PLUS,
        TRUNCATED_SVD,
    )
}


class Stack(FromSettings[StackSettings]):
    """Values as a weighted sum of those of other models.

    The models are fitted twice: to a part of the values, so that the weights can be learnt from how they
    predict the rest, and to all. What is reported says from how many values they were learnt: where that
    is none, as of a handful of values, weights are equal.
    """

    name = "stack"
    learns_values = True

    def __init__(self, settings: StackSettings, members: Sequence[Model]) -> None:
        """Take the parameters from `settings`, and the members with theirs."""
        super().__init__(settings)
        self._members = members

    @property
    def parameters(self) -> Mapping[str, Any]:
        """The settings with those of the members, and that values are learnt."""
        members = {member.name: dict(member.parameters) for member in self._members}
        return {**super().parameters, "members": members}

    def fit(self, data: TrainingData) -> Fitted:
        """Fit the members, the weights, and the members again.

        Raises:
            InputRefusedError: no interaction of the part has a value, or too few have.
        """
        settings, folder = self._settings, data.folder
        mean = data.rated_values(self.name).mean
        inner = hold_out(
            data.spark,
            (data.users, data.items),
            data.part,
            settings.held_out_share,
            derive_seed(data.seed, self.name),
            folder,
            lesson="rated",
        )
        if inner.size == 0:
            raise InputRefusedError(
                "stack learns weights from values that its members do not see, and there are too few to "
                "leave any to them. Use one of its members, such as model.name=baseline."
            )
        less = replace(data, users=inner.users, items=inner.items, part="train", size=inner.size)
        judged = Stacking(self._fit_members(less, "judged"), mean)
        weights, counted = judged.weights(data.spark, inner.users, settings.penalty, folder)
        rests = [path for member in judged.members for path in parts_of(member)]
        remove_rests(folder, "the choice of weights", (*rests, *inner.paths))
        stacking = Stacking(self._fit_members(data, "refitted"), mean)
        shape = stacking.join(data.spark, weights, (data.users, data.items), folder)
        named = zip((member.name for member in self._members), weights, strict=True)
        return Fitted(shape, {"weights": dict(named), "held_out": counted})

    def _fit_members(self, data: TrainingData, name: str) -> tuple[Member, ...]:
        fitted = []
        for member in self._members:
            folder = data.folder / name / member.name
            shape = member.fit(replace(data, folder=folder, start=None, evaluated=None)).shape
            if isinstance(shape, Mixture):
                raise TypeError(f"{member.name} ends in a mixture of its own")
            fitted.append(shape)
        return tuple(fitted)


def _make(given: Parameters) -> Model:
    settings = given.model.stack
    als = given.model.als
    if "als" in settings.members and (als.feedback != "explicit" or als.engine != "kernels"):
        raise ConfigurationError(
            "stack adds up models of values: set model.als.feedback=explicit and model.als.engine=kernels, or "
            "leave als out of model.stack.members."
        )
    return Stack(settings, [_MEMBERS[name].make(given) for name in settings.members])


def _lengths(settings: ModelSettings) -> tuple[int, int] | None:
    """Members are fitted one after the other; their vectors are stored side by side, with a number for the mean."""
    found = lengths_of((_MEMBERS[name] for name in settings.stack.members), settings)
    return (
        (max(fitted for fitted, _ in found), 1 + sum(kept for _, kept in found)) if found else None
    )


STACK = Definition(
    name="stack",
    summary=(
        "Predicts values by a weighted sum of several models, with weights learnt from held-out values; what one of "
        "them does not predict is not predicted."
    ),
    shape=(Factors, Mixture),
    feedback="values",
    memory=(
        "that of the largest member, and the item vectors of all; lists take some 20 bytes x items x 128 users "
        "besides where not all members end in factors"
    ),
    time="twice that of the members; lists take members x items for each user where not all end in factors",
    reference="Wolpert, Stacked generalization, 1992; Breiman, Stacked regressions, 1996",
    make=_make,
    space=lambda _: Space({"penalty": LogRange(0.1, 1000.0)}),
    lengths=_lengths,
)
"""See `Stack`."""
