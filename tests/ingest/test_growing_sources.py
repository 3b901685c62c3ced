"""Sources that grow, files in any number of loads, and loads that died halfway."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from deltalake import DeltaTable
from loading import NOW, counts, events, take_in
from pyspark.sql import SparkSession

from toplists.config.ingest import IngestSettings
from toplists.dataset.loader import load_events
from toplists.errors import ToplistsError
from toplists.ingest import load
from toplists.ingest.batch import Batch
from toplists.ingest.files import SourceFiles
from toplists.ingest.load import ingest_entries
from toplists.ingest.reading import entry_inputs
from toplists.ingest.recognition import Part
from toplists.ingest.recovery import take_back_unfinished
from toplists.ingest.source import Source
from toplists.ingest.upsert import upsert
from toplists.lake.bookkeeping import append_rows, read_rows
from toplists.lake.dataset import Dataset
from toplists.lake.tables import EVENTS, ITEMS, LOADS, REJECTED_EVENTS, USERS

ANY_SHARE = IngestSettings(max_rejected_share=1.0)
RELEASE_0_1_0 = "d3cd87003ae9a05f9b63893383743ce076e68ac224b2f44d6bbfacba3a9555eb"
CONTENT = ("event_id", "user_id", "item_id", "value", "event_time", "content_hash")


class KilledError(Exception):
    """Stands for the death of the process."""


@pytest.fixture
def killed_before(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Run something that dies before the named step of a load."""

    def run(step: str, action: Callable[[], Any]) -> None:
        def die(*_: Any, **__: Any) -> None:
            raise KilledError

        with monkeypatch.context() as patch:
            patch.setattr(load, step, die)
            with pytest.raises(KilledError):
                action()

    return run


def visible(spark: SparkSession, dataset: Dataset) -> list[tuple[Any, ...]]:
    """What the rest of the pipeline sees."""
    loads = [row["load_id"] for row in read_rows(dataset, LOADS)]
    found = load_events(spark, dataset, NOW.date(), loads).select(*CONTENT).collect()
    return sorted(map(tuple, found), key=repr)


UNTIMED_AND_TIMED = {
    "1.csv": "user,item,rating,time\nu,i,4,\nu,i,4,\nv,i,3,2020-01-01\n",
    "2.csv": "user,item,rating,time\nu,i,4,\nv,i,3,2020-01-01\nw,i,1,\n",  # repeats some of 1
    "3.csv": "user,item,rating,time\nu,i,4,\nu,i,4,\nu,i,4,\nv,i,4,2020-01-01\n",  # a third twin
}
CORRECTED = {
    "1.csv": "event_id,user,item,rating,updated_at\na,u,i,1,2020-01-01\nb,u,j,1,2020-01-05\n",
    "2.csv": "event_id,user,item,rating,updated_at\na,u,i,5,2020-01-02\nb,u,j,9,2020-01-02\n",
    "3.csv": "event_id,user,item,rating,updated_at\na,u,i,2,2020-01-02\nc,u,k,1,\n",  # equal version
}


@pytest.mark.parametrize("files", [UNTIMED_AND_TIMED, CORRECTED], ids=["ordinals", "corrections"])
def test_files_one_by_one_or_all_at_once_are_the_same_events(
    spark: SparkSession, tmp_path: Path, files: dict[str, str]
) -> None:
    outcomes = []
    for names in (
        [["1.csv", "2.csv", "3.csv"]],
        [["1.csv"], ["2.csv"], ["3.csv"]],
        [["3.csv"], ["2.csv", "1.csv"]],
    ):
        folder = tmp_path / f"feed-{len(outcomes)}"
        folder.mkdir()
        dataset = Dataset(tmp_path / f"lake-{len(outcomes)}")
        for batch in names:  # the folder grows from load to load
            for name in batch:
                (folder / name).write_text(files[name])
            take_in(spark, dataset, f"csv:{folder}", ANY_SHARE)
        assert len(read_rows(dataset, LOADS)) == len(names)
        outcomes.append(sorted(events(dataset, *CONTENT), key=repr))
    assert outcomes[0] == outcomes[1] == outcomes[2]
    assert len(outcomes[0]) == len({event[0] for event in outcomes[0]})
    assert len(outcomes[0]) == (6 if files is UNTIMED_AND_TIMED else 3)


