"""How the lists of a run are cut into parts, and how a part is read."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from toplists.evaluation.user_ranges import UserRange, read_columns
from toplists.lake.row_groups import RowGroup, cut_row_groups, read_row_groups
from toplists.publish.stores.changes import all_changed, find_changes
from toplists.publish.stores.columns import whole
from toplists.publish.stores.store import Part, PartLists
from toplists.reader.layouts import LIST_TABLES, ListTable

_SAMPLE = 500
_COLUMNS = ("items", "short_reason", "schema_version")
_TEXTS = ["items.list.element.item_id", "items.list.element.source"]
_TEXT, _CODED = pa.string(), pa.dictionary(pa.int32(), pa.string())


@dataclass(frozen=True)
class ListFiles:
    """The Parquet files of a table's lists: those of the run, and those of the run before (none = no base)."""

    table: ListTable
    now: tuple[str, ...]
    before: tuple[str, ...] = ()


@dataclass(frozen=True)
class Piece:
    """A part, and the files that hold its lists."""

    part: Part
    now: tuple[str, ...]
    before: tuple[str, ...]


@dataclass(frozen=True)
class Cut:
    """How a run is cut: the pieces of work, and how many lists each table has."""

    pieces: tuple[Piece, ...]
    rows: dict[str, int]

    def fingerprint(self, *more: object) -> str:
        """A digest of what is written and how it is cut, and of what else decides it."""
        text = repr((self.pieces, sorted(self.rows.items()), more))
        return hashlib.sha256(text.encode()).hexdigest()[:16]


def cut_lists(files: Sequence[ListFiles], rows_per_part: int) -> Cut:
    """Cut the lists of a run into parts of about so many, by what the footers of files say of keys."""
    pieces: list[Piece] = []
    rows: dict[str, int] = {}
    for one in files:
        now, before = (list(read_row_groups(part, one.table.key)) for part in (one.now, one.before))
        rows[one.table.name] = sum(group.rows for group in now)
        for low, high in pairwise([None, *cut_row_groups(now, rows_per_part), None]):
            part = Part(len(pieces), one.table, low, high)
            pieces.append(Piece(part, _files_in(now, part), _files_in(before, part)))
    return Cut(tuple(pieces), {table.name: rows.get(table.name, 0) for table in LIST_TABLES})


def read_part(piece: Piece, tolerance: float, *, has_base: bool, coded: bool = False) -> PartLists:
    """Read the lists of a part, and tell those that changed since the base.

    Args:
        piece: The part.
        tolerance: See `find_changes`.
        has_base: Whether there is a base.
        coded: Whether texts in lists may be dictionaries, one for each chunk of rows, as files hold them.
    """
    key = piece.part.table.key
    if has_base:
        now, before = _read(piece.now, piece.part), _read(piece.before, piece.part)
        return find_changes(now, before, key, tolerance)
    rows = _read_coded(piece.now, piece.part) if coded else None
    return all_changed(_read(piece.now, piece.part) if rows is None else rows, key)


def read_sample(piece: Piece) -> pa.Table:
    """A few hundred lists of a part: the first in its first file."""
    key = piece.part.table.key
    if not piece.now:
        return _schema(key).empty_table()
    first = pq.ParquetFile(piece.now[0]).read_row_group(0, ["placement", key, *_COLUMNS])
    return first.slice(0, _SAMPLE).cast(_schema(key))


def _read(files: Sequence[str], part: Part) -> pa.Table:
    key = part.table.key
    columns = ["placement", key, *_COLUMNS]
    if not files:
        return _schema(key).empty_table()
    rows = read_columns(files, columns, _range(part), key=key)
    # Files are in order as they are written; a compaction of the lake puts them together as they come.
    return (rows if _is_sorted(rows[key]) else rows.sort_by(key)).cast(_schema(key))


def _read_coded(files: Sequence[str], part: Part) -> pa.Table | None:
    """The same with texts as files hold them; `None` if one does not hold them so, or they are not in order."""
    key = part.table.key
    found = []
    for file in files:
        opened = pq.ParquetFile(file, read_dictionary=_TEXTS)
        for number, group in enumerate(read_row_groups([file], key)):
            if _overlaps(group, part):
                some = opened.read_row_group(number, ["placement", key, *_COLUMNS])
                found.append(some if _is_within(group, part) else _within(some, part))
    if any(some.schema.types != _schema(key, _CODED).types for some in found):
        return None
    rows = pa.concat_tables(found) if found else _schema(key, _CODED).empty_table()
    return rows if _is_sorted(rows[key]) else None


def _within(rows: pa.Table, part: Part) -> pa.Table:
    chosen = _range(part).holds(part.table.key)
    return rows if chosen is None else rows.filter(chosen)


def _range(part: Part) -> UserRange:
    return UserRange(part.low, part.high)


def _is_sorted(column: pa.ChunkedArray) -> bool:
    keys = whole(column)
    return not pc.any(pc.greater(keys[:-1], keys[1:])).as_py()


def _schema(key: str, text: pa.DataType = _TEXT) -> pa.Schema:
    entry = [("item_id", text), ("score", pa.float64()), ("source", text)]
    columns = [
        ("placement", pa.string()),
        (key, pa.string()),
        ("items", pa.list_(pa.struct(entry))),
    ]
    return pa.schema([*columns, ("short_reason", pa.string()), ("schema_version", pa.int32())])


def _files_in(groups: Sequence[RowGroup], part: Part) -> tuple[str, ...]:
    return tuple(dict.fromkeys(group.file for group in groups if _overlaps(group, part)))


def _overlaps(group: RowGroup, part: Part) -> bool:
    if group.low is None or group.high is None:
        return True
    below = part.high is not None and group.low >= part.high
    above = part.low is not None and group.high < part.low
    return not below and not above


def _is_within(group: RowGroup, part: Part) -> bool:
    if group.low is None or group.high is None:
        return part.low is None and part.high is None
    return (part.low is None or group.low >= part.low) and (
        part.high is None or group.high < part.high
    )
