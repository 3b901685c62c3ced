"""The lists and the catalogue as one run shows them, published or not."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from functools import partial
from pathlib import Path

from toplists.reader.errors import SnapshotGoneError
from toplists.reader.facts import CATALOGUE, HISTORY, find_history, find_items
from toplists.reader.keyed_files import KeyedFiles
from toplists.reader.layouts import LIST_TABLES, PERSONAL, POPULAR, SIMILAR, ListTable
from toplists.reader.list_rows import COLUMNS, list_of
from toplists.reader.lists import own_or_popular
from toplists.reader.queries import literal
from toplists.reader.records import (
    CatalogueItem,
    Interaction,
    ListCounts,
    RecommendationList,
)
from toplists.reader.snapshot import Snapshot

_TABLES = (*(table.name for table in LIST_TABLES), CATALOGUE, HISTORY)


class RunLists:
    """What can be asked of one run.

    May be asked from several threads at once. Every method raises `ValueError` for an id that is not valid
    Unicode, and `SnapshotGoneError` where files are gone.
    """

    def __init__(self, root: Path, run_id: str, as_of: date | None = None) -> None:
        """Open the tables of the dataset at `root`.

        Args:
            root: Folder of the dataset.
            run_id: The run.
            as_of: What its lists say that they know of; `None` where that is not asked.

        Raises:
            SnapshotGoneError: the tables hold no lists of the run.
        """
        self._snapshot = Snapshot(root, _TABLES)
        self._of_run = f"run_id = {literal(run_id)}"
        self._run_id, self._as_of = run_id, as_of
        files = {
            table: self._snapshot.files(table.name, run_id, table.key) for table in LIST_TABLES
        }
        if not files[PERSONAL]:
            raise SnapshotGoneError(f"{root} holds no lists of run {run_id}")
        self._lists = {table: KeyedFiles(own, table.key) for table, own in files.items()}

    def own(self, user_id: str, placement: str = "default") -> RecommendationList | None:
        """The list of one user; `None` for a user without one."""
        return self._list(PERSONAL, user_id, placement)

    def user(
        self, user_id: str, placement: str = "default", segment: str = "all"
    ) -> RecommendationList | None:
        """The list of one user; popular items, marked as `fallback`, for a user without one."""
        return own_or_popular(partial(self._list, placement=placement), user_id, segment)

    def similar(self, item_id: str, placement: str = "default") -> RecommendationList | None:
        """The items most like one item; `None` for an item without such a list."""
        return self._list(SIMILAR, item_id, placement)

    def popular(
        self, segment: str = "all", placement: str = "default"
    ) -> RecommendationList | None:
        """The most popular items of a segment of users; `all` is everybody."""
        return self._list(POPULAR, segment, placement)

    def items(self, ids: Iterable[str]) -> dict[str, CatalogueItem]:
        """Those of the items that the catalogue knows, by id."""
        return find_items(self._snapshot, ids)

    def history(self, user_id: str, limit: int) -> list[Interaction]:
        """At most `limit` interactions of a user that the run knew, newest first, by item id last.

        Interactions without a time come last. Empty for an unknown user.
        """
        return find_history(self._snapshot, self._run_id, user_id, limit)

    def counts(self) -> ListCounts:
        """How many users and items have a list."""
        return ListCounts(users=self._count(PERSONAL), items=self._count(SIMILAR))

    def _count(self, table: ListTable) -> int:
        rows = self._snapshot.select("count(*) AS lists", table.name, f"WHERE {self._of_run}")
        return int(rows[0]["lists"]) if rows else 0

    def _list(self, table: ListTable, key: str, placement: str) -> RecommendationList | None:
        row = self._lists[table].find(key, COLUMNS, {"placement": placement})
        return None if row is None else list_of(row, self._run_id, self._as_of)
