"""Settings of models that predict values."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import Field, model_validator

from toplists.config.section import Section


class ConstantSettings(Section):
    value: float | None = Field(
        None,
        ge=-1e6,
        le=1e6,
        description="What is predicted of everything; `null` = the mean of the values.",
    )


class BaselineSettings(Section):
    """Of baselines wherever they are used: by themselves, as levels of neighbours, in similarities."""

    method: Literal["als", "sgd"] = Field(
        "als", description="Biases by alternating shrunk means, or by stochastic gradient descent."
    )
    epochs: int | None = Field(
        None, ge=1, le=10_000, description="Passes over the values; `null` = 10 of als, 20 of sgd."
    )
    user_penalty: float = Field(
        15.0, ge=0.0, description="als: added to a user's number of values; shrinks biases."
    )
    item_penalty: float = Field(
        10.0, ge=0.0, description="als: added to an item's number of values."
    )
    regularization: float = Field(
        0.02, ge=0.0, description="sgd: penalty on the square of a bias, for each of its values."
    )
    learning_rate: float = Field(
        0.005, gt=0.0, le=1.0, description="sgd: share of the gradient that a step goes."
    )

    @model_validator(mode="after")
    def _a_method_has_settings_of_its_own(self) -> Self:
        for name in _NOT_OF[self.method]:
            if getattr(self, name) != type(self).model_fields[name].default:
                raise ValueError(f"method {self.method} has no {name}: leave it out")
        return self


class SlopeOneSettings(Section):
    neighbours: int | None = Field(
        1000,
        ge=1,
        description="Of each item so many others count, those with the most common raters; `null` = all.",
    )
    min_common: int = Field(
        1, ge=1, description="Without so many common raters two items are not compared."
    )


class CoClusteringSettings(Section):
    user_clusters: int = Field(3, ge=1, le=1000, description="Number of clusters of users.")
    item_clusters: int = Field(3, ge=1, le=1000, description="Number of clusters of items.")
    epochs: int = Field(20, ge=1, le=10_000, description="How often everybody may change clusters.")


class ResidualAlsSettings(Section):
    rank: int = Field(32, ge=1, le=1024, description="Number of latent factors.")
    iterations: int = Field(10, ge=1, le=500, description="Passes over both sides.")
    regularization: float = Field(
        0.15, gt=0.0, description="Penalty on the factors, for each value that a row has."
    )


class TruncatedSvdSettings(Section):
    rank: int = Field(16, ge=1, le=1024, description="Number of directions.")
    passes: int = Field(
        4,
        ge=1,
        le=100,
        description="Passes over both sides; more come closer to the strongest ones.",
    )


_NOT_OF = {
    "als": ("regularization", "learning_rate"),
    "sgd": ("user_penalty", "item_penalty"),
}


class BayesianMfSettings(Section):
    """Predicts values, and needs no penalty: its priors are drawn with everything else."""

    rank: int = Field(16, ge=1, le=256, description="Number of latent factors.")
    burn_in: int = Field(20, ge=1, le=10_000, description="Rounds that do not count yet.")
    rounds: int = Field(200, ge=1, le=10_000, description="Rounds after them.")
    keep_every: int = Field(
        10,
        ge=1,
        description="Of so many rounds, one counts; vectors have `rank` numbers for each that does.",
    )
    count_prior: bool = Field(
        True,
        description="Expect of a user and of an item what goes with how many values they have.",
    )
    user_noise: bool = Field(
        True, description="Learn how far each user's values are to be trusted; otherwise all alike."
    )

    @model_validator(mode="after")
    def _a_round_counts(self) -> Self:
        if self.keep_every > self.rounds:
            raise ValueError("keep_every must not exceed rounds, or no round counts")
        return self
