"""The setting of models that may learn from sessions instead of whole users."""

from __future__ import annotations

from pydantic import Field


def session_gap() -> float | None:
    """The definition of `session_gap_hours`."""
    gap: float | None = Field(
        None,
        gt=0.0,
        description=(
            "Only what is in one session goes together: what a user has without a longer pause, in hours. "
            "`null` = all that a user has."
        ),
    )
    return gap
