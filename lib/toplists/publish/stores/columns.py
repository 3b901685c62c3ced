"""Lists in the forms that stores take: bytes made of whole columns at a time.

A row is what its fields are, one behind the other; so a column of rows is the columns of its fields, joined
element by element, and the elements of a list that lie side by side are the list. Nothing goes through Python
value by value.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

_SLICE_BYTES = 16 << 20

Numbers = npt.NDArray[np.integer]


@dataclass(frozen=True)
class ListColumns:
    """The lists of a table, taken apart.

    Attributes:
        items: Ids of all lists, one list behind the other.
        scores: Their scores.
        lengths: Of each list.
        sources: What is said of the sources, likewise: names of runs of the same source.
        counts: How long each run is.
        runs: How many runs each list has.
        reasons: Why each is short, or null.
    """

    items: pa.Array
    scores: npt.NDArray[np.float64]
    lengths: npt.NDArray[np.int64]
    sources: pa.Array
    counts: npt.NDArray[np.int64]
    runs: npt.NDArray[np.int64]
    reasons: pa.Array


def slices(rows: pa.Table) -> Iterator[pa.Table]:
    """The rows, so many at a time that they stay far below what a column can hold (2 GiB)."""
    step = max(1, len(rows) * _SLICE_BYTES // max(1, rows.nbytes))
    for first in range(0, len(rows), step):
        yield rows.slice(first, step)


def take_apart(rows: pa.Table) -> ListColumns:
    """The lists of `PartLists.rows`."""
    lists = rows["items"].combine_chunks()
    lengths = pc.list_value_length(lists).to_numpy().astype(np.int64)
    entries = lists.flatten()
    sources = entries.field("source").dictionary_encode()
    codes = sources.indices.to_numpy()
    owners = np.repeat(np.arange(len(lists)), lengths)
    begins = np.ones(len(codes), np.bool_)
    begins[1:] = (codes[1:] != codes[:-1]) | (owners[1:] != owners[:-1])
    first = np.flatnonzero(begins)
    return ListColumns(
        items=entries.field("item_id"),
        scores=entries.field("score").to_numpy(),
        lengths=lengths,
        sources=sources.dictionary.take(pa.array(codes[first])),
        counts=np.diff(np.append(first, len(codes))),
        runs=np.bincount(owners[first], minlength=len(lists)),
        reasons=rows["short_reason"].combine_chunks(),
    )


def join(*columns: pa.Array | bytes) -> pa.Array:
    """Columns of bytes (or the same bytes in each row) put together, row by row."""
    scalars = [pa.scalar(one, pa.binary()) if isinstance(one, bytes) else one for one in columns]
    return pc.binary_join_element_wise(*scalars, pa.scalar(b"", pa.binary()))


def as_bytes(texts: pa.Array) -> pa.Array:
    """Texts as the bytes of their UTF-8."""
    return texts.cast(pa.binary())


def sizes(column: pa.Array) -> npt.NDArray[np.int64]:
    """How many bytes each has."""
    found: npt.NDArray[np.int64] = pc.binary_length(column).to_numpy().astype(np.int64)
    return found


def fixed(records: npt.NDArray[np.void]) -> pa.Array:
    """Records of a packed type, each as its bytes."""
    offsets = np.arange(len(records) + 1, dtype=np.int64) * records.dtype.itemsize
    return _binary(offsets, pa.py_buffer(np.ascontiguousarray(records)))


def gather(elements: pa.Array, lengths: npt.NDArray[np.int64]) -> pa.Array:
    """Elements of lists that lie one behind the other, put together list by list."""
    ends = np.concatenate(([0], np.cumsum(lengths)))
    if not len(elements):
        return _binary(ends, None)
    offsets = np.frombuffer(elements.buffers()[1], np.int32)[elements.offset :]
    return _binary(offsets[ends].astype(np.int64), elements.buffers()[2])


def by_value(values: Numbers, encode: Callable[[int], bytes]) -> pa.Array:
    """What `encode` makes of each number, none negative; called once for each that occurs."""
    occurs = np.bincount(values) > 0
    places = (np.cumsum(occurs) - 1)[values]
    encoded = [encode(int(one)) for one in np.flatnonzero(occurs)]
    return pa.array(encoded, pa.binary()).take(pa.array(places))


def content(rows: pa.Array) -> memoryview:
    """All rows, one behind the other."""
    if not len(rows):
        return memoryview(b"")
    offsets = np.frombuffer(rows.buffers()[1], np.int32)
    return memoryview(rows.buffers()[2])[
        int(offsets[rows.offset]) : int(offsets[rows.offset + len(rows)])
    ]


def _binary(offsets: npt.NDArray[np.int64], values: pa.Buffer | None) -> pa.Array:
    # Where all are empty there need be no bytes.
    buffers = [None, pa.py_buffer(offsets.astype(np.int32)), values or pa.py_buffer(b"")]
    return pa.Array.from_buffers(pa.binary(), len(offsets) - 1, buffers)
