"""Lists as lines of JSON, made of whole columns at a time.

Each line is what `json.dumps` makes of a row: the run, the columns, and the list as objects in order.
"""

from __future__ import annotations

import json

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from toplists.publish.stores.columns import (
    Column,
    alike,
    as_bytes,
    by_text,
    join,
    list_lengths,
    spelled,
    whole,
)


def encode_lines(run_id: str, key: str, rows: pa.Table) -> memoryview:
    """The lines of `PartLists.rows`; not too many, see `columns.slices`.

    Args:
        run_id: The run that they are of.
        key: The column that is the key.
        rows: The lists.
    """
    lists = whole(rows["items"])
    lengths = list_lengths(lists)
    placement, owner, reason = (whole(rows[name]) for name in ("placement", key, "short_reason"))
    columns = alike(
        len(rows),
        b'{"run_id": ' + _dumped(run_id) + b', "placement": ',
        _quoted(placement),
        b', "' + key.encode() + b'": ',
        _quoted(owner),
        b', "items": [',
        _entries(lists.flatten(), lengths).gather(lengths),
        b'], "short_reason": ',
        _quoted(reason),
        b"}\n",
    )
    return join(*columns).values.data


def _entries(entries: pa.StructArray, lengths: npt.NDArray[np.int64]) -> Column:
    """Each entry of a list as an object, and what stands between it and the next."""
    is_last = np.zeros(len(entries), np.int64)
    is_last[np.cumsum(lengths)[lengths > 0] - 1] = 1
    columns = alike(
        len(entries),
        b'{"item_id": ',
        _quoted(entries.field("item_id")),
        b', "score": ',
        _numbers(entries.field("score")),
        b', "source": ',
        _quoted(entries.field("source")),
        spelled([b"}, ", b"}"]).pick(is_last),
    )
    return join(*columns)


def _quoted(texts: pa.Array) -> Column:
    """Texts in quotes, escaped; nulls as such."""
    return by_text(texts, _dumped, b"null")


def _numbers(scores: pa.DoubleArray) -> Column:
    """The shortest texts that are these numbers; whole ones too are seen not to be integers."""
    texts = scores.cast(pa.string())
    values = scores.to_numpy()
    whole_ones = np.flatnonzero(values == np.rint(values))
    if not len(whole_ones):
        return as_bytes(texts)
    marked = pa.array([repr(one) for one in values[whole_ones].tolist()], pa.string())
    places = np.arange(len(values))
    places[whole_ones] = len(values) + np.arange(len(whole_ones))
    return as_bytes(pa.concat_arrays([texts, marked])).pick(places)


def _dumped(value: str) -> bytes:
    return json.dumps(value, ensure_ascii=False).encode()
