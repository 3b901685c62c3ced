"""A live run as RecBole's files, and back."""

from __future__ import annotations

from datetime import UTC, date, datetime
from pathlib import Path
from shutil import copytree
from typing import Any

import pytest

from toplists.cli.command import main
from toplists.config.ingest import IngestSettings
from toplists.ingest.batch import next_batch
from toplists.ingest.formats import read_piece
from toplists.ingest.pieces import plan_pieces
from toplists.ingest.reading import read_entries
from toplists.ingest.recognition import recognise
from toplists.ingest.source import Source
from toplists.lake.bookkeeping import append_rows
from toplists.lake.dataset import Dataset
from toplists.lake.tables import INTERACTIONS, ITEMS, PUBLICATIONS, USERS

NOW = datetime(2026, 3, 10, 12, tzinfo=UTC)
RUN = "2026-03-10-11111111"


def interaction(user: str, item: str, **others: Any) -> dict[str, Any]:
    row = {"run_id": RUN, "user_id": user, "item_id": item, "user_pos": 0, "item_pos": 0}
    row |= {"value": None, "event_time": None, "events": 1, "positive": True}
    return {**row, "weight": 1.0, "split": "train", **others}


ITEMS_WRITTEN: list[dict[str, Any]] = [
    {
        "item_id": "007",
        "title": 'Heat, "the best"',
        "year": 1995,
        "genres": ["Action", "Crime"],
        "attributes": {"maker": "café au lait"},
        "numbers": {"price": 9.5},
        "available_from": datetime(2024, 1, 2, 3, 4, 5, 250_000, tzinfo=UTC),
        "available_until": None,
    },
    {
        "item_id": "b",
        "title": None,
        "year": None,
        "genres": [],
        "attributes": {},
        "numbers": None,
        "available_from": None,
        "available_until": None,
    },
]
USERS_WRITTEN: list[dict[str, Any]] = [
    {"user_id": "ü", "attributes": {"sex": "M"}, "numbers": {"age": 24.0}}
]


@pytest.fixture
def films(no_rows: Path, tmp_path: Path) -> Dataset:
    return Dataset(copytree(no_rows, tmp_path / "lake/films"))


def publish(films: Dataset, *interactions: dict[str, Any]) -> None:
    append_rows(films, INTERACTIONS, [*interactions, interaction("old", "x", run_id="another")])
    publication = {"sequence": 1, "run_id": RUN, "action": "publish", "as_of": date(2026, 3, 10)}
    others = {"previous_run_id": None, "bad_run_id": None, "fence": 1, "published_at": NOW}
    append_rows(films, PUBLICATIONS, [{**publication, **others}])


def export(films: Dataset, folder: Path, capsys: pytest.CaptureFixture[str]) -> tuple[int, str]:
    import sys

    arguments = ["recbole", str(folder), "--lake", str(films.root.parent)]
    code = main(arguments, {}, sys.stdout, sys.stderr, now=NOW)
    said = capsys.readouterr()
    return code, said.out + said.err


def test_what_is_written_is_read_back(
    films: Dataset, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    moment = datetime(2024, 1, 2, 3, 4, 5, 678_901, tzinfo=UTC)
    publish(
        films,
        interaction("ü", "007", value=4.5, event_time=moment),
        interaction("9223372036854775808", 'i "q"'),
    )
    append_rows(films, ITEMS, [{**row, "load_id": "l"} for row in ITEMS_WRITTEN])
    append_rows(films, USERS, [{**row, "load_id": "l"} for row in USERS_WRITTEN])
    folder = tmp_path / "out"
    code, said = export(films, folder, capsys)
    assert (code, said.splitlines()[-1]) == (
        0,
        f"Run {RUN} of films in {folder}: 2 interactions, 2 items, 1 users.",
    )
    assert sorted(path.name for path in folder.iterdir()) == [
        "films.inter",
        "films.item",
        "films.user",
    ]

    source, settings = Source("recbole", str(folder)), IngestSettings()
    batch = next_batch(recognise(source, settings), [], settings)
    assert batch is not None
    rows = [
        (row["user"], row["item"], row["value"], row["time"] and float(row["time"]))
        for piece in plan_pieces(batch.events, lambda pieces: [])
        for read in read_piece(piece)
        for row in read.to_pylist()
    ]
    assert sorted(rows) == [
        ("9223372036854775808", 'i "q"', "", ""),
        ("ü", "007", "4.5", pytest.approx(moment.timestamp(), abs=1e-7)),
    ]
    items, users = (list(read_entries(one, settings)) for one in batch.entries)
    assert items == ITEMS_WRITTEN
    assert users == USERS_WRITTEN


def test_fields_that_nobody_has_are_left_out(
    films: Dataset, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    publish(films, interaction("u", "i"))
    assert export(films, tmp_path / "out", capsys)[0] == 0
    assert (tmp_path / "out/films.inter").read_text() == "user_id:token\titem_id:token\nu\ti\n"
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["films.inter"]


def test_an_id_that_cannot_be_written_leaves_no_file(
    films: Dataset, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    publish(films, interaction("a\tb", "i"))
    code, said = export(films, tmp_path / "out", capsys)
    assert code == 1
    assert "holds a tab" in said
    assert list((tmp_path / "out").iterdir()) == []


def test_without_a_publication_there_is_nothing_to_write(
    films: Dataset, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, said = export(films, tmp_path / "out", capsys)
    assert code == 2
    assert "Nothing is published" in said
