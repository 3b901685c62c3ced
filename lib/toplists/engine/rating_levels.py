"""Levels of ratings, and how far each rating is from its own: what neighbours are told apart by.

Parts are as `toplists.engine.shapes.RatedNeighbours` has them.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache, partial
from pathlib import Path
from typing import Literal, TypeAlias

import numpy as np

from toplists.engine.baselines import Doubles, Rated, deviation_of_values, mean_of_rows, row_means
from toplists.engine.blocks import BlockRef, Rows, Side
from toplists.engine.exchange import WriteParts
from toplists.engine.shapes import Factors, open_vectors
from toplists.engine.storage import Arrays, open_whole

Center: TypeAlias = Literal["none", "means", "z_score", "baseline"]

_ROUNDING = 1e-12


@dataclass(frozen=True)
class Leveling:
    """Which levels are wanted, of what is rated.

    `center` is what a rating is compared with: nothing, the mean of its user (`by` users) or of its item
    (`by` items), the same in units of the standard deviation, or the baseline of both. `baselines` are
    there for the last. With `unrated` items that nobody rated have a level, too: the mean of all, or nothing
    where ratings are compared with nothing.
    """

    rated: Rated
    center: Center
    by: Side
    baselines: Factors | None = None
    unrated: bool = False

    @property
    def otherwise(self) -> float:
        """What is predicted beyond the level where there are no neighbours."""
        return self.rated.mean if self.center == "none" else 0.0


def write_levels(
    leveling: Leveling, folder: Path, write: WriteParts
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The parts of users, with their ratings, and those of items."""
    rated = leveling.rated
    items = write(rated.items.blocks, partial(_item_part, leveling), folder, "items")
    of_users = partial(_user_part, leveling, items)
    return write(rated.users.blocks, of_users, folder, "users"), items


def _item_part(leveling: Leveling, ref: BlockRef) -> Arrays:
    rows = leveling.rated.rows_of(ref)
    level, spread = _levels(leveling, "items", ref, rows)
    return {"level": level, "spread": spread, "raters": np.diff(rows.indptr)}


def _user_part(leveling: Leveling, items: tuple[str, ...], ref: BlockRef) -> Arrays:
    rows = leveling.rated.rows_of(ref)
    level, spread = _levels(leveling, "users", ref, rows)
    of_item = {name: open_whole(items, name) for name in ("level", "spread", "raters")}
    owners = np.repeat(np.arange(ref.rows), np.diff(rows.indptr))
    above = rows.data - level[owners] - of_item["level"][rows.indices]
    deviations = above / (spread[owners] * of_item["spread"][rows.indices])
    # Of equally similar items the first count: those that fewer have rated say more of a user's taste.
    order = np.lexsort((of_item["raters"][rows.indices], owners))
    return {
        "level": level,
        "spread": spread,
        "indptr": rows.indptr,
        "rated": rows.indices[order],
        "deviations": deviations[order].astype(np.float32),
    }


def _levels(leveling: Leveling, side: Side, ref: BlockRef, rows: Rows) -> tuple[Doubles, Doubles]:
    """Level and spread of each row of a block: float64[rows] both."""
    level, spread = np.zeros(ref.rows), np.ones(ref.rows)
    if leveling.center == "baseline":
        level = _baselines(leveling, side, ref)
    elif leveling.center != "none" and side == leveling.by:
        level = row_means(rows)
        if leveling.center == "z_score":
            owners = np.repeat(np.arange(ref.rows), np.diff(rows.indptr))
            squares = mean_of_rows(rows, (rows.data - level[owners]) ** 2)
            # What rounding leaves of equal ratings is no spread.
            spreads = squares > _ROUNDING * level**2
            spread = np.where(spreads, np.sqrt(squares), _spread_of_all(leveling.rated))
    otherwise = np.nan
    if side == "items" and leveling.unrated:
        otherwise = leveling.rated.mean - leveling.otherwise
    return np.where(rows.known, level, otherwise), spread


def _baselines(leveling: Leveling, side: Side, ref: BlockRef) -> Doubles:
    factors = leveling.baselines
    if factors is None:
        raise ValueError("levels by baselines need baselines")
    parts, column = (factors.users, 0) if side == "users" else (factors.items, 1)
    return open_vectors(parts[ref.index])[0][:, column].astype(np.float64)


@lru_cache(maxsize=2)
def _spread_of_all(rated: Rated) -> float:
    """For whose ratings are all equal; 1 where all are."""
    return deviation_of_values(rated) or 1.0
