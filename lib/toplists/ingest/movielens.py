"""The catalogues of MovieLens and Netflix sources: movies, and what users called them → items."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator, Sequence
from typing import Any, TypeAlias

from toplists.errors import InputRefusedError
from toplists.ingest.files import InputFile
from toplists.ingest.streams import DAMAGE, in_utf8, open_stream, refusal_of_damage, whole_lines

Item: TypeAlias = dict[str, Any]

_TITLE_AND_YEAR = re.compile(r"(?P<title>.*\S)\s*\((?P<year>\d{4})\)\s*")
_NO_GENRES = "(no genres listed)"
# u.item has one 0/1 field per genre, in this order; the first means that none is known.
_FLAGGED_GENRES = (
    *(
        "unknown",
        "Action",
        "Adventure",
        "Animation",
        "Children's",
        "Comedy",
        "Crime",
        "Documentary",
    ),
    *("Drama", "Fantasy", "Film-Noir", "Horror", "Musical", "Mystery", "Romance", "Sci-Fi"),
    *("Thriller", "War", "Western"),
)
_FLAGGED_FIELDS = ("item_id", "title", "release_date", "video_release_date", "imdb_url")


def read_catalogue(file: InputFile, tags: InputFile | None = None) -> list[Item]:
    """The items of a MovieLens catalogue (`movies.csv`, `movies.dat`, `u.item`), in order of id.

    Args:
        file: The catalogue.
        tags: `tags.csv` or `tags.dat`. The attribute `tags` of an item is all that users called it, in lower
            case, each once, separated by `|`.

    Returns:
        Rows of `items` without `load_id`. Of several entries of one id, the greatest counts.

    Raises:
        InputRefusedError: the file is damaged or a row of it is not what its format says.
    """
    content = _content(file)
    head, _, _ = content.partition(b"\n")
    if b"::" in head:
        items = _double_colon_items(file, content)
    elif head.count(b"|") >= len(_FLAGGED_GENRES):
        items = _flagged_items(file, content)
    else:
        items = _csv_items(file, content)
    by_id = {item["item_id"]: item for item in sorted(items, key=repr)}
    if tags is not None:
        for item_id, found in _read_tags(tags).items():
            if item_id in by_id:
                by_id[item_id]["attributes"]["tags"] = "|".join(sorted(found))
    return [by_id[item_id] for item_id in sorted(by_id)]


def _read_tags(file: InputFile) -> dict[str, set[str]]:
    """The tags of each item; `|`, which separates them later, becomes a space."""
    content = _content(file)
    read = _double_colon_tags if b"::" in content.partition(b"\n")[0] else _csv_tags
    by_item: dict[str, set[str]] = {}
    for item_id, text in read(file, content):
        tag = " ".join(text.replace("|", " ").lower().split())
        if tag:
            by_item.setdefault(item_id, set()).add(tag)
    return by_item


def _csv_tags(file: InputFile, content: bytes) -> Iterator[tuple[str, str]]:
    for fields in _csv_rows(file, content, ("movieId", "tag")):
        yield fields["movieId"], fields["tag"]


def _double_colon_tags(file: InputFile, content: bytes) -> Iterator[tuple[str, str]]:
    for number, line in enumerate(_decoded(content).split("\n"), start=1):
        if line.strip():
            user, *rest = line.rstrip("\r").split("::", 2)
            item_id, text = _of_width([user, *rest], 3, file, number)[1:]
            yield item_id, text.rpartition("::")[0]  # behind it the time


def read_titles(file: InputFile) -> list[Item]:
    """The items of Netflix's `movie_titles.txt`, in order of id.

    A row is `id,year,title`; the title may hold commas, the year may be NULL, the text is ISO-8859-1.

    Raises:
        InputRefusedError: the file is damaged or a row of it is not what its format says.
    """
    by_id: dict[str, Item] = {}
    for number, line in enumerate(_content(file).decode("latin-1").split("\n"), start=1):
        if not line.strip():
            continue
        row = line.rstrip("\r").split(",", 2)
        item_id, year, title = _of_width(row, 3, file, number)
        if year != "NULL" and not year.isdecimal():
            raise InputRefusedError(
                f"{file}, line {number}: expected a year or NULL in the second field, found {year!r}."
            )
        by_id[item_id] = {
            "item_id": item_id,
            "title": title.strip() or None,
            "year": None if year == "NULL" else int(year),
            "genres": [],
            "attributes": {},
            "numbers": None,
            "available_from": None,
            "available_until": None,
        }
    return [by_id[item_id] for item_id in sorted(by_id)]


def _csv_items(file: InputFile, content: bytes) -> Iterator[Item]:
    for fields in _csv_rows(file, content, ("movieId", "title", "genres")):
        genres = fields.pop("genres").split("|")
        yield _item(fields.pop("movieId"), fields.pop("title"), genres, fields)


def _csv_rows(file: InputFile, content: bytes, needed: Sequence[str]) -> Iterator[dict[str, str]]:
    """The fields of each row by the names in the first line."""
    in_utf8(content, 1, file)
    rows = csv.reader(io.StringIO(content.decode("utf-8-sig"), newline=""))
    header = next(rows, [])
    if not set(needed) <= set(header):
        raise InputRefusedError(
            f"{file}, line 1: expected columns {', '.join(needed)}, but the columns are "
            f"{', '.join(header)}."
        )
    for row in rows:
        if row:
            yield dict(zip(header, _of_width(row, len(header), file, rows.line_num), strict=True))


def _double_colon_items(file: InputFile, content: bytes) -> Iterator[Item]:
    for number, line in enumerate(_decoded(content).split("\n"), start=1):
        if line.strip():
            item_id, title, genres = _of_width(line.rstrip("\r").split("::"), 3, file, number)
            yield _item(item_id, title, genres.split("|"), {})


def _flagged_items(file: InputFile, content: bytes) -> Iterator[Item]:
    width = len(_FLAGGED_FIELDS) + len(_FLAGGED_GENRES)
    for number, line in enumerate(content.decode("latin-1").split("\n"), start=1):
        if line.strip():
            row = _of_width(line.rstrip("\r").split("|"), width, file, number)
            fields = dict(zip(_FLAGGED_FIELDS, row, strict=False))
            flags = zip(_FLAGGED_GENRES[1:], row[len(_FLAGGED_FIELDS) + 1 :], strict=True)
            genres = [genre for genre, flag in flags if flag == "1"]
            yield _item(fields.pop("item_id"), fields.pop("title"), genres, fields)


def _item(item_id: str, title: str, genres: list[str], rest: dict[str, str]) -> Item:
    parts = _TITLE_AND_YEAR.fullmatch(title)
    return {
        "item_id": item_id,
        "title": parts["title"] if parts else title.strip() or None,
        "year": int(parts["year"]) if parts else None,
        "genres": [genre for genre in genres if genre and genre != _NO_GENRES],
        "attributes": {name: value for name, value in sorted(rest.items()) if value},
        "numbers": None,
        "available_from": None,
        "available_until": None,
    }


def _of_width(row: list[str], width: int, file: InputFile, line: int) -> list[str]:
    if len(row) != width or not row[0].strip():
        raise InputRefusedError(
            f"{file}, line {line}: expected {width} fields that begin with an id, found "
            f"{len(row)}. Correct the file, or move it away to do without what it says."
        )
    return row


def _content(file: InputFile) -> bytes:
    try:
        with open_stream(file) as stream:
            content = b"".join(whole_lines(stream))
    except DAMAGE as damage:
        raise refusal_of_damage(file, 0, damage) from damage
    if not content:
        raise InputRefusedError(f"{file} is empty. Expected a catalogue of movies.")
    return content


def _decoded(content: bytes) -> str:
    """movies.dat is UTF-8 in MovieLens 10M, ISO-8859-1 in the older sets."""
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        return content.decode("latin-1")
