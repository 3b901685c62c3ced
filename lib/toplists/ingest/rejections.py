"""What was refused, asked of the table `rejected_events` by the query engine inside delta-rs.

It reads the table piece by piece and hands back counts and a few rows, so the size of the table does
not matter. Rows of a load that never completed are not counted: they belong to nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from deltalake import DeltaTable, QueryBuilder

from toplists.lake.dataset import Dataset
from toplists.lake.tables import LOADS, REJECTED_EVENTS
from toplists.reader.queries import Row, fetch, literal

_RAW_LENGTH = 500
_REASONS = "(SELECT load_id, file, line, raw, unnest(reasons) AS reason FROM rejected)"
_CODE = "split_part(reason, ':', 1)"


@dataclass(frozen=True)
class Load:
    """A completed load."""

    load_id: str
    path: str
    loaded_at: datetime
    rejected: int


@dataclass(frozen=True)
class Example:
    """A refused row: where it stood, its first characters, and what is wrong with it."""

    file: str
    line: int
    raw: str
    reason: str


@dataclass(frozen=True)
class Rejection:
    """A reason: how many rows were refused for it, in which loads, oldest first."""

    code: str
    rows: int
    loads: Sequence[Load]


class Rejections:
    """The refused rows of a dataset, as they are when it is opened."""

    def __init__(self, dataset: Dataset) -> None:
        """Open the tables of `dataset`."""
        self._engine = QueryBuilder()
        for name, table in (("loads", LOADS), ("rejected", REJECTED_EVENTS)):
            self._engine.register(name, DeltaTable(dataset.path(table)))

    def loads(self) -> list[Load]:
        """The completed loads with refused rows, oldest first."""
        rows = self._fetch(
            "SELECT load_id, path, loaded_at, rejected FROM loads WHERE rejected > 0 "
            "ORDER BY loaded_at, load_id"
        )
        return [Load(**row) for row in rows]

    def by_reason(self, loads: Iterable[Load]) -> list[Rejection]:
        """The reasons in these loads, most frequent first. A row with two reasons counts in both."""
        order = {load.load_id: load for load in loads}
        rows = self._fetch(
            f"SELECT {_CODE} AS code, load_id, count(*) AS rows FROM {_REASONS} GROUP BY 1, 2"  # noqa: S608 - constants
        )
        by_code: dict[str, dict[str, int]] = {}
        for row in rows:
            if row["load_id"] in order:
                by_code.setdefault(row["code"], {})[row["load_id"]] = row["rows"]
        found = [
            Rejection(
                code,
                sum(counts.values()),
                [load for load_id, load in order.items() if load_id in counts],
            )
            for code, counts in by_code.items()
        ]
        return sorted(found, key=lambda rejection: (-rejection.rows, rejection.code))

    def examples(self, rejection: Rejection, limit: int) -> list[Example]:
        """The first rows refused for this reason in the newest load that has any."""
        load_id = literal(rejection.loads[-1].load_id)
        rows = self._fetch(
            f"SELECT file, line, substr(raw, 1, {_RAW_LENGTH}) AS raw, reason FROM {_REASONS} "  # noqa: S608 - literals
            f"WHERE load_id = {load_id} AND {_CODE} = {literal(rejection.code)} "
            f"ORDER BY file, line LIMIT {limit:d}"
        )
        return [Example(**row) for row in rows]

    def _fetch(self, query: str) -> list[Row]:
        return fetch(self._engine, query)
