"""A small published lake, and the `toplists` command run on it in this process."""

from __future__ import annotations

import io
import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from shutil import copytree
from typing import Any

import pytest

from toplists.cli.command import main
from toplists.lake.bookkeeping import append_rows
from toplists.lake.dataset import Dataset
from toplists.lake.tables import (
    INTERACTIONS,
    ITEMS,
    POPULAR_ITEMS,
    PUBLICATIONS,
    RECOMMENDATIONS,
    RUNS,
    SIMILAR_ITEMS,
)

NOW = datetime(2026, 3, 10, 12, 0, tzinfo=UTC)
RUN = "2026-03-10-11111111"
UUID = "0b0b6b0e-7a39-4f0c-9a43-6c5c1c6a4f9e"
HOSTILE = "\x1b[31m[bold]o'brien[/]\n"
SURROUNDINGS = '{"surroundings": {"java": "17.0.15", "cores": 2, "jars": null}}'
OUTCOMES = [
    {"rule": {"rule": "loss", "action": "block"}, "state": "blocked", "sentence": "it is worse"},
    {"rule": {"rule": "churn", "action": "warn"}, "state": "warned", "sentence": "much is new"},
    {"rule": {"rule": "trend", "action": "warn"}, "state": "not_judged", "sentence": "too early"},
]
_ANSI = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


@dataclass(frozen=True)
class Answer:
    code: int
    out: str
    err: str

    @property
    def lines(self) -> list[str]:
        """The lines of the answer as they look, without what colours them."""
        return [line.rstrip() for line in _ANSI.sub("", self.out).splitlines()]

    @property
    def error(self) -> str:
        """The error on one line, however it was wrapped."""
        return " ".join(self.err.split())


Command = Callable[..., Answer]


