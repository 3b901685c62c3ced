"""What all groups of settings have in common."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

Share = Annotated[float, Field(ge=0.0, le=1.0)]

UNSHOWN = "unshown"
"""Type of the errors of values that must not be shown."""


class Section(BaseModel):
    """A group of settings: immutable, closed against unknown keys, and of finite numbers."""

    model_config = ConfigDict(
        extra="forbid", frozen=True, allow_inf_nan=False, hide_input_in_errors=True
    )

    def _is_set(self, name: str) -> bool:
        """Whether a setting is another than its default."""
        return bool(getattr(self, name) != type(self).model_fields[name].default)
