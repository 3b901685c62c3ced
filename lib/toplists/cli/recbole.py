"""`toplists recbole`: the interactions and catalogues of a live run as RecBole's atomic files."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, TypeAlias

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from deltalake import DeltaTable
from rich.console import Console

from toplists.cli.places import Place
from toplists.errors import ConfigurationError, ToplistsError
from toplists.lake.dataset import Dataset, partition_files
from toplists.lake.schema import Table
from toplists.lake.tables import INTERACTIONS, ITEMS, USERS
from toplists.pipeline.screen import printable

_SEPARATES = "[\t\r\n]"
_MICROS = 1e6

# A field of an atomic file: its header, and its text in a row of a table.
_Field: TypeAlias = tuple[str, Callable[[dict[str, Any]], str]]


def write_recbole(console: Console, place: Place, folder: Path) -> None:
    """Write `NAME.inter`, `NAME.item` and `NAME.user` of the live run of dataset NAME into `folder`.

    What is written is streamed; memory holds one batch of rows and the names of attributes.

    Raises:
        ConfigurationError: nothing is published.
        ToplistsError: an id cannot be written, since it holds a tab or a line end.
    """
    if place.live is None:
        raise ConfigurationError(
            f"Nothing is published in dataset {place.dataset.name} yet. ./spark-submit.sh nightly "
            "publishes."
        )
    name = place.dataset.name
    folder.mkdir(parents=True, exist_ok=True)
    inter = _write(folder / f"{name}.inter", _interactions(place.dataset, place.live.run_id))
    items = _write(folder / f"{name}.item", _entries(place.dataset, ITEMS, _ITEM_FIELDS))
    users = _write(folder / f"{name}.user", _entries(place.dataset, USERS, _USER_FIELDS))
    console.print(
        f"Run {place.live.run_id} of {name} in {printable(str(folder))}: {inter:,} interactions, "
        f"{items:,} items, {users:,} users."
    )


def _write(path: Path, lines: Iterator[Sequence[str]]) -> int:
    """Write the lines, a header first, as the file at `path`; without rows there is none.

    Returns:
        The number of rows.
    """
    draft = path.with_name(f".{path.name}.tmp")
    rows = -1
    try:
        with draft.open("w", encoding="utf-8", newline="\n") as file:
            for batch in lines:
                file.writelines(f"{line}\n" for line in batch)
                rows += len(batch)
        if rows > 0:
            draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)
    return max(rows, 0)


def _interactions(dataset: Dataset, run_id: str) -> Iterator[list[str]]:
    files = partition_files(dataset, INTERACTIONS, run_id=run_id)
    optional = [column for column in ("value", "event_time") if _has_any(files, column)]
    types = {"value": "rating:float", "event_time": "timestamp:float"}
    yield ["\t".join(["user_id:token", "item_id:token", *(types[name] for name in optional)])]
    for batch in _batches(files, ["user_id", "item_id", *optional]):
        columns = [_ids(batch.column(name), name) for name in ("user_id", "item_id")]
        for name in optional:
            column = batch.column(name)
            if name == "event_time":
                micros = column.cast(pa.timestamp("us", "UTC")).cast(pa.int64())
                column = pc.divide(micros.cast(pa.float64()), _MICROS)
            columns.append(column.cast(pa.string()).fill_null(""))
        yield pc.binary_join_element_wise(*columns, "\t").to_pylist()


def _batches(files: Sequence[str], columns: list[str]) -> Iterator[pa.RecordBatch]:
    for file in files:
        with pq.ParquetFile(file) as opened:
            yield from opened.iter_batches(columns=columns)


def _has_any(files: Sequence[str], column: str) -> bool:
    found = (batch.column(0) for batch in _batches(files, [column]))
    return any(values.null_count < len(values) for values in found)


def _ids(column: pa.Array, name: str) -> pa.Array:
    unwritable = column.filter(pc.match_substring_regex(column, _SEPARATES))
    if len(unwritable):
        raise ToplistsError(
            f"{name} {printable(unwritable[0].as_py())} holds a tab or a line end, which atomic files "
            "have no way to write. Nothing was put in its place."
        )
    return column


def _entries(dataset: Dataset, table: Table, named: Sequence[_Field]) -> Iterator[list[str]]:
    if not dataset.has(table):
        return
    stored = DeltaTable(dataset.path(table)).to_pyarrow_dataset()
    texts: set[str] = set()
    numbers: set[str] = set()
    for batch in stored.to_batches(columns=["attributes", "numbers"]):
        for row in batch.to_pylist(maps_as_pydicts="strict"):
            texts.update(row["attributes"] or ())
            numbers.update(row["numbers"] or ())
    fields = [*named, *_attribute_fields(sorted(texts), sorted(numbers - texts))]
    yield ["\t".join(header for header, _ in fields)]
    (key,) = table.key
    for batch in stored.to_batches():
        _ids(batch.column(key).cast(pa.string()), key)
        yield [
            "\t".join(text(row) for _, text in fields)
            for row in batch.to_pylist(maps_as_pydicts="strict")
        ]


def _attribute_fields(texts: Sequence[str], numbers: Sequence[str]) -> Iterator[_Field]:
    """One field per attribute; one that is a number in some rows and text in others is text."""
    for name in texts:
        yield f"{_plain(name)}:token_seq", _attribute(name)
    for name in numbers:
        yield f"{_plain(name)}:float", _number(name)


def _attribute(name: str) -> Callable[[dict[str, Any]], str]:
    def text(row: dict[str, Any]) -> str:
        return _plain((row["attributes"] or {}).get(name) or _number(name)(row))

    return text


def _number(name: str) -> Callable[[dict[str, Any]], str]:
    def text(row: dict[str, Any]) -> str:
        value = (row["numbers"] or {}).get(name)
        return "" if value is None else repr(value)

    return text


def _plain(text: object) -> str:
    """Text without what separates fields or lines; nothing for `None`."""
    return "" if text is None else re.sub(_SEPARATES, " ", str(text))


def _seconds(name: str) -> Callable[[dict[str, Any]], str]:
    def text(row: dict[str, Any]) -> str:
        return "" if row[name] is None else repr(row[name].timestamp())

    return text


_ITEM_FIELDS: tuple[_Field, ...] = (
    ("item_id:token", lambda row: str(row["item_id"])),
    ("title:token_seq", lambda row: _plain(row["title"])),
    ("year:token", lambda row: _plain(row["year"])),
    # The elements of a sequence are separated by spaces.
    ("genres:token_seq", lambda row: " ".join(re.sub(r"\s", "_", one) for one in row["genres"])),
    ("available_from:float", _seconds("available_from")),
    ("available_until:float", _seconds("available_until")),
)
_USER_FIELDS: tuple[_Field, ...] = (("user_id:token", lambda row: str(row["user_id"])),)
