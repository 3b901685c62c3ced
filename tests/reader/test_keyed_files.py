"""Rows found in Parquet files by their key, against looking at every row."""

from __future__ import annotations

import random
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.strategies import composite

from toplists.reader.errors import SnapshotGoneError
from toplists.reader.keyed_files import KeyedFile, KeyedFiles

SCHEMA = pa.schema(
    [
        ("placement", pa.string()),
        ("user_id", pa.string()),
        ("items", pa.list_(pa.struct([("item_id", pa.string()), ("score", pa.float64())]))),
    ]
)


def write(path: Path, rows: list[tuple[str, str]], group: int = 2, **options) -> KeyedFile:
    """A file of keys and placements; the item of a row is called after both."""
    content = [
        {"placement": p, "user_id": u, "items": [{"item_id": f"{u}@{p}", "score": 1.0}]}
        for u, p in rows
    ]
    pq.write_table(
        pa.Table.from_pylist(content, schema=SCHEMA), path, row_group_size=group, **options
    )
    keys = [user for user, _ in rows]
    return KeyedFile(str(path), min(keys), max(keys))


def item(files: KeyedFiles, user: str, placement: str = "home") -> str | None:
    row = files.find(user, ["items.item_id"], {"placement": placement})
    if row is None:
        return None
    assert row.column_names == ["items"]
    ((entry,),) = row["items"].to_pylist()
    return entry["item_id"]


@composite
def rows(draw):
    # Keys that begin, end or are contained in one another.
    keys = draw(
        st.lists(
            st.text("ab\N{PILE OF POO}", min_size=1, max_size=4),
            min_size=1,
            max_size=8,
            unique=True,
        )
    )
    return [
        (key, place)
        for key in keys
        for place in draw(st.sampled_from(["home", "home cart"])).split()
    ]


@given(rows(), st.integers(1, 5), st.booleans())
def test_every_row_is_found_and_no_other(tmp_path_factory, found, group, in_order):
    folder = tmp_path_factory.mktemp("keyed")
    found = sorted(found) if in_order else found
    half = len(found) // 2
    parts = [part for part in (found[:half], found[half:]) if part]
    files = KeyedFiles(
        [write(folder / f"{n}.parquet", part, group) for n, part in enumerate(parts)], "user_id"
    )
    for user, placement in found:
        assert item(files, user, placement) == f"{user}@{placement}"
    there = set(found)
    for user in {key for key, _ in found} | {"a", "aa", "ab", "b", "zzz", ""}:
        for placement in ("home", "cart"):
            if (user, placement) not in there:
                assert item(files, user, placement) is None


@pytest.mark.parametrize("options", [{}, {"write_statistics": False}, {"use_dictionary": False}])
def test_files_that_say_less_are_searched_all_the_same(tmp_path, options):
    found = [(f"u{number:02}", "home") for number in range(9)]
    known = write(tmp_path / "x.parquet", found, 4, **options)
    files = KeyedFiles([KeyedFile(known.path, None, None)], "user_id")
    assert [item(files, user) for user, _ in found] == [f"{user}@home" for user, _ in found]
    assert item(files, "u99") is None


def test_long_ids_whose_dictionary_is_given_up_are_read(tmp_path):
    chance = random.Random(1)
    items = ["".join(chance.choices("abcdef", k=512)) for _ in range(5_000)]
    entry = pa.struct([("item_id", pa.string()), ("score", pa.float64())])
    table = pa.table(
        {
            "placement": ["home"] * 10,
            "user_id": [f"u{number}" for number in range(10)],
            "items": pa.array(
                [[{"item_id": one, "score": 0.5} for one in items[n::10]] for n in range(10)],
                pa.list_(entry),
            ),
        }
    )
    pq.write_table(table, tmp_path / "x.parquet")
    files = KeyedFiles([KeyedFile(str(tmp_path / "x.parquet"), None, None)], "user_id")
    row = files.find("u7", ["items.item_id"], {"placement": "home"})
    ((*entries,),) = row["items"].to_pylist()
    assert [one["item_id"] for one in entries] == items[7::10]


def test_a_file_stays_readable_after_it_was_deleted_and_one_that_never_was_is_gone(tmp_path):
    there = write(tmp_path / "x.parquet", [("a", "home"), ("b", "home")])
    files = KeyedFiles([there], "user_id")
    assert item(files, "a") == "a@home"
    Path(there.path).unlink()
    assert item(files, "b") == "b@home"
    with pytest.raises(SnapshotGoneError):
        item(KeyedFiles([there], "user_id"), "a")
    (tmp_path / "text.parquet").write_text("no Parquet at all")
    with pytest.raises(SnapshotGoneError):
        item(KeyedFiles([KeyedFile(str(tmp_path / "text.parquet"), None, None)], "user_id"), "a")
