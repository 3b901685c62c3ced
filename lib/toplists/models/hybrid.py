"""A hybrid of several models: the weighted sum of what each says of all items, on one scale."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from toplists.config.model import ModelSettings
from toplists.config.model_hybrid import HybridSettings
from toplists.engine.half import remove_rests
from toplists.engine.inner_holdout import hold_out
from toplists.engine.kernels.draws import derive_seed
from toplists.engine.mix_choice import Mix, judge_mixes, round_mixes
from toplists.engine.shapes import Factors, Member, Mixture, Shape, parts_of
from toplists.errors import ConfigurationError, InputRefusedError
from toplists.models.als import ALS
from toplists.models.association import ASSOCIATION
from toplists.models.bpr import BPR
from toplists.models.content_knn import CONTENT_KNN
from toplists.models.definition import Definition, Parameters, lengths_of
from toplists.models.ease import EASE
from toplists.models.item_knn import ITEM_KNN
from toplists.models.local_ridge import LOCAL_RIDGE
from toplists.models.low_pass import LOW_PASS
from toplists.models.markov import MARKOV
from toplists.models.popularity import POPULARITY
from toplists.models.protocol import Fitted, FromSettings, Model, TrainingData
from toplists.models.random_walk import P3ALPHA, RP3BETA
from toplists.models.slim import SLIM
from toplists.models.user_knn import USER_KNN

_MEMBERS = {
    one.name: one
    for one in (
        *(ALS, ITEM_KNN, USER_KNN, P3ALPHA, RP3BETA, ASSOCIATION, MARKOV, CONTENT_KNN),
        *(LOCAL_RIDGE, EASE, SLIM, LOW_PASS, BPR, POPULARITY),
    )
}


class Hybrid(FromSettings[HybridSettings]):
    """Models of different kinds, whose scores are added as each user's z-scores over all items that they know.

    Weights are chosen among round ones by NDCG@10 on a part of what may be learnt from. A free search would
    follow the chance of that part.
    """

    name = "hybrid"

    def __init__(self, settings: HybridSettings, members: Sequence[Model]) -> None:
        """Take the parameters from `settings`, and the models that it names, in their order."""
        super().__init__(settings)
        self._members = tuple(members)

    @property
    def parameters(self) -> Mapping[str, Any]:
        """The settings, and the parameters of all members."""
        return {
            **super().parameters,
            **{member.name: dict(member.parameters) for member in self._members},
        }

    def fit(self, data: TrainingData) -> Fitted:
        """Choose the weights, then fit the members that count.

        Raises:
            InputRefusedError: a member cannot learn from the data.
            ConfigurationError: a member cannot be fitted here.
        """
        chosen = self._settings.given_weights
        figures: dict[str, float] = {}
        if not chosen:
            chosen, figures = self._choose(data)
        fits = {
            member.name: (self._fit(member, data, member.name, goes_on=True), weight)
            for member, weight in zip(self._members, chosen, strict=True)
            if weight > 0
        }
        shapes = [_as_member(fit) for fit, _ in fits.values()]
        report = {
            "weights": {name: weight for name, (_, weight) in fits.items()},
            "ndcg@10": figures,
            "members": {name: dict(fit.report) for name, (fit, _) in fits.items()},
        }
        return Fitted(Mixture(tuple(shapes), tuple(weight for _, weight in fits.values())), report)

    def _choose(self, data: TrainingData) -> tuple[Mix, dict[str, float]]:
        """The best mix on likings that are held out, and how good each of them is."""
        mixes = round_mixes(len(self._members))
        # Where there is nothing to learn from, members say what is missing.
        if len(mixes) == 1 or data.size == 0:
            return mixes[0], {}
        settings, seed = self._settings, derive_seed(data.seed, "hybrid")
        inner = hold_out(
            data.spark,
            (data.users, data.items),
            data.part,
            settings.validation_share,
            seed,
            data.folder,
        )
        if inner.size == 0:
            raise InputRefusedError(
                "hybrid chooses weights by likings that its members do not see, and there are too few to leave "
                "any to them. Give model.hybrid.weights, or use one of its members."
            )
        part = replace(
            data,
            users=inner.users,
            items=inner.items,
            part="train",
            size=inner.size,
            evaluated=None,
        )
        shapes = [
            _as_member(self._fit(member, part, f"{member.name}-inner")) for member in self._members
        ]
        figures = judge_mixes(
            data.spark, shapes, mixes, inner.users, settings.validation_users, seed, data.folder
        )
        rests = [path for shape in shapes for path in parts_of(shape)]
        remove_rests(data.folder, "the choice of weights", (*rests, *inner.paths))
        # The first of equal ones; where nobody can be judged, the most even.
        best = int(np.argmax(np.nan_to_num(figures, nan=0.0)))
        names = ("/".join(f"{weight:g}" for weight in mix) for mix in mixes)
        return mixes[best], {
            name: float(figure)
            for name, figure in zip(names, figures, strict=True)
            if np.isfinite(figure)
        }

    @staticmethod
    def _fit(member: Model, data: TrainingData, folder: str, *, goes_on: bool = False) -> Fitted:
        """Fit a member in a folder of its own: from nothing, or ALS as from where it was `goes_on`."""
        own = replace(data, folder=data.folder / folder)
        if not (goes_on and member.name == ALS.name):
            own = replace(own, start=None, evaluated=None)
        return member.fit(own)


def _as_member(fitted: Fitted) -> Member:
    if isinstance(fitted.shape, Mixture):
        raise TypeError(f"{fitted.shape.kind} is no member of a mixture")
    return fitted.shape


def _make(given: Parameters) -> Hybrid:
    settings = given.model.hybrid
    if "als" in settings.members and given.model.als.feedback == "explicit":
        raise ConfigurationError(
            "hybrid mixes models of who likes what: set model.als.feedback=implicit, or "
            "model.name=als to predict values, or leave als out of model.hybrid.members."
        )
    if "als" in settings.members and given.model.als.engine == "mllib":
        raise ConfigurationError(
            "hybrid does not mix MLlib's ALS: set model.als.engine=kernels, or model.name=als to use it alone, "
            "or leave als out of model.hybrid.members."
        )
    if LOW_PASS.name in settings.members and given.model.low_pass.linear > 0:
        raise ConfigurationError(
            "hybrid adds models of one part each: set model.low_pass.linear=0, or model.name=low_pass to use both "
            "of its filters, or leave low_pass out of model.hybrid.members."
        )
    if MARKOV.name in settings.members and not settings.given_weights:
        raise ConfigurationError(
            "hybrid cannot choose weights with markov among its members, which would see the times of what they are "
            "chosen by: give model.hybrid.weights, or leave markov out of model.hybrid.members."
        )
    return Hybrid(settings, [_MEMBERS[name].make(given) for name in settings.members])


def _starts_warm(settings: ModelSettings) -> bool:
    starts_warm = ALS.starts_warm
    return _place_of_als(settings) is not None and starts_warm is not None and starts_warm(settings)


def _vectors(settings: ModelSettings, shape: Shape) -> Factors | None:
    """Those of ALS, where given weights say which member it is."""
    place = _place_of_als(settings)
    if place is None or not isinstance(shape, Mixture):
        return None
    member = shape.members[place]
    return member if isinstance(member, Factors) else None


def _place_of_als(settings: ModelSettings) -> int | None:
    """Its place among the members that count; `None` where it does not, or weights are chosen each time."""
    given = zip(settings.hybrid.members, settings.hybrid.given_weights, strict=False)
    counting = [name for name, weight in given if weight > 0]
    return counting.index(ALS.name) if ALS.name in counting else None


def _lengths(settings: ModelSettings) -> tuple[int, int] | None:
    """Members are fitted, and their vectors stored, one after the other."""
    found = lengths_of((_MEMBERS[name] for name in settings.hybrid.members), settings)
    return (max(fitted for fitted, _ in found), max(kept for _, kept in found)) if found else None


HYBRID = Definition(
    name="hybrid",
    summary="Several models of different kinds, their scores added on one scale with chosen weights.",
    shape=Mixture,
    feedback="likings",
    memory="that of its members, one after the other; lists take some 20 bytes x items x 128 users besides",
    time="twice that of all members, once if weights are given; lists take members x items for each user",
    reference="Burke, Hybrid recommender systems: survey and experiments, UMUAI 12, 2002",
    make=_make,
    lengths=_lengths,
    starts_warm=_starts_warm,
    vectors=_vectors,
)
"""See `Hybrid`."""
