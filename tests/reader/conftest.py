"""Tiny published lakes, written without a JVM."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from shutil import copytree

import pytest
from deltalake import DeltaTable

from toplists.lake.bookkeeping import append_rows
from toplists.lake.dataset import Dataset
from toplists.lake.tables import (
    INTERACTIONS,
    ITEMS,
    POPULAR_ITEMS,
    PUBLICATIONS,
    RECOMMENDATIONS,
    SIMILAR_ITEMS,
)

FIRST_NIGHT = datetime(2026, 3, 1, 4, 0, tzinfo=UTC)


@dataclass
class SmallLake:
    """A dataset in which runs are written, published and pruned by one call each.

    The items in every list of run `r` are called `r-1`, `r-2`, so that a mixture shows.
    """

    dataset: Dataset
    moves: int = 0

    def write_run(
        self,
        run_id: str,
        users: Iterable[str] = ("ann", "bob"),
        items: Iterable[str] = ("film",),
        segments: Iterable[str] = ("all",),
    ) -> None:
        common = {
            "run_id": run_id,
            "placement": "default",
            "short_reason": None,
            "schema_version": 1,
        }
        places = [
            {"item_id": f"{run_id}-{place}", "score": 1.0 / place, "source": "personal"}
            for place in (1, 2)
        ]
        append_rows(
            self.dataset,
            SIMILAR_ITEMS,
            [{**common, "item_id": item, "items": places} for item in items],
        )
        append_rows(
            self.dataset,
            POPULAR_ITEMS,
            [
                {**common, "segment": segment, "items": places[number : number + 1]}
                for number, segment in enumerate(segments)
            ],
        )
        append_rows(
            self.dataset,
            RECOMMENDATIONS,
            [{**common, "user_id": user, "items": places} for user in users],
        )

    def write_interactions(
        self, run_id: str, *rows: tuple[str, str, float | None, datetime | None]
    ) -> None:
        append_rows(
            self.dataset,
            INTERACTIONS,
            [
                {
                    "run_id": run_id,
                    "user_id": user,
                    "item_id": item,
                    "user_pos": 0,
                    "item_pos": 0,
                    "value": value,
                    "event_time": time,
                    "events": 1,
                    "positive": True,
                    "weight": 1.0,
                    "split": "train",
                }
                for user, item, value, time in rows
            ],
        )

    def write_items(self, *rows: tuple[str, str | None, int | None, list[str]]) -> None:
        append_rows(
            self.dataset,
            ITEMS,
            [
                {
                    "item_id": item,
                    "title": title,
                    "year": year,
                    "genres": genres,
                    "attributes": {},
                    "load_id": "load",
                }
                for item, title, year, genres in rows
            ],
        )

    def point_to(
        self, run_id: str, *, action: str = "publish", previous: str | None = None
    ) -> None:
        self.moves += 1
        append_rows(
            self.dataset,
            PUBLICATIONS,
            [
                {
                    "sequence": self.moves,
                    "run_id": run_id,
                    "action": action,
                    "as_of": date(2026, 3, 1),
                    "previous_run_id": previous,
                    "bad_run_id": None,
                    "fence": self.moves,
                    "published_at": FIRST_NIGHT + timedelta(days=self.moves - 1),
                }
            ],
        )

    def prune(self, run_id: str) -> None:
        """Remove a run's rows and, which retention alone would not do yet, their files."""
        for table in (RECOMMENDATIONS, SIMILAR_ITEMS, POPULAR_ITEMS):
            opened = DeltaTable(self.dataset.path(table))
            opened.delete(f"run_id = '{run_id}'")
            remove_old_files(opened)


def remove_old_files(table: DeltaTable) -> None:
    table.vacuum(retention_hours=0, enforce_retention_duration=False, dry_run=False)


@pytest.fixture
def lake(no_rows: Path, tmp_path: Path) -> SmallLake:
    return SmallLake(Dataset(copytree(no_rows, tmp_path / "films")))
