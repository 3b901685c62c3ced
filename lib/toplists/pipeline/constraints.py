"""What settings must keep besides being good: limits on figures and on seconds."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from math import isfinite, isnan
from typing import Literal, get_args

from toplists.config.metric_names import JUDGED_KINDS, parse_metric
from toplists.errors import ConfigurationError

Spent = Literal["fit_seconds", "score_seconds"]
SPENT: tuple[str, ...] = get_args(Spent)
"""What a trial takes that may be limited, beside its figures."""

# The last comparison counts: the names of some metrics have one of their own.
_FORM = re.compile(r"\s*(\S.*?)\s*(>=|<=)\s*([^<>=\s]+)\s*")


@dataclass(frozen=True)
class Constraint:
    """A figure, or one of `SPENT`, that must be `>=` or `<=` a limit."""

    name: str
    sign: str
    limit: float

    def __str__(self) -> str:
        """As it is written."""
        return f"{self.name}{self.sign}{self.limit:g}"

    def why_broken(self, figures: Mapping[str, float]) -> str | None:
        """Why a trial with these figures does not keep it; `None` if it does."""
        value = figures.get(self.name)
        if value is None or isnan(value):
            return f"{self.name} was not measured"
        kept = value >= self.limit if self.sign == ">=" else value <= self.limit
        return None if kept else f"{self.name} is {value:.4g}, not {self.sign} {self.limit:g}"


def parse_constraint(text: str) -> Constraint:
    """What a text such as `coverage@10>=0.2` or `fit_seconds<=30` demands.

    Raises:
        ConfigurationError: it is none, or what it names is not measured of trials.
    """
    found = _FORM.fullmatch(text)
    if found is None:
        raise ConfigurationError(
            f"--constraint {text!r} is no limit: write such as 'coverage@10>=0.2' or 'fit_seconds<=30'."
        )
    name, sign, written = found.groups()
    try:
        limit = float(written)
    except ValueError:
        limit = float("nan")
    if not isfinite(limit):
        raise ConfigurationError(
            f"--constraint {text!r}: {written!r} is no number to compare with, such as 0.2."
        )
    if name in SPENT:
        return Constraint(name, sign, limit)
    try:
        kind = parse_metric(name).kind
    except ValueError as error:
        raise ConfigurationError(
            f"--constraint {text!r}: {error}; of what a trial takes there are {' and '.join(SPENT)}."
        ) from None
    if kind not in JUDGED_KINDS:
        raise ConfigurationError(
            f"--constraint {text!r}: {kind} compares two runs, and a trial is none: limit another figure."
        )
    return Constraint(name, sign, limit)
