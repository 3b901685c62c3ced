"""Files taken into a dataset: what is written, what is counted, and what a repetition changes."""

from __future__ import annotations

import gzip
import random
import zipfile
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
from loading import counts, events, take_in
from pyspark.sql import SparkSession

from toplists.config.ingest import IngestSettings
from toplists.errors import InputRefusedError
from toplists.ingest import load
from toplists.ingest.load import LoadReport
from toplists.ingest.source import default_source
from toplists.lake.bookkeeping import read_rows
from toplists.lake.dataset import Dataset
from toplists.lake.tables import EVENTS, ITEMS, LOADS, REJECTED_EVENTS

ANY_SHARE = IngestSettings(max_rejected_share=1.0)

Take = Callable[..., LoadReport]


@pytest.fixture
def dataset(tmp_path: Path) -> Dataset:
    return Dataset(tmp_path / "lake/shop")


@pytest.fixture
def take(spark: SparkSession, dataset: Dataset) -> Take:
    """Take a source (`KIND:PATH`) into the dataset."""

    def run(source: str, settings: IngestSettings = IngestSettings(), **options: Any) -> LoadReport:
        return take_in(spark, dataset, source, settings, **options)

    return run


def content(dataset: Dataset) -> dict[str, list[tuple[Any, ...]]]:
    """Everything that loads leave, except when they were."""
    rejected = [
        (row["line"], row["raw"], *row["reasons"]) for row in read_rows(dataset, REJECTED_EVENTS)
    ]
    return {
        "events": events(dataset, *EVENTS.column_names),
        "rejected": sorted(rejected),
        "items": sorted((row["item_id"], row["title"]) for row in read_rows(dataset, ITEMS)),
        "loads": [
            tuple(value for name, value in sorted(row.items()) if name != "loaded_at")
            for row in read_rows(dataset, LOADS)
        ],
    }


def test_a_feed_with_everything(take: Take, dataset: Dataset, tmp_path: Path) -> None:
    (tmp_path / "feed.csv").write_bytes(
        b"item,user,rating,timestamp\n"
        b'"a,b",007,4,1000000000\n'
        + '"say ""hi""",🙂,5,1000000001\n'.encode()
        + b"i,9223372036854775807,3,\n"
        b'"a,b",007,4.0,1000000000\n'  # line 5: the same event again
        b"i,,4,1000000000\n"  # line 6: two reasons
        b"i,u,x,soon\n"
        b"i,u\n"
    )
    report = take(f"csv:{tmp_path}/feed.csv", ANY_SHARE)
    assert counts(report) == (7, 3, 1, 0, 3)
    assert report.newest_event_time == datetime(2001, 9, 9, 1, 46, 41, tzinfo=UTC)
    assert not report.already_loaded
    assert events(dataset, "line", "user_id", "item_id", "value", "load_id") == [
        (2, "007", "a,b", 4.0, report.load_id),
        (3, "🙂", 'say "hi"', 5.0, report.load_id),
        (4, "9223372036854775807", "i", 3.0, report.load_id),
    ]
    assert content(dataset)["rejected"] == [
        (6, "i,,4,1000000000", "user_missing: the user id is empty"),
        (
            7,
            "i,u,x,soon",
            "value_not_a_number: the value is not a number",
            "time_unreadable: it is neither ISO 8601 nor a number in the configured format",
        ),
        (8, "i,u", "wrong_field_count: expected 4 fields, found 2"),
    ]
    (row,) = read_rows(dataset, REJECTED_EVENTS, load_id=report.load_id)[:1]
    assert row["file"] == str(tmp_path / "feed.csv")


def test_a_file_taken_in_before_is_known(take: Take, dataset: Dataset, tmp_path: Path) -> None:
    (tmp_path / "feed.csv").write_text("user,item\nu,i\nv,i\n")
    source = f"csv:{tmp_path}/feed.csv"
    first, before = take(source), content(dataset)
    second = take(source)
    assert second == replace(first, already_loaded=True)
    assert content(dataset) == before


