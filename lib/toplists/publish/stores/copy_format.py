"""Lists as Postgres takes them: rows of COPY in its binary format.

https://www.postgresql.org/docs/current/sql-copy.html, Binary Format; arrays as `array_recv` reads them: number
of dimensions, a flag, the type of the elements, length, lower bound, then the elements, each with its length.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from toplists.publish.stores.columns import (
    Column,
    alike,
    as_bytes,
    by_text,
    fixed,
    join,
    take_apart,
    whole,
)

COLUMNS = ("placement", "item_ids", "scores", "sources", "source_counts", "short_reason")
HEADER = b"PGCOPY\n\xff\r\n\0" + bytes(8)
TRAILER = b"\xff\xff"

_FIELDS = (7).to_bytes(2, "big")
_NULL = b"\xff\xff\xff\xff"
_TEXT, _FLOAT8, _INT4 = 25, 701, 23
_INTEGER = np.dtype(">i4")
_ARRAY = np.dtype([(name, _INTEGER) for name in ("bytes", "dims", "nulls", "type", "size", "low")])
_SIZE = np.dtype([("bytes", _INTEGER)])
_SCORE = np.dtype([("bytes", _INTEGER), ("value", ">f8")])
_COUNT = np.dtype([("bytes", _INTEGER), ("value", _INTEGER)])


def encode_rows(rows: pa.Table, key: str) -> memoryview:
    """Rows of COPY in the order `key`, then `COLUMNS`, without header and trailer.

    Args:
        rows: As `PartLists.rows`; not too many, see `columns.slices`.
        key: The column that is the key.
    """
    lists = take_apart(rows)
    scores = np.empty(len(lists.scores), _SCORE)
    scores["bytes"], scores["value"] = 8, lists.scores
    counts = np.empty(len(lists.counts), _COUNT)
    counts["bytes"], counts["value"] = 4, lists.counts
    columns = alike(
        len(rows),
        _FIELDS,
        _texts(whole(rows[key])),
        by_text(whole(rows["placement"]), _text, _NULL),
        *_array(_texts(lists.texts).pick(lists.items), lists.lengths, _TEXT),
        *_array(fixed(scores), lists.lengths, _FLOAT8),
        *_array(_texts(lists.names).pick(lists.sources), lists.runs, _TEXT),
        *_array(fixed(counts), lists.runs, _INT4),
        by_text(lists.reasons, _text, _NULL),
    )
    return join(*columns).values.data


def _texts(texts: pa.Array) -> Column:
    """Texts, none null, each behind its length."""
    content = as_bytes(texts)
    lengths = np.empty(len(texts), _SIZE)
    lengths["bytes"] = content.sizes
    return join(fixed(lengths), content)


def _text(text: str) -> bytes:
    content = text.encode()
    return len(content).to_bytes(4, "big") + content


def _array(elements: Column, lengths: npt.NDArray[np.int64], of_type: int) -> tuple[Column, Column]:
    """The head of each array, and its elements."""
    gathered = elements.gather(lengths)
    heads = np.empty(len(lengths), _ARRAY)
    heads["bytes"] = gathered.sizes + _ARRAY.itemsize - _INTEGER.itemsize
    heads["dims"], heads["nulls"], heads["type"] = 1, 0, of_type
    heads["size"], heads["low"] = lengths, 1
    return fixed(heads), gathered
