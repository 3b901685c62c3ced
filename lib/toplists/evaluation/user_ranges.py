"""Ranges of user ids, for tasks that look at the same users in several files."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import reduce
from itertools import pairwise
from operator import and_

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from pyspark.sql import SparkSession

from toplists.engine.tasks import run_tasks

_USERS_PER_TASK = 20_000


@dataclass(frozen=True)
class UserRange:
    """Users from the first id to before the second; `None` = without an end."""

    low: str | None = None
    high: str | None = None

    def holds(self, key: str) -> pc.Expression | None:
        """Whether what `key` names is of the range; `None` where everything is."""
        ends = []
        if self.low is not None:
            ends.append(pc.field(key) >= self.low)
        if self.high is not None:
            ends.append(pc.field(key) < self.high)
        return reduce(and_, ends) if ends else None


EVERYBODY = UserRange()


def cut_users(spark: SparkSession, files: Sequence[str], users: int) -> list[UserRange]:
    """Ranges that hold about as many users of a run each, and all ids together.

    Args:
        spark: The session.
        files: `[user_pos: int, user_id: string]`, every user of the run once; positions are in the
            bytewise order of ids.
        users: How many there are.
    """
    cuts = pa.array(range(_USERS_PER_TASK, users, _USERS_PER_TASK), pa.int32())
    if not len(cuts):
        return [EVERYBODY]

    def find(file: str) -> Iterator[pa.RecordBatch]:
        rows = read_columns((file,), ["user_pos", "user_id"])
        yield from rows.filter(pc.is_in(rows["user_pos"], cuts)).to_batches()

    found = run_tasks(spark, files, find, "user_pos int, user_id string").collect()
    bounds = [row.user_id for row in sorted(found, key=lambda row: row.user_pos)]
    return [UserRange(*ends) for ends in pairwise([None, *bounds, None])]


def read_columns(
    files: Sequence[str],
    columns: list[str],
    within: UserRange = EVERYBODY,
    *,
    key: str = "user_id",
) -> pa.Table:
    """The columns of all files, of the users (or what else `key` names) of a range."""
    return pq.read_table(list(files), columns=columns, filters=within.holds(key), partitioning=None)