def test_a_file_that_grew_adds_what_is_new(take: Take, dataset: Dataset, tmp_path: Path) -> None:
    path, source = tmp_path / "ratings.dat", f"movielens:{tmp_path}/ratings.dat"
    # Every third row has no time, and twins: its events are told apart by ordinals.
    lines = [f"{n % 10}::{n}::4::{'' if n % 3 == 0 else 10**9 + n}\n" for n in range(200)]
    lines += lines[:30:3]
    path.write_text("".join(lines))
    assert counts(take(source)) == (210, 210, 0, 0, 0)
    path.write_text("".join(lines) + "".join(f"x::{n}::4::{10**9}\n" for n in range(99)) + lines[0])
    assert counts(take(source)) == (310, 100, 210, 0, 0)
    ids = [event_id for (event_id,) in events(dataset, "event_id")]
    assert len(ids) == len(set(ids)) == 310


def test_rows_and_columns_in_another_order_are_the_same_events(
    take: Take, dataset: Dataset, tmp_path: Path
) -> None:
    rows = [(f"u{n % 5}", f"i{n}", str(n % 5 + 1), str(10**9 + n)) for n in range(100)]
    write = "{0},{1},{2},{3}\n".format
    (tmp_path / "a.csv").write_text(
        "user,item,rating,time\n" + "".join(write(*row) for row in rows)
    )
    random.Random(1).shuffle(rows)
    turned = "".join(write(*row[::-1]) for row in rows)
    (tmp_path / "b.csv").write_text("time,rating,item,user\n" + turned)
    assert counts(take(f"csv:{tmp_path}/a.csv")) == (100, 100, 0, 0, 0)
    before = events(dataset, "event_id", "content_hash", "user_id", "value")
    assert counts(take(f"csv:{tmp_path}/b.csv")) == (100, 0, 100, 0, 0)
    assert events(dataset, "event_id", "content_hash", "user_id", "value") == before


def test_lines_are_exact_in_a_file_of_many_pieces(
    take: Take, dataset: Dataset, tmp_path: Path
) -> None:
    lines = [f"u{n},i,{'x' if n % 50 == 7 else n % 5}" for n in range(2, 400)]
    (tmp_path / "feed.csv").write_text("user,item,rating\n" + "\n".join(lines))
    report = take(f"csv:{tmp_path}/feed.csv", ANY_SHARE, piece_bytes=300)
    assert counts(report) == (398, 390, 0, 0, 8)
    assert all(user == f"u{line}" for line, user in events(dataset, "line", "user_id"))
    rejected = [(row["line"], row["raw"]) for row in read_rows(dataset, REJECTED_EVENTS)]
    assert sorted(rejected) == [(n, f"u{n},i,x") for n in range(7, 400, 50)]


def test_part_files_are_one_load(take: Take, dataset: Dataset, tmp_path: Path) -> None:
    (tmp_path / "feed").mkdir()
    (tmp_path / "feed/part-0.csv").write_text("user,item\nu,i\nbad\n")
    (tmp_path / "feed/part-1.csv.gz").write_bytes(gzip.compress(b"item,user\ni,u\nbad,\n"))
    report = take(f"csv:{tmp_path}/feed", ANY_SHARE)
    # u and i once in each file, without a time: the same event, as if they came one after the other.
    assert counts(report) == (4, 1, 1, 0, 2)
    rejected = {
        (Path(row["file"]).name, row["line"]) for row in read_rows(dataset, REJECTED_EVENTS)
    }
    assert rejected == {("part-0.csv", 3), ("part-1.csv.gz", 3)}


