"""Naming an input, and the dataset it goes to."""

from __future__ import annotations

from pathlib import Path

import pytest

from toplists.errors import ConfigurationError
from toplists.ingest.source import Source, default_dataset_name, default_source, parse_source


def test_a_source_is_a_kind_and_an_absolute_path(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    assert parse_source("csv:feeds/../a.csv") == Source("csv", str(tmp_path / "a.csv"))
    assert parse_source("parquet:/x/part-*.parquet") == Source("parquet", "/x/part-*.parquet")
    # The path may hold colons itself.
    assert parse_source("csv:/x/2024-01-01T10:00.csv").path == "/x/2024-01-01T10:00.csv"


def test_a_link_keeps_its_own_name(tmp_path: Path) -> None:
    (tmp_path / "v7").mkdir()
    (tmp_path / "current").symlink_to(tmp_path / "v7")
    assert default_dataset_name(parse_source(f"movielens:{tmp_path}/current")) == "current"


@pytest.mark.parametrize("text", ["", "feeds/a.csv", "csv:", "xml:a.xml", "CSV:a.csv"])
def test_anything_else_is_no_source(text: str) -> None:
    with pytest.raises(ConfigurationError, match="movielens:PATH, csv:PATH, tsv:PATH"):
        parse_source(text)


def test_the_default_source_is_a_file_that_is_there() -> None:
    assert default_source().kind == "movielens"
    assert Path(default_source().path).is_file()
    assert default_dataset_name(default_source()) == "sample-movielens"


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("/feeds/shop.csv", "shop"),
        ("/feeds/shop.csv.gz", "shop"),  # both endings go
        ("/feeds/v1.2-clicks.csv", "v1.2-clicks"),  # a dot in the name stays
        ("/goodbooks/ratings.parquet", "goodbooks"),  # generic: the folder says more
        ("/goodbooks/part-*.parquet", "goodbooks"),
        ("/goodbooks/*.parquet", "goodbooks"),
        ("/ml-100k/u.data", "ml-100k"),
        ("/feeds/ml-latest-small.zip", "ml-latest-small"),
        ("/feeds/Büro & Söhne.csv", "b-ro-s-hne"),  # only what a folder name may hold
        ("/feeds/_private.csv", "private"),  # begins with a letter or digit
    ],
)
def test_the_dataset_is_named_after_the_input(path: str, name: str) -> None:
    assert default_dataset_name(Source("csv", path)) == name


def test_a_folder_names_its_dataset_even_if_the_name_is_generic(tmp_path: Path) -> None:
    folder = tmp_path / "ratings"
    folder.mkdir()
    assert default_dataset_name(Source("csv", str(folder))) == "ratings"


def test_a_path_without_a_usable_name_asks_for_one() -> None:
    with pytest.raises(ConfigurationError, match="--dataset"):
        default_dataset_name(Source("csv", "/ratings.csv"))
