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

RUN_KINDS = ("jaccard", "rbo")
"""Kinds that compare the lists of two runs."""

JUDGED_KINDS = tuple(kind for kind in METRIC_KINDS if kind not in RUN_KINDS)
"""Kinds that say something of one contender."""

DECIDING_KINDS = (
    *("hit_rate", "precision", "recall", "capped_recall", "ndcg", "map", "mrr", "arhr"),
    *("graded_ndcg", "cumulative_hit_rate", "auc"),
)
"""Kinds that say how well held-out items are ranked, larger being better."""

UNDIRECTED_KINDS = ("rating_hit_rate", "popularity_rank", "tail_share")
"""Kinds of one contender of which neither end is better."""

TOGETHER_KINDS = ("coverage", "gini", "entropy")
"""Kinds that lists have together: they have no intervals and no slices, and are not compared."""

PREDICTING_KINDS = ("rmse", "mae", "mse", "predictable")
"""Kinds of models that predict values."""

HELD_OUT_KINDS = (
    *(kind for kind in DECIDING_KINDS if kind != "auc"),
    *("rating_hit_rate", *PREDICTING_KINDS),
)
"""Kinds that can be told of some of the held-out items. AUC cannot: the other likings would count as negatives."""

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


def check_judged(name: str) -> str:
    """The name, if it is that of a metric of one contender.

    Raises:
        ValueError: it is not. The message says what is.
    """
    kind = parse_metric(name).kind
    if kind in RUN_KINDS:
        raise ValueError(
            f"{kind} compares two runs, and is measured against what is live whenever something is: leave "
            "it out here"
        )
    return name


def check_deciding(name: str) -> str:
    """The name, if it is that of a metric by which one model is better than another.

    Raises:
        ValueError: it is not. The message says what is.
    """
    kind = parse_metric(name).kind
    if kind not in DECIDING_KINDS:
        raise ValueError(
            f"{kind} does not say how well held-out items are ranked: decide by one of "
            f"{', '.join(DECIDING_KINDS)}"
        )
    return name


def check_comparable(name: str) -> str:
    """The name, if it is that of a metric in which one model can be better or worse than another.

    Raises:
        ValueError: it is not. The message says why.
    """
    kind = parse_metric(check_judged(name)).kind
    if kind in UNDIRECTED_KINDS:
        raise ValueError(f"neither more nor less of {kind} is better: give it a floor or a ceiling")
    if kind in TOGETHER_KINDS:
        raise ValueError(
            f"{kind} is one figure of all lists, without an interval: give it a floor or a ceiling"
        )
    return name


JudgedMetric: TypeAlias = Annotated[str, AfterValidator(check_judged)]
DecidingMetric: TypeAlias = Annotated[str, AfterValidator(check_deciding)]
ComparableMetric: TypeAlias = Annotated[str, AfterValidator(check_comparable)]


def _is_whole(text: str) -> bool:
    return text.isascii() and text.isdecimal() and str(int(text)) == text
