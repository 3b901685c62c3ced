"""What ranking metrics are called: a kind and a cutoff, such as `ndcg@10`."""

from __future__ import annotations

from difflib import get_close_matches
from typing import Annotated, Literal, TypeAlias, get_args

from pydantic import AfterValidator

MetricKind: TypeAlias = Literal[
    "hit_rate", "precision", "recall", "capped_recall", "ndcg", "map", "mrr", "arhr"
]
METRIC_KINDS: tuple[MetricKind, ...] = get_args(MetricKind)
LARGEST_CUTOFF = 1_000
"""The length of the longest lists that are made."""


def check_metric(name: str) -> str:
    """The name, if it is that of a metric.

    Raises:
        ValueError: it is not.
    """
    kind, _, cutoff = name.partition("@")
    if kind not in METRIC_KINDS:
        nearest = get_close_matches(kind, METRIC_KINDS, 1)
        meant = f" Did you mean {nearest[0]}?" if nearest else ""
        raise ValueError(f"there is no metric {kind!r}.{meant} Use {_FORM}")
    if not (cutoff.isascii() and cutoff.isdecimal()) or str(int(cutoff)) != cutoff:
        raise ValueError(f"{name!r} has no whole number behind an @. Use {_FORM}")
    if not 1 <= int(cutoff) <= LARGEST_CUTOFF:
        raise ValueError(f"{name} looks at {cutoff} places: choose 1 to {LARGEST_CUTOFF:,}")
    return name


_FORM = f"one of {', '.join(METRIC_KINDS)}, with @ and a number of places"

MetricName: TypeAlias = Annotated[str, AfterValidator(check_metric)]