def test_of_a_folder_only_new_files_are_read(spark: SparkSession, tmp_path: Path) -> None:
    folder, dataset = tmp_path / "feed", Dataset(tmp_path / "lake")
    folder.mkdir()
    (folder / "1.csv").write_text("user,item\nu,i\n")
    first = take_in(spark, dataset, f"csv:{folder}")
    (folder / "2.csv").write_text("item,user,rating\ni,v,4\n")  # other columns than the file before
    (folder / "copy of 1.csv").write_text("user,item\nu,i\n")
    second = take_in(spark, dataset, f"csv:{folder}")
    assert counts(second) == (1, 1, 0, 0, 0)
    again = take_in(spark, dataset, f"csv:{folder}")
    assert again.already_loaded
    assert counts(again) == (2, 2, 0, 0, 0)
    assert again.load_id in (first.load_id, second.load_id)


def test_a_catalogue_that_changes_alone_is_a_load_without_events(
    spark: SparkSession, tmp_path: Path
) -> None:
    dataset = Dataset(tmp_path / "lake")
    (tmp_path / "ratings.dat").write_text("1::2::3::4\n")
    (tmp_path / "movies.dat").write_text("2::A::War\n")
    take_in(spark, dataset, f"movielens:{tmp_path}")
    (tmp_path / "movies.dat").write_text("2::B::War\n")
    report = take_in(spark, dataset, f"movielens:{tmp_path}")
    assert (counts(report), report.entries) == ((0, 0, 0, 0, 0), 1)
    assert [row["title"] for row in read_rows(dataset, ITEMS)] == ["B"]


def test_events_of_a_load_that_died_are_not_lost_to_the_next(
    spark: SparkSession, tmp_path: Path, killed_before: Callable[..., None]
) -> None:
    folder, dataset = tmp_path / "feed", Dataset(tmp_path / "lake")
    folder.mkdir()
    head = "event_id,user,item,rating,updated_at\n"
    (folder / "1.csv").write_text(head + "a,u,i,1,2020-01-01\n")
    source = f"csv:{folder}"
    take_in(spark, dataset, source)
    # New, and a correction; the load dies before it is complete.
    (folder / "2.csv").write_text(head + "b,u,j,2,\na,u,i,5,2020-01-02\n")
    killed_before("append_rows", lambda: take_in(spark, dataset, source))
    # Before anybody repeats it the folder grows: the next load is another one.
    (folder / "3.csv").write_text(head + "c,u,k,3,\n")
    report = take_in(spark, dataset, source)
    assert counts(report) == (3, 2, 0, 1, 0)
    undisturbed = Dataset(tmp_path / "undisturbed")
    take_in(spark, undisturbed, source)
    assert visible(spark, dataset) == visible(spark, undisturbed)
    assert len(visible(spark, dataset)) == 3


def test_a_correction_by_a_load_that_died_gives_the_event_back(
    spark: SparkSession, tmp_path: Path, killed_before: Callable[..., None]
) -> None:
    dataset = Dataset(tmp_path / "lake")
    head = "event_id,user,item,rating,updated_at\n"
    (tmp_path / "1.csv").write_text(head + "a,u,i,1,2020-01-01\n")
    (tmp_path / "2.csv").write_text(head + "a,u,i,5,2020-01-02\n")
    (tmp_path / "3.csv").write_text(head + "c,u,k,3,\n")
    take_in(spark, dataset, f"csv:{tmp_path}/1.csv")
    killed_before("append_rows", lambda: take_in(spark, dataset, f"csv:{tmp_path}/2.csv"))
    # Nobody ever repeats the second one.
    take_in(spark, dataset, f"csv:{tmp_path}/3.csv")
    assert [(event[0], event[3]) for event in visible(spark, dataset)] == [("a", 1.0), ("c", 3.0)]


def test_nothing_is_taken_back_where_nothing_is_unfinished(no_rows: Path, tmp_path: Path) -> None:
    dataset = Dataset(tmp_path / "lake")
    shutil.copytree(no_rows, dataset.root)
    assert take_back_unfinished(dataset, set()) is None
    assert take_back_unfinished(Dataset(tmp_path / "nowhere"), set()) is None


