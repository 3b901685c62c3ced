"""Settings of similarity, and of the models by neighbours."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import Field, model_validator

from toplists.config.section import Section
from toplists.config.session_gap import session_gap

LikingMeasure = Literal[
    "cosine",
    "asymmetric_cosine",
    "jaccard",
    "dice",
    "tversky",
    "lift",
    "conditional_probability",
    "log_likelihood_ratio",
    "co_occurrence",
]
"""Measures of who likes what."""

RatingMeasure = Literal[
    "common_cosine",
    "adjusted_cosine",
    "pearson",
    "profile_pearson",
    "baseline_pearson",
    "spearman",
    "msd",
]
"""Measures of which values were given."""

Measure = Literal[LikingMeasure, RatingMeasure]

Weighting = Literal["none", "binary", "log", "inverse_frequency", "tf_idf", "bm25"]

_WEIGHTED = ("cosine", "asymmetric_cosine")
_MEASURE_OF = {
    "asymmetry": "asymmetric_cosine",
    "tversky_source": "tversky",
    "tversky_target": "tversky",
}


class SimilaritySettings(Section):
    """What similarity is; see `toplists.engine.measures` for the formulas."""

    measure: Measure = Field(
        "cosine",
        description=(
            "What similarity is: by who likes both, or, from `common_cosine` on, by the values that both "
            "were given."
        ),
    )
    weighting: Weighting = Field(
        "none", description="`cosine` and `asymmetric_cosine`: how much each liking counts."
    )
    bm25_k1: float = Field(
        100.0, gt=0.0, description="`weighting` bm25: how late repetition stops to count."
    )
    bm25_b: float = Field(
        0.8, ge=0.0, le=1.0, description="`weighting` bm25: how much a long row is marked down."
    )
    common_exponent: float = Field(
        0.0,
        ge=0.0,
        le=2.0,
        description=(
            "`cosine` and `asymmetric_cosine`: what is in common counts by its own number of entries to "
            "the power of minus this."
        ),
    )
    asymmetry: float = Field(
        0.5,
        ge=0.0,
        le=1.0,
        description="`asymmetric_cosine`: share of the given one in the denominator; 0.5 is cosine.",
    )
    tversky_source: float = Field(
        0.5, ge=0.0, description="`tversky`: how much counts what only the given one has."
    )
    tversky_target: float = Field(
        0.5, ge=0.0, description="`tversky`: how much counts what only the found one has."
    )
    shrinkage: float = Field(
        0.0,
        ge=0.0,
        description=(
            "Against similarities from few: added to the denominator; measures of values, "
            "log_likelihood_ratio and co_occurrence are multiplied by n / (n + shrinkage)."
        ),
    )
    popularity_exponent: float = Field(
        0.0,
        ge=0.0,
        le=2.0,
        description="Similarity is divided by the popularity of what is found to the power of this.",
    )
    min_common: int = Field(
        1, ge=1, description="Without so many entries in common two are no neighbours."
    )
    threshold: float = Field(0.0, ge=0.0, description="Less similar ones are no neighbours.")
    cap: int | None = Field(
        None,
        ge=1,
        description=(
            "Of whoever has more entries, so many count, the newest, or without times some chosen by a "
            "hash; bounds the time that few heavy ones take. `null` = all."
        ),
    )

    @model_validator(mode="after")
    def _what_is_set_counts(self) -> Self:
        for name in ("weighting", "common_exponent"):
            if self._is_set(name) and self.measure not in _WEIGHTED:
                raise ValueError(f"{name} is for measure {' or '.join(_WEIGHTED)}: leave it out")
        for name in ("bm25_k1", "bm25_b"):
            if self._is_set(name) and self.weighting != "bm25":
                raise ValueError(f"{name} is for weighting bm25: leave it out")
        for name, measure in _MEASURE_OF.items():
            if self._is_set(name) and self.measure != measure:
                raise ValueError(f"{name} is for measure {measure}: leave it out")
        return self


class ItemKnnSettings(SimilaritySettings):
    shrinkage: float = Field(
        10.0, ge=0.0, description=SimilaritySettings.model_fields["shrinkage"].description
    )
    neighbours: int = Field(100, ge=1, description="Most similar items kept for each item.")
    session_gap_hours: float | None = session_gap()


class UserKnnSettings(SimilaritySettings):
    neighbours: int = Field(100, ge=1, description="Most similar users kept for each user.")


class AssociationSettings(Section):
    neighbours: int = Field(100, ge=1, description="Rules kept that lead to each item.")
    max_antecedents: int = Field(
        1,
        ge=1,
        le=5,
        description=(
            "Most items on the left of a rule. With more than 1 all sets of items that have the support are "
            "mined, by FP-growth: for sessions or short histories, since long ones that agree have more of "
            "them than can be. Then `neighbours` are also the items kept for each user."
        ),
    )
    min_support: int = Field(
        2, ge=1, description="So many users, or sessions, must have both items of a rule."
    )
    min_confidence: float = Field(
        0.01, ge=0.0, le=1.0, description="Share of those with the one that have the other."
    )
    min_lift: float = Field(
        1.0, ge=0.0, description="How many times as likely the one must make the other."
    )
    score: Literal["confidence", "lift"] = Field(
        "confidence", description="What is summed up over the rules whose first item a user likes."
    )
    cap: int | None = Field(
        None,
        ge=2,
        description=(
            "Of a user with more likings so many go together, the newest, or without times some chosen by a "
            "hash: few heavy users decide how long rules of several items take. `null` = all."
        ),
    )
    session_gap_hours: float | None = session_gap()

    @model_validator(mode="after")
    def _caps_what_is_long(self) -> Self:
        if self.cap is not None and self.session_gap_hours is not None:
            raise ValueError("cap is for all that a user likes, not for sessions: leave one out")
        return self


class P3AlphaSettings(Section):
    neighbours: int = Field(100, ge=1, description="Items kept that lead to each item.")
    alpha: float = Field(
        1.0, ge=0.0, le=2.0, description="Power of the probability of each step of the walk."
    )


class Rp3BetaSettings(P3AlphaSettings):
    beta: float = Field(
        0.6,
        ge=0.0,
        le=2.0,
        description="What is found is divided by its popularity to the power of this.",
    )


class RatingKnnSettings(SimilaritySettings):
    """Who is similar to whom, and what their ratings say."""

    by: Literal["users", "items"] = Field(
        "items",
        description="Whose similarity counts: of users who rated it, or of items one rated.",
    )
    center: Literal["none", "means", "z_score", "baseline"] = Field(
        "baseline",
        description=(
            "What ratings are compared with: nothing, means of the side that is similar, these in units "
            "of the standard deviation, or the baselines that `model.baseline` describes."
        ),
    )
    k: int = Field(
        40, ge=1, le=1_000, description="So many of the most similar with a rating count."
    )
    min_k: int = Field(1, ge=1, description="With fewer, the level alone is predicted.")
    denominator: float = Field(
        0.0, ge=0.0, description="Added to the sum of similarities; pulls towards the level."
    )
    signed: bool = Field(
        False, description="Whether those who are the opposite count as well, with their sign."
    )
    neighbours: int | None = Field(
        1000,
        ge=1,
        description="So many of the most similar are kept, among whom k with a rating are sought; `null` = all.",
    )
    measure: Measure = Field(
        "baseline_pearson",
        description=(
            "What similarity is: by who rated both, or, from `common_cosine` on, by the values that both "
            "were given."
        ),
    )
    shrinkage: float = Field(
        100.0,
        ge=0.0,
        description=(
            "Against similarities from few: measures of values, log_likelihood_ratio and co_occurrence are "
            "multiplied by n / (n + shrinkage); added to the denominator of the others."
        ),
    )

    @model_validator(mode="after")
    def _predictions_are_values(self) -> Self:
        if self.min_k > self.k:
            raise ValueError("min_k must not exceed k, or there are never enough")
        for name in ("denominator", "signed"):
            if self._is_set(name) and self.center == "none":
                raise ValueError(f"{name} needs a level to pull towards, which center none has not")
        return self
