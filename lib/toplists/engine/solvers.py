"""How the rows of a half are solved."""

from __future__ import annotations

from typing import Literal

Solver = Literal["exact", "cg", "multiplicative"]
"""Every row exactly, or by `CG_STEPS` steps of conjugate gradients from where it stood, or by one step from
there that leaves numbers which are not negative so."""

CG_STEPS = 3
