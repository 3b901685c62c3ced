"""Commands of Redis by the thousand, as it reads them from the wire, and what lists take of its memory.

https://redis.io/docs/latest/develop/reference/protocol-spec/
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from toplists.publish.stores.columns import (
    Column,
    alike,
    as_bytes,
    by_value,
    slices,
    spelled,
    total,
    whole,
)
from toplists.publish.stores.messagepack import pack_lists
from toplists.reader.layouts import ListTable

_SENT_BYTES = 24 << 20
_ENTRY, _SLOTS, _HEADER = 32, 16, 6
"""Bytes of a field beside its name and value: its entry, its places in tables of pointers, heads of texts."""


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
        Commands, and how many they are; what one yields lies where the next will.
    """
    arguments = [_bulk(_fields(some, key)) + _bulk(pack_lists(some)) for some in slices(rows)]
    return _grouped(b"HSET", 2, numbers, arguments, name)


def remove_lists(
    numbers: npt.NDArray[np.int64], rows: pa.Table, key: str, name: Callable[[int], str]
) -> Iterator[tuple[memoryview, int]]:
    """HDEL of lists, likewise."""
    arguments = [_bulk(_fields(some, key)) for some in slices(rows)]
    return _grouped(b"HDEL", 1, numbers, arguments, name)


def fields(rows: pa.Table, key: str) -> pa.ChunkedArray:
    """The field of each list in its bucket, see `layouts.field_of`."""
    return pc.binary_join_element_wise(rows["placement"], rows[key], ":")


def _fields(rows: pa.Table, key: str) -> list[Column]:
    """The same, as columns that are to be put together."""
    placement, ids = (as_bytes(whole(rows[name])) for name in ("placement", key))
    return alike(len(rows), placement, b":", ids)


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
            taken = _allocated(total(_fields(some, table.key)) + _HEADER)
            taken += _allocated(total(pack_lists(some)) + _HEADER)
            needed += rows[table.name] * (float(taken.mean()) + _ENTRY + _SLOTS)
    return int(needed)


def _allocated(wanted: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """What the allocator (jemalloc) gives for so many bytes: four sizes per doubling, from 64 on."""
    power = np.ceil(np.log2(np.maximum(wanted, 64))).astype(np.int64)
    step = np.maximum(16, 1 << (power - 3))
    allocated: npt.NDArray[np.int64] = -(-wanted // step) * step
    return allocated


def _bulk(columns: Sequence[Column]) -> list[Column]:
    """Arguments of commands: each behind its length."""
    sizes = total(columns)
    heads = by_value(sizes, lambda size: b"$%d\r\n" % size)
    return alike(len(sizes), heads, *columns, b"\r\n")


def _grouped(
    command: bytes,
    per_row: int,
    numbers: npt.NDArray[np.int64],
    arguments: Sequence[Sequence[Column]],
    name: Callable[[int], str],
) -> Iterator[tuple[memoryview, int]]:
    """A command for each number, with the arguments of its rows, not too many at a time.

    `arguments` are columns of some of the rows, then of the next, and so on. Commands are written where those
    before them were: fresh memory costs more than what is written into it.
    """
    if not len(numbers):
        return
    sizes = np.concatenate([total(some) for some in arguments])
    order = np.argsort(numbers, kind="stable")
    through = np.cumsum(sizes[order])
    room = np.empty(0, np.uint8)
    for rows in np.split(
        order, np.searchsorted(through, np.arange(_SENT_BYTES, through[-1], _SENT_BYTES))
    ):
        if not len(rows):
            continue
        heads = _heads(command, per_row, numbers[rows], name)
        taken = heads.sizes + sizes[rows]
        filled = np.cumsum(taken)
        if filled[-1] > len(room):
            room = np.empty(filled[-1] + filled[-1] // 8, np.uint8)
        target, begins = room[: filled[-1]], filled - taken
        heads.put(target, begins, np.arange(len(rows)))
        _put(target, begins, rows, arguments)
        yield target.data, int(np.count_nonzero(heads.sizes))


def _put(
    target: npt.NDArray[np.uint8],
    begins: npt.NDArray[np.int64],
    rows: npt.NDArray[np.int64],
    arguments: Sequence[Sequence[Column]],
) -> None:
    """Write the arguments of some rows to where those of each begin."""
    last = 0
    for columns in arguments:
        first, last = last, last + len(columns[0])
        mine = (rows >= first) & (rows < last)
        places, where = rows[mine] - first, np.empty(last - first, np.int64)
        where[places] = begins[mine]
        for column in columns:
            column.put(target, where, places)


def _heads(
    command: bytes, per_row: int, numbers: npt.NDArray[np.int64], name: Callable[[int], str]
) -> Column:
    """The head of a command before the first of the rows that have the same number, and nothing before others."""
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
    return spelled([b"", *heads]).pick(places)
