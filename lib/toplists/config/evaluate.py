"""Settings of what is measured, and of what decides."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, field_validator

from toplists.config.metric_names import NIGHTLY_KINDS, NightlyMetric
from toplists.config.section import Section, Share


class EvaluateSettings(Section):
    metrics: Annotated[tuple[NightlyMetric, ...], Field(min_length=1)] = Field(
        ("hit_rate@10", "recall@10", "ndcg@10", "hit_rate@50", "recall@50", "ndcg@50"),
        description=f"What is measured: {', '.join(NIGHTLY_KINDS)}, at any number of places.",
    )

    @field_validator("metrics")
    @classmethod
    def _none_twice(cls, metrics: tuple[str, ...]) -> tuple[str, ...]:
        for name in metrics:
            if metrics.count(name) > 1:
                raise ValueError(f"{name} is there twice: leave one out")
        return metrics


class GateSettings(Section):
    metric: NightlyMetric = Field(
        "ndcg@10", description="The metric that decides, one of evaluate.metrics."
    )
    max_loss: Share = Field(
        0.02,
        description="Loss against popularity and the live run that is still allowed (relative).",
    )
    confidence: Annotated[float, Field(ge=0.5, lt=1.0)] = Field(
        0.95, description="Confidence of the bootstrap intervals."
    )
    resamples: int = Field(1000, ge=100, le=100_000, description="Bootstrap resamples.")
    min_users: int = Field(200, ge=1, description="Holdout users below which the gate only warns.")
    max_short_share: Share = Field(0.01, description="Share of lists that may be shorter than n.")
    min_personal_share: Share = Field(
        0.5, description="Share of trained users' lists that must hold personal items."
    )
    min_user_retention: Share = Field(
        0.95, description="Eligible users, as a share of the live run's, that must remain."
    )
