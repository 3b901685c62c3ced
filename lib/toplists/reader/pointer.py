"""Which run is live: the row of `publications` with the highest sequence."""

from __future__ import annotations

from pathlib import Path

from deltalake import DeltaTable, QueryBuilder

from toplists.reader.queries import fetch
from toplists.reader.records import Publication

_COLUMNS = "sequence, run_id, action, as_of, previous_run_id, bad_run_id, published_at"


class Pointer:
    """Follows the pointer of one dataset. Not thread-safe by itself."""

    def __init__(self, root: Path) -> None:
        """Follow the pointer of the dataset at `root`; it need not have published yet."""
        self._path = str(root / "publications")
        self._table: DeltaTable | None = None
        self._version = -1
        self._last: Publication | None = None

    def last(self) -> Publication | None:
        """The publication that is live now; `None` before the first.

        Costs one look at the table's log; the row is read only when something was committed.
        """
        table = self._updated()
        if table is not None and table.version() != self._version:
            newest = _read(table, "ORDER BY sequence DESC LIMIT 1")
            self._last = newest[0] if newest else None
            self._version = table.version()
        return self._last

    def history(self) -> list[Publication]:
        """Every publication, oldest first."""
        table = self._updated()
        return [] if table is None else _read(table, "ORDER BY sequence")

    def _updated(self) -> DeltaTable | None:
        if self._table is not None:
            self._table.update_incremental()
        elif DeltaTable.is_deltatable(self._path):
            self._table = DeltaTable(self._path)
        return self._table


def _read(table: DeltaTable, order: str) -> list[Publication]:
    engine = QueryBuilder().register("publications", table)
    query = f"SELECT {_COLUMNS} FROM publications {order}"  # noqa: S608 - all parts are constants
    rows = fetch(engine, query)
    return [Publication(**row) for row in rows]
