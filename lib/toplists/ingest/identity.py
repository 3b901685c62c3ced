"""Which event a row is, and which of several rows of one event counts.

An event without a given id is known by its content: source, user, item, type, value and time. Equal rows
with a time are one event. Without a time those of one file are several, told apart by their ordinal among
the equal rows of the file; the same rows in another file are the same events, whether the files come in
one load or in several. None of this depends on the order of rows or columns.
"""

from __future__ import annotations

import hashlib

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from toplists.ingest.source import SourceKind

Digests = npt.NDArray[np.uint8]
"""The first 128 bits of SHA-256: uint8[rows, 16]."""

_BYTES = 16
_ABSENT = np.iinfo(np.int64).min
_HEX = np.frombuffer(b"".join(b"%02x" % byte for byte in range(256)), dtype="<u2")

# Of xxHash64 (Collet), as Spark's `xxhash64` uses it.
_PRIMES = tuple(
    np.uint64(prime)
    for prime in (
        0x9E3779B185EBCA87,
        0xC2B2AE3D27D4EB4F,
        0x165667B19E3779F9,
        0x85EBCA77C2B2AE63,
        0x27D4EB2F165667C5,
    )
)
_SEED = np.uint64(42)


def hash_content(rows: pa.RecordBatch, source: SourceKind) -> Digests:
    """What the content of every row hashes to.

    Args:
        rows: A batch of `toplists.ingest.plain.ACCEPTED`.
        source: Kind of the source; events of different kinds are never the same.
    """
    # The bits of the value, not its text, which differs between releases of Java and Python.
    bits = pa.array(_xxhash64(rows["value"].fill_null(0.0).to_numpy(zero_copy_only=False)))
    value = pc.if_else(pc.is_valid(rows["value"]), bits.cast(pa.string()), "")
    time = rows["event_time"].cast(pa.int64()).cast(pa.string()).fill_null("")
    columns = [rows["user_id"], rows["item_id"], rows["event_type"], value, time]
    return _digest(pc.binary_join_element_wise(source, *columns, "\0"))


def hash_ids(ids: pa.StringArray) -> Digests:
    """What given event ids hash to."""
    return _digest(ids)


def resolve(rows: pa.Table) -> tuple[pa.Table, npt.NDArray[np.uint64]]:
    """Give every row its event id, and leave one row of every event.

    Of several rows with one id the one with the highest `updated_at` counts, then that with the
    greatest `content_hash`, then the first.

    Args:
        rows: Of `toplists.ingest.staging.STAGED`: all rows of a load with the keys that are in it.

    Returns:
        `rows` with `event_id` filled and `content_hash: string`, without `key`, `content` and `day`; and
        uint64[rows], the beginning of each id's hash, by which ids are in about the order of their text.
    """
    keys = as_digests(rows["key"])
    given = rows["event_id"].is_valid().to_numpy()
    untimed = ~given & rows["event_time"].is_null().to_numpy()
    ordinals, counting = _told_apart(rows, keys, untimed)
    contents = _contents(rows, keys)
    keys = _with_ordinals(keys, ordinals, untimed)
    ids = _hex(keys)
    if given.any():
        ids = pc.if_else(pa.array(given), rows["event_id"].combine_chunks(), ids)
    found = (
        rows.drop_columns(["key", "content", "day", "event_id"])
        .append_column("event_id", ids)
        .append_column("content_hash", _hex(contents))
    )
    first = keys.view(">u8")[:, 0].astype(np.uint64)
    if counting.all():
        return found, first
    return found.filter(pa.array(counting)), first[counting]


def _told_apart(
    rows: pa.Table, keys: Digests, untimed: npt.NDArray[np.bool_]
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.bool_]]:
    """Of every row its ordinal among those with its key, where these are several events; whether it counts."""
    first, second = keys.view(">u8").astype(np.uint64).T
    ordinals = np.ones(len(rows), dtype=np.int64)
    counting = np.ones(len(rows), dtype=np.bool_)
    at = _repeated(first)
    if len(at):  # most rows have no other with their key
        few = rows.take(pa.array(at))
        ordinals[at] = np.where(untimed[at], _ordinals(few, first[at], second[at]), 0)
        counting[at] = _counting(few, first[at], second[at], ordinals[at])
    return ordinals, counting


def _repeated(values: npt.NDArray[np.uint64]) -> npt.NDArray[np.int64]:
    """The positions of the values that occur more than once."""
    order = np.argsort(values, kind="stable")
    same = values[order[1:]] == values[order[:-1]]
    repeated = np.zeros(len(values), dtype=np.bool_)
    repeated[order[1:][same]] = repeated[order[:-1][same]] = True
    return np.flatnonzero(repeated)


def _with_ordinals(
    keys: Digests, ordinals: npt.NDArray[np.int64], untimed: npt.NDArray[np.bool_]
) -> Digests:
    """The keys, those of rows without a time hashed with their ordinals."""
    at = np.flatnonzero(untimed)
    if not len(at):
        return keys
    numbers = pa.array(ordinals[at]).cast(pa.string())
    keys = keys.copy()
    keys[at] = _digest(pc.binary_join_element_wise(_hex(keys[at]), numbers, "\0"))
    return keys


