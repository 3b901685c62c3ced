"""A small world with two tastes, to run whole nights on in one Spark session."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pytest
from deltalake import DeltaTable

from toplists.config.settings import Settings
from toplists.ingest.source import parse_source
from toplists.lake.dataset import Dataset
from toplists.lake.lease import hold_lease
from toplists.lake.pointer import read_pointer
from toplists.lake.schema import Table
from toplists.lake.tables import RECOMMENDATIONS, RUNS
from toplists.pipeline.console import open_narrator
from toplists.pipeline.nightly import NightlyOptions, nightly
from toplists.pipeline.workplace import Workplace

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

HEADER = "user,item,rating,time"
NOW = datetime(2024, 6, 1, tzinfo=UTC)
N_USERS, N_ITEMS, LIST_LENGTH = 60, 40, 6

SMALL: dict[str, Any] = {
    "model": {"name": "als", "als": {"rank": 4, "iterations": 3, "regularization": 0.01}},
    "recommend": {"n": LIST_LENGTH, "similar_n": 4},
    "gate": {"min_users": 20, "resamples": 200},
    "publish": {"keep_runs": 2},
}


def two_tastes(n_users: int = N_USERS) -> list[str]:
    """Lines of a feed: even users like even items, odd users odd ones; each rates 12 of 40."""
    lines = []
    for user in range(n_users):
        for k in range(12):
            item = (2 * ((user * 7 + k * 3) % (N_ITEMS // 2)) + user % 2) % N_ITEMS
            rating = 5 if k % 4 else 2  # every fourth is a dislike: seen, but not learnt from
            lines.append(f"u{user:02},i{item:02},{rating},2024-01-{1 + k:02}T00:00:{user:02}")
    return sorted(set(lines))


@dataclass
class World:
    """A dataset and the commands that may be run on it."""

    dataset: Dataset
    spark: SparkSession
    folder: Path
    printed: str = ""
    plans: Sequence[str] = ()

    @property
    def first_feed(self) -> str:
        """The feed of the first night, as a source."""
        return f"csv:{self.folder / 'feed.csv'}"

    def feed(self, lines: Sequence[str], name: str = "feed.csv", header: str = HEADER) -> str:
        """Write a feed, and name it as a source."""
        path = self.folder / name
        path.write_text("\n".join([header, *lines]) + "\n", encoding="utf-8")
        return f"csv:{path}"

    def settings(self, **changes: Any) -> Settings:
        """The small settings, with whole sections replaced."""
        return Settings(**(SMALL | changes))

    def workplace(
        self,
        settings: Settings,
        work: Callable[[Workplace], Any],
        spark: Any,
        *,
        accept_input: bool = False,
    ) -> Any:
        """Do `work` under the lease."""
        with hold_lease(self.dataset, "test") as lease:
            self.dataset.create_tables()
            place = Workplace(settings, self.dataset, lease, lambda: NOW, spark, accept_input)
            return work(place)

    def night(
        self,
        source: str,
        *,
        as_of: date | None = None,
        publish: bool = True,
        force: bool = False,
        cold: bool = False,
        session: Callable[[], SparkSession] | None = None,
        **changes: Any,
    ) -> str:
        """Run `nightly`; returns what it printed."""
        out = io.StringIO()
        options = NightlyOptions(parse_source(source), as_of, publish, force, cold)
        narrator = open_narrator({}, out, out)
        self.workplace(
            self.settings(**changes),
            lambda place: nightly(place, narrator, options),
            session or (lambda: self.spark),
        )
        return out.getvalue()

    def live(self) -> str:
        """The live run."""
        publication = read_pointer(self.dataset).live
        assert publication is not None
        return publication.run_id

    def parent(self, run_id: str) -> str | None:
        """The run that a run starts from."""
        row = next(iter(self.rows(RUNS, run_id=run_id, step="prepare", state="done")))
        named: str | None = json.loads(row["inputs"]).get("parent")
        return named

    def rows(self, table: Table, **equals: str) -> list[dict[str, Any]]:
        """Rows of a table, as any Delta reader sees them."""
        filters = [(column, "=", value) for column, value in equals.items()]
        found: pa.Table = DeltaTable(self.dataset.path(table)).to_pyarrow_table(
            filters=filters or None
        )
        return found.to_pylist()

    def lists(self, run_id: str | None = None) -> dict[str, list[tuple[str, float, str]]]:
        """Personal lists of a run, the live one by default: items with score and source."""
        rows = self.rows(RECOMMENDATIONS, run_id=run_id or self.live())
        assert len({row["user_id"] for row in rows}) == len(rows)
        return {
            row["user_id"]: [(e["item_id"], e["score"], e["source"]) for e in row["items"]]
            for row in rows
        }


def assert_identical(
    left: dict[str, list[tuple[str, float, str]]], right: dict[str, list[tuple[str, float, str]]]
) -> None:
    """The same items in the same order, scores equal to 1e-5."""
    assert left.keys() == right.keys()
    for user, items in left.items():
        other = right[user]
        assert [(i, s) for i, _, s in items] == [(i, s) for i, _, s in other], user
        assert [x for _, x, _ in items] == pytest.approx([x for _, x, _ in other], abs=1e-5)
