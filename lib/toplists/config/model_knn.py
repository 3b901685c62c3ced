"""Settings of models of neighbours that rank."""

from __future__ import annotations

from pydantic import Field

from toplists.config.section import Section


class ItemCosineSettings(Section):
    neighbours: int = Field(100, ge=1, description="Most similar items kept for each item.")
    shrinkage: float = Field(
        10.0, ge=0.0, description="Added to the denominator, against similarities from few raters."
    )
