"""Settings of models of what comes next."""

from __future__ import annotations

from pydantic import Field

from toplists.config.section import Section


class MarkovSettings(Section):
    neighbours: int = Field(100, ge=1, description="Items kept that lead to each item.")
    last: int = Field(5, ge=1, le=1000, description="So many of a user's newest likings count.")
    decay: float = Field(
        0.5, ge=0.0, le=1.0, description="Each counts so much of what the next newer one does."
    )
    gap_hours: float | None = Field(
        None,
        gt=0.0,
        description="What comes after a longer pause follows nothing; `null` = however long.",
    )
    smoothing: float = Field(
        5.0, ge=0.0, description="Added to how often an item was left, against rare ones."
    )
