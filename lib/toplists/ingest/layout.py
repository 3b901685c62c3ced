"""How the rows of a text file are written: delimiter, quotes, header, which field means what."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

from toplists.config.ingest import ColumnSettings, IngestSettings
from toplists.errors import InputRefusedError, excerpt
from toplists.ingest.columns import MOVIELENS_COLUMNS, Role, find_columns
from toplists.ingest.files import InputFile
from toplists.ingest.source import SourceKind
from toplists.ingest.streams import first_line, in_utf8

_MARK = b"\xef\xbb\xbf"
_RATING_FIELDS: tuple[Role, ...] = ("user", "item", "value", "time")
_SECTION_FIELDS: tuple[Role, ...] = ("user", "value", "time")
_DELIMITER_NAMES = {";": "';'", "\t": "a tab", "|": "'|'", "::": "'::'", ",": "','"}
_ATOMIC_TYPES = frozenset({"token", "token_seq", "float", "float_seq"})


@dataclass(frozen=True)
class TextLayout:
    """How to read a text file of delimited fields.

    `quoted`: fields may stand in double quotes, a quote inside is doubled. `columns`: position of the
    field of each role. `width`: number of fields of a right row. The body, everything after the
    header, begins at byte `body_start` in line `body_line`. `header`: the first line, where that names
    the columns.
    """

    delimiter: str
    quoted: bool
    columns: Mapping[Role, int]
    width: int
    body_start: int
    body_line: int
    header: str | None = field(default=None, compare=False)


@dataclass(frozen=True)
class SectionLayout:
    """A Netflix file: a line `ITEM:` names the item of the lines `user,value,day` after it."""

    rows: TextLayout
    body_start: int = 0
    body_line: int = 1

    @property
    def columns(self) -> Mapping[Role, int]:
        """The roles there are; the item's position is that of its own line."""
        return {**self.rows.columns, "item": -1}


@dataclass(frozen=True)
class JsonLayout:
    """One JSON object per line. `columns`: the name of the field of each role.

    A dotted name leads into objects inside. A name that ends in `[]` is an array: the line holds as
    many rows as its arrays have elements, and every other field belongs to all of them. `names`: all
    fields that were seen. `usual`: for the plain form of a name that a field seen later must not have,
    the role it could be; see `toplists.ingest.columns.usual_roles`.
    """

    columns: Mapping[Role, str]
    body_start: int = 0
    body_line: int = 1
    names: tuple[str, ...] = field(default=(), compare=False)
    usual: Mapping[str, Role] = field(default_factory=dict, compare=False)


LineLayout: TypeAlias = TextLayout | SectionLayout | JsonLayout


def detect_layout(
    file: InputFile, kind: SourceKind, settings: IngestSettings
) -> TextLayout | SectionLayout:
    """The layout of `file`, from its first line.

    Raises:
        InputRefusedError: the file is empty, damaged or not of its encoding, its delimiter is another
            one, or a column is missing.
    """
    head = first_line(file)
    mark = len(_MARK) if head.startswith(_MARK) else 0
    line = in_utf8(head[mark:], 1, file).decode().rstrip("\r\n")
    if kind == "netflix":
        return _netflix_layout(line, file, mark)
    if kind == "movielens" and (delimiter := _headerless_delimiter(line)):
        return _without_header(delimiter, _RATING_FIELDS, mark)
    if kind in ("csv", "tsv") and settings.header is not None:
        layout = layout_of_header(settings.header, kind, settings, f"{file}: ingest.header")
        return TextLayout(
            layout.delimiter, layout.quoted, layout.columns, layout.width, mark, body_line=1
        )
    header = split_header(line, kind, settings)
    _refuse_wrong_delimiter(header, delimiter_of(kind, settings), file)
    layout = layout_of_header(header, kind, settings, f"{file}, line 1")
    return TextLayout(
        layout.delimiter, layout.quoted, layout.columns, layout.width, len(head), 2, line
    )


