"""Settings of models of what comes next."""

from __future__ import annotations

from pydantic import Field

from toplists.config.section import Section
from toplists.config.session_gap import session_gap


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


class Item2VecSettings(Section):
    """Items as words, and what users like as sentences."""

    neighbours: int = Field(100, ge=1, description="Nearest items kept for each item.")
    rank: int = Field(64, ge=1, le=1024, description="Length of the vectors.")
    window: int = Field(
        50,
        ge=1,
        le=1000,
        description="Items are close with at most about so many steps between them.",
    )
    epochs: int = Field(10, ge=1, le=10_000, description="Passes over all likings.")
    learning_rate: float = Field(0.025, gt=0.0, le=1.0, description="How far a step goes.")
    min_likings: int = Field(
        5, ge=1, description="Items with fewer likings, of those beside others, have no vector."
    )
    session_gap_hours: float | None = session_gap()


class FpmcSettings(Section):
    """Ranks what comes next, by who liked what and by what came before."""

    rank: int = Field(32, ge=1, le=1024, description="Number of latent factors.")
    epochs: int = Field(100, ge=1, le=10_000, description="Passes over all likings.")
    learning_rate: float = Field(0.02, gt=0.0, le=1.0, description="How far a step goes.")
    regularization: float = Field(
        0.01, ge=0.0, le=10.0, description="Penalty on all that scores are made from, per liking."
    )
    start_deviation: float = Field(
        0.1,
        gt=0.0,
        le=10.0,
        description="Standard deviation of the numbers in the first vectors.",
    )


class TransRecSettings(FpmcSettings):
    """Ranks what comes next, by where users go from what came before."""
