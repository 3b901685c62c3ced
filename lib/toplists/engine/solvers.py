"""How the rows of a half are solved."""

from __future__ import annotations

from typing import Literal

Solver = Literal["exact", "cg"]
"""Every row exactly, or by `CG_STEPS` steps of conjugate gradients from where it stood."""

CG_STEPS = 3