def test_an_archive_with_its_catalogue(take: Take, dataset: Dataset, tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "ml.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("ml/ratings.csv", "userId,movieId,rating,timestamp\n1,2,3.5,1000000000\n")
        archive.writestr("ml/movies.csv", "movieId,title,genres\n2,Heat (1995),Action|Crime\n")
    report = take(f"movielens:{tmp_path}/ml.zip")
    assert (counts(report), report.entries) == ((1, 1, 0, 0, 0), 1)
    (item,) = read_rows(dataset, ITEMS)
    assert (item["title"], item["year"], item["genres"]) == ("Heat", 1995, ["Action", "Crime"])


def test_tab_separated_ratings(take: Take, dataset: Dataset, tmp_path: Path) -> None:
    (tmp_path / "u.data").write_text("196\t242\t3\t881250949\n186\t302\t3\t891717742\n")
    assert counts(take(f"movielens:{tmp_path}")) == (2, 2, 0, 0, 0)
    assert events(dataset, "user_id", "item_id") == [("186", "302"), ("196", "242")]


def test_a_newer_version_corrects_an_event_whatever_the_order(
    take: Take, dataset: Dataset, tmp_path: Path
) -> None:
    head = "event_id,user,item,rating,updated_at\n"
    (tmp_path / "1.csv").write_text(head + "a,u,i,1,2020-01-01\nb,u,j,1,2020-01-03\n")
    (tmp_path / "2.csv").write_text(
        head
        + "a,u,i,5,2020-01-02\n"  # newer
        + "b,u,j,5,2020-01-02\n"  # older
        + "c,u,k,5,2020-01-02\n"  # new
        + "c,u,k,4,2020-01-01\n"  # older than the row before
    )
    assert counts(take(f"csv:{tmp_path}/1.csv")) == (2, 2, 0, 0, 0)
    second = take(f"csv:{tmp_path}/2.csv")
    assert counts(second) == (4, 1, 2, 1, 0)
    corrected = [("a", 5.0), ("b", 1.0), ("c", 5.0)]
    assert events(dataset, "event_id", "value") == corrected
    assert [row["load_id"] for row in read_rows(dataset, EVENTS, event_id="a")] == [second.load_id]


def test_between_equal_versions_the_content_decides(spark: SparkSession, tmp_path: Path) -> None:
    for name, value in (("1.csv", 1), ("2.csv", 2)):
        (tmp_path / name).write_text(f"event_id,user,item,rating\na,u,i,{value}\n")
    outcomes = []
    for order in (("1.csv", "2.csv"), ("2.csv", "1.csv")):
        dataset = Dataset(tmp_path / order[0].replace(".", "-"))
        for name in order:
            take_in(spark, dataset, f"csv:{tmp_path}/{name}", IngestSettings())
        outcomes.append(events(dataset, "event_id", "value", "content_hash"))
    assert outcomes[0] == outcomes[1]


class KilledError(Exception):
    """Stands for the death of the process."""


@pytest.fixture
def killed_before(monkeypatch: pytest.MonkeyPatch, take: Take) -> Callable[..., None]:
    """Take a source in, but die before the named step of the load."""

    def run(step: str, source: str, settings: IngestSettings) -> None:
        def die(*_: Any, **__: Any) -> None:
            raise KilledError

        with monkeypatch.context() as patch:
            patch.setattr(load, step, die)
            with pytest.raises(KilledError):
                take(source, settings)

    return run


def test_a_load_that_was_killed_can_be_run_again(
    take: Take,
    spark: SparkSession,
    dataset: Dataset,
    tmp_path: Path,
    killed_before: Callable[..., None],
) -> None:
    (tmp_path / "old.csv").write_text("event_id,user,item,rating\na,u,i,1\nb,u,i,1\n")
    feed = "event_id,user,item,rating,updated_at\na,u,i,5,2020-01-01\nc,u,i,5,\nc,u,i,5,\nd,,i,5,\n"
    (tmp_path / "new.csv").write_text(feed + "b,u,i,1,\n")
    old, new = f"csv:{tmp_path}/old.csv", f"csv:{tmp_path}/new.csv"
    undisturbed = Dataset(tmp_path / "undisturbed")
    for source in (old, new):
        expected = take_in(spark, undisturbed, source, ANY_SHARE)
    assert counts(expected) == (5, 1, 2, 1, 1)

    take(old)
    # Each attempt gets one write further, and finds what those before it left.
    killed_before("write_events", new, ANY_SHARE)
    killed_before("write_rejected", new, ANY_SHARE)
    killed_before("append_rows", new, ANY_SHARE)
    assert take(new, ANY_SHARE) == expected
    assert content(dataset) == content(undisturbed)


def test_a_first_load_that_was_killed_counts_its_events_as_its_own(
    take: Take, dataset: Dataset, tmp_path: Path, killed_before: Callable[..., None]
) -> None:
    (tmp_path / "feed.csv").write_text("user,item,time\nu,i,\nu,i,\nv,i,2024-06-01\n")
    killed_before("append_rows", f"csv:{tmp_path}/feed.csv", ANY_SHARE)
    assert read_rows(dataset, LOADS) == []
    assert len(read_rows(dataset, REJECTED_EVENTS)) == 1  # a time in the future
    # By now it no longer is, and nothing says that it was refused.
    later = take(f"csv:{tmp_path}/feed.csv", loaded_at=datetime(2024, 7, 1, tzinfo=UTC))
    assert counts(later) == (3, 3, 0, 0, 0)
    assert read_rows(dataset, REJECTED_EVENTS) == []
    assert len(read_rows(dataset, EVENTS)) == 3


def test_a_commit_carries_its_load_and_the_session_forgets_it(
    take: Take, spark: SparkSession, tmp_path: Path
) -> None:
    (tmp_path / "feed.csv").write_text("user,item\nu,i\n")
    take(f"csv:{tmp_path}/feed.csv")
    assert spark.conf.get("spark.databricks.delta.commitInfo.userMetadata", None) is None


REFUSED: dict[str, tuple[str, bytes, str]] = {
    "missing column": ("feed.csv", b"user,rating\nu,4\n", "column with the item id"),
    "wrong delimiter": ("feed.csv", b"user;item\nu;i\n", "';' separates them"),
    "truncated gzip": (
        "feed.csv.gz",
        gzip.compress(b"user,item\n" + b"u,i\n" * 99)[:-6],
        "end marker",
    ),
    "not UTF-8": ("feed.csv", b"user,item\nu,i\nu,caf\xe9\n", "line 3: byte 0xe9"),
    "empty": ("feed.csv", b"", "is empty"),
    "header only": ("feed.csv", b"user,item\n\n\n", "has no rows"),
    "no such file": ("other.csv", b"", "feed.csv"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_a_file_that_is_not_what_it_should_be_leaves_nothing(
    take: Take, dataset: Dataset, tmp_path: Path, case: str
) -> None:
    name, written, said = REFUSED[case]
    (tmp_path / name).write_bytes(written)
    asked = "feed.csv.gz" if name.endswith(".gz") else "feed.csv"
    with pytest.raises(InputRefusedError, match=said) as refused:
        take(f"csv:{tmp_path}/{asked}", ANY_SHARE)
    assert asked in str(refused.value)
    assert not dataset.root.exists()


def test_damage_in_a_later_piece_leaves_nothing(
    take: Take, dataset: Dataset, tmp_path: Path
) -> None:
    (tmp_path / "feed.csv").write_bytes(
        b"user,item\n" + b"u,i\n" * 500 + b"\xff,i\n" + b"u,i\n" * 9
    )
    with pytest.raises(InputRefusedError, match="line 502: byte 0xff"):
        take(f"csv:{tmp_path}/feed.csv", ANY_SHARE, piece_bytes=200)
    assert not dataset.root.exists()


def test_too_many_refused_rows_refuse_the_input(
    take: Take, dataset: Dataset, tmp_path: Path
) -> None:
    rows = ["u,i,4"] * 95 + [",i,4", "u,,x", "u,i,x" + "y" * 9999, "u", "u,i,"]
    (tmp_path / "feed.csv").write_text("user,item,rating\n" + "\n".join(rows) + "\n")
    source = f"csv:{tmp_path}/feed.csv"
    with pytest.raises(InputRefusedError) as refused:
        take(source, IngestSettings(max_rejected_share=0.04))
    message = str(refused.value)
    assert "5 of 100 rows" in message
    assert (
        "value_not_a_number (2), item_missing (1), user_missing (1), value_missing (1)" in message
    )
    assert "feed.csv line 97: ',i,4' (user_missing: the user id is empty)" in message
    assert "line 99" in message
    assert len(message) < 1200
    assert "line 100" not in message  # three examples
    assert refused.value.exit_code == 5
    assert not dataset.root.exists()
    # Exactly the allowed share is allowed.
    assert counts(take(source, IngestSettings(max_rejected_share=0.05)))[4] == 5


def test_parquet_is_taken_in_like_text(take: Take, dataset: Dataset, tmp_path: Path) -> None:
    table = pa.table(
        {
            "user_id": pa.array([2**63 - 1, 7, None, 7]),
            "product_id": pa.array(["007", 'a,"b"', "x", 'a,"b"']),
            "score": pa.array([4.5, 0.1, 1.0, 0.1]),
            "ts": pa.array([datetime(2020, 1, 2, tzinfo=UTC)] * 4, pa.timestamp("ns", "UTC")),
        }
    )
    pq.write_table(table, tmp_path / "feed.parquet", row_group_size=2)
    settings = IngestSettings(max_rejected_share=0.5, time_format="seconds")  # times are typed
    assert counts(take(f"parquet:{tmp_path}/feed.parquet", settings)) == (4, 2, 1, 0, 1)
    moment = datetime(2020, 1, 2, tzinfo=UTC)
    assert events(dataset, "line", "user_id", "item_id", "value", "event_time") == [
        (1, "9223372036854775807", "007", 4.5, moment),
        (2, "7", 'a,"b"', 0.1, moment),
    ]
    (refused,) = read_rows(dataset, REJECTED_EVENTS)
    assert refused["line"] == 3
    assert refused["raw"] == '{"item":"x","value":"1","time":"2020-01-02 00:00:00.000000Z"}'


def test_the_sample_is_taken_in(take: Take) -> None:
    report = take(str(default_source()))
    assert (report.rows, report.accepted, report.rejected) == (1501, 1501, 0)


def test_movielens_latest_small(take: Take, dataset: Dataset, ratings_data: Path) -> None:
    report = take(f"movielens:{ratings_data}/ml-latest-small")
    assert (counts(report), report.entries) == ((100_004, 100_004, 0, 0, 0), 9125)
    assert report.newest_event_time == datetime(2016, 10, 16, 17, 57, 24, tzinfo=UTC)
    assert len(read_rows(dataset, ITEMS)) == 9125


@pytest.mark.long
def test_goodbooks_without_times_keeps_every_row(
    take: Take, dataset: Dataset, ratings_data: Path, spark: SparkSession
) -> None:
    source = f"parquet:{ratings_data}/goodbooks/ratings.parquet"
    assert counts(take(source)) == (981_756, 981_756, 0, 0, 0)
    found = spark.read.format("delta").load(dataset.path(EVENTS))
    pairs = found.groupBy("user_id", "item_id").count().where("count > 1")
    surplus, repeated = pairs.selectExpr("sum(count - 1)", "count(*)").collect()[0]
    assert (surplus, repeated) == (2278, 2209)


def test_events_lie_in_files_of_disjoint_days(
    take: Take, dataset: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("toplists.ingest.commit._ROWS_PER_FILE", 50)
    times = list(range(10**9, 10**9 + 200 * 86_400, 86_400))
    random.Random(1).shuffle(times)
    (tmp_path / "feed.csv").write_text(
        "user,item,time\n" + "".join(f"u,i,{time}\n" for time in times)
    )
    take(f"csv:{tmp_path}/feed.csv")
    ranges = []
    for file in sorted(Path(dataset.path(EVENTS)).glob("*.parquet")):
        days = pq.read_table(file).column("event_date")
        assert days.combine_chunks() == days.combine_chunks().sort()
        ranges.append((pc.min(days).as_py(), pc.max(days).as_py()))
    ranges.sort()
    assert len(ranges) > 1
    assert all(one[1] < other[0] for one, other in pairwise(ranges))
