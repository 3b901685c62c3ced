"""Settings of alternating least squares."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import Field, model_validator

from toplists.config.section import Section

PenaltyScaling = Literal["by_count", "plain", "frequency_scaled"]
ConfidenceForm = Literal["linear", "log", "constant"]
_KERNELS_ONLY = (
    "tolerance",
    "over_relaxation",
    "regularization_scaling",
    "regularization_exponent",
    "confidence",
    "unobserved_weight",
    "biases",
    "solver",
    "published",
)


class AlsSettings(Section):
    rank: int = Field(32, ge=1, le=1024, description="Number of latent factors.")
    iterations: int = Field(10, ge=1, le=500, description="Passes over both sides.")
    tolerance: float | None = Field(
        None,
        gt=0.0,
        lt=1.0,
        description=(
            "End one pass after the first that changes the objective by a smaller share; `null` = never "
            "early."
        ),
    )
    over_relaxation: bool = Field(
        True,
        description=(
            "Go beyond the solutions of all passes but the first and the last: the same objective in "
            "about half as many."
        ),
    )
    regularization: float = Field(0.05, ge=0.0, description="Penalty on the factors.")
    regularization_scaling: PenaltyScaling = Field(
        "by_count",
        description=(
            "Whether the penalty is multiplied by a row's number of interactions, or by a power of it "
            "and of what it could have been."
        ),
    )
    regularization_exponent: float = Field(
        1.0, ge=0.0, le=1.0, description="`frequency_scaled`: that power."
    )
    alpha: float = Field(
        10.0,
        ge=0.0,
        description="Implicit feedback: how much more an interaction counts than none.",
    )
    confidence: ConfidenceForm = Field(
        "linear",
        description="Implicit feedback: alpha is multiplied by the weight, its logarithm or nothing.",
    )
    unobserved_weight: float = Field(
        1.0, gt=0.0, le=1.0, description="Implicit feedback: how much no interaction counts."
    )
    feedback: Literal["implicit", "explicit"] = Field(
        "implicit", description="Rank by preference (`implicit`) or predict the value (`explicit`)."
    )
    biases: bool = Field(
        True,
        description=(
            "Explicit feedback: fit how far each user and item are from the mean; without, vectors alone "
            "predict the values, as in MLlib."
        ),
    )
    solver: Literal["auto", "exact", "cg"] = Field(
        "auto",
        description=(
            "Solve every row exactly, or by three steps of conjugate gradients; `auto` = by the rank."
        ),
    )
    engine: Literal["kernels", "mllib"] = Field(
        "kernels", description="Compiled kernels in Spark tasks, or Spark MLlib's ALS."
    )

    published: Literal["refit", "fold_in"] = Field(
        "refit",
        description=(
            "Published vectors: a fit to everything, or those of the evaluation fit with everybody "
            "folded in."
        ),
    )
    warm_start: bool = Field(
        True, description="Start from the item factors of the fit before, where there is one."
    )
    warm_iterations: int = Field(
        1, ge=1, le=500, description="Passes over both sides of a fit that starts from another."
    )
    cold_every: int = Field(
        7, ge=1, description="Of so many runs in a row, one starts from nothing."
    )

    @model_validator(mode="after")
    def _only_one_scaling_has_an_exponent(self) -> Self:
        if self.regularization_scaling != "frequency_scaled" and self.regularization_exponent != 1:
            raise ValueError(
                "regularization_exponent is for regularization_scaling frequency_scaled: leave it out"
            )
        return self

    @model_validator(mode="after")
    def _mllib_has_fewer_settings(self) -> Self:
        if self.engine == "mllib":
            for name in _KERNELS_ONLY:
                if getattr(self, name) != type(self).model_fields[name].default:
                    raise ValueError(f"engine mllib has no choice of {name}: leave it out")
        return self