def _ordinals(
    rows: pa.Table, first: npt.NDArray[np.uint64], second: npt.NDArray[np.uint64]
) -> npt.NDArray[np.int64]:
    """The number of each row, from 1, among those of its file with its key, by line and element."""
    file, line, element = _places(rows)
    order = np.lexsort((element, line, file, second, first))
    begins = _changes(first[order], second[order], file[order])
    return _scattered(order, _running(begins))


def _counting(
    rows: pa.Table,
    first: npt.NDArray[np.uint64],
    second: npt.NDArray[np.uint64],
    ordinals: npt.NDArray[np.int64],
) -> npt.NDArray[np.bool_]:
    """Which of the rows counts, of those with one key and ordinal."""
    file, line, element = _places(rows)
    contents = _contents(rows, as_digests(rows["key"])).view(">u8").astype(np.uint64)
    version = rows["updated_at"].cast(pa.int64()).fill_null(_ABSENT).to_numpy()
    order = np.lexsort(
        (element, line, file, ~contents[:, 1], ~contents[:, 0], ~version, ordinals, second, first)
    )
    begins = _changes(first[order], second[order], ordinals[order])
    counting: npt.NDArray[np.bool_] = _scattered(order, _running(begins)) == 1
    return counting


def _places(rows: pa.Table) -> tuple[npt.NDArray[np.int64], ...]:
    """File, line and element of each row; a row without an element comes before those with one."""
    columns = (rows[name].cast(pa.int64()) for name in ("file", "line", "element"))
    return tuple(column.fill_null(_ABSENT).to_numpy() for column in columns)


def _changes(*columns: npt.NDArray[np.generic]) -> npt.NDArray[np.bool_]:
    """Whether a row differs from the one before it; the first does."""
    changed = np.ones(len(columns[0]), dtype=np.bool_)
    changed[1:] = np.any([column[1:] != column[:-1] for column in columns], axis=0)
    return changed


def _running(begins: npt.NDArray[np.bool_]) -> npt.NDArray[np.int64]:
    """1, 2, 3, … from every begin on."""
    at = np.arange(len(begins))
    return at - np.maximum.accumulate(np.where(begins, at, 0)) + 1


def _scattered(
    order: npt.NDArray[np.int64], values: npt.NDArray[np.int64]
) -> npt.NDArray[np.int64]:
    found = np.empty_like(values)
    found[order] = values
    return found


def _contents(rows: pa.Table, keys: Digests) -> Digests:
    """The hashes of the contents, which are the keys where no id is given."""
    if rows["content"].null_count == len(rows):
        return keys
    return as_digests(rows["content"])


def as_digests(column: pa.FixedSizeBinaryArray | pa.ChunkedArray) -> Digests:
    """Hashes of an Arrow column; the inverse of `as_column`."""
    array = column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
    whole = np.frombuffer(array.buffers()[1], dtype=np.uint8)
    start = array.offset * _BYTES
    return whole[start : start + len(array) * _BYTES].reshape(-1, _BYTES)


def as_column(digests: Digests) -> pa.FixedSizeBinaryArray:
    """Hashes as an Arrow column."""
    buffers = [None, pa.py_buffer(np.ascontiguousarray(digests))]
    return pa.FixedSizeBinaryArray.from_buffers(pa.binary(_BYTES), len(digests), buffers)


def _hex(digests: Digests) -> pa.StringArray:
    text = np.ascontiguousarray(_HEX[digests])
    offsets = np.arange(len(digests) + 1, dtype=np.int32) * np.int32(2 * _BYTES)
    return pa.StringArray.from_buffers(len(digests), pa.py_buffer(offsets), pa.py_buffer(text))


def _digest(texts: pa.StringArray) -> Digests:
    written: list[bytes] = texts.cast(pa.binary()).to_pylist()
    digests = (hashlib.sha256(one).digest() for one in written)
    whole = np.frombuffer(b"".join(digests), dtype=np.uint8).reshape(-1, 32)
    return np.ascontiguousarray(whole[:, :_BYTES])


def _xxhash64(values: npt.NDArray[np.float64]) -> npt.NDArray[np.int64]:
    """The xxHash64 of doubles as Spark computes it; 0.0 and -0.0 are one value."""
    p1, p2, p3, p4, p5 = _PRIMES
    with np.errstate(over="ignore"):
        hashed = _rotated((values + 0.0).view(np.uint64) * p2, 31) * p1
        hashed ^= _SEED + p5 + np.uint64(8)
        hashed = _rotated(hashed, 27) * p1 + p4
        hashed ^= hashed >> np.uint64(33)
        hashed *= p2
        hashed ^= hashed >> np.uint64(29)
        hashed *= p3
        hashed ^= hashed >> np.uint64(32)
    return hashed.view(np.int64)


def _rotated(words: npt.NDArray[np.uint64], bits: int) -> npt.NDArray[np.uint64]:
    return (words << np.uint64(bits)) | (words >> np.uint64(64 - bits))
