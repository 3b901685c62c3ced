"""Typed files of items and users (RecBole, csv, JSON lines, Parquet) → rows of `items` and `users`."""

from __future__ import annotations

import csv
import json
import math
import re
import sys
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import PurePosixPath
from typing import Any, Literal, TypeAlias
from zoneinfo import ZoneInfo

import pyarrow as pa

from toplists.config.ingest import IngestSettings
from toplists.errors import InputRefusedError, excerpt
from toplists.ingest.columns import Role, find_id_column
from toplists.ingest.files import InputFile
from toplists.ingest.layout import atomic_field
from toplists.ingest.parquet import open_parquet, with_instants
from toplists.ingest.streams import DAMAGE, in_utf8, open_stream, refusal_of_damage, whole_lines
from toplists.lake.bookkeeping import Row

EntryTable: TypeAlias = Literal["items", "users"]
Value: TypeAlias = str | int | float | list[str] | datetime | None
Fields: TypeAlias = Mapping[str, Value]

_TITLES = frozenset(
    {"title", "name", "itemtitle", "itemname", "movietitle", "booktitle", "productname"}
)
_YEARS = frozenset({"year", "releaseyear", "publicationyear", "originalpublicationyear"})
_GENRES = frozenset({"genres", "genre", "class", "category", "categories"})
_AVAILABLE = {"availablefrom": "available_from", "availableuntil": "available_until"}
_DELIMITERS = {".csv": ",", ".tsv": "\t"}
_MILLIS_FROM = 1e11


def read_typed(file: InputFile, table: EntryTable, settings: IngestSettings) -> Iterator[Row]:
    """The entries of a file with named columns, in its order, without `load_id`.

    For `items` a column may be the title, the year, the genres (separated by `|`) or the time from or
    until which the item is available; every other column is an attribute: a number where the file says
    so by its type, else text.

    Args:
        file: A csv, tsv, JSON lines, Parquet or RecBole file, told by the end of its name.
        table: What an entry describes.
        settings: Names of the id columns, and the zone of times that name none.

    Raises:
        InputRefusedError: the file is damaged, or a row of it has no id, another number of fields, or
            a time that is none.
    """
    role: Role = "item" if table == "items" else "user"
    chosen: str | None = getattr(settings.columns, role)
    zone = ZoneInfo(settings.time_zone)
    id_column: str | None = None
    for number, fields in _rows(file, settings):
        where = f"{file}, line {number}"
        if id_column is None or id_column not in fields:
            id_column = find_id_column(list(fields), role, chosen, where)
        rest = dict(fields)
        entry_id = _written(rest.pop(id_column))
        if entry_id is None or not entry_id.strip():
            raise InputRefusedError(f"{where}: the {role} id is empty. Every entry needs one.")
        yield _item(entry_id, rest, zone, where) if table == "items" else _user(entry_id, rest)


def _item(item_id: str, fields: dict[str, Value], zone: ZoneInfo, where: str) -> Row:
    found: Row = {
        "item_id": item_id,
        "title": None,
        "year": None,
        "genres": [],
        "available_from": None,
        "available_until": None,
    }
    rest: dict[str, Value] = {}
    for name, value in fields.items():
        known = re.sub(r"[ _-]", "", name).lower()
        if known in _TITLES and found["title"] is None and _text(value):
            found["title"] = _text(value)
        elif known in _YEARS and found["year"] is None and (year := _year(value)) is not None:
            found["year"] = year
        elif known in _GENRES and not found["genres"]:
            found["genres"] = _list(value)
        elif known in _AVAILABLE:
            found[_AVAILABLE[known]] = _moment(value, zone, f"{where}: {name}")
        else:
            rest[name] = value
    return {**found, **_attributes(rest)}


def _user(user_id: str, fields: dict[str, Value]) -> Row:
    return {"user_id": user_id, **_attributes(fields)}


def _attributes(fields: Fields) -> Row:
    numbers: dict[str, float] = {}
    texts: dict[str, str] = {}
    for name, value in sorted(fields.items()):
        if isinstance(value, float) and not math.isfinite(value):
            continue
        if isinstance(value, int | float) and abs(value) <= sys.float_info.max:
            numbers[name] = float(value)
        elif text := _text(value):
            texts[name] = text
    return {"attributes": texts, "numbers": numbers or None}


def _rows(file: InputFile, settings: IngestSettings) -> Iterator[tuple[int, Fields]]:
    suffix = PurePosixPath(file.name.lower().removesuffix(".gz")).suffix
    if suffix in (".item", ".user"):
        return _atomic_rows(file)
    if suffix in _DELIMITERS:
        return _delimited_rows(file, _DELIMITERS[suffix], settings)
    if suffix in (".jsonl", ".ndjson", ".json"):
        return _json_rows(file)
    if suffix == ".parquet":
        return _parquet_rows(file)
    raise InputRefusedError(
        f"{file} is no catalogue that can be read. Expected a file that ends in .csv, .tsv, .jsonl or "
        ".parquet."
    )


def _atomic_rows(file: InputFile) -> Iterator[tuple[int, Fields]]:
    lines = _lines(file)
    header = next(lines, "")
    fields = [atomic_field(text, f"{file}, line 1") for text in header.split("\t")]
    for number, line in enumerate(lines, start=2):
        if line:
            texts = line.split("\t")
            _require_width(texts, len(fields), file, number)
            yield (
                number,
                {
                    name: _atomic(text, kind, f"{file}, line {number}: {name}")
                    for text, (name, kind) in zip(texts, fields, strict=True)
                },
            )


