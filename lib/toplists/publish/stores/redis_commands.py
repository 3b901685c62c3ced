"""Commands of Redis by the thousand, as it reads them from the wire, and what lists take of its memory.

https://redis.io/docs/latest/develop/reference/protocol-spec/
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from toplists.publish.stores.columns import as_bytes, by_value, content, join, sizes, slices
from toplists.publish.stores.messagepack import pack_lists
from toplists.reader.layouts import ListTable, bucket_of

_SENT_BYTES = 16 << 20
_ENTRY, _SLOTS, _HEADER = 32, 16, 6
"""Bytes of a field beside its name and value: its entry, its places in tables of pointers, heads of texts."""


def buckets_of(rows: pa.Table, key: str, buckets: int) -> npt.NDArray[np.int64]:
    """The bucket of each row, out of so many."""
    return np.array([bucket_of(one, buckets) for one in rows[key].to_pylist()], np.int64)


def set_lists(
    numbers: npt.NDArray[np.int64], rows: pa.Table, key: str, name: Callable[[int], str]
) -> Iterator[tuple[memoryview, int]]:
    """HSET of lists, a command for each bucket.

    Args:
        numbers: The bucket of each row.
        rows: As `PartLists.rows`.
        key: The column that is the key.
        name: The key of a bucket.

    Yields:
        Commands, and how many they are.
    """
    arguments = [join(_bulk(fields(some, key)), _bulk(pack_lists(some))) for some in slices(rows)]
    return _grouped(b"HSET", 2, numbers, arguments, name)


def remove_lists(
    numbers: npt.NDArray[np.int64], rows: pa.Table, key: str, name: Callable[[int], str]
) -> Iterator[tuple[memoryview, int]]:
    """HDEL of lists, likewise."""
    return _grouped(b"HDEL", 1, numbers, [_bulk(fields(rows, key))], name)


def fields(rows: pa.Table, key: str) -> pa.Array:
    """The field of each list in its bucket, see `layouts.field_of`."""
    placement, ids = (as_bytes(rows[name].combine_chunks()) for name in ("placement", key))
    return join(placement, b":", ids)


def memory_needed(
    rows: Mapping[str, int], sample: Mapping[str, pa.Table], tables: tuple[ListTable, ...]
) -> int:
    """About how many bytes lists take, by what those of a sample do.

    Args:
        rows: How many lists there are, by name of the table.
        sample: Some lists of each table.
        tables: The tables.
    """
    needed = 0.0
    for table in tables:
        some = sample[table.name]
        if len(some):
            taken = _allocated(sizes(fields(some, table.key)) + _HEADER)
            taken += _allocated(sizes(pack_lists(some)) + _HEADER)
            needed += rows[table.name] * (float(taken.mean()) + _ENTRY + _SLOTS)
    return int(needed)


def _allocated(wanted: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """What the allocator (jemalloc) gives for so many bytes: four sizes per doubling, from 64 on."""
    power = np.ceil(np.log2(np.maximum(wanted, 64))).astype(np.int64)
    step = np.maximum(16, 1 << (power - 3))
    allocated: npt.NDArray[np.int64] = -(-wanted // step) * step
    return allocated


def _bulk(values: pa.Array) -> pa.Array:
    """Arguments of commands: each behind its length."""
    return join(by_value(sizes(values), lambda size: b"$%d\r\n" % size), values, b"\r\n")


def _grouped(
    command: bytes,
    per_row: int,
    numbers: npt.NDArray[np.int64],
    arguments: Sequence[pa.Array],
    name: Callable[[int], str],
) -> Iterator[tuple[memoryview, int]]:
    """A command for each number, with the arguments of its rows; as many at a time as fit into a column."""
    if not len(numbers):
        return
    # Rows are brought in order as bytes, not as lists of structs: these are much slower to move.
    whole = pa.chunked_array(arguments, pa.binary()).cast(pa.large_binary()).combine_chunks()
    order = np.argsort(numbers, kind="stable")
    ends = np.cumsum(sizes(whole)[order])
    for some in np.split(
        order, np.searchsorted(ends, np.arange(_SENT_BYTES, ends[-1], _SENT_BYTES))
    ):
        if len(some):
            rows = whole.take(pa.array(some)).cast(pa.binary())
            yield _commands(command, per_row, numbers[some], rows, name)


def _commands(
    command: bytes,
    per_row: int,
    numbers: npt.NDArray[np.int64],
    arguments: pa.Array,
    name: Callable[[int], str],
) -> tuple[memoryview, int]:
    """A command for each run of the same number, with the arguments of its rows."""
    first = np.flatnonzero(np.diff(numbers, prepend=-1))
    counts = np.diff(np.append(first, len(numbers)))
    heads = [
        b"*%d\r\n$%d\r\n%b\r\n$%d\r\n%b\r\n"
        % (2 + per_row * count, len(command), command, len(target), target)
        for count, target in zip(
            counts.tolist(), (name(one).encode() for one in numbers[first].tolist()), strict=True
        )
    ]
    places = np.zeros(len(numbers), np.int64)
    places[first] = np.arange(1, len(first) + 1)
    before = pa.array([b"", *heads], pa.binary()).take(pa.array(places))
    return content(join(before, arguments)), len(first)