def headerless_layout(line: str, kind: SourceKind, settings: IngestSettings) -> TextLayout:
    """The layout of a row of a file without a header, told from the row as it is kept when refused."""
    if kind in ("csv", "tsv"):
        return layout_of_header(settings.header or [], kind, settings, "ingest.header")
    if kind == "netflix" and "\t" not in line:
        return _without_header(",", ("item", *_SECTION_FIELDS), 0)
    if kind == "netflix":
        return _without_header("\t", _RATING_FIELDS[: line.count("\t") + 1], 0)
    return _without_header(_headerless_delimiter(line) or "::", _RATING_FIELDS, 0)


def delimiter_of(kind: SourceKind, settings: IngestSettings) -> str:
    """What separates the fields of a file with a header."""
    if kind in ("tsv", "recbole"):
        return "\t"
    # A shell passes '\t' on as two characters.
    return settings.delimiter.replace("\\t", "\t") if kind == "csv" else ","


def split_header(line: str, kind: SourceKind, settings: IngestSettings) -> list[str]:
    """The column names in the first line of a file."""
    delimiter = delimiter_of(kind, settings)
    if _is_quoted(delimiter, kind):
        return next(csv.reader([line], delimiter=delimiter), [])
    return line.split(delimiter)


def layout_of_header(
    header: Sequence[str], kind: SourceKind, settings: IngestSettings, where: str
) -> TextLayout:
    """The layout of rows below `header`, without the place where they begin.

    Raises:
        InputRefusedError: a column is missing or ambiguous, or a RecBole type is none.
    """
    delimiter = delimiter_of(kind, settings)
    names = [atomic_field(name, where)[0] for name in header] if kind == "recbole" else header
    chosen: ColumnSettings = MOVIELENS_COLUMNS if kind == "movielens" else settings.columns
    return TextLayout(
        delimiter=delimiter,
        quoted=_is_quoted(delimiter, kind),
        columns=find_columns(names, chosen, where),
        width=len(header),
        body_start=0,
        body_line=1,
    )


def atomic_field(text: str, where: str) -> tuple[str, str]:
    """Name and type of a field of a RecBole header, such as `rating:float`.

    Raises:
        InputRefusedError: there is no type, or no such type.
    """
    name, _, kind = text.rpartition(":")
    if not name or kind not in _ATOMIC_TYPES:
        raise InputRefusedError(
            f"{where}: {excerpt(text)!r} is not a field of an atomic file. Expected NAME:TYPE, separated by tabs; "
            f"types are {', '.join(sorted(_ATOMIC_TYPES))}."
        )
    return name, kind


def _is_quoted(delimiter: str, kind: SourceKind) -> bool:
    return len(delimiter.encode()) == 1 and kind != "recbole"


def _without_header(delimiter: str, fields: Sequence[Role], body_start: int) -> TextLayout:
    return TextLayout(
        delimiter=delimiter,
        quoted=False,
        columns={role: at for at, role in enumerate(fields)},
        width=len(fields),
        body_start=body_start,
        body_line=1,
    )


def _netflix_layout(line: str, file: InputFile, mark: int) -> TextLayout | SectionLayout:
    if line.rstrip().endswith(":"):
        return SectionLayout(_without_header(",", _SECTION_FIELDS, 0), body_start=mark)
    fields = line.count("\t") + 1
    if fields in (3, 4):
        return _without_header("\t", _RATING_FIELDS[:fields], mark)
    raise InputRefusedError(
        f"{file}, line 1: expected the id of a movie and a colon, or user, item and rating separated "
        f"by tabs, but found {excerpt(line)!r}."
    )


def _headerless_delimiter(line: str) -> str | None:
    """The delimiter of a MovieLens format without header: `::` (.dat), tab (u.data)."""
    if "::" in line:
        return "::"
    return "\t" if line.partition("\t")[0].isdigit() and "\t" in line else None


def _refuse_wrong_delimiter(header: list[str], delimiter: str, file: InputFile) -> None:
    if len(header) > 1:
        return
    others = [other for other in _DELIMITER_NAMES if other in header[0]] if header else []
    if not others:
        return
    shown = _DELIMITER_NAMES.get(delimiter, repr(delimiter))
    raise InputRefusedError(
        f"{file}, line 1: expected columns separated by {shown}, but it looks like "
        f"{_DELIMITER_NAMES[others[0]]} separates them. Read it as csv: with "
        f"--set ingest.delimiter={others[0]!r}."
    )
