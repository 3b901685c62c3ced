"""How the rows of a text file are written: delimiter, quotes, header, which field means what."""

from __future__ import annotations

import csv
from collections.abc import Mapping
from dataclasses import dataclass

from toplists.config.settings import IngestSettings
from toplists.errors import InputRefusedError
from toplists.ingest.columns import MOVIELENS_COLUMNS, Role, find_columns
from toplists.ingest.files import InputFile
from toplists.ingest.source import SourceKind
from toplists.ingest.streams import first_line

_MARK = b"\xef\xbb\xbf"
_RATING_FIELDS: dict[Role, int] = {"user": 0, "item": 1, "value": 2, "time": 3}
_DELIMITER_NAMES = {";": "';'", "\t": "a tab", "|": "'|'", "::": "'::'", ",": "','"}


@dataclass(frozen=True)
class TextLayout:
    """How to read a text file.

    `quoted`: fields may stand in double quotes, a quote inside is doubled. `columns`: position of the
    field of each role. `width`: number of fields of a right row. The body, everything after the
    header, begins at byte `body_start` in line `body_line`.
    """

    delimiter: str
    quoted: bool
    columns: Mapping[Role, int]
    width: int
    body_start: int
    body_line: int


def detect_layout(file: InputFile, kind: SourceKind, settings: IngestSettings) -> TextLayout:
    """The layout of `file`, from its first line.

    Raises:
        InputRefusedError: the file is empty, damaged or not UTF-8, its delimiter is another one, or a
            column is missing.
    """
    head = first_line(file)
    line = head.removeprefix(_MARK).decode().rstrip("\r\n")
    if kind == "movielens" and (delimiter := _headerless_delimiter(line)):
        return TextLayout(
            delimiter=delimiter,
            quoted=False,
            columns=_RATING_FIELDS,
            width=len(_RATING_FIELDS),
            body_start=len(_MARK) if head.startswith(_MARK) else 0,
            body_line=1,
        )
    # A shell passes '\t' on as two characters.
    delimiter = settings.delimiter.replace("\\t", "\t") if kind == "csv" else ","
    quoted = len(delimiter.encode()) == 1
    header = next(csv.reader([line], delimiter=delimiter)) if quoted else line.split(delimiter)
    _refuse_wrong_delimiter(header, delimiter, file)
    chosen = settings.columns if kind == "csv" else MOVIELENS_COLUMNS
    return TextLayout(
        delimiter=delimiter,
        quoted=quoted,
        columns=find_columns(header, chosen, f"{file}, line 1"),
        width=len(header),
        body_start=len(head),
        body_line=2,
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
