"""Settings of the models: one group for each that has any, under its name in the registry."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from toplists.config.model_als import AlsSettings
from toplists.config.model_knn import ItemCosineSettings
from toplists.config.model_linear import LocalRidgeSettings
from toplists.config.model_ratings import BaselineSettings, BayesianMfSettings, ConstantSettings
from toplists.config.model_sgd import SvdSettings
from toplists.config.section import Section

ModelName = Literal[
    "als",
    "bayesian_mf",
    "item_cosine",
    "local_ridge",
    "popularity",
    "normal",
    "constant",
    "baseline",
    "svd",
]


class ModelSettings(Section):
    name: ModelName = Field("als", description="The model behind the personal lists.")
    seed: int = Field(42, ge=0, description="Seed of everything random in a fit.")
    als: AlsSettings = AlsSettings()
    bayesian_mf: BayesianMfSettings = BayesianMfSettings()
    item_cosine: ItemCosineSettings = ItemCosineSettings()
    constant: ConstantSettings = ConstantSettings()
    baseline: BaselineSettings = BaselineSettings()
    local_ridge: LocalRidgeSettings = LocalRidgeSettings()
    svd: SvdSettings = SvdSettings()
