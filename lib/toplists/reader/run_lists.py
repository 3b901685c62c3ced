"""The lists and the catalogue as one run shows them, published or not."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from toplists.reader.errors import SnapshotGoneError
from toplists.reader.queries import Row, literal, literals
from toplists.reader.records import (
    CatalogueItem,
    Interaction,
    ListCounts,
    RecommendationList,
    RecommendedItem,
)
from toplists.reader.snapshot import Snapshot

_TABLES = ("recommendations", "similar_items", "popular_items", "items", "interactions")


class RunLists:
    """What can be asked of one run.

    May be asked from several threads at once. Every method raises `ValueError` for an id that is not valid
    Unicode.
    """

    def __init__(self, root: Path, run_id: str) -> None:
        """Open the tables of the dataset at `root`.

        Raises:
            SnapshotGoneError: the tables hold no lists of the run.
        """
        self._snapshot = Snapshot(root, _TABLES)
        self._of_run = f"run_id = {literal(run_id)}"
        if not self._snapshot.holds_run("recommendations", run_id):
            raise SnapshotGoneError(f"{root} holds no lists of run {run_id}")

    def user(self, user_id: str, placement: str = "default") -> RecommendationList | None:
        """The list of one user; `None` for a user without one."""
        return self._list("recommendations", "user_id", user_id, placement)

    def similar(self, item_id: str, placement: str = "default") -> RecommendationList | None:
        """The items most like one item; `None` for an item without such a list."""
        return self._list("similar_items", "item_id", item_id, placement)

    def popular(
        self, segment: str = "all", placement: str = "default"
    ) -> RecommendationList | None:
        """The most popular items of a segment of users; `all` is everybody."""
        return self._list("popular_items", "segment", segment, placement)

    def items(self, ids: Iterable[str]) -> dict[str, CatalogueItem]:
        """Those of the items that the catalogue knows, by id."""
        wanted = literals(dict.fromkeys(ids))
        if not wanted:
            return {}
        rows = self._snapshot.select(
            "item_id, title, year, genres", "items", f"WHERE item_id IN ({wanted})"
        )
        return {
            row["item_id"]: CatalogueItem(
                row["item_id"], row["title"], row["year"], tuple(row["genres"] or ())
            )
            for row in rows
        }

    def history(self, user_id: str, limit: int) -> list[Interaction]:
        """At most `limit` interactions of a user that the run knew, newest first, by item id last.

        Interactions without a time come last. Empty for an unknown user.
        """
        rows = self._snapshot.select(
            "item_id, value, event_time",
            "interactions",
            f"WHERE {self._of_run} AND user_id = {literal(user_id)} "
            f"ORDER BY event_time DESC NULLS LAST, item_id LIMIT {limit:d}",
        )
        return [Interaction(row["item_id"], row["value"], row["event_time"]) for row in rows]

    def counts(self) -> ListCounts:
        """How many users and items have a list."""
        return ListCounts(users=self._count("recommendations"), items=self._count("similar_items"))

    def _count(self, table: str) -> int:
        rows = self._snapshot.select("count(*) AS lists", table, f"WHERE {self._of_run}")
        return int(rows[0]["lists"]) if rows else 0

    def _list(self, table: str, key: str, value: str, placement: str) -> RecommendationList | None:
        rows = self._snapshot.select(
            "run_id, items, short_reason",
            table,
            f"WHERE {self._of_run} AND {key} = {literal(value)} "
            f"AND placement = {literal(placement)}",
        )
        return _as_list(rows[0]) if rows else None


def _as_list(row: Row) -> RecommendationList:
    items = tuple(
        RecommendedItem(item["item_id"], item["score"], item["source"]) for item in row["items"]
    )
    return RecommendationList(row["run_id"], items, row["short_reason"])
