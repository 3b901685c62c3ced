"""Lines of JSON objects → Arrow; a line may hold several rows in aligned arrays."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import pyarrow as pa

from toplists.config.settings import ColumnSettings
from toplists.errors import InputRefusedError
from toplists.ingest.columns import ROLES, Role, find_columns
from toplists.ingest.files import InputFile
from toplists.ingest.layout import JsonLayout
from toplists.ingest.lines import LineBlock
from toplists.ingest.scanned import scanned_batch
from toplists.ingest.streams import DAMAGE, in_utf8, open_stream, refusal_of_damage, whole_lines

ARRAY = "[]"
_MARK = b"\xef\xbb\xbf"
_SAMPLED_LINES = 1000
_SAMPLED_BYTES = 1 << 20
_DEEPEST_NAME = 8

# The text of every role in one row.
_Row: TypeAlias = dict[Role, str | None]


class _BadRowError(Exception):
    """What is wrong with a line, as `code: explanation`."""


def inspect_json(file: InputFile, chosen: ColumnSettings) -> JsonLayout:
    """The layout of a file of JSON lines, from the names in its first thousand lines.

    Raises:
        InputRefusedError: the file is empty, damaged, not of its encoding, or lacks a column.
    """
    try:
        with open_stream(file) as stream:
            head = next(whole_lines(stream, block_bytes=_SAMPLED_BYTES), b"")
    except DAMAGE as damage:
        raise refusal_of_damage(file, 0, damage) from damage
    if not head:
        raise InputRefusedError(f"{file} is empty. Expected one JSON object per line.")
    start = len(_MARK) if head.startswith(_MARK) else 0
    lines = in_utf8(head[start:], 1, file).split(b"\n")[:_SAMPLED_LINES]
    names: dict[str, None] = {}
    for line in lines:
        try:
            names |= dict.fromkeys(_names(_parse(line)))
        except _BadRowError:
            continue
    columns = find_columns(list(names), chosen, f"{file}, its first lines")
    known = list(names)
    return JsonLayout({role: known[at] for role, at in columns.items()}, start, names=tuple(known))


def split_objects(
    blocks: Iterable[LineBlock], layout: JsonLayout, file: int
) -> Iterator[pa.RecordBatch]:
    """The rows of JSON lines, as batches of `SCANNED`; a line that is not an object is a bad row.

    Numbers keep the text they are written in. `element` counts the rows of a line with arrays from 1;
    such a row has no `raw`.
    """
    fields = {role: _Field.of(name) for role, name in layout.columns.items()}
    for block in blocks:
        rows = _Collected()
        lines = block.content.removesuffix(b"\n").split(b"\n")
        for number, line in enumerate(lines, start=block.first):
            if not line.strip():
                continue
            try:
                _add_line(rows, number, line, fields)
            except _BadRowError as bad:
                rows.add(number, line.decode(), None, problem=str(bad))
        if rows.lines:
            yield rows.batch(file)


def json_row(text: str) -> dict[str, str | None]:
    """The fields of an object whose values are text, as refused rows without a line are kept.

    Raises:
        ValueError: it is no such object.
    """
    try:
        return {name: _text(value, name) for name, value in _parse(text.encode()).items()}
    except _BadRowError as bad:
        raise ValueError(str(bad)) from bad


@dataclass(frozen=True)
class _Field:
    """Where a field lies: its name as it stands, the way into objects, and whether it is an array."""

    name: str
    path: tuple[str, ...]
    is_array: bool

    @classmethod
    def of(cls, name: str) -> _Field:
        bare = name.removesuffix(ARRAY)
        return cls(bare, tuple(bare.split(".")), bare != name)

    def look_up(self, row: Mapping[str, Any]) -> Any:  # noqa: ANN401 - JSON holds anything
        if self.name in row:
            return row[self.name]
        found: Any = row
        for part in self.path:
            if not isinstance(found, dict):
                return None
            found = found.get(part)
        return found


@dataclass
class _Collected:
    """Rows of a block, column by column."""

    lines: list[int] = field(default_factory=list)
    elements: list[int | None] = field(default_factory=list)
    raw: list[str | None] = field(default_factory=list)
    problems: list[str | None] = field(default_factory=list)
    texts: dict[Role, list[str | None]] = field(
        default_factory=lambda: {role: [] for role in ROLES}
    )

    def add(
        self,
        line: int,
        raw: str | None,
        row: _Row | None,
        *,
        element: int | None = None,
        problem: str | None = None,
    ) -> None:
        self.lines.append(line)
        self.elements.append(element)
        self.raw.append(raw)
        self.problems.append(problem)
        for role, texts in self.texts.items():
            texts.append(None if row is None else row.get(role))

    def batch(self, file: int) -> pa.RecordBatch:
        return scanned_batch(
            file,
            pa.array(self.lines, pa.int64()),
            element=pa.array(self.elements, pa.int64()),
            raw=pa.array(self.raw, pa.string()),
            problem=pa.array(self.problems, pa.string()),
            fields={role: pa.array(texts, pa.string()) for role, texts in self.texts.items()},
        )


def _add_line(rows: _Collected, number: int, line: bytes, fields: Mapping[Role, _Field]) -> None:
    parsed = _parse(line)
    found = {role: one.look_up(parsed) for role, one in fields.items()}
    arrays = {
        role: _elements(found[role], one.name) for role, one in fields.items() if one.is_array
    }
    single: _Row = {
        role: _text(value, fields[role].name) for role, value in found.items() if role not in arrays
    }
    if not arrays:
        rows.add(number, line.decode(), single)
        return
    lengths = {fields[role].name: len(elements) for role, elements in arrays.items()}
    if len(set(lengths.values())) > 1:
        shown = ", ".join(f"{name} has {length}" for name, length in lengths.items())
        raise _BadRowError(f"arrays_not_aligned: the arrays differ in length: {shown}")
    texts = {
        role: [_text(value, fields[role].name) for value in elements]
        for role, elements in arrays.items()
    }
    for at, values in enumerate(zip(*texts.values(), strict=True), start=1):
        row: _Row = {**single, **dict(zip(texts, values, strict=True))}
        rows.add(number, None, row, element=at)


def _elements(value: Any, name: str) -> Sequence[Any]:  # noqa: ANN401 - JSON holds anything
    if not isinstance(value, list):
        raise _BadRowError(f"not_an_array: {name} is declared an array, and is none")
    return value


def _parse(line: bytes) -> dict[str, Any]:
    try:
        # Numbers as they are written: ids may have more digits than a double can hold.
        parsed = json.loads(line, parse_int=str, parse_float=str, parse_constant=str)
    except json.JSONDecodeError as error:
        raise _BadRowError(f"not_json: {error.msg} at character {error.pos + 1}") from error
    except RecursionError as error:
        raise _BadRowError("not_json: brackets inside brackets without end") from error
    if not isinstance(parsed, dict):
        raise _BadRowError("not_an_object: a line must be one JSON object")
    return parsed


def _names(parsed: Mapping[str, Any], prefix: str = "", depth: int = 1) -> Iterator[str]:
    """The names that a column can have: dotted where objects lie inside, with `[]` for arrays."""
    for name, value in parsed.items():
        if isinstance(value, dict) and depth < _DEEPEST_NAME:
            yield from _names(value, f"{prefix}{name}.", depth + 1)
        else:
            yield f"{prefix}{name}{ARRAY if isinstance(value, list) else ''}"


def _text(value: Any, name: str) -> str | None:  # noqa: ANN401 - JSON holds anything
    if value is None:
        return None
    if isinstance(value, str):
        if not value.isascii():
            try:
                value.encode()
            except UnicodeEncodeError as error:  # half of a character that takes two \u escapes
                raise _BadRowError(f"not_unicode: {name} holds half a character") from error
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    raise _BadRowError(
        f"not_a_scalar: {name} is {'an array' if isinstance(value, list) else 'an object'}"
    )
