"""Lists as lines of JSON, made of whole columns at a time.

Each line is what `json.dumps` makes of a row: the run, the columns, and the list as objects in order.
"""

from __future__ import annotations

import json
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from toplists.publish.stores.columns import as_bytes, content, gather, join

_Text: TypeAlias = pa.Array | pa.ChunkedArray


def encode_lines(run_id: str, key: str, rows: pa.Table) -> memoryview:
    """The lines of `PartLists.rows`; not too many, see `columns.slices`.

    Args:
        run_id: The run that they are of.
        key: The column that is the key.
        rows: The lists.
    """
    lists = rows["items"].combine_chunks()
    lengths = pc.list_value_length(lists).to_numpy().astype(np.int64)
    return content(
        join(
            b'{"run_id": ' + _dumped(run_id) + b', "placement": ',
            _quoted(rows["placement"]),
            b', "' + key.encode() + b'": ',
            _quoted(rows[key]),
            b', "items": [',
            gather(_entries(lists.flatten(), lengths), lengths),
            b'], "short_reason": ',
            _quoted(rows["short_reason"]),
            b"}\n",
        )
    )


def _entries(entries: pa.StructArray, lengths: npt.NDArray[np.int64]) -> pa.Array:
    """Each entry of a list as an object, and what stands between it and the next."""
    is_last = np.zeros(len(entries), np.int64)
    is_last[np.cumsum(lengths)[lengths > 0] - 1] = 1
    return join(
        b'{"item_id": ',
        _quoted(entries.field("item_id")),
        b', "score": ',
        _numbers(entries.field("score")),
        b', "source": ',
        _quoted(entries.field("source")),
        pa.array([b"}, ", b"}"]).take(pa.array(is_last)),
    )


def _quoted(texts: _Text) -> pa.Array:
    """Texts in quotes, escaped; nulls as such. Each that occurs is escaped once."""
    whole = texts.combine_chunks() if isinstance(texts, pa.ChunkedArray) else texts
    coded = whole.dictionary_encode()
    encoded = [_dumped(one) for one in coded.dictionary.to_pylist()]
    return pa.array(encoded, pa.binary()).take(coded.indices).fill_null(b"null")


def _numbers(scores: pa.DoubleArray) -> pa.Array:
    """The shortest texts that are these numbers; whole ones too are seen not to be integers."""
    texts = as_bytes(scores.cast(pa.string()))
    values = scores.to_numpy()
    whole = np.flatnonzero(values == np.rint(values))
    if not len(whole):
        return texts
    marked = pa.array([repr(one).encode() for one in values[whole].tolist()], pa.binary())
    places = np.arange(len(values))
    places[whole] = len(values) + np.arange(len(whole))
    return pa.concat_arrays([texts, marked]).take(pa.array(places))


def _dumped(value: str) -> bytes:
    return json.dumps(value, ensure_ascii=False).encode()
