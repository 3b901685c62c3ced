"""Settings of linear models of items by items."""

from __future__ import annotations

from typing import Annotated, Self

from pydantic import Field, model_validator

from toplists.config.section import Section

UserExponent = Annotated[
    float,
    Field(ge=0.0, le=2.0, description="Of n likings of a user each counts 1/n to this power."),
]


class LocalRidgeSettings(Section):
    neighbours: int = Field(
        150, ge=1, le=2_000, description="Most similar items that each item is fitted to."
    )
    regularization: float = Field(10.0, gt=0.0, description="Penalty on the weights.")
    dropout: float = Field(
        0.5,
        ge=0.0,
        description="Penalty on a weight for each liking of its item, besides.",
    )
    user_exponent: UserExponent = 0.5
    popularity_lift: float = Field(
        0.0,
        ge=-1.0,
        le=1.0,
        description="Scores are multiplied by the number of the item's likings to this power.",
    )


class EaseSettings(Section):
    regularization: float = Field(10.0, gt=0.0, description="Penalty on the weights.")
    user_exponent: UserExponent = 0.5
    neighbours: int | None = Field(
        500, ge=1, description="Largest weights kept of each item; `null` = all."
    )


class SlimSettings(Section):
    neighbours: int | None = Field(
        150,
        ge=1,
        le=2_000,
        description="Most similar items that each item is fitted to; `null` = all others.",
    )
    l1_regularization: float = Field(
        0.1, gt=0.0, description="Penalty on the sizes of weights, which makes most of them 0."
    )
    l2_regularization: float = Field(5.0, ge=0.0, description="Penalty on the squares of weights.")
    positive: bool = Field(True, description="No weight is below 0.")
    passes: int = Field(
        100, ge=1, le=10_000, description="Passes over the weights after which a fit ends at last."
    )
    user_exponent: UserExponent = 0.5


class LowPassSettings(Section):
    rank: int = Field(512, ge=1, le=2_048, description="Number of singular vectors that pass.")
    passes: int = Field(
        3, ge=1, le=100, description="Products with the likings, after which the vectors are taken."
    )
    user_exponent: float = Field(
        0.5,
        ge=0.0,
        le=1.0,
        description="A user's likings are divided by their number to this power.",
    )
    item_exponent: float = Field(
        0.5,
        ge=0.0,
        le=1.0,
        description="An item's likings are divided by their number to this power.",
    )
    linear: float = Field(
        0.0,
        ge=0.0,
        description=(
            "How much GF-CF's linear filter counts besides; 3.3 is what its authors take. Above 0 `hybrid` "
            "cannot have it as a member."
        ),
    )
    linear_neighbours: int | None = Field(
        500,
        ge=1,
        description="`linear` above 0: items kept of that filter for each item; `null` = all.",
    )

    @model_validator(mode="after")
    def _what_is_set_counts(self) -> Self:
        if self._is_set("linear_neighbours") and self.linear == 0.0:
            raise ValueError("linear_neighbours is for linear above 0: leave it out")
        return self
