"""The rules of the gate: what a run is judged by, and whether that blocks it or warns."""

from __future__ import annotations

from typing import Annotated, Literal, TypeAlias

from pydantic import Field, field_validator, model_validator

from toplists.config.metric_names import (
    LARGEST_CUTOFF,
    PREDICTING_KINDS,
    TOGETHER_KINDS,
    ComparableMetric,
    DecidingMetric,
    JudgedMetric,
    parse_metric,
)
from toplists.config.section import Section, Share

Action: TypeAlias = Literal["block", "warn"]


class LossRule(Section):
    """Not clearly worse than a contender by more than a share of the contender's figure."""

    rule: Literal["loss"]
    against: Literal["popularity", "live"]
    metric: ComparableMetric
    slice: str = ""
    max_loss: Annotated[float, Field(ge=0.0)] = 0.02
    action: Action = "block"

    @field_validator("max_loss")
    @classmethod
    def _can_be_lost(cls, share: float) -> float:
        if share >= 1.0:
            raise ValueError(f"max_loss = {share:g} is never exceeded: give a share below 1")
        return share

    @model_validator(mode="after")
    def _can_be_compared(self) -> LossRule:
        if self.against == "popularity" and parse_metric(self.metric).kind in PREDICTING_KINDS:
            raise ValueError(
                f"popularity predicts no values, so that it has no {self.metric}: compare with live"
            )
        return self


class BoundRule(Section):
    """A figure of the run itself, not clearly below (`floor`) or above (`ceiling`) a limit."""

    rule: Literal["floor", "ceiling"]
    metric: JudgedMetric
    slice: str = ""
    limit: float
    action: Action = "block"

    @model_validator(mode="after")
    def _can_be_crossed(self) -> BoundRule:
        if self.rule == "floor" and self.limit <= 0.0:
            raise ValueError(f"no figure is below a floor of {self.limit:g}: give one above 0")
        if self.slice and parse_metric(self.metric).kind in TOGETHER_KINDS:
            raise ValueError(f"{self.metric} is of all lists together: it has no slices")
        return self


class TrendRule(Section):
    """Fewer than `degraded` of the last `nights` nights clearly worse than those before, beside popularity."""

    rule: Literal["trend"]
    metric: DecidingMetric
    slice: str = ""
    max_loss: Share = 0.02
    nights: Annotated[int, Field(ge=2, le=365)] = 7
    degraded: Annotated[int, Field(ge=1)] = 4
    action: Action = "warn"

    @model_validator(mode="after")
    def _can_happen(self) -> TrendRule:
        if self.degraded > self.nights:
            raise ValueError(
                f"{self.degraded} of the last {self.nights} nights cannot be degraded: "
                "let degraded be at most nights"
            )
        return self


class ChurnRule(Section):
    """At most a share of users whose list is less similar than `below` to the one that is live."""

    rule: Literal["churn"]
    similarity: Literal["jaccard", "rbo"] = "jaccard"
    k: Annotated[int, Field(ge=1, le=LARGEST_CUTOFF)] = 10
    below: Annotated[float, Field(gt=0.0, le=1.0)] = 0.25
    max_share: Share = 0.5
    action: Action = "warn"

    @property
    def similarity_at_k(self) -> str:
        """Name of the metric by which lists are compared."""
        return f"{self.similarity}@{self.k}"

    @property
    def figure(self) -> str:
        """Name of the figure that it judges: the share of users whose lists are less similar."""
        return f"{self.similarity_at_k}<{self.below:g}"

    @field_validator("max_share")
    @classmethod
    def _can_be_exceeded(cls, share: float) -> float:
        return _below_one("max_share", share)


class DriftRule(Section):
    """Users' activity, or values, distributed about as in the live run's snapshot."""

    rule: Literal["drift"]
    of: Literal["activity", "values"]
    max_index: Annotated[float, Field(gt=0.0)] = 0.25
    action: Action = "warn"

    @property
    def figure(self) -> str:
        """Name of the figure that it judges: the population stability index."""
        return f"{self.of}_psi"


class NewShareRule(Section):
    """At most a share of users or items that the live run's snapshot did not have."""

    rule: Literal["new_share"]
    of: Literal["users", "items"]
    max_share: Share
    action: Action = "warn"

    @property
    def figure(self) -> str:
        """Name of the figure that it judges."""
        return f"new_{self.of}"

    @field_validator("max_share")
    @classmethod
    def _can_be_exceeded(cls, share: float) -> float:
        return _below_one("max_share", share)


def _below_one(name: str, share: float) -> float:
    if share >= 1.0:
        raise ValueError(f"{name} = {share:g} is never exceeded: give a share below 1")
    return share


GateRule: TypeAlias = Annotated[
    LossRule | BoundRule | TrendRule | ChurnRule | DriftRule | NewShareRule,
    Field(discriminator="rule"),
]
MetricRule: TypeAlias = LossRule | BoundRule | TrendRule
"""The rules over what is measured on held-out users."""

DEFAULT_RULES: tuple[GateRule, ...] = (
    LossRule(rule="loss", against="popularity", metric="ndcg@10"),
    LossRule(rule="loss", against="live", metric="ndcg@10"),
    TrendRule(rule="trend", metric="ndcg@10"),
    ChurnRule(rule="churn"),
    DriftRule(rule="drift", of="activity"),
    DriftRule(rule="drift", of="values"),
)