@pytest.fixture(scope="session")
def lake(no_rows: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """`films` was published two hours ago, `books` three days ago, `songs` never."""
    root = tmp_path_factory.mktemp("lake")
    write_films(Dataset(copytree(no_rows, root / "films")))
    books = Dataset(copytree(no_rows, root / "books"))
    write_lists(books, "2026-03-07-22222222", users=["15"])
    write_publication(books, "2026-03-07-22222222", ago=timedelta(days=3))
    copytree(no_rows, root / "songs")
    return root


@pytest.fixture
def cli() -> Command:
    """Runs `toplists ARGUMENTS`."""
    return run_command


@pytest.fixture
def toplists(lake: Path) -> Command:
    """Runs `toplists ARGUMENTS --lake <the small lake>`."""

    def run(*arguments: str, terminal: bool = False, columns: int | None = None) -> Answer:
        return run_command(*arguments, "--lake", str(lake), terminal=terminal, columns=columns)

    return run


def run_command(
    *arguments: str, terminal: bool = False, columns: int | None = None, **environment: str
) -> Answer:
    out, err = io.StringIO(), io.StringIO()
    environ = {"TERM": "xterm-256color", **environment}
    if terminal:
        environ["TOPLISTS_TERMINAL"] = "1"
    if columns is not None:
        environ["COLUMNS"] = str(columns)
    code = main(arguments, environ, out, err, now=NOW)
    return Answer(code, out.getvalue(), err.getvalue())


def write_films(films: Dataset) -> None:
    titles = ["Heat", "Brazil", "A Title That Is Much Longer Than Any Screen Has Room For, Really"]
    append_rows(
        films,
        ITEMS,
        [
            {
                "item_id": f"f{number}",
                "title": title,
                "year": 1990 + number,
                "genres": ["Crime", "Drama", "Documentary", "Western"],
                "attributes": {},
                "load_id": "load",
            }
            for number, title in enumerate(titles)
        ]
        + [
            {  # an item nobody has touched, with a hostile title
                "item_id": "lonely",
                "title": "[red]Lonely[/red]\x07",
                "year": None,
                "genres": [],
                "attributes": {},
                "load_id": "load",
            }
        ],
    )
    write_lists(films, RUN, users=["15", UUID, HOSTILE])
    append_rows(
        films,
        INTERACTIONS,
        [
            {
                "run_id": RUN,
                "user_id": user,
                "item_id": f"f{number}",
                "user_pos": 0,
                "item_pos": number,
                "value": 4.5 - number,
                "event_time": NOW - timedelta(days=number),
                "events": 1,
                "positive": True,
                "weight": 1.0,
                "split": "train",
            }
            for user in ("15", UUID)
            for number in range(3)
        ],
    )
    write_publication(films, RUN, ago=timedelta(hours=2))
    append_rows(films, RUNS, ledger_rows())


def write_lists(dataset: Dataset, run_id: str, users: list[str]) -> None:
    common = {"run_id": run_id, "placement": "default", "short_reason": None, "schema_version": 1}

    def places(source: str, *scores: float) -> list[dict[str, Any]]:
        return [
            {"item_id": f"f{number}", "score": score, "source": source}
            for number, score in enumerate(scores)
        ]

    append_rows(
        dataset,
        RECOMMENDATIONS,
        [
            {**common, "user_id": user, "items": places("personal", 0.9, 0.8765432, 0.1)}
            for user in users
        ],
    )
    short = {**common, "short_reason": "only one other item was ever seen with it"}
    append_rows(
        dataset, SIMILAR_ITEMS, [{**short, "item_id": "f1", "items": places("similar", 0.5)}]
    )
    append_rows(
        dataset,
        POPULAR_ITEMS,
        [{**common, "segment": "all", "items": places("popularity", 1234.0, 2.0)}],
    )


def write_publication(dataset: Dataset, run_id: str, *, ago: timedelta) -> None:
    append_rows(
        dataset,
        PUBLICATIONS,
        [
            {
                "sequence": 1,
                "run_id": run_id,
                "action": "publish",
                "as_of": date(2026, 3, 10),
                "previous_run_id": None,
                "bad_run_id": None,
                "fence": 1,
                "published_at": NOW - ago,
            }
        ],
    )


def ledger_row(
    run_id: str, step: str, state: str, *, at: datetime, attempt: int = 1, **others: Any
) -> dict[str, Any]:
    return {
        "run_id": run_id,
        "step": step,
        "attempt": attempt,
        "state": state,
        "as_of": date(2026, 3, 10),
        "inputs": "{}",
        "rows_in": None,
        "rows_out": None,
        "rejected": None,
        "configuration_hash": "",
        "configuration": "{}",
        "code_version": "0.1.0+abc",
        "seconds": None,
        "facts": None,
        "reason": None,
        "at": at,
        **others,
    }


def ledger_rows() -> list[dict[str, Any]]:
    """A published run, and after it one that the gate refused."""
    began, refused = NOW - timedelta(hours=2), "2026-03-10-33333333"
    reason = "ndcg@10 is 0.02 and popularity has 0.07. " * 3 + "The live lists stay."
    return [
        ledger_row(RUN, "train", "running", at=began),
        ledger_row(RUN, "train", "done", at=began + timedelta(seconds=7), seconds=7.0),
        ledger_row(RUN, "publish", "running", at=began + timedelta(seconds=8)),
        ledger_row(
            RUN,
            "publish",
            "done",
            at=began + timedelta(seconds=9),
            seconds=1.0,
            facts='{"responsiveness_seconds": 18000.0}',
        ),
        ledger_row(
            refused,
            "train",
            "done",
            at=NOW - timedelta(seconds=40),
            seconds=6.5,
        ),
        ledger_row(
            refused, "evaluate", "running", at=NOW - timedelta(seconds=30), facts=SURROUNDINGS
        ),
        ledger_row(
            refused,
            "evaluate",
            "refused",
            at=NOW,
            seconds=3.5,
            reason=reason,
            rows_in=60,
            facts=json.dumps({"verdict": {"passed": False, "rules": OUTCOMES}}),
        ),
    ]
