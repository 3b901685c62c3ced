"""Settings of factor models that are fitted in small steps."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from toplists.config.section import Section

_STARTS = "Standard deviation of the numbers in the first vectors."


class SvdSettings(Section):
    """Predicts values by biases and vectors; defaults are those of scikit-surprise."""

    rank: int = Field(100, ge=1, le=1024, description="Number of latent factors.")
    epochs: int = Field(20, ge=1, le=10_000, description="Passes over all values.")
    learning_rate: float = Field(0.005, gt=0.0, le=1.0, description="How far a step goes.")
    regularization: float = Field(
        0.02, ge=0.0, le=10.0, description="Penalty on vectors and biases, for each value."
    )
    start_deviation: float = Field(0.1, gt=0.0, le=10.0, description=_STARTS)


class SvdPlusPlusSettings(SvdSettings):
    """Predicts values, also by what was rated at all; defaults are those of scikit-surprise."""

    rank: int = Field(20, ge=1, le=1024, description="Number of latent factors.")
    learning_rate: float = Field(0.007, gt=0.0, le=1.0, description="How far a step goes.")


class NmfSettings(Section):
    """Predicts values by vectors without negative numbers."""

    rank: int = Field(15, ge=1, le=1024, description="Number of latent factors.")
    iterations: int = Field(50, ge=1, le=10_000, description="Steps of both sides.")
    regularization: float = Field(
        0.1, ge=0.0, le=10.0, description="Penalty on vectors, for each value."
    )


class BprSettings(Section):
    """Ranks: what a user liked before what the user did not."""

    rank: int = Field(64, ge=1, le=1024, description="Number of latent factors.")
    epochs: int = Field(100, ge=1, le=10_000, description="Passes over all likings.")
    learning_rate: float = Field(0.01, gt=0.0, le=1.0, description="How far a step goes.")
    regularization: float = Field(
        0.01, ge=0.0, le=10.0, description="Penalty on vectors and biases, for each liking."
    )
    negatives: Literal["uniform", "popular"] = Field(
        "uniform",
        description=(
            "What a liked item is compared with: items drawn all alike, or as often as they are liked."
        ),
    )
    start_deviation: float = Field(0.1, gt=0.0, le=10.0, description=_STARTS)
