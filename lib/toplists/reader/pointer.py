"""Which run is live: the row of `publications` with the highest sequence."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from time import monotonic

from deltalake import DeltaTable, QueryBuilder

from toplists.reader.errors import ListsUnavailableError
from toplists.reader.queries import fetch
from toplists.reader.records import Publication

# Logs keep the commits of days at least: who looked within the hour has missed none.
_LOOK_SECONDS = 3_600
_COLUMNS = "sequence, run_id, action, as_of, previous_run_id, bad_run_id, published_at"


class Pointer:
    """Follows the pointer of one dataset. Not thread-safe by itself."""

    def __init__(self, root: Path) -> None:
        """Follow the pointer of the dataset at `root`; it need not have published yet."""
        self._path = root / "publications"
        self._table: DeltaTable | None = None
        self._version = -1
        self._next: Path | None = None
        self._looked = 0.0
        self._last: Publication | None = None

    def last(self) -> Publication | None:
        """The publication that is live now; `None` before the first.

        Costs one look for a file, the commit that would come next; the log and the row are read only when
        there is one.

        Raises:
            ListsUnavailableError: the log or the row cannot be read.
        """
        now = monotonic()
        with self._readable():
            kept = now - self._looked < _LOOK_SECONDS
            if not kept or self._next is None or self._next.exists():
                self._look()
        self._looked = now
        return self._last

    def history(self) -> list[Publication]:
        """Every publication, oldest first.

        Raises:
            ListsUnavailableError: the table cannot be read.
        """
        with self._readable():
            table = self._updated()
            return [] if table is None else _read(table, "ORDER BY sequence")

    @contextmanager
    def _readable(self) -> Iterator[None]:
        """Says what cannot be read; the table is opened anew for the next question."""
        try:
            yield
        except (
            Exception
        ) as error:  # of delta-rs, of its query engine, which has no class, or of the disk
            self._table, self._version, self._next = None, -1, None
            said = str(error).strip().partition("\n")[0].rstrip(".")
            raise ListsUnavailableError(
                f"What is live cannot be read from {self._path}: {said}."
            ) from error

    def _look(self) -> None:
        table = self._updated()
        if table is not None and table.version() != self._version:
            newest = _read(table, "ORDER BY sequence DESC LIMIT 1")
            self._last = newest[0] if newest else None
            self._version = table.version()
            self._next = self._path / "_delta_log" / f"{self._version + 1:020}.json"

    def _updated(self) -> DeltaTable | None:
        if self._table is not None:
            self._table.update_incremental()
        elif DeltaTable.is_deltatable(str(self._path)):
            self._table = DeltaTable(str(self._path))
        return self._table


def _read(table: DeltaTable, order: str) -> list[Publication]:
    engine = QueryBuilder().register("publications", table)
    query = f"SELECT {_COLUMNS} FROM publications {order}"  # noqa: S608 - all parts are constants
    rows = fetch(engine, query)
    return [Publication(**row) for row in rows]
