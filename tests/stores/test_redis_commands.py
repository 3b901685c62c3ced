"""What is sent to Redis, against MessagePack's own library and a slow reader of commands."""

from __future__ import annotations

import msgpack
import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from stores.conformance import people
from stores.runs import Run

from toplists.publish.stores import redis_commands
from toplists.publish.stores.columns import buckets_of
from toplists.publish.stores.parts import _CODED, _schema
from toplists.publish.stores.redis_commands import remove_lists, set_lists
from toplists.reader.layouts import PERSONAL, bucket_of, field_of

TEXT = st.text(max_size=40)  # heads of one byte and of two
SCORE = st.floats(allow_nan=False)
ENTRY = st.fixed_dictionaries(
    {"item_id": TEXT, "score": SCORE, "source": st.sampled_from(["personal", "window"])}
)
ROW = st.fixed_dictionaries(
    {
        "placement": TEXT,
        "user_id": TEXT,
        "items": st.lists(ENTRY, max_size=20),  # likewise
        "short_reason": st.none() | TEXT,
    }
)
BUCKETS = 3


def table(rows: list[dict[str, object]], text: pa.DataType) -> pa.Table:
    schema = _schema("user_id", text)
    return pa.Table.from_pylist([{**row, "schema_version": 1} for row in rows], schema)


def packed(row: dict) -> bytes:
    """The value of a list, field by field."""
    sources: list[str] = []
    counts: list[int] = []
    for item in row["items"]:
        if sources and sources[-1] == item["source"]:
            counts[-1] += 1
        else:
            sources.append(item["source"])
            counts.append(1)
    ids, scores = ([item[name] for item in row["items"]] for name in ("item_id", "score"))
    return msgpack.packb([ids, scores, sources, counts, row["short_reason"]])


def parsed(content: bytes) -> list[list[bytes]]:
    """Commands, as a server reads them."""
    commands, at = [], 0

    def line(kind: bytes) -> int:
        nonlocal at
        assert content[at : at + 1] == kind
        end = content.index(b"\r\n", at)
        number = int(content[at + 1 : end])
        at = end + 2
        return number

    while at < len(content):
        arguments = []
        for _ in range(line(b"*")):
            size = line(b"$")
            arguments.append(content[at : at + size])
            assert content[at + size : at + size + 2] == b"\r\n"
            at += size + 2
        commands.append(arguments)
    return commands


def sent(pieces) -> list[list[bytes]]:
    """The commands of all pieces, of which each says how many it holds."""
    commands = []
    for content, count in pieces:
        found = parsed(bytes(content))
        assert len(found) == count
        commands += found
    return commands


@given(st.lists(ROW, max_size=5), st.lists(ROW, max_size=5), st.integers(0, 2), st.booleans())
def test_a_command_for_each_bucket_sets_its_lists_in_their_order(
    first: list[dict], then: list[dict], left_out: int, coded: bool
) -> None:
    text = _CODED if coded else pa.string()
    chunks = [table(first, text).slice(left_out), table(then, text)]
    rows = [*first[left_out:], *then]
    whole = pa.concat_tables(chunks)
    numbers = buckets_of(whole, "user_id", BUCKETS)
    expected: dict[int, list[bytes]] = {}
    for row in rows:
        field = field_of(row["user_id"], row["placement"]).encode()
        expected.setdefault(bucket_of(row["user_id"], BUCKETS), []).extend([field, packed(row)])
    commands = sent(set_lists(numbers, whole, "user_id", "b:{}".format))
    assert commands == [
        [b"HSET", b"b:%d" % bucket, *arguments] for bucket, arguments in sorted(expected.items())
    ]
    removed = sent(remove_lists(numbers, whole, "user_id", "b:{}".format))
    assert removed == [[b"HDEL", key, *arguments[::2]] for _, key, *arguments in commands]


@pytest.mark.parametrize("key", ["", "42", "ö", "😀" * 512, "\x7f\x01'\"", "a" * 100_000])
def test_lists_go_into_the_buckets_that_readers_look_into(key: str) -> None:
    keys = pa.table({"user_id": ["before", key, "after"]}).slice(1, 1)
    assert buckets_of(keys, "user_id", 4096).tolist() == [bucket_of(key, 4096)]
    assert buckets_of(keys, "user_id", 1).tolist() == [0]
    assert buckets_of(keys.slice(1), "user_id", 4096).tolist() == []


def test_many_lists_are_sent_in_pieces(monkeypatch) -> None:
    monkeypatch.setattr(redis_commands, "_SENT_BYTES", 500)
    rows = Run(1, people(40)).rows(PERSONAL)
    numbers = buckets_of(rows, "user_id", BUCKETS)
    commands = set_lists(numbers, rows, "user_id", "b:{}".format)
    pieces = [(bytes(content), count) for content, count in commands]
    assert len(pieces) > 2
    assert max(len(content) for content, _ in pieces) < 600
    found = {}
    for command, key, *arguments in sent(pieces):
        assert command == b"HSET"
        for field, value in zip(arguments[::2], arguments[1::2], strict=True):
            found[field] = (key, value)
    assert found == {
        field_of(row["user_id"], row["placement"]).encode(): (
            b"b:%d" % bucket_of(row["user_id"], BUCKETS),
            packed(row),
        )
        for row in rows.to_pylist()
    }


def test_lists_of_every_length_have_the_right_heads() -> None:
    # 15 and 16, 2^16: where the heads of arrays grow; ids of 31, 32, 255, 256 and 2^16 bytes: those of texts.
    rows = [
        {
            "placement": "p",
            "user_id": str(number),
            "items": [{"item_id": "i" * size, "score": -0.5, "source": "personal"}] * length,
            "short_reason": None,
        }
        for number, (length, size) in enumerate(
            [
                (0, 0),
                (15, 31),
                (16, 32),
                (127, 255),
                (128, 256),
                (256, 1),
                (1, 1 << 16),
                (1 << 16, 1),
            ]
        )
    ]
    (_, _, *arguments), *others = sent(
        set_lists(np.zeros(len(rows), np.int64), table(rows, pa.string()), "user_id", "b:{}".format)
    )
    assert others == []
    assert arguments[1::2] == [packed(row) for row in rows]
