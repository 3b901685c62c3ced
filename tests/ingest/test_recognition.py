"""Which inputs are the same."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import toplists
from toplists.config.ingest import ColumnSettings, IngestSettings, TypeSettings, ValueScaleSettings
from toplists.errors import InputRefusedError
from toplists.ingest.batch import loads_of, next_batch
from toplists.ingest.recognition import recognise
from toplists.ingest.source import Source, parse_source


def load_id(path: Path, kind: str = "csv", settings: IngestSettings | None = None) -> str:
    settings = settings or IngestSettings()
    batch = next_batch(recognise(parse_source(f"{kind}:{path}"), settings), [], settings)
    assert batch is not None
    return batch.load_id


@pytest.fixture
def feed(tmp_path: Path) -> Path:
    path = tmp_path / "feed.csv"
    path.write_text("user,item,rating,timestamp,liked\n1,2,3,4,5\n")
    return path


def test_the_name_is_the_beginning_of_a_hash(feed: Path) -> None:
    batch = next_batch(recognise(Source("csv", str(feed)), IngestSettings()), [], IngestSettings())
    assert batch is not None
    assert len(batch.fingerprint) == 64
    assert batch.load_id == batch.fingerprint[:16]


def test_a_file_that_moved_is_the_same(feed: Path) -> None:
    before = load_id(feed)
    assert load_id(feed.rename(feed.with_name("other.csv"))) == before


def test_one_more_byte_is_another_input(feed: Path) -> None:
    before = load_id(feed)
    feed.write_text(feed.read_text() + "\n")
    assert load_id(feed) != before


def test_other_tags_are_another_catalogue(tmp_path: Path) -> None:
    (tmp_path / "ratings.csv").write_text("userId,movieId,rating,timestamp\n1,2,3,4\n")
    (tmp_path / "movies.csv").write_text("movieId,title,genres\n2,A,War\n")

    def fingerprints() -> list[str]:
        source = parse_source(f"movielens:{tmp_path}")
        return [part.fingerprint for part in recognise(source, IngestSettings()).parts]

    without = fingerprints()
    (tmp_path / "tags.csv").write_text("userId,movieId,tag,timestamp\n1,2,fine,4\n")
    first = fingerprints()
    (tmp_path / "tags.csv").write_text("userId,movieId,tag,timestamp\n1,2,poor,4\n")
    second = fingerprints()
    assert without[0] == first[0] == second[0]
    assert len({without[1], first[1], second[1]}) == 3


@pytest.mark.parametrize(
    "changed",
    [
        IngestSettings(columns=ColumnSettings(value="liked")),
        IngestSettings(time_format="millis"),
        IngestSettings(min_value=1),
        IngestSettings(max_value=5),
    ],
)
def test_read_in_another_way_it_is_another_input(feed: Path, changed: IngestSettings) -> None:
    assert load_id(feed, settings=changed) != load_id(feed)


def test_what_does_not_change_the_reading_does_not_count(feed: Path) -> None:
    patient = IngestSettings(max_rejected_share=0.5)
    spelled_out = IngestSettings(columns=ColumnSettings(user="user", value="rating"))
    assert load_id(feed, settings=patient) == load_id(feed)
    assert load_id(feed, settings=spelled_out) == load_id(feed)


def test_part_files_are_the_same_in_any_order_of_names(tmp_path: Path) -> None:
    for name, first, second in (("a", "1,2", "3,4"), ("b", "3,4", "1,2")):
        folder = tmp_path / name
        folder.mkdir()
        (folder / "part-0.csv").write_text(f"user,item\n{first}\n")
        (folder / "part-1.csv").write_text(f"user,item\n{second}\n")
    assert load_id(tmp_path / "a") == load_id(tmp_path / "b")


def test_a_table_of_loads_without_a_column_of_files_is_served(feed: Path) -> None:
    # As in a lake of release 0.1.0: the row is all that says that the file was taken in.
    recognised = recognise(Source("csv", str(feed)), IngestSettings())
    batch = next_batch(recognised, [], IngestSettings())
    assert batch is not None
    row = {"load_id": batch.load_id, "fingerprint": batch.fingerprint, "path": str(feed)}
    assert next_batch(recognised, [row], IngestSettings()) is None
    assert loads_of(recognised, [row], IngestSettings()) == [row]


@pytest.mark.parametrize(
    "changed",
    [
        {"encoding": "latin-1"},
        {"decimal": ","},
        {"missing": ["3"]},
        {"missing_value": "accepted"},
        {"value_scale": ValueScaleSettings(input=[0, 10], output=[0, 5])},
        {"time_pattern": "%Y"},
        {"time_zone": "Asia/Tokyo"},
        {"event_types": ["rating"]},
        {"types": TypeSettings(user="whole")},
    ],
)
def test_every_declaration_of_the_reading_counts(feed: Path, changed: dict[str, Any]) -> None:
    assert load_id(feed, settings=IngestSettings(**changed)) != load_id(feed)


def test_part_files_must_be_alike(tmp_path: Path) -> None:
    (tmp_path / "part-0.csv").write_text("user,item\n1,2\n")
    (tmp_path / "part-1.csv").write_text("item,user,rating\n1,2,3\n")
    with pytest.raises(InputRefusedError, match=r"part-1\.csv has other columns"):
        load_id(tmp_path)


def test_the_catalogue_counts(tmp_path: Path) -> None:
    (tmp_path / "ratings.dat").write_text("1::2::3::4\n")
    before = load_id(tmp_path, "movielens")
    (tmp_path / "movies.dat").write_text("2::A::War\n")
    assert load_id(tmp_path, "movielens") != before


@pytest.mark.process
def test_no_spark_is_needed() -> None:
    code = "import sys, toplists.ingest.batch; sys.exit('pyspark' in sys.modules)"
    environment = {"PYTHONPATH": str(Path(toplists.__file__).parents[1])}
    assert subprocess.run([sys.executable, "-c", code], env=environment).returncode == 0
