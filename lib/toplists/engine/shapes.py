"""The three shapes of answer a fitted model may have; the ranking code knows only these.

Rows refer to users and items by their positions in the run's snapshot.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, TypeAlias

from pyspark.sql import DataFrame


@dataclass(frozen=True)
class Factors:
    """Score of item i for user u: the product of their vectors.

    `users` and `items` are `[pos: int, vector: array<float>]`; who has no row cannot be scored.
    """

    kind: ClassVar[str] = "factors"
    users: DataFrame
    items: DataFrame


@dataclass(frozen=True)
class ItemWeights:
    """Score of item i for user u: the sum over u's items j of weight(i, j) times u's weight of j.

    `rows` is `[pos: int, neighbours: array<int>, weights: array<float>]`: each item's neighbours by
    position, best first.
    """

    kind: ClassVar[str] = "item_weights"
    rows: DataFrame


@dataclass(frozen=True)
class Ranking:
    """One ordered list for everybody: `[segment: string, pos: int, score: double]`, high is first."""

    kind: ClassVar[str] = "ranking"
    rows: DataFrame


Shape: TypeAlias = Factors | ItemWeights | Ranking
