"""JSON lines → rows, with exact line numbers and exact numbers."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from toplists.config.ingest import ColumnSettings, IngestSettings
from toplists.errors import InputRefusedError
from toplists.ingest.files import InputFile
from toplists.ingest.formats import read_text
from toplists.ingest.json_lines import inspect_json
from toplists.ingest.lines import TextPiece
from toplists.ingest.rereading import reread, reread_as

PLAIN = ColumnSettings()
KEPT = pa.schema(
    {"file": pa.string(), "line": pa.int64(), "element": pa.int64(), "raw": pa.string()}
)
ALIGNED = ColumnSettings(user="session", item="items[]", value="values[]")


def rows_of(
    folder: Path, content: bytes, chosen: ColumnSettings = PLAIN, block_bytes: int = 1 << 20
) -> list[tuple[Any, ...]]:
    """(line, element, user, item, value, code of the problem) of every row."""
    path = folder / "feed.jsonl"
    path.write_bytes(content)
    file = InputFile(path, gzipped=content.startswith(b"\x1f\x8b"))
    layout = inspect_json(file, chosen)
    piece = TextPiece(0, file, layout, layout.body_start, None, layout.body_line)
    return [
        (
            row["line"],
            row["element"],
            row["user"],
            row["item"],
            row["value"],
            row["problem"] and row["problem"].partition(":")[0],
        )
        for batch in read_text(piece, block_bytes)
        for row in batch.to_pylist()
    ]


DIRT = (
    '{"user_id": 9223372036854775808, "item": "007", "rating": 4.50}\n'  # exact, as written
    "\n"  # no row
    '{"user_id": "ü🙂", "item": "i", "rating": null, "more": [1]}\r\n'
    '{"user_id": "u", "item": "i", "rating": 4\n'  # cut off
    "[1, 2]\n"
    '{"user_id": {"id": 1}, "item": "i", "rating": 1}\n'
    '{"user_id": ["u"], "item": "i", "rating": 1}\n'
    '{"user_id": "\\ud83d", "item": "i", "rating": 1}\n'  # half a character
    '{"user_id": "u", "item": true, "rating": NaN}\n'
    '{"item": "i"}'  # no user; no newline at the end
).encode()
READ = [
    (1, None, "9223372036854775808", "007", "4.50", None),
    (3, None, "ü🙂", "i", None, None),
    (4, None, None, None, None, "not_json"),
    (5, None, None, None, None, "not_an_object"),
    (6, None, None, None, None, "not_a_scalar"),
    (7, None, None, None, None, "not_a_scalar"),
    (8, None, None, None, None, "not_unicode"),
    (9, None, "u", "true", "NaN", None),
    (10, None, None, "i", None, None),
]


@pytest.mark.parametrize("block_bytes", [8, 64, 1 << 20])
def test_a_file_with_everything(tmp_path: Path, block_bytes: int) -> None:
    assert rows_of(tmp_path, DIRT, block_bytes=block_bytes) == READ


@pytest.mark.parametrize(
    "packed", [gzip.compress(DIRT), b"\xef\xbb\xbf" + DIRT], ids=["gzip", "byte order mark"]
)
def test_it_may_be_packed_or_marked(tmp_path: Path, packed: bytes) -> None:
    assert rows_of(tmp_path, packed) == READ


def test_brackets_without_end_are_one_bad_row(tmp_path: Path) -> None:
    content = (
        b'{"user": "u", "item": "i"}\n' + b"[" * 200_000 + b"\n" + b'{"user":"v","item":"i"}\n'
    )
    rows = rows_of(tmp_path, content)
    assert [row[-1] for row in rows] == [None, "not_json", None]


@pytest.mark.parametrize("stray", [b"\0" * 13, b"\0", b"\0\0\0", b"\xef\xbb\xbf"])
def test_what_a_crash_or_a_joined_file_leaves_is_one_bad_row(tmp_path: Path, stray: bytes) -> None:
    content = b'{"user":1,"item":2}\n' + stray + b'{"user":3,"item":4}\n{"user":5,"item":6}\n'
    assert [(row[0], row[2], row[-1]) for row in rows_of(tmp_path, content)] == [
        (1, "1", None),
        (2, None, "not_json"),
        (3, "5", None),
    ]


def test_dots_lead_into_objects(tmp_path: Path) -> None:
    chosen = ColumnSettings(user="who.id", item="what.sku")
    content = (
        b'{"who": {"id": "u"}, "what": {"sku": "i"}}\n{"who": 3, "what": {}}\n{"who.id": "v"}\n'
    )
    assert [row[2:4] for row in rows_of(tmp_path, content, chosen)] == [
        ("u", "i"),
        (None, None),
        ("v", None),  # the name itself goes before the way it describes
    ]


def test_aligned_arrays_are_one_row_per_element(tmp_path: Path) -> None:
    lines = [
        {"session": "s", "items": ["a", "b"], "values": [1, 2.5]},
        {"session": "t", "items": [], "values": []},  # nothing happened
        {"session": "u", "items": ["a", "b"], "values": [1]},  # which of them has the value?
        {"session": "v", "items": "a", "values": [1]},
        {"session": "w", "items": ["a", None], "values": [1, [2]]},
        {"session": "x", "items": ["a"]},
    ]
    content = "".join(json.dumps(line) + "\n" for line in lines).encode()
    assert rows_of(tmp_path, content, ALIGNED) == [
        (1, 1, "s", "a", "1", None),
        (1, 2, "s", "b", "2.5", None),
        (3, None, None, None, None, "arrays_not_aligned"),
        (4, None, None, None, None, "not_an_array"),
        (5, None, None, None, None, "not_a_scalar"),
        (6, None, None, None, None, "not_an_array"),
    ]


@pytest.mark.parametrize(
    ("content", "chosen", "said"),
    [
        (b"", PLAIN, "is empty"),
        (b'{"user": 1, "rating": 2}\n', PLAIN, "column with the item id"),
        (b"user,item\n1,2\n", PLAIN, "column with the user id"),  # csv, not JSON
        (b'{"user": 1, "item": 2}\n', ColumnSettings(item="sku"), "expected a column sku"),
        # An array that nobody declared is no column of ids.
        (b'{"user": 1, "items": [2]}\n', ColumnSettings(item="items"), "expected a column items"),
        (b'{"user": "caf\xe9", "item": 2}\n', PLAIN, "line 1: byte 0xe9 is not UTF-8"),
    ],
)
def test_a_file_that_is_not_what_it_should_be_is_refused(
    tmp_path: Path, content: bytes, chosen: ColumnSettings, said: str
) -> None:
    with pytest.raises(InputRefusedError, match=said):
        rows_of(tmp_path, content, chosen)


EARLY = b'{"user": "u", "item": "i", "rating": 1}\n' * 1000  # what the columns are found by
LATE = [
    {"user": "u", "item": "i", "timestamp": 9, "genre": "a"},  # a role that was not there before
    {"user": "u", "item": "i", "Score": 9},  # another name of one that was
    {"user": "u", "item": "i", "timestamp": None},  # nothing would be lost
    {"user": "u", "item": "i", "timestamp": {"at": 9}},  # no name that is looked for
]


def test_a_column_that_comes_later_is_not_dropped_silently(tmp_path: Path) -> None:
    content = EARLY + "".join(json.dumps(line) + "\n" for line in LATE).encode()
    problems = [row[-1] for row in rows_of(tmp_path, content)[1000:]]
    assert problems == ["column_too_late", "column_too_late", None, None]
    named = ColumnSettings(time="timestamp")
    problems = [row[-1] for row in rows_of(tmp_path, content, named)[1000:]]
    assert problems == [None, "column_too_late", None, "not_a_scalar"]


def test_a_named_column_is_sought_in_the_whole_file(tmp_path: Path) -> None:
    chosen = ColumnSettings(value="stars")
    late = EARLY + b'{"user": "u", "item": "i", "stars": 5}\n'
    assert [row[4] for row in rows_of(tmp_path, late, chosen)[999:]] == [None, "5"]
    with pytest.raises(InputRefusedError, match="expected a column stars"):
        rows_of(tmp_path, EARLY, chosen)


def read_again(sample: str, *late: str, **named: str) -> dict[str, Any]:
    """A row kept of a file whose first lines had `user` and `item` only."""
    settings = IngestSettings(columns=ColumnSettings(**named))
    reading = reread_as(0, "jsonl", json.dumps(["user", "item"]), sample, late, settings)
    kept = pa.record_batch({"file": ["f"], "line": [7], "element": [None], "raw": [sample]}, KEPT)
    (row,) = (row for batch in reread({"f": reading}, iter([kept])) for row in batch.to_pylist())
    return row


def test_rows_with_a_late_column_are_read_again_once_it_is_named() -> None:
    sample = json.dumps(LATE[0])
    row = read_again(sample, "timestamp", time="timestamp")
    assert (row["line"], row["time"], row["problem"]) == (7, "9", None)
    row = read_again(sample)
    assert row["problem"].startswith("column_too_late: timestamp could be the time")


def test_all_late_columns_of_a_row_are_told_at_once() -> None:
    row = read_again(json.dumps({"user": "u", "item": "i", "ts": 9, "stars": 4}))
    assert row["problem"].endswith("name it: ingest.columns.value=stars, ingest.columns.time=ts")


TEXT = st.text(st.characters(codec="utf-8"), max_size=5)


@given(rows=st.lists(st.tuples(TEXT, TEXT), min_size=1, max_size=9), block_bytes=st.integers(1, 80))
def test_what_json_writes_is_read_back(
    tmp_path_factory: pytest.TempPathFactory, rows: list[tuple[str, str]], block_bytes: int
) -> None:
    content = "".join(json.dumps({"user": u, "item": i}) + "\n" for u, i in rows).encode()
    folder = tmp_path_factory.mktemp("json")
    assert [row[:4] for row in rows_of(folder, content, block_bytes=block_bytes)] == [
        (line, None, user, item) for line, (user, item) in enumerate(rows, start=1)
    ]