def _atomic(text: str, kind: str, where: str) -> Value:
    if kind == "token_seq":
        return text.split(" ") if text else []
    if kind != "float" or not text:
        return text or None
    try:
        return float(text)
    except ValueError as error:
        raise InputRefusedError(
            f"{where}: {excerpt(text)!r} is declared a float and is none."
        ) from error


def _delimited_rows(
    file: InputFile, usual: str, settings: IngestSettings
) -> Iterator[tuple[int, Fields]]:
    lines = _lines(file)
    first = next(lines, "")
    chosen = settings.delimiter.replace("\\t", "\t")
    delimiter = chosen if len(chosen) == 1 and usual == "," and chosen in first else usual
    header = next(csv.reader([first], delimiter=delimiter), [])
    rows = csv.reader((f"{line}\n" for line in lines), delimiter=delimiter)
    try:
        for row in rows:
            if row:
                number = rows.line_num + 1
                _require_width(row, len(header), file, number)
                yield number, {name: text or None for name, text in zip(header, row, strict=True)}
    except csv.Error as error:  # a quote that never ends
        raise InputRefusedError(
            f"{file}, line {rows.line_num + 1}: {error}. Expected quoted fields to end."
        ) from error


def _json_rows(file: InputFile) -> Iterator[tuple[int, Fields]]:
    for number, line in enumerate(_lines(file), start=1):
        if not line.strip():
            continue
        try:
            parsed = json.loads(line, parse_float=_Number)
        except (ValueError, RecursionError) as error:
            raise InputRefusedError(
                f"{file}, line {number} is not JSON: {error}. Expected one object per line."
            ) from error
        if not isinstance(parsed, dict):
            raise InputRefusedError(f"{file}, line {number}: expected a JSON object.")
        if "\\u" in line:
            _require_unicode(parsed, f"{file}, line {number}")
        yield number, {name: _value(value) for name, value in parsed.items()}


class _Number(float):
    """A number of JSON with the text that it was written as."""

    text: str

    def __new__(cls, text: str) -> _Number:
        made = super().__new__(cls, text)
        made.text = text
        return made


def _written(value: Value) -> str | None:
    """The text of an id, which is that in files with events: 1.0 is another id than 1."""
    return value.text if isinstance(value, _Number) else _text(value)


def _require_unicode(parsed: Mapping[str, Any], where: str) -> None:
    try:
        json.dumps(parsed, ensure_ascii=False).encode()
    except UnicodeEncodeError as error:
        raise InputRefusedError(
            f"{where}: a text holds half a character (one \\u escape of two). Correct the catalogue."
        ) from error


def _parquet_rows(file: InputFile) -> Iterator[tuple[int, Fields]]:
    number = 0
    try:
        with open_parquet(file.path) as opened:
            for batch in with_instants(opened, opened.iter_batches()):
                for row in batch.to_pylist():
                    number += 1
                    yield number, {name: _value(value) for name, value in row.items()}
    except (pa.ArrowException, OSError) as damage:
        raise InputRefusedError(
            f"{file} cannot be read as Parquet: {damage}. Expected a complete file; fetch it again."
        ) from damage


def _value(value: Any) -> Value:  # noqa: ANN401 - JSON and Parquet hold anything
    match value:
        case bool():
            return "true" if value else "false"
        case None | str() | int() | float() | datetime():
            return value
        case list():
            return [str(one) for one in value if one is not None]
        case _:
            return json.dumps(value, default=str, sort_keys=True)


def _text(value: Value) -> str | None:
    match value:
        case None | str():
            return value
        case int():
            return str(value)
        case float():
            return str(int(value)) if value.is_integer() else repr(value)
        case list():
            return " ".join(value)
        case _:
            return value.isoformat()


def _list(value: Value) -> list[str]:
    if isinstance(value, list):
        return [one for one in value if one]
    return [part.strip() for part in (_text(value) or "").split("|") if part.strip()]


def _year(value: Value) -> int | None:
    text = (_text(value) or "").strip()
    return int(text) if re.fullmatch(r"-?\d{1,4}", text) else None


def _moment(value: Value, zone: ZoneInfo, where: str) -> datetime | None:
    text = value.isoformat() if isinstance(value, datetime) else (_text(value) or "").strip()
    if not text:
        return None
    try:
        if re.fullmatch(r"-?\d+(\.\d*)?", text):
            number = float(text)
            seconds = number / 1000 if abs(number) >= _MILLIS_FROM else number
            return datetime.fromtimestamp(seconds, UTC)
        moment = datetime.fromisoformat(text)
        return (moment if moment.tzinfo else moment.replace(tzinfo=zone)).astimezone(UTC)
    except (ValueError, OverflowError, OSError) as error:
        raise InputRefusedError(
            f"{where}: {excerpt(text)!r} is no time. Expected ISO 8601 or seconds since 1970."
        ) from error


def _require_width(row: list[str], width: int, file: InputFile, number: int) -> None:
    if len(row) != width:
        raise InputRefusedError(
            f"{file}, line {number}: expected {width} fields, found {len(row)}. Correct the catalogue."
        )


def _lines(file: InputFile) -> Iterator[str]:
    """The lines of a file without their ends and without a byte order mark."""
    number = 1
    try:
        with open_stream(file) as stream:
            for block in whole_lines(stream):
                text = in_utf8(block, number, file).decode()
                if number == 1:
                    text = text.removeprefix("\ufeff")
                for line in text.removesuffix("\n").split("\n"):
                    number += 1
                    yield line.removesuffix("\r")
    except DAMAGE as damage:
        raise refusal_of_damage(file, number - 1, damage) from damage
