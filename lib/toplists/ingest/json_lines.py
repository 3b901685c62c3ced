"""Lines of JSON objects → Arrow; a line may hold several rows in aligned arrays."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import pyarrow as pa

from toplists.config.ingest import ColumnSettings
from toplists.errors import InputRefusedError
from toplists.ingest.columns import (
    ROLES,
    Role,
    chosen_names,
    find_columns,
    plain_name,
    usual_roles,
)
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

    Names that the person gave and that are not among those are looked for in the whole file.

    Raises:
        InputRefusedError: the file is empty, damaged, not of its encoding, or lacks a column.
    """
    sought = set(chosen_names(chosen))
    names: dict[str, None] = {}
    seen = start = 0
    try:
        with open_stream(file) as stream:
            for block in whole_lines(stream, block_bytes=_SAMPLED_BYTES):
                if not seen and block.startswith(_MARK):
                    start = len(_MARK)
                content = in_utf8(block[0 if seen else start :], seen + 1, file)
                for line in content.removesuffix(b"\n").split(b"\n"):
                    if seen >= _SAMPLED_LINES and sought <= names.keys():
                        break
                    names |= dict.fromkeys(_names_in(line))
                    seen += 1
                if sought <= names.keys():
                    break
    except DAMAGE as damage:
        raise refusal_of_damage(file, seen, damage) from damage
    if not seen:
        raise InputRefusedError(f"{file} is empty. Expected one JSON object per line.")
    return layout_of_names(tuple(names), chosen, str(file), start)


def layout_of_names(
    names: tuple[str, ...], chosen: ColumnSettings, where: str, start: int = 0
) -> JsonLayout:
    """The layout of objects with these fields; the first one begins at byte `start`.

    Raises:
        InputRefusedError: a column is missing or ambiguous.
    """
    columns = find_columns(names, chosen, where)
    mapped: dict[Role, str] = {role: names[at] for role, at in columns.items()}
    return JsonLayout(mapped, start, names=names, usual=usual_roles(chosen))


def names_in_row(text: str) -> list[str]:
    """The fields of an object, as columns are named; none if it is no object."""
    return _names_in(text.encode())


def split_objects(
    blocks: Iterable[LineBlock], layout: JsonLayout, file: int
) -> Iterator[pa.RecordBatch]:
    """The rows of JSON lines, as batches of `SCANNED`; a line that is not an object is a bad row.

    A field that the layout does not know, by one of the usual names of a role, makes its line a bad row:
    what it says would be lost. Numbers keep the text they are written in. `element` counts the rows of a line with arrays from 1;
    such a row has no `raw`.
    """
    fields = {role: _Field.of(name) for role, name in layout.columns.items()}
    known = set(layout.names)
    for block in blocks:
        rows = _Collected()
        lines = block.content.removesuffix(b"\n").split(b"\n")
        for number, line in enumerate(lines, start=block.first):
            if not line.strip():
                continue
            try:
                parsed = _parse(line)
                if late := parsed.keys() - known:
                    _refuse_late(late, parsed, layout)
                _add_row(rows, number, line, parsed, fields)
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


def _refuse_late(names: Set[str], parsed: Mapping[str, Any], layout: JsonLayout) -> None:
    late = {
        name: role
        for name in sorted(names)
        if (role := layout.usual.get(plain_name(name))) is not None
        and isinstance(parsed[name], str | bool)
    }
    if late:
        meant = ", ".join(f"{name} could be the {role}" for name, role in late.items())
        settings = ", ".join(f"ingest.columns.{role}={name}" for name, role in late.items())
        raise _BadRowError(
            f"column_too_late: {meant}, and the columns were found by the fields of the first lines, "
            f"which lack it; name it: {settings}"
        )


def _add_row(
    rows: _Collected,
    number: int,
    line: bytes,
    parsed: Mapping[str, Any],
    fields: Mapping[Role, _Field],
) -> None:
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
        # Numbers as they are written: ids may have more digits than a double can hold. Of bytes, json would
        # guess the encoding, and take a NUL for a sign of UTF-16.
        parsed = json.loads(line.decode(), parse_int=str, parse_float=str, parse_constant=str)
    except json.JSONDecodeError as error:
        raise _BadRowError(f"not_json: {error.msg} at character {error.pos + 1}") from error
    except RecursionError as error:
        raise _BadRowError("not_json: brackets inside brackets without end") from error
    if not isinstance(parsed, dict):
        raise _BadRowError("not_an_object: a line must be one JSON object")
    return parsed


def _names_in(line: bytes) -> list[str]:
    try:
        return list(_names(_parse(line)))
    except _BadRowError:
        return []


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