def test_refused_rows_of_loads_that_died_do_not_stay(no_rows: Path, tmp_path: Path) -> None:
    dataset = Dataset(tmp_path / "lake")
    shutil.copytree(no_rows, dataset.root)
    names = ("complete", "dead", "repeated")  # none of them left events
    refused = [
        {"load_id": name, "file": "f", "line": 1, "raw": "x", "reasons": ["y: z"]}
        | {"element": None, "redriven_by": None}
        for name in names
    ]
    append_rows(dataset, REJECTED_EVENTS, refused)
    left = []
    for comes_next in ("repeated", None, None):
        take_back_unfinished(dataset, {"complete"}, comes_next)
        left.append(sorted(row["load_id"] for row in read_rows(dataset, REJECTED_EVENTS)))
    assert left == [["complete", "repeated"], ["complete"], ["complete"]]
    # Where there was nothing to remove there was no commit either.
    commits = DeltaTable(dataset.path(REJECTED_EVENTS)).history()
    assert [commit["operation"] for commit in commits].count("DELETE") == 2


def test_a_load_that_died_leaves_no_catalogue(
    spark: SparkSession, tmp_path: Path, killed_before: Callable[..., None]
) -> None:
    dataset = Dataset(tmp_path / "lake")
    (tmp_path / "ratings.dat").write_text("1::2::3::4\n")
    (tmp_path / "movies.dat").write_text("2::A::War\n")
    for step in ("write_events", "remove_rejected"):
        killed_before(step, lambda: take_in(spark, dataset, f"movielens:{tmp_path}"))
        assert read_rows(dataset, ITEMS) == []
    report = take_in(spark, dataset, f"movielens:{tmp_path}")
    assert (counts(report), report.entries) == ((1, 1, 0, 0, 0), 1)
    assert [row["title"] for row in read_rows(dataset, ITEMS)] == ["A"]


def test_the_catalogue_of_a_load_that_died_is_taken_back(
    spark: SparkSession, tmp_path: Path, killed_before: Callable[..., None]
) -> None:
    dataset = Dataset(tmp_path / "lake")
    for name, title in (("first", "A"), ("second", "B")):
        (tmp_path / name).mkdir()
        (tmp_path / name / "ratings.dat").write_text(f"1::2::3::{len(name)}\n")
        (tmp_path / name / "movies.dat").write_text(f"2::{title}::War\n3::{title}::War\n")
    (tmp_path / "other.csv").write_text("user,item\nu,i\n")
    first, second = (f"movielens:{tmp_path}/{name}" for name in ("first", "second"))
    take_in(spark, dataset, first)

    def titles() -> list[str]:
        return [row["title"] for row in read_rows(dataset, ITEMS)]

    killed_before("append_rows", lambda: take_in(spark, dataset, second))
    assert titles() == ["B", "B"]
    # Nobody repeats it: another load comes, or a night over what is complete.
    take_in(spark, dataset, f"csv:{tmp_path}/other.csv")
    assert titles() == ["A", "A"]
    killed_before("append_rows", lambda: take_in(spark, dataset, second))
    take_back_unfinished(dataset, {row["load_id"] for row in read_rows(dataset, LOADS)})
    assert titles() == ["A", "A"]
    # Repeated it stays, and is complete.
    killed_before("append_rows", lambda: take_in(spark, dataset, second))
    take_in(spark, dataset, second)
    take_back_unfinished(dataset, {row["load_id"] for row in read_rows(dataset, LOADS)})
    assert titles() == ["B", "B"]


def test_entries_of_a_load_that_died_are_taken_back(no_rows: Path, tmp_path: Path) -> None:
    dataset = Dataset(tmp_path / "lake")
    shutil.copytree(no_rows, dataset.root)

    def write(title: str, load_id: str, *names: str) -> None:
        empty = {"year": None, "genres": [], "attributes": {}, "numbers": None}
        empty |= {"available_from": None, "available_until": None}
        entries = [{"item_id": name, "title": title, **empty} for name in names]
        upsert(dataset, ITEMS, entries, load_id)

    def titles() -> dict[str, str]:
        return {row["item_id"]: row["title"] for row in read_rows(dataset, ITEMS)}

    write("A", "first", "i", "j")
    assert take_back_unfinished(dataset, {"first"}) is None
    write("B", "dead", "i", "k")
    assert titles() == {"i": "B", "j": "A", "k": "B"}
    # The same load again goes on from there; anything else takes it back.
    assert take_back_unfinished(dataset, {"first"}, "dead") is None
    assert titles() == {"i": "B", "j": "A", "k": "B"}
    assert take_back_unfinished(dataset, {"first"}, "other") == "dead"
    assert titles() == {"i": "A", "j": "A"}
    assert take_back_unfinished(dataset, {"first"}) is None
    write("C", "second", "i")
    assert take_back_unfinished(dataset, {"first", "second"}) is None
    assert titles() == {"i": "C", "j": "A"}
    # Of a first load there is nothing before it; its commits are several.
    write("D", "dead", "l")
    write("E", "dead", "l", "i")
    assert take_back_unfinished(dataset, {"first", "second"}) == "dead"
    assert titles() == {"i": "C", "j": "A"}


