"""Movies → items."""

from __future__ import annotations

import gzip
from pathlib import Path
from shutil import copytree
from typing import Any

import pytest
from deltalake import DeltaTable

from toplists.errors import InputRefusedError
from toplists.ingest.files import InputFile
from toplists.ingest.movielens import read_catalogue
from toplists.ingest.upsert import upsert
from toplists.lake.bookkeeping import read_rows
from toplists.lake.dataset import Dataset
from toplists.lake.tables import ITEMS


def items_of(folder: Path, content: bytes) -> list[dict[str, Any]]:
    path = folder / "movies"
    path.write_bytes(content)
    return read_catalogue(InputFile(path))


def item(
    item_id: str, title: str | None, year: int | None, *genres: str, **rest: str
) -> dict[str, Any]:
    return {
        "item_id": item_id,
        "title": title,
        "year": year,
        "genres": list(genres),
        "attributes": rest,
        "numbers": None,
        "available_from": None,
        "available_until": None,
    }


def test_csv(tmp_path: Path) -> None:
    content = (
        "movieId,title,genres\n"
        "1,Toy Story (1995),Adventure|Children\n"
        '11,"American President, The (1995)",Comedy\n'  # quoted
        "3,Nothing Known,(no genres listed)\n"  # no year, no genre
        "4,Death Note (2006–2007),Crime\n"  # a range is no year
        '5,"Odd (2001) (1999) ",Drama\n'  # the last year counts
        "007,Café 🎬 (2000),\n"  # an id as it came
    ).encode()
    assert items_of(tmp_path, content) == [  # in order of id
        item("007", "Café 🎬", 2000),
        item("1", "Toy Story", 1995, "Adventure", "Children"),
        item("11", "American President, The", 1995, "Comedy"),
        item("3", "Nothing Known", None),
        item("4", "Death Note (2006–2007)", None, "Crime"),
        item("5", "Odd (2001)", 1999, "Drama"),
    ]


def test_further_columns_become_attributes(tmp_path: Path) -> None:
    content = b"title,imdb,movieId,genres,empty\nHeat (1995),tt0113277,6,Action,\n"
    assert items_of(tmp_path, content) == [item("6", "Heat", 1995, "Action", imdb="tt0113277")]


@pytest.mark.parametrize("encoding", ["utf-8", "latin-1"])
def test_double_colons_in_either_encoding(tmp_path: Path, encoding: str) -> None:
    content = "1::Misérables, Les (1995)::Drama|Musical\n\n2::X::War\n".encode(encoding)
    assert items_of(tmp_path, content) == [
        item("1", "Misérables, Les", 1995, "Drama", "Musical"),
        item("2", "X", None, "War"),
    ]


def test_flags(tmp_path: Path) -> None:
    flags = "|".join("1" if at in (3, 5) else "0" for at in range(19))
    unknown = "|".join("1" if at == 0 else "0" for at in range(19))
    content = f"1|Café (1995)|01-Jan-1995||http://x|{flags}\n2|unknown||||{unknown}\n".encode(
        "latin-1"
    )
    assert items_of(tmp_path, content) == [
        item(
            "1",
            "Café",
            1995,
            "Animation",
            "Comedy",
            release_date="01-Jan-1995",
            imdb_url="http://x",
        ),
        item("2", "unknown", None),
    ]


def test_of_two_entries_the_same_one_counts_in_any_order(tmp_path: Path) -> None:
    head, one, two = b"movieId,title,genres\n", b"1,A (1990),War\n", b"1,B (1991),War\n"
    assert items_of(tmp_path, head + one + two) == items_of(tmp_path, head + two + one)
    assert len(items_of(tmp_path, head + one + two)) == 1


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "is empty"),
        (b"id,name\n1,x\n", "line 1: expected columns movieId, title, genres"),
        (b"movieId,title,genres\n1,A,War\n2,B\n", "line 3: expected 3 fields"),
        (b"movieId,title,genres\n,B,War\n", "line 2: expected 3 fields that begin with an id"),
        (b"1::A::War\n2::B\n", "line 2: expected 3 fields"),
        (b"movieId,title,genres\n1,caf\xe9,War\n", "line 2: byte 0xe9 is not UTF-8"),
    ],
)
def test_a_catalogue_that_is_not_one_is_refused(tmp_path: Path, content: bytes, said: str) -> None:
    with pytest.raises(InputRefusedError, match=rf"movies.*{said}"):
        items_of(tmp_path, content)


