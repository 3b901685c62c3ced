"""Slices: parts of the users, or of what was held out, that figures are told apart for.

- `activity`: users by how many likings were learnt from, in thirds: `low`, `middle`, `high`.
- `tenure`: users by the time between their first event and the end of the training part.
- `user:NAME`: users by an attribute; the largest groups have a slice each.
- `popularity`: held-out items by how many liked them: the most popular ones that make up a third of all
  likings are the `head`, those of the next third the `middle`, the others the `tail`.
- `item:NAME`: held-out items by an attribute, or by `genres`, of which an item may have several.

In a slice of items, all else that was held out is left aside: recall in the tail is the share of held-out
items of the tail that were listed. What does not look at held-out items, and AUC, has no figure there.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from toplists.config.evaluate import PARTS
from toplists.engine.blocks import BlockRef, all_ids
from toplists.engine.kernels.outcomes import ItemTraits, Outcomes
from toplists.evaluation.outcome_rows import Users

Codes = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]

_TENURE_DAYS = (30, 365)
_MOST_VALUES = 20


@dataclass(frozen=True)
class Attribute:
    """An attribute of users or items: `name`, and the `values` that have a slice."""

    name: str
    values: tuple[str, ...]


@dataclass(frozen=True)
class Slices:
    """What figures are told apart for, and where tasks find it.

    Attributes:
        names: Some of `activity`, `tenure`, `popularity`.
        active_from: From how many likings on a user is in the middle third, and in the high one.
        end: End of the training part.
        snapshot_users: Parquet files of `[user_pos: int, first_time: timestamp]`.
        of_users: Attributes of users.
        users: Parquet files of `[user_id: string, attributes: map<string, string>]`.
        of_items: Attributes of items.
        catalogue: Parquet files of `[item_id: string, genres: array<string>, attributes: map]`.
        items: Item blocks, whose ids are in order of position.
    """

    names: tuple[str, ...] = ()
    active_from: tuple[int, int] = (1, 1)
    end: datetime | None = None
    snapshot_users: tuple[str, ...] = ()
    of_users: tuple[Attribute, ...] = ()
    users: tuple[str, ...] = ()
    of_items: tuple[Attribute, ...] = ()
    catalogue: tuple[str, ...] = ()
    items: tuple[BlockRef, ...] = ()

    def by_user(self, users: Users) -> Iterator[tuple[str, Mask]]:
        """Each slice of users by name: bool[users] who is in it."""
        if "activity" in self.names:
            thirds = np.searchsorted(self.active_from, users.trained, side="right")
            yield from _masks("activity", PARTS["activity"], thirds)
        if "tenure" in self.names and self.end is not None:
            yield from _masks("tenure", PARTS["tenure"], self._tenures(users, self.end))
        for attribute in self.of_users:
            name = f"user:{attribute.name}"
            yield from _masks(name, attribute.values, self._values_of(users, attribute))

    def by_item(self, outcomes: Outcomes, traits: ItemTraits) -> Iterator[tuple[str, Mask]]:
        """Each slice of what was held out by name: bool[targets] what is in it."""
        if "popularity" in self.names:
            parts = popularity_parts(traits.raters)[outcomes.items]
            yield from _masks("popularity", PARTS["popularity"], parts)
        for attribute in self.of_items:
            has_value = _values_of_items(self.items, self.catalogue, attribute)[outcomes.items]
            for place, value in enumerate(attribute.values):
                yield f"item:{attribute.name}={value}", has_value[:, place]

    def _tenures(self, users: Users, end: datetime) -> Codes:
        """-1 where no event of the user has a time."""
        codes = np.full(len(users.positions), -1, dtype=np.int64)
        if not len(codes):
            return codes
        bounds = int(users.positions.min()), int(users.positions.max())
        within = [("user_pos", ">=", bounds[0]), ("user_pos", "<=", bounds[1])]
        for file in self.snapshot_users:
            columns = ["user_pos", "first_time"]
            rows = pq.read_table(file, columns=columns, filters=within, partitioning=None)
            rows = rows.filter(pc.is_valid(rows["first_time"]))
            times = rows["first_time"].cast(pa.timestamp("us", "UTC")).cast(pa.int64()).to_numpy()
            days = (end.timestamp() - times / 1e6) // 86_400
            place = np.full(bounds[1] - bounds[0] + 1, -1, dtype=np.int64)
            found = np.searchsorted(_TENURE_DAYS, days, side="right")
            place[rows["user_pos"].to_numpy() - bounds[0]] = found
            here = place[users.positions - bounds[0]]
            codes = np.where(here >= 0, here, codes)
        return codes

    def _values_of(self, users: Users, attribute: Attribute) -> Codes:
        codes = np.full(len(users.ids), -1, dtype=np.int64)
        if not len(codes):
            return codes
        ends = pc.min_max(users.ids).as_py()
        within = [("user_id", ">=", ends["min"]), ("user_id", "<=", ends["max"])]
        for file in self.users:
            rows = pq.read_table(file, columns=["user_id", "attributes"], filters=within)
            values = pc.map_lookup(rows["attributes"], attribute.name, "first")
            place = pc.fill_null(pc.index_in(rows["user_id"], users.ids), -1).to_numpy()
            code = pc.fill_null(pc.index_in(values, pa.array(attribute.values)), -1).to_numpy()
            codes[place[place >= 0]] = code[place >= 0]
        return codes


def restrict(outcomes: Outcomes, kept: Mask) -> Outcomes:
    """The outcomes as if only the `kept` bool[targets] had been held out."""
    before = np.concatenate(([0], np.cumsum(kept, dtype=np.int64)))
    return outcomes._replace(
        indptr=before[outcomes.indptr],
        items=outcomes.items[kept],
        liked=outcomes.liked[kept],
        values=outcomes.values[kept],
        scores=outcomes.scores[kept],
        ranks=outcomes.ranks[kept],
    )


def popularity_parts(raters: npt.NDArray[np.int64]) -> Codes:
    """Which part each item is in, by its place in `head`, `middle`, `tail`: int64[items].

    An item is in the part that its first liking falls into when all likings are put in order of their item's
    popularity; ties go by position. What nobody liked is in the tail.
    """
    order = np.argsort(-raters, kind="stable")
    before = np.cumsum(raters[order]) - raters[order]
    parts = np.empty(len(raters), dtype=np.int64)
    parts[order] = np.minimum(3 * before // max(1, int(raters.sum())), 2)
    parts[raters == 0] = 2
    return parts


def thirds(activity: Sequence[tuple[int, int]]) -> tuple[int, int]:
    """From how many likings on a user is in the middle, and in the high third.

    Users with equally many are in one; so the thirds are as equal as that allows.

    Args:
        activity: How many users have how many likings, ascending: `((likings, users), …)`.
    """
    if not activity:
        return 1, 1
    likings, users = map(np.array, zip(*activity, strict=True))
    upto = np.cumsum(users) / users.sum()
    starts = np.append(likings, likings[-1] + 1)
    middle, high = (int(starts[np.searchsorted(upto, share) + 1]) for share in (1 / 3, 2 / 3))
    return middle, high


def largest_values(rows: DataFrame, name: str, key: str) -> tuple[str, ...]:
    """The values of an attribute that most rows have, by name: at most `_MOST_VALUES`.

    Args:
        rows: `[attributes: map<string, string>, …]`; with `genres: array<string>` for that name.
        name: The attribute.
        key: What counts as one: `user_id` or `item_id`.
    """
    several = name == "genres"
    value = F.explode("genres") if several else F.col("attributes").getItem(name)
    counted = rows.select(key, value.alias("value")).where("value is not null and value <> ''")
    largest = (
        counted.groupBy("value").count().orderBy(F.col("count").desc(), "value").limit(_MOST_VALUES)
    )
    return tuple(sorted(row["value"] for row in largest.collect()))


@lru_cache(maxsize=8)
def _values_of_items(
    items: tuple[BlockRef, ...], catalogue: tuple[str, ...], attribute: Attribute
) -> Mask:
    """Which values each item has: bool[items, values]."""
    ids, values = all_ids(items), pa.array(attribute.values, pa.string())
    has = np.zeros((len(ids), len(values)), dtype=np.bool_)
    column = "genres" if attribute.name == "genres" else "attributes"
    for file in catalogue:
        rows = pq.read_table(file, columns=["item_id", column])
        place = pc.fill_null(pc.index_in(rows["item_id"], ids), -1).to_numpy()
        if column == "genres":
            lengths = pc.list_value_length(rows[column]).fill_null(0).to_numpy()
            place, stated = np.repeat(place, lengths), pc.list_flatten(rows[column])
        else:
            stated = pc.map_lookup(rows[column], attribute.name, "first")
        code = pc.fill_null(pc.index_in(stated, values), -1).to_numpy()
        known = (place >= 0) & (code >= 0)
        has[place[known], code[known]] = True
    return has


def _masks(name: str, labels: Sequence[str], codes: Codes) -> Iterator[tuple[str, Mask]]:
    for place, label in enumerate(labels):
        yield f"{name}={label}", codes == place
