"""Settings of models that are made of other models."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, field_validator

from toplists.config.section import Section

StackMember = Literal[
    "als",
    "baseline",
    "bayesian_mf",
    "co_clustering",
    "content_ratings",
    "nmf",
    "rating_knn",
    "residual_als",
    "slope_one",
    "svd",
    "svd_plus_plus",
    "truncated_svd",
]


class StackSettings(Section):
    """Predicts values by those of other models."""

    members: Annotated[tuple[StackMember, ...], Field(min_length=2)] = Field(
        ("bayesian_mf", "rating_knn"),
        description="The models whose predictions are added up, with settings of their own.",
    )
    held_out_share: float = Field(
        0.1, gt=0.0, lt=1.0, description="Share of the values that the weights are learnt from."
    )
    penalty: float = Field(
        10.0, gt=0.0, description="Penalty on weights that are far from equal ones."
    )

    @field_validator("members")
    @classmethod
    def _none_twice(cls, members: tuple[StackMember, ...]) -> tuple[StackMember, ...]:
        for name in members:
            if members.count(name) > 1:
                raise ValueError(f"{name} is there twice: leave one out")
        return members
