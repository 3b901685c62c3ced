"""Settings of the lists."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import Field, model_validator

from toplists.config.section import Section

FallbackName = Literal["segment", "trending", "window", "popularity"]


class RecommendSettings(Section):
    n: int = Field(50, ge=1, le=1000, description="Length of every personal list.")
    active_days: int | None = Field(
        None,
        ge=1,
        description="Users without an event in this many days get no list; `null` = all do.",
    )
    similar_n: int = Field(20, ge=1, le=1000, description="Length of every list of similar items.")
    similar: Literal["item_knn", "content_knn", "factors"] = Field(
        "item_knn",
        description=(
            "Items are similar by who likes both, by what the catalogue says of them, or by the direction of "
            "their factors (als)."
        ),
    )
    similar_fallback: Literal["content_knn"] | None = Field(
        None,
        description="Fills lists of similar items that stay short, as those of new items do; `null` = nothing.",
    )
    fallback: tuple[FallbackName, ...] = Field(
        ("popularity",),
        min_length=1,
        description="Rankings that fill short lists and make the popular ones, in turn; `popularity` is last.",
    )
    window_days: int = Field(
        30, ge=1, description="`window`: popularity in this many days before as_of."
    )
    trending_days: int = Field(7, ge=1, description="`trending`: recent days, before as_of.")
    trending_baseline_days: int = Field(
        28, ge=1, description="`trending`: days before the recent ones that they are compared with."
    )
    trending_smoothing: float = Field(
        10.0, gt=0.0, description="`trending`: likings that an item needs to be believed, about."
    )
    segment_by: str | None = Field(
        None, description="`segment`: attribute of users by which popularity is told apart."
    )
    max_segments: int = Field(
        50, ge=1, le=1000, description="`segment`: largest groups that get a ranking of their own."
    )

    @model_validator(mode="after")
    def _every_list_can_be_filled(self) -> Self:
        if self.similar == self.similar_fallback:
            raise ValueError("similar_fallback is what similar is already: leave it out")
        if self.fallback[-1] != "popularity" or len(set(self.fallback)) < len(self.fallback):
            raise ValueError("fallback must name each ranking once, and popularity last")
        if ("segment" in self.fallback) != (self.segment_by is not None):
            raise ValueError(
                "fallback names segment if, and only if, segment_by names an attribute"
            )
        return self
