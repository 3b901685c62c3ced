"""Settings of models that mix others."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from toplists.config.section import Section

HybridMember = Literal[
    "als",
    "item_knn",
    "user_knn",
    "p3alpha",
    "rp3beta",
    "association",
    "markov",
    "content_knn",
    "local_ridge",
    "ease",
    "slim",
    "low_pass",
    "bpr",
    "popularity",
]


_USUAL: dict[HybridMember, float] = {"slim": 0.7, "als": 0.3}


class HybridSettings(Section):
    members: Annotated[tuple[HybridMember, ...], Field(min_length=1)] = Field(
        tuple(_USUAL),
        description="The models that are mixed, each as its own settings say.",
    )
    weights: tuple[Annotated[float, Field(ge=0.0)], ...] | None = Field(
        None,
        description=(
            "How much each member counts, in their order; `[]` = chosen among a dozen mixes, on likings that "
            "are held out of a first fit of all members; `null` = 0.7 of slim and 0.3 of als, chosen for other "
            "members."
        ),
    )
    validation_share: float = Field(
        0.1, gt=0.0, le=0.5, description="Share of the likings that weights are chosen by."
    )
    validation_users: int = Field(
        5_000, ge=1, description="So many users are judged to choose weights, about."
    )

    @model_validator(mode="after")
    def _each_member_counts_once(self) -> Self:
        if len(set(self.members)) < len(self.members):
            raise ValueError("members names a model twice: leave one out")
        if self.weights and len(self.weights) != len(self.members):
            raise ValueError("weights must be as many as members, or none")
        if self.weights and not any(self.weights):
            raise ValueError("weights must not all be 0")
        return self

    @property
    def given_weights(self) -> tuple[float, ...]:
        """The weights of the members; none where they are to be chosen."""
        if self.weights is not None:
            return self.weights
        usual = set(self.members) == set(_USUAL)
        return tuple(_USUAL[member] for member in self.members) if usual else ()
