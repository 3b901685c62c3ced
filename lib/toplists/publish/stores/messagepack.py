"""Lists as Redis holds them: each an array of MessagePack, as `toplists.reader.packing.unpack_list` reads it.

https://github.com/msgpack/msgpack/blob/master/spec.md
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
    by_value,
    fixed,
    join,
    take_apart,
)

_FIELDS = b"\x95"  # an array of five
_NIL = b"\xc0"
_FLOAT64 = 0xCB
_SCORE = np.dtype([("type", "u1"), ("value", ">f8")])


def pack_lists(rows: pa.Table) -> list[Column]:
    """The lists of `PartLists.rows`, packed, as columns that are to be put together; not too many, see `slices`."""
    lists = take_apart(rows)
    scores = np.empty(len(lists.scores), _SCORE)
    scores["type"], scores["value"] = _FLOAT64, lists.scores
    return alike(
        len(rows),
        _FIELDS,
        *_array(_texts(lists.texts).pick(lists.items), lists.lengths),
        *_array(fixed(scores), lists.lengths),
        *_array(_texts(lists.names).pick(lists.sources), lists.runs),
        *_array(by_value(lists.counts, _integer), lists.runs),
        by_text(lists.reasons, _text, _NIL),
    )


def _array(elements: Column, lengths: npt.NDArray[np.int64]) -> tuple[Column, Column]:
    """The head of each array, and its elements."""
    return by_value(lengths, _head_of_array), elements.gather(lengths)


def _texts(texts: pa.Array) -> Column:
    """Texts behind their heads."""
    content = as_bytes(texts)
    return join(by_value(content.sizes, _head_of_text), content)


def _text(text: str) -> bytes:
    content = text.encode()
    return _head_of_text(len(content)) + content


def _head_of_array(length: int) -> bytes:
    if length < 1 << 4:
        return bytes([0x90 | length])
    return b"\xdc" + length.to_bytes(2, "big") if length < 1 << 16 else _wide(0xDD, length)


def _head_of_text(size: int) -> bytes:
    if size < 1 << 5:
        return bytes([0xA0 | size])
    if size < 1 << 8:
        return bytes([0xD9, size])
    return b"\xda" + size.to_bytes(2, "big") if size < 1 << 16 else _wide(0xDB, size)


def _integer(value: int) -> bytes:
    if value < 1 << 7:
        return bytes([value])
    if value < 1 << 8:
        return bytes([0xCC, value])
    return b"\xcd" + value.to_bytes(2, "big") if value < 1 << 16 else _wide(0xCE, value)


def _wide(kind: int, value: int) -> bytes:
    return bytes([kind]) + value.to_bytes(4, "big")