def test_a_truncated_catalogue_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "movies.csv.gz"
    path.write_bytes(gzip.compress(b"movieId,title,genres\n1,A,War\n")[:-4])
    with pytest.raises(InputRefusedError, match="ends before its end marker"):
        read_catalogue(InputFile(path, gzipped=True))


def test_items_are_inserted_changed_and_otherwise_left_alone(no_rows: Path, tmp_path: Path) -> None:
    dataset = Dataset(copytree(no_rows, tmp_path / "shop"))
    same, old = item("1", "A", 1990, "War", x="y"), item("2", "B", None)
    upsert(dataset, ITEMS, [same, old], "load-1")
    upsert(dataset, ITEMS, [same, item("2", "B2", 1991, "Drama"), item("3", "C", None)], "load-2")
    stored = {row["item_id"]: (row["title"], row["load_id"]) for row in read_rows(dataset, ITEMS)}
    assert stored == {"1": ("A", "load-1"), "2": ("B2", "load-2"), "3": ("C", "load-2")}

    version = DeltaTable(dataset.path(ITEMS)).version()
    upsert(dataset, ITEMS, [same], "load-3")  # nothing differs: nothing is written
    assert DeltaTable(dataset.path(ITEMS)).version() == version


def tagged(folder: Path, tags: bytes) -> dict[str, dict[str, str]]:
    (folder / "movies").write_bytes(b"movieId,title,genres\n1,A,War\n2,B,War\n3,C,War\n")
    (folder / "tags").write_bytes(tags)
    items = read_catalogue(InputFile(folder / "movies"), InputFile(folder / "tags"))
    return {one["item_id"]: one["attributes"] for one in items}


def test_what_users_called_items_is_an_attribute(tmp_path: Path) -> None:
    content = (
        b"userId,movieId,tag,timestamp\n"
        b"7,2,Time  Travel ,10\n"
        b"8,2,time travel,11\n"  # the same tag
        b'9,2,"a|b, c",12\n'  # what separates tags is in none
        b"9,3, ,13\n"  # none at all
        b"9,4,gone,14\n"  # of no movie that is known
    )
    assert tagged(tmp_path, content) == {"1": {}, "2": {"tags": "a b, c|time travel"}, "3": {}}


def test_tags_between_double_colons(tmp_path: Path) -> None:
    content = b"15::1::excellent!::12\n20::1::x::y::12\n"  # the second is `x::y`
    assert tagged(tmp_path, content)["1"] == {"tags": "excellent!|x::y"}


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"userId,tag\n1,x\n", "line 1: expected columns movieId, tag"),
        (b"userId,movieId,tag\n1,2\n", "line 2: expected 3 fields"),
        (b"1::2::x::3\n1::2\n", "line 2: expected 3 fields"),
    ],
)
def test_tags_that_are_none_are_refused(tmp_path: Path, content: bytes, said: str) -> None:
    with pytest.raises(InputRefusedError, match=rf"tags.*{said}"):
        tagged(tmp_path, content)


def test_the_real_catalogue(ratings_data: Path) -> None:
    path = ratings_data / "ml-latest-small/movies.csv.gz"
    tags = InputFile(path.with_name("tags.csv.gz"), gzipped=True)
    items = read_catalogue(InputFile(path, gzipped=True), tags)
    assert len(items) == 9125
    by_id = {one["item_id"]: one for one in items}
    assert by_id["318"] == item(
        "318",
        "Shawshank Redemption, The",
        1994,
        *("Crime", "Drama"),
        tags="friendship|morgan freeman|narrated|phenomenal!|prison|prison escape|revenge|tim robbins|"
        "wrongful imprisonment",
    )
