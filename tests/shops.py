"""A dataset whose runs are written by hand, to be brought to stores."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from store_servers import PASSWORD, Server
from stores.runs import Entries, entries

from toplists.config.settings import Settings
from toplists.lake.bookkeeping import append_rows, read_rows
from toplists.lake.dataset import Dataset
from toplists.lake.lease import hold_lease
from toplists.lake.ledger import Run
from toplists.lake.pointer import move_pointer, read_pointer
from toplists.lake.tables import POPULAR_ITEMS, RECOMMENDATIONS, RUNS, SIMILAR_ITEMS
from toplists.pipeline.console import open_narrator
from toplists.pipeline.steps.export import export_step
from toplists.pipeline.steps.rollback import rollback_step
from toplists.pipeline.workplace import Workplace

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

NOW = datetime.now(UTC).replace(microsecond=0)
_TICKS = count()


def clock() -> datetime:
    """Later at every look."""
    return NOW + timedelta(seconds=next(_TICKS))


Lists = Mapping[str, Entries]


def no_session() -> SparkSession:
    pytest.fail("there is nothing to compute")


@dataclass
class Shop:
    """A dataset whose runs are written by hand, and what is done to it."""

    dataset: Dataset
    folder: Path

    def publish(self, number: int, lists: Lists, files: int = 1) -> str:
        """Make a run with these personal lists live; they lie in so many files."""
        run_id = f"2026-03-{number:02}-0000000{number}"
        common = {
            "run_id": run_id,
            "placement": "default",
            "short_reason": None,
            "schema_version": 1,
        }
        kinds = [
            (RECOMMENDATIONS, "user_id", lists),
            (SIMILAR_ITEMS, "item_id", {"film": entries("a", "b"), "other": entries("c")}),
            (POPULAR_ITEMS, "segment", {"all": entries("a", "c")}),
        ]
        names = ("item_id", "score", "source")
        for table, key, of_kind in kinds:
            rows = [
                {**common, key: one, "items": [dict(zip(names, e, strict=True)) for e in places]}
                for one, places in sorted(of_kind.items())
            ]
            size = -(-len(rows) // files)
            for first in range(0, len(rows), size):
                append_rows(self.dataset, table, rows[first : first + size])
        run = Run(run_id, date(2026, 3, number), json.dumps({"loads": []}), "{}", "c", "v")

        def move(place: Workplace) -> None:
            place.ledger.begin(run, "publish")
            move_pointer(
                *(self.dataset, read_pointer(self.dataset), place.lease),
                run_id=run_id,
                as_of=date(2026, 3, number),
                action="publish",
                now=clock(),
            )

        self.do(move, no_session)
        return run_id

    def do(self, work: Callable[[Workplace], object], session: Any, *stores: Any) -> None:
        settings = Settings.model_validate({"publish": {"stores": stores, "score_tolerance": 0.0}})
        with hold_lease(self.dataset, "test") as lease:
            work(Workplace(settings, self.dataset, lease, clock, session))

    def export(self, session: Any, *stores: dict[str, Any], **options: Any) -> str:
        out = io.StringIO()
        narrator = open_narrator({}, out, out)
        options = {"resume": False, **options}
        self.do(lambda place: export_step(place, narrator, **options), session, *stores)
        return out.getvalue()

    def rollback(
        self,
        *stores: dict[str, Any],
        to: str | None = None,
        mark_bad: bool = False,
        session: Any = no_session,
    ) -> str:
        out = io.StringIO()
        narrator = open_narrator({}, out, out)
        self.do(
            lambda place: rollback_step(place, narrator, to=to, mark_bad=mark_bad),
            session,
            *stores,
        )
        return out.getvalue()

    @property
    def live(self) -> str:
        """The run that is live in Delta."""
        publication = read_pointer(self.dataset).live
        assert publication is not None
        return publication.run_id

    @property
    def shown(self) -> str:
        """The run that `files` shows."""
        return str(json.loads((self.folder / "out/shop/current.json").read_text())["release"])

    @property
    def stored(self) -> set[str]:
        """The releases that `files` holds."""
        return {one.name for one in (self.folder / "out/shop/releases").iterdir()}

    def facts(self, run_id: str, state: str) -> dict[str, Any]:
        """What the ledger says of an export."""
        (row,) = (
            r
            for r in read_rows(self.dataset, RUNS, run_id=run_id, step="export")
            if r["state"] == state
        )
        return dict(json.loads(row["facts"]))

    def postgres(self, server: Server, schema: str) -> dict[str, Any]:
        address = f"postgresql://postgres@127.0.0.1:{server.port}/postgres#{schema}-{{dataset}}"
        return {"kind": "postgres", "name": "main", "address": address, "secret": self.secret}

    def redis(self, server: Server, namespace: str = "{dataset}") -> dict[str, Any]:
        address = f"redis://127.0.0.1:{server.port}#{namespace}"
        return {"kind": "redis", "name": "cache", "address": address, "secret": self.secret}

    @property
    def secret(self) -> str:
        """A file: Spark's workers have the variables of whoever started the session."""
        (self.folder / "password").write_text(PASSWORD, encoding="utf-8")
        return f"file:{self.folder / 'password'}"

    @property
    def files(self) -> dict[str, Any]:
        return {"kind": "files", "name": "files", "address": f"files:{self.folder}/out/{{dataset}}"}


class TasksHere:
    """In place of `run_tasks`: what tasks would do, one after the other in this process."""

    def __init__(self, _: Any, pieces: Iterable[Any], function: Any, schema: str) -> None:
        batches = [batch for piece in pieces for batch in function(piece)]
        self.rows = [tuple(row.values()) for batch in batches for row in batch.to_pylist()]

    def collect(self) -> list[Any]:
        return self.rows
