"""Several Delta tables of a dataset, opened at one moment."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from urllib.parse import unquote

from deltalake import DeltaTable, QueryBuilder
from deltalake.exceptions import DeltaError

from toplists.reader.errors import SnapshotGoneError
from toplists.reader.keyed_files import KeyedFile
from toplists.reader.queries import Row, fetch


class Snapshot:
    """The tables `names` under `root` as they are at construction; later commits do not show.

    Tables that do not exist are left out. Queries may run in several threads at once.
    """

    def __init__(self, root: Path, names: Sequence[str]) -> None:
        """Open the tables.

        Raises:
            SnapshotGoneError: the log of one cannot be read.
        """
        self._root = root
        paths = {name: str(root / name) for name in names}
        try:
            self._tables = {
                name: DeltaTable(path)
                for name, path in paths.items()
                if DeltaTable.is_deltatable(path)
            }
        except (DeltaError, OSError) as error:
            raise SnapshotGoneError(str(error)) from error
        self._engine = QueryBuilder()
        for name, table in self._tables.items():
            self._engine.register(name, table)

    def files(self, table: str, run_id: str, key: str) -> list[KeyedFile]:
        """The files of a run in `table`, which is partitioned by `run_id`, with what the log says of `key`."""
        opened = self._tables.get(table)
        if opened is None:
            return []
        added = opened.get_add_actions(flatten=True)
        unknown: list[str | None] = [None] * added.num_rows
        runs, paths, lows, highs = (
            added[name].to_pylist() if name in added.column_names else unknown
            for name in ("partition.run_id", "path", f"min.{key}", f"max.{key}")
        )
        return [
            KeyedFile(str(self._root / table / unquote(path)), low, high)
            for run, path, low, high in zip(runs, paths, lows, highs, strict=True)
            if run == run_id
        ]

    def select(self, columns: str, table: str, condition: str) -> list[Row]:
        """The rows of `SELECT columns FROM table condition`; none where there is no such table.

        Raises:
            SnapshotGoneError: a file of the table was removed since the snapshot was opened.
        """
        if table not in self._tables:
            return []
        query = f"SELECT {columns} FROM {table} {condition}"  # noqa: S608 - ids come as literals
        try:
            return fetch(self._engine, query)
        except Exception as error:  # delta-rs has no class of its own for a file that is gone
            raise SnapshotGoneError(str(error)) from error
