"""Settings of what is measured, and of what decides."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, TypeAlias

from pydantic import AfterValidator, Field, field_validator

from toplists.config.gate_rules import DEFAULT_RULES, GateRule
from toplists.config.metric_names import (
    DECIDING_KINDS,
    HELD_OUT_KINDS,
    JUDGED_KINDS,
    JudgedMetric,
    parse_metric,
)
from toplists.config.section import Section, Share

PARTS: Mapping[str, tuple[str, ...]] = {
    "activity": ("low", "middle", "high"),
    "tenure": ("under 30 days", "30 to 364 days", "365 days or more"),
    "popularity": ("head", "middle", "tail"),
}
"""What has the same slices in every dataset, and which; attributes have one for each of their values."""


def check_slice(name: str) -> str:
    """The name, if figures can be told apart for it.

    Raises:
        ValueError: they cannot.
    """
    kind, _, attribute = name.partition(":")
    if name not in PARTS and (kind not in ("user", "item") or not attribute):
        raise ValueError(
            f"there are no slices {name!r}: use {', '.join(PARTS)}, or an attribute as user:NAME, item:NAME "
            "or item:genres"
        )
    return name


def is_of_items(name: str) -> bool:
    """Whether slices of that name cut what was held out, not the users."""
    return name == "popularity" or name.startswith("item:")


SliceName: TypeAlias = Annotated[str, AfterValidator(check_slice)]


class EvaluateSettings(Section):
    metrics: Annotated[tuple[JudgedMetric, ...], Field(min_length=1)] = Field(
        ("hit_rate@10", "recall@10", "ndcg@10", "hit_rate@50", "recall@50", "ndcg@50"),
        description=(
            f"What is measured: {', '.join(JUDGED_KINDS)}; most at a number of places (docs/metrics.md)."
        ),
    )
    slices: tuple[SliceName, ...] = Field(
        ("activity", "popularity"),
        description=(
            "What figures are told apart for: activity, tenure or user:NAME of users, popularity, item:genres or "
            "item:NAME of what was held out."
        ),
    )
    min_slice_users: int = Field(
        50, ge=1, description="Users that a slice needs; smaller ones have no figures."
    )
    contenders: tuple[str, ...] = Field(
        (),
        description=(
            "Other models that every night is judged beside, fitted to the same blocks, such as item_knn or "
            "als[rank=64]."
        ),
    )

    @field_validator("metrics", "slices", "contenders")
    @classmethod
    def _none_twice(cls, names: tuple[str, ...]) -> tuple[str, ...]:
        for name in names:
            if names.count(name) > 1:
                raise ValueError(f"{name} is there twice: leave one out")
        return names

    @property
    def deciding_metrics(self) -> tuple[str, ...]:
        """What is measured and can put models in order, the one that does so by default first."""
        can = [name for name in self.metrics if parse_metric(name).kind in DECIDING_KINDS]
        return tuple(sorted(can, key=lambda name: name != "ndcg@10"))

    def why_not_measured(self, metric: str, slice_: str) -> str | None:
        """Why there is no figure of that metric and slice, as the end of a sentence; `None` if there may be."""
        if metric not in self.metrics:
            return (
                f"{metric}, which is not measured: add it to evaluate.metrics, or judge by one of "
                f"{', '.join(self.metrics)}"
            )
        kind, _, part = slice_.partition("=")
        if slice_ and kind not in self.slices:
            return (
                f"the slice {slice_}, for which figures are not told apart: use one of evaluate.slices "
                f"({', '.join(self.slices) or 'none'}), with = and a part, or add {kind} to it"
            )
        if slice_ and part not in PARTS.get(kind, (part,)):
            return f"the slice {slice_}, which {kind} does not have: use one of {', '.join(PARTS[kind])}"
        if is_of_items(kind) and parse_metric(metric).kind not in HELD_OUT_KINDS:
            return (
                f"{metric} in the slice {slice_}, but it is not a figure of some of the held-out items: use "
                f"a slice of users, or one of {', '.join(HELD_OUT_KINDS)}"
            )
        return None


class GateSettings(Section):
    rules: tuple[GateRule, ...] = Field(
        DEFAULT_RULES,
        description="What a run is judged by, each rule with `action` block or warn; the operator's guide has them all.",
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

    @field_validator("rules")
    @classmethod
    def _no_rule_twice(cls, rules: tuple[GateRule, ...]) -> tuple[GateRule, ...]:
        for place, rule in enumerate(rules, start=1):
            if rule in rules[: place - 1]:
                raise ValueError(f"rule {place} ({rule.rule}) is there twice: leave one out")
        return rules
