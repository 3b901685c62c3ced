"""What metrics are called: a kind, mostly a cutoff, and for two of them a value, such as `ndcg@10`.

| form | kinds |
|---|---|
| `ndcg@10` | `PLACED_KINDS` |
| `cumulative_hit_rate@10>=4`, `rating_hit_rate@10=5` | `VALUED_KINDS`, by how they pick held-out items |
| `auc` | `WHOLE_KINDS` |
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Annotated, TypeAlias

from pydantic import AfterValidator

PLACED_KINDS = (
    *("hit_rate", "precision", "recall", "capped_recall", "ndcg", "map", "mrr", "arhr"),
    "graded_ndcg",
    *("novelty", "popularity_rank", "tail_share", "unexpectedness", "diversity", "calibration"),
    *("personal_share", "user_coverage"),
    *("coverage", "gini", "entropy"),
    *("jaccard", "rbo"),
)
"""Kinds that look at the first k places, and at nothing else that is named."""

VALUED_KINDS: Mapping[str, str] = {"cumulative_hit_rate": ">=", "rating_hit_rate": "="}
"""Kinds that look at held-out items of some values, and what stands before the value."""

WHOLE_KINDS = ("auc", "rmse", "mae", "mse", "predictable")
"""Kinds that look at everything there is, without a cutoff."""

METRIC_KINDS = (*PLACED_KINDS, *VALUED_KINDS, *WHOLE_KINDS)

NIGHTLY_KINDS = (
    *("hit_rate", "precision", "recall", "capped_recall", "ndcg", "map", "mrr", "arhr"),
    "user_coverage",
)
"""Kinds that follow from lists and held-out likings, which is what `evaluate` hands to its metrics."""

LARGEST_CUTOFF = 1_000
"""The length of the longest lists that are made."""

_COMPARISONS = (">=", "=")
# In their shortest form: no metric has two names.
_NUMBER = re.compile(r"0|-?(?:[1-9][0-9]*(?:\.[0-9]*[1-9])?|0\.[0-9]*[1-9])")


@dataclass(frozen=True)
class Metric:
    """A metric as its name asks for it.

    Attributes:
        kind: One of `METRIC_KINDS`.
        cutoff: Places that it looks at; `None` for a kind without a cutoff.
        comparison: `>=` or `=` for a kind of `VALUED_KINDS`, else empty.
        value: What held-out items' values are compared with; `None` without a comparison.
    """

    kind: str
    cutoff: int | None = None
    comparison: str = ""
    value: float | None = None


def parse_metric(name: str) -> Metric:
    """What a name asks for.

    Raises:
        ValueError: it is no name of a metric. The message says what would be one.
    """
    comparison = next((sign for sign in _COMPARISONS if sign in name), "")
    head, _, value = name.partition(comparison) if comparison else (name, "", "")
    kind, at, cutoff = head.partition("@")
    if kind not in METRIC_KINDS:
        nearest = get_close_matches(kind, METRIC_KINDS, 1)
        meant = (
            f"Did you mean {nearest[0]}?" if nearest else f"Use one of {', '.join(METRIC_KINDS)}"
        )
        raise ValueError(f"there is no metric {kind!r}. {meant}")
    if kind in WHOLE_KINDS:
        if at or comparison:
            raise ValueError(f"{kind} looks at everything, not at some places: write {kind}")
        return Metric(kind)
    expected = VALUED_KINDS.get(kind, "")
    example = f"{kind}@10{expected}4" if expected else f"{kind}@10"
    if not _is_whole(cutoff):
        raise ValueError(f"{name!r} has no whole number behind an @: write such as {example}")
    if not 1 <= int(cutoff) <= LARGEST_CUTOFF:
        raise ValueError(f"{name} looks at {cutoff} places: choose 1 to {LARGEST_CUTOFF:,}")
    if comparison and not expected:
        raise ValueError(f"{kind} does not look at values: write {head}")
    if comparison != expected:
        raise ValueError(f"{name!r} has no {expected} behind its places: write such as {example}")
    if not expected:
        return Metric(kind, int(cutoff))
    if not _NUMBER.fullmatch(value):
        raise ValueError(
            f"{name!r} has no number behind {expected}, or a longer one than it takes: write such as {example}"
        )
    return Metric(kind, int(cutoff), comparison, float(value))


def check_nightly(name: str) -> str:
    """The name, if it is that of a metric that `evaluate` can compute.

    Raises:
        ValueError: it is not. The message says what it can.
    """
    kind = parse_metric(name).kind
    if kind not in NIGHTLY_KINDS:
        raise ValueError(
            f"the nightly evaluation does not compute {kind}: use {', '.join(NIGHTLY_KINDS)}, with @ and a "
            "number of places"
        )
    return name


NightlyMetric: TypeAlias = Annotated[str, AfterValidator(check_nightly)]


def _is_whole(text: str) -> bool:
    return text.isascii() and text.isdecimal() and str(int(text)) == text
