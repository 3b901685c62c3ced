"""Settings of models that predict values."""

from __future__ import annotations

from typing import Self

from pydantic import Field, model_validator

from toplists.config.section import Section


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

    @model_validator(mode="after")
    def _a_round_counts(self) -> Self:
        if self.keep_every > self.rounds:
            raise ValueError("keep_every must not exceed rounds, or no round counts")
        return self