def test_events_and_entries_of_a_load_that_died_go_together(no_rows: Path, tmp_path: Path) -> None:
    dataset = Dataset(tmp_path / "lake")
    shutil.copytree(no_rows, dataset.root)
    event = {"source": "csv", "line": 1, "user_id": "u", "item_id": "i", "event_type": "rating"}
    event |= dict.fromkeys(("value", "event_time", "event_date", "updated_at"))
    user = {"attributes": {}, "numbers": None}
    for load_id in ("first", "dead"):
        row = {"event_id": load_id, "load_id": load_id, "content_hash": load_id, **event}
        append_rows(dataset, EVENTS, [row], note=load_id)
        upsert(dataset, USERS, [{"user_id": load_id, **user}], load_id)
    assert take_back_unfinished(dataset, {"first"}, "dead") is None
    assert len(read_rows(dataset, EVENTS)) == len(read_rows(dataset, USERS)) == 2
    assert take_back_unfinished(dataset, {"first"}) == "dead"
    assert [row["load_id"] for row in read_rows(dataset, EVENTS)] == ["first"]
    assert [row["user_id"] for row in read_rows(dataset, USERS)] == ["first"]


def test_a_catalogue_by_itself_takes_back_what_a_dead_one_left(
    no_rows: Path, tmp_path: Path, killed_before: Callable[..., None]
) -> None:
    dataset = Dataset(tmp_path / "lake")
    shutil.copytree(no_rows, dataset.root)
    catalogue = tmp_path / "items.csv"
    settings = IngestSettings(items=str(catalogue))

    def load_now(text: str) -> None:
        catalogue.write_text(f"item_id,title\n{text}\n")
        source = Source("csv", str(tmp_path))
        entries = tuple(entry_inputs(SourceFiles(()), source, settings))
        part = Part(str(catalogue), text, text, entries=entries)
        ingest_entries(dataset, Batch(source, (part,), None), settings, loaded_at=NOW)

    load_now("i,A")
    killed_before("append_rows", lambda: load_now("i,B"))
    load_now("j,C")
    titles = {row["item_id"]: row["title"] for row in read_rows(dataset, ITEMS)}
    assert titles == {"i": "A", "j": "C"}


def test_what_changed_since_is_not_undone(
    spark: SparkSession, tmp_path: Path, killed_before: Callable[..., None]
) -> None:
    dataset = Dataset(tmp_path / "lake")
    (tmp_path / "1.csv").write_text("user,item\nu,i\nv,i\n")
    killed_before("append_rows", lambda: take_in(spark, dataset, f"csv:{tmp_path}/1.csv"))
    DeltaTable(dataset.path(EVENTS)).delete("user_id = 'v'")  # somebody wants to be forgotten
    (tmp_path / "2.csv").write_text("user,item\nw,i\n")
    with pytest.raises(ToplistsError, match="was interrupted"):
        take_in(spark, dataset, f"csv:{tmp_path}/2.csv")


def test_a_load_of_release_0_1_0_is_known(spark: SparkSession, tmp_path: Path) -> None:
    dataset = Dataset(tmp_path / "lake")
    dataset.create_tables()
    (tmp_path / "feed.csv").write_text("user,item,rating,timestamp\n1,2,3,4\n")
    # As release 0.1.0 noted this file; it kept no list of files.
    row = {
        "load_id": "d3cd87003ae9a05f", "source": "csv", "path": "feed.csv", "fingerprint": RELEASE_0_1_0,
        "rows": 1, "accepted": 1, "duplicates": 0, "corrections": 0, "rejected": 0,
        "newest_event_time": None, "loaded_at": NOW, "files": None, "redrive_of": None,
    }  # fmt: skip
    append_rows(dataset, LOADS, [row])
    report = take_in(spark, dataset, f"csv:{tmp_path}/feed.csv")
    assert report.already_loaded
