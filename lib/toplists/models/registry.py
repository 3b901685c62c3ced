"""The models there are, by name."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from toplists.config.model import ModelSettings
from toplists.engine.shapes import Factors, Ranking, Shape
from toplists.models.als import ALS
from toplists.models.association import ASSOCIATION
from toplists.models.baseline import BASELINE
from toplists.models.bayesian_mf import BAYESIAN_MF
from toplists.models.bpr import BPR
from toplists.models.co_clustering import CO_CLUSTERING
from toplists.models.constant import CONSTANT
from toplists.models.content_knn import CONTENT_KNN, ContentKnn
from toplists.models.content_ratings import CONTENT_RATINGS
from toplists.models.definition import Definition, Parameters
from toplists.models.ease import EASE
from toplists.models.fpmc import FPMC
from toplists.models.hybrid import HYBRID
from toplists.models.item2vec import ITEM2VEC
from toplists.models.item_knn import ITEM_KNN, ItemKnn
from toplists.models.local_ridge import LOCAL_RIDGE
from toplists.models.low_pass import LOW_PASS
from toplists.models.markov import MARKOV
from toplists.models.nmf import NMF
from toplists.models.normal import NORMAL
from toplists.models.popularity import POPULARITY, SEGMENT, WINDOW
from toplists.models.protocol import Model
from toplists.models.random_walk import P3ALPHA, RP3BETA
from toplists.models.rating_knn import RATING_KNN
from toplists.models.residual_als import RESIDUAL_ALS
from toplists.models.search import Space
from toplists.models.slim import SLIM
from toplists.models.slope_one import SLOPE_ONE
from toplists.models.stack import STACK
from toplists.models.svd import SVD
from toplists.models.svd_plus_plus import SVD_PLUS_PLUS
from toplists.models.transrec import TRANSREC
from toplists.models.trending import TRENDING
from toplists.models.truncated_svd import TRUNCATED_SVD
from toplists.models.user_knn import USER_KNN

MODELS: Mapping[str, Definition] = {
    definition.name: definition
    for definition in (
        ALS,
        BAYESIAN_MF,
        ITEM_KNN,
        USER_KNN,
        P3ALPHA,
        RP3BETA,
        ASSOCIATION,
        MARKOV,
        ITEM2VEC,
        FPMC,
        TRANSREC,
        CONTENT_KNN,
        LOCAL_RIDGE,
        EASE,
        SLIM,
        LOW_PASS,
        HYBRID,
        POPULARITY,
        WINDOW,
        TRENDING,
        SEGMENT,
        NORMAL,
        CONSTANT,
        BASELINE,
        SVD,
        SVD_PLUS_PLUS,
        NMF,
        BPR,
        STACK,
        RATING_KNN,
        CONTENT_RATINGS,
        SLOPE_ONE,
        CO_CLUSTERING,
        TRUNCATED_SVD,
        RESIDUAL_ALS,
    )
}
"""All of them, in the order in which they are listed."""


def make_model(name: str, parameters: Parameters) -> Model:
    """The model called `name`, with its parameters.

    Raises:
        KeyError: there is no such model (settings are validated before).
    """
    return MODELS[name].make(parameters)


def search_spaces(settings: ModelSettings) -> dict[str, Space]:
    """What can be tuned of each model that has something to tune, by name."""
    return {name: one.space(settings) for name, one in MODELS.items() if one.space is not None}


def vector_lengths(settings: ModelSettings) -> tuple[int, int] | None:
    """How long vectors of the personal model are while kernels fit them, and as they are stored.

    `None` for a model that the kernels fit no vectors of.
    """
    lengths = MODELS[settings.name].lengths
    return None if lengths is None else lengths(settings)


def can_start_warm(settings: ModelSettings) -> bool:
    """Whether the personal model is one whose fit can start from another's item vectors."""
    starts_warm = MODELS[settings.name].starts_warm
    return starts_warm is not None and starts_warm(settings)


def vectors_of(settings: ModelSettings, shape: Shape) -> Factors | None:
    """The vectors of a fit of the personal model that its next fit goes on from; `None` where it has none."""
    return MODELS[settings.name].vectors(settings, shape)


def held_bytes(model: Model) -> int:
    """Bytes of each interaction that every task of a fit holds, of all there are; its members' included."""
    members = model.parameters.get("members", {})
    own = {model.name: model.parameters} | {
        name: model.parameters.get(name, {}) for name in members
    }
    return max(MODELS[name].holds(parameters) for name, parameters in own.items())


def tells_users_apart(model: Model) -> bool:
    """Whether a model has an order of items for each user, instead of one for all or for a segment."""
    return MODELS[model.name].shape is not Ranking


def learns_values(model: Model) -> bool:
    """Whether a model learns, and predicts, the values of ratings, instead of likings."""
    return model.parameters.get("feedback") == "explicit"


def make_similar(name: Literal["item_knn", "content_knn"], settings: ModelSettings) -> Model:
    """The model behind the lists of similar items: neighbours that may be recommended."""
    if name == "content_knn":
        return ContentKnn(settings.content_knn, only_recommendable=True)
    return ItemKnn(settings.item_knn, only_recommendable=True)
