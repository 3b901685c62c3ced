"""Counts over the lists of a run, made by tasks that each look at a range of users.

They read the tables as they were written, by their ids: a second opinion on the scoring pass, not a
repetition of it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
from pyspark.sql import SparkSession

from toplists.engine.flags import Flags, flags_of
from toplists.engine.tasks import collect_tasks
from toplists.evaluation.list_checks import ListCounts
from toplists.evaluation.user_ranges import UserRange, read_columns
from toplists.ranking.reasons import SEEN_EVERYTHING_ELSE

_PERSONAL = "personal"
_NAMES = [field.name for field in fields(ListCounts)]

Numbers = npt.NDArray[np.int64]


@dataclass(frozen=True)
class ListFiles:
    """The Parquet files of a run that its lists are judged by.

    Attributes:
        lists: `[user_id: string, items: list<struct<item_id: string, score: double, source: string>>,
            short_reason: string]`, one placement.
        users: `[user_pos: int, user_id: string, interactions: long, trained: long, eligible: bool]`,
            every user of the run once.
        interactions: `[user_id: string, item_id: string]`, everything seen, each pair once.
        items: `[item_id: string, recommendable: bool]`, every item of the run once.
    """

    lists: tuple[str, ...]
    users: tuple[str, ...]
    interactions: tuple[str, ...]
    items: tuple[str, ...]


def count_lists(
    spark: SparkSession,
    files: ListFiles,
    ranges: Sequence[UserRange],
    *,
    n: int,
    catalogue: int,
) -> ListCounts:
    """Count what is wrong with the lists of a run, one placement at a time.

    Args:
        spark: The session.
        files: Where they lie.
        ranges: Of users, all together; a task looks at each.
        n: Length that lists should have; a short list has a reason.
        catalogue: Items that can be recommended to a user who has seen none of them. A list may be
            short because its user has seen the rest only if that leaves so few: the reason alone is
            not believed.
    """

    def count(within: UserRange) -> ListCounts:
        hidden = read_columns(files.items, ["item_id", "recommendable"])
        return count_tables(
            read_columns(files.lists, ["user_id", "items", "short_reason"], within),
            read_columns(files.users, ["user_id", "interactions", "trained", "eligible"], within),
            read_columns(files.interactions, ["user_id", "item_id"], within),
            hidden.filter(pc.invert(hidden["recommendable"]))["item_id"],
            n=n,
            catalogue=catalogue,
        )

    totals: Counter[str] = Counter(dict.fromkeys(_NAMES, 0))
    for counts in collect_tasks(spark, ranges, count):
        totals.update(asdict(counts))
    return ListCounts(**totals)


def count_tables(
    lists: pa.Table,
    users: pa.Table,
    interactions: pa.Table,
    hidden: pa.ChunkedArray,
    *,
    n: int,
    catalogue: int,
) -> ListCounts:
    """Count what is wrong with the lists of some users.

    Args:
        lists: All lists of these users, with the columns of `ListFiles.lists`.
        users: Those of them that the run has, with the columns of `ListFiles.users`.
        interactions: What they have seen.
        hidden: Ids of items that may not be recommended.
        n: As in `count_lists`.
        catalogue: As in `count_lists`.
    """
    entries = _Entries.of(lists)
    lengths = entries.lengths
    reasons = lists["short_reason"]
    claims_all_seen = flags_of(pc.equal(reasons, SEEN_EVERYTHING_ELSE))
    without_reason = flags_of(pc.is_null(reasons))

    known = pa.chunked_array([*users["user_id"].chunks, *lists["user_id"].chunks], pa.string())
    everybody = known.unique()
    owner = _codes(lists["user_id"], everybody)
    count = len(everybody)
    eligible, trained = np.zeros(count, dtype=np.bool_), np.zeros(count, dtype=np.bool_)
    seen = np.zeros(count, dtype=np.int64)
    of_run = _codes(users["user_id"], everybody)
    eligible[of_run] = flags_of(users["eligible"])
    trained[of_run] = users["trained"].to_numpy() > 0
    seen[of_run] = users["interactions"].to_numpy()

    owned = np.bincount(owner, minlength=count)
    personal = np.zeros(count, dtype=np.bool_)
    personal[owner[entries.any_of(entries.personal)]] = True
    least = np.full(count, catalogue, dtype=np.int64)
    np.minimum.at(least, owner[claims_all_seen], lengths[claims_all_seen])
    claimed = np.zeros(count, dtype=np.bool_)
    claimed[owner[claims_all_seen]] = True
    all_seen = claimed & (least + seen >= catalogue)
    return ListCounts(
        lists=len(lists),
        eligible=int(eligible.sum()),
        missing=int((eligible & (owned == 0)).sum()),
        extra=int((~eligible & (owned > 0)).sum()),
        repeated=int((owned > 1).sum()),
        wrong_length=int(((lengths > n) | ((lengths < n) & without_reason)).sum()),
        short=int(((lengths < n) & ~all_seen[owner]).sum()),
        with_duplicates=int(entries.any_of(entries.repeated()).sum()),
        with_bad_scores=int(entries.any_of(~np.isfinite(entries.scores)).sum()),
        unordered=int(entries.any_of(entries.rising()).sum()),
        trained=int((eligible & trained).sum()),
        personal=int((eligible & trained & personal).sum()),
        seen=int(np.isin(entries.pairs(owner), entries.pairs_of(interactions, everybody)).sum()),
        hidden=int(flags_of(pc.is_in(entries.names, hidden.combine_chunks()))[entries.items].sum()),
    )


@dataclass(frozen=True)
class _Entries:
    """What lists hold, one after the other.

    `lengths` int64[lists]; `owner` int64[entries], the list; `items` int64[entries], in `names`;
    `scores` float64[entries], NaN where there is none; `sources` int64[entries]; `personal`.
    """

    lengths: Numbers
    owner: Numbers
    items: Numbers
    names: pa.Array
    scores: npt.NDArray[np.float64]
    sources: Numbers
    personal: Flags

    @classmethod
    def of(cls, lists: pa.Table) -> _Entries:
        lengths = pc.list_value_length(lists["items"]).fill_null(0).to_numpy().astype(np.int64)
        flat = pc.list_flatten(lists["items"]).combine_chunks()
        ids, sources = pc.struct_field(flat, "item_id"), pc.struct_field(flat, "source")
        names, kinds = ids.unique(), sources.unique()
        return cls(
            lengths,
            np.repeat(np.arange(len(lists)), lengths),
            _codes(ids, names),
            names,
            pc.struct_field(flat, "score").to_numpy(zero_copy_only=False).astype(np.float64),
            _codes(sources, kinds),
            flags_of(pc.equal(sources, _PERSONAL)),
        )

    def any_of(self, entries: Flags) -> Flags:
        """Which lists have one of these entries."""
        lists = np.zeros(len(self.lengths), dtype=np.bool_)
        lists[self.owner[entries]] = True
        return lists

    def repeated(self) -> Flags:
        """Entries whose item is in their list once more."""
        order = np.lexsort((self.items, self.owner))
        again = np.zeros(len(order), dtype=np.bool_)
        again[order[1:]] = self._alike(order, self.owner, self.items)
        return again

    def rising(self) -> Flags:
        """Entries whose score is above the one before it of the same source in their list."""
        order = np.lexsort((self.sources, self.owner))
        # As Spark orders them: nothing is above NaN, and none is told apart from null here.
        scores = np.nan_to_num(self.scores, nan=np.inf, posinf=np.inf, neginf=-np.inf)[order]
        above = np.zeros(len(order), dtype=np.bool_)
        alike = self._alike(order, self.owner, self.sources)
        above[order[1:]] = alike & (scores[1:] > scores[:-1])
        return above

    def _alike(self, order: Numbers, *columns: Numbers) -> Flags:
        """Whether a row, in `order`, agrees with the one before it; of the first nothing is said."""
        same = [column[order[1:]] == column[order[:-1]] for column in columns]
        alike: Flags = np.logical_and.reduce(same)
        return alike

    def pairs(self, users: Numbers) -> Numbers:
        """User and item of each entry as one number; `users` are the owners of the lists."""
        return users[self.owner] * max(1, len(self.names)) + self.items

    def pairs_of(self, interactions: pa.Table, everybody: pa.Array) -> Numbers:
        """The same of each interaction, as far as its item is in a list."""
        users = _codes(interactions["user_id"], everybody)
        items = _codes(interactions["item_id"], self.names)
        listed = (users >= 0) & (items >= 0)
        return users[listed] * max(1, len(self.names)) + items[listed]


def _codes(values: pa.Array | pa.ChunkedArray, known: pa.Array) -> Numbers:
    """The place of each value in `known`, -1 where it is not in it."""
    codes = pc.index_in(values, known).fill_null(-1)
    return np.asarray(codes.to_numpy(), dtype=np.int64)
