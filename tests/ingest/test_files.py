"""Which files a source consists of."""

from __future__ import annotations

import gzip
import zipfile
from pathlib import Path

import pytest

from toplists.errors import InputRefusedError
from toplists.ingest.files import InputFile, find_files
from toplists.ingest.source import Source


def make(folder: Path, *names: str) -> None:
    for name in names:
        path = folder / name
        path.write_bytes(gzip.compress(b"x") if name.endswith(".gz") else b"x")


def movielens(path: Path) -> Source:
    return Source("movielens", str(path))


def test_a_folder_gives_exactly_its_ratings_and_movies(tmp_path: Path) -> None:
    make(tmp_path, "ratings.csv.gz", "movies.csv")
    # None of these is meant, however much its name resembles one that is.
    make(tmp_path, "ratings-2018.csv.gz", "movies-2018.csv.gz", "tags.csv", "README.txt")
    make(tmp_path, "ratings.csv.bak", "old-ratings.csv", "ratings.parquet", "u1.base")
    found = find_files(movielens(tmp_path))
    assert found.events == (InputFile(tmp_path / "ratings.csv.gz", gzipped=True),)
    assert found.items == (InputFile(tmp_path / "movies.csv"),)


def test_tags_belong_to_the_catalogue(tmp_path: Path) -> None:
    make(tmp_path, "ratings.csv", "tags.csv.gz")
    assert find_files(movielens(tmp_path)).tags == ()  # there is nothing that they would describe
    make(tmp_path, "movies.csv")
    found = find_files(movielens(tmp_path))
    assert found.tags == (InputFile(tmp_path / "tags.csv.gz", gzipped=True),)


def test_the_older_names_are_known(tmp_path: Path) -> None:
    make(tmp_path, "u.data", "u.item", "u.user", "u.genre")
    found = find_files(movielens(tmp_path))
    assert [file.path.name for file in found.events] == ["u.data"]
    assert found.items == (InputFile(tmp_path / "u.item"),)


def test_a_catalogue_may_be_missing(tmp_path: Path) -> None:
    make(tmp_path, "ratings.dat")
    assert find_files(movielens(tmp_path)).items == ()


def test_two_candidates_are_named_in_the_error(tmp_path: Path) -> None:
    make(tmp_path, "ratings.csv", "ratings.dat")
    with pytest.raises(InputRefusedError, match=r"ratings\.csv and ratings\.dat"):
        find_files(movielens(tmp_path))


def test_two_catalogues_are_ambiguous_too(tmp_path: Path) -> None:
    make(tmp_path, "ratings.csv", "movies.csv", "movies.csv.gz")
    with pytest.raises(InputRefusedError, match=r"movies\.csv and movies\.csv\.gz"):
        find_files(movielens(tmp_path))


def test_a_folder_without_ratings_is_refused(tmp_path: Path) -> None:
    make(tmp_path, "ratings-2018.csv")
    with pytest.raises(InputRefusedError, match=r"expected one of ratings\.csv"):
        find_files(movielens(tmp_path))


def test_a_file_named_itself_may_have_any_name_and_comes_alone(tmp_path: Path) -> None:
    make(tmp_path, "ratings-2018.csv.gz", "movies.csv")
    found = find_files(movielens(tmp_path / "ratings-2018.csv.gz"))
    assert found.events == (InputFile(tmp_path / "ratings-2018.csv.gz", gzipped=True),)
    assert found.items == ()


@pytest.mark.parametrize("kind", ["movielens", "csv", "parquet"])
def test_what_is_not_there_is_refused(tmp_path: Path, kind: str) -> None:
    with pytest.raises(InputRefusedError, match="nowhere"):
        find_files(Source(kind, str(tmp_path / "nowhere")))  # type: ignore[arg-type]  # parametrized


def test_an_archive_is_searched_at_any_depth(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "ml.zip", "w") as archive:
        archive.writestr("ml-x/ratings.csv", "x")
        archive.writestr("ml-x/movies.csv", "x")
        archive.writestr("__MACOSX/ml-x/._ratings.csv", "x")
    found = find_files(movielens(tmp_path / "ml.zip"))
    assert found.events == (InputFile(tmp_path / "ml.zip", "ml-x/ratings.csv"),)
    assert found.items == (InputFile(tmp_path / "ml.zip", "ml-x/movies.csv"),)


def test_a_truncated_archive_is_refused(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "whole.zip", "w") as archive:
        archive.writestr("ratings.csv", "x" * 1000)
    (tmp_path / "cut.zip").write_bytes((tmp_path / "whole.zip").read_bytes()[:500])
    with pytest.raises(InputRefusedError, match=r"cut\.zip is damaged"):
        find_files(movielens(tmp_path / "cut.zip"))


def test_part_files_come_in_order_without_a_writers_own(tmp_path: Path) -> None:
    make(
        tmp_path, "part-1.csv", "part-0.csv.gz", "_SUCCESS", ".part-0.csv.crc", "_tmp.csv", "a.json"
    )
    found = find_files(Source("csv", str(tmp_path)))
    assert [file.path.name for file in found.events] == ["part-0.csv.gz", "part-1.csv"]


def test_names_may_be_in_capitals(tmp_path: Path) -> None:
    make(tmp_path, "B.CSV", "a.csv")
    (tmp_path / "c.csv.GZ").write_bytes(gzip.compress(b"x"))
    found = find_files(Source("csv", str(tmp_path)))
    assert [file.name for file in found.events] == ["B.CSV", "a.csv", "c.csv.GZ"]
    make(tmp_path, "RATINGS.CSV")
    assert [file.name for file in find_files(movielens(tmp_path)).events] == ["RATINGS.CSV"]


def test_files_in_folders_inside_are_not_left_out_silently(tmp_path: Path) -> None:
    make(tmp_path, "a.csv")
    for folder in ("day=2", "_old", ".trash", "notes"):
        (tmp_path / folder).mkdir()
    make(tmp_path / "_old", "b.csv")
    make(tmp_path / ".trash", "b.csv")
    make(tmp_path / "notes", "b.pdf")
    assert len(find_files(Source("csv", str(tmp_path))).events) == 1
    make(tmp_path / "day=2", "d.csv")
    with pytest.raises(InputRefusedError, match=r"such as .*/day=2/d\.csv, .*'csv:.*/\*/\*\.csv'"):
        find_files(Source("csv", str(tmp_path)))
    for glob, names in (("*.csv", ["a.csv"]), ("d*/*.csv", ["d.csv"])):
        found = find_files(Source("csv", str(tmp_path / glob)))
        assert [file.name for file in found.events] == names


def test_a_glob_gives_what_it_matches(tmp_path: Path) -> None:
    make(tmp_path, "a-1.csv", "a-2.csv", "b-1.csv")
    found = find_files(Source("csv", str(tmp_path / "a-*.csv")))
    assert [file.path.name for file in found.events] == ["a-1.csv", "a-2.csv"]


def test_packing_is_told_by_content(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_bytes(gzip.compress(b"x"))
    assert find_files(Source("csv", str(tmp_path / "a.csv"))).events[0].gzipped


def test_a_delta_table_is_not_a_folder_of_parquet(tmp_path: Path) -> None:
    make(tmp_path, "part-0.parquet")
    (tmp_path / "_delta_log").mkdir()
    with pytest.raises(InputRefusedError, match="is a Delta table"):
        find_files(Source("parquet", str(tmp_path)))


def test_only_movielens_reads_archives(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr("a.csv", "x")
    with pytest.raises(InputRefusedError, match="is a zip archive"):
        find_files(Source("csv", str(tmp_path / "a.zip")))
