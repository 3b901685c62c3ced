"""Settings of the models: one group for each that has any, under its name in the registry."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from toplists.config.model_als import AlsSettings
from toplists.config.model_content import ContentKnnSettings, ContentRatingsSettings
from toplists.config.model_hybrid import HybridSettings
from toplists.config.model_knn import (
    AssociationSettings,
    ItemKnnSettings,
    P3AlphaSettings,
    RatingKnnSettings,
    Rp3BetaSettings,
    UserKnnSettings,
)
from toplists.config.model_linear import (
    EaseSettings,
    LocalRidgeSettings,
    LowPassSettings,
    SlimSettings,
)
from toplists.config.model_next import (
    FpmcSettings,
    Item2VecSettings,
    MarkovSettings,
    TransRecSettings,
)
from toplists.config.model_ratings import (
    BaselineSettings,
    BayesianMfSettings,
    CoClusteringSettings,
    ConstantSettings,
    ResidualAlsSettings,
    SlopeOneSettings,
    TruncatedSvdSettings,
)
from toplists.config.model_sgd import BprSettings, NmfSettings, SvdPlusPlusSettings, SvdSettings
from toplists.config.model_stack import StackSettings
from toplists.config.section import Section

ModelName = Literal[
    "als",
    "bayesian_mf",
    "item_knn",
    "user_knn",
    "p3alpha",
    "rp3beta",
    "association",
    "markov",
    "item2vec",
    "fpmc",
    "transrec",
    "content_knn",
    "local_ridge",
    "ease",
    "slim",
    "low_pass",
    "hybrid",
    "popularity",
    "window",
    "trending",
    "segment",
    "normal",
    "constant",
    "baseline",
    "svd",
    "svd_plus_plus",
    "nmf",
    "bpr",
    "stack",
    "rating_knn",
    "content_ratings",
    "slope_one",
    "co_clustering",
    "truncated_svd",
    "residual_als",
]


class ModelSettings(Section):
    name: ModelName = Field("hybrid", description="The model behind the personal lists.")
    seed: int = Field(42, ge=0, description="Seed of everything random in a fit.")
    als: AlsSettings = AlsSettings()
    bayesian_mf: BayesianMfSettings = BayesianMfSettings()
    item_knn: ItemKnnSettings = ItemKnnSettings()
    user_knn: UserKnnSettings = UserKnnSettings()
    p3alpha: P3AlphaSettings = P3AlphaSettings()
    rp3beta: Rp3BetaSettings = Rp3BetaSettings()
    association: AssociationSettings = AssociationSettings()
    markov: MarkovSettings = MarkovSettings()
    item2vec: Item2VecSettings = Item2VecSettings()
    fpmc: FpmcSettings = FpmcSettings()
    transrec: TransRecSettings = TransRecSettings()
    content_knn: ContentKnnSettings = ContentKnnSettings()
    constant: ConstantSettings = ConstantSettings()
    baseline: BaselineSettings = BaselineSettings()
    local_ridge: LocalRidgeSettings = LocalRidgeSettings()
    svd: SvdSettings = SvdSettings()
    svd_plus_plus: SvdPlusPlusSettings = SvdPlusPlusSettings()
    ease: EaseSettings = EaseSettings()
    slim: SlimSettings = SlimSettings()
    low_pass: LowPassSettings = LowPassSettings()
    nmf: NmfSettings = NmfSettings()
    bpr: BprSettings = BprSettings()
    hybrid: HybridSettings = HybridSettings()
    stack: StackSettings = StackSettings()
    rating_knn: RatingKnnSettings = RatingKnnSettings()
    content_ratings: ContentRatingsSettings = ContentRatingsSettings()
    slope_one: SlopeOneSettings = SlopeOneSettings()
    co_clustering: CoClusteringSettings = CoClusteringSettings()
    truncated_svd: TruncatedSvdSettings = TruncatedSvdSettings()
    residual_als: ResidualAlsSettings = ResidualAlsSettings()

    @property
    def vector_tables(self) -> tuple[str, ...]:
        """The tables of ready-made vectors that models read, which lie outside the lake."""
        named = (self.content_knn.vectors, self.content_ratings.vectors)
        return tuple(path for path in named if path is not None)
