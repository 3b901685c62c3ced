"""Lines of delimited fields → Arrow."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from pyarrow import compute as pc
from pyarrow import csv

from toplists.ingest.columns import Role
from toplists.ingest.layout import SectionLayout, TextLayout
from toplists.ingest.lines import SECTION, LineBlock, item_of_section
from toplists.ingest.scanned import scanned_batch

# Stands in for a delimiter of several bytes, which the parser does not know.
_UNIT_SEPARATOR = "\x1f"


def split_fields(
    blocks: Iterable[LineBlock], layout: TextLayout, file: int
) -> Iterator[pa.RecordBatch]:
    """The rows of delimited lines, as batches of `SCANNED`; a line of another width is a bad row."""
    for block in blocks:
        parsed = _parse_block(block, layout)
        yield from _batches(block, file, parsed, parsed.bad)


def split_sections(
    blocks: Iterable[LineBlock], layout: SectionLayout, file: int, section: str | None
) -> Iterator[pa.RecordBatch]:
    """The rows of a Netflix file, each with the item that the last section line before it names.

    Args:
        blocks: Lines in order.
        layout: How the lines between section lines are written.
        file: Number of the file.
        section: The item named before the first of the lines, if one was.

    Returns:
        Batches of `SCANNED`. `raw` of a row is its line behind the item and a colon, which makes it
        readable by itself.
    """
    for block in blocks:
        parsed = _parse_block(block, layout.rows)
        found = list(SECTION.finditer(block.content))
        starts = np.array([match.start() for match in found], dtype=np.int64)
        named = np.searchsorted(block.ends, starts, side="right")
        items = pa.array([section, *(item_of_section(match[1]) for match in found)], pa.string())
        section = items[-1].as_py()
        item = items.take(pa.array(np.searchsorted(named, np.arange(len(block)), side="right")))
        parsed.fields["item"] = item.take(pa.array(parsed.good))
        raw = pc.binary_join_element_wise(item.fill_null(""), block.strings, ":")
        # A line that names an item is of another width than a row, and no bad row.
        yield from _batches(block, file, parsed, np.setdiff1d(parsed.bad, named), raw)


@dataclass(frozen=True)
class _Parsed:
    """The lines of a block that are rows, with their fields, and those that should be, with why not."""

    good: npt.NDArray[np.int64]
    fields: dict[Role, pa.Array]
    bad: npt.NDArray[np.int64]
    problems: dict[int, str]


def _parse_block(block: LineBlock, layout: TextLayout) -> _Parsed:
    rows, problems = _split(block.content, len(block), layout)
    bad = np.array(sorted(problems), dtype=np.int64)
    good = np.delete(np.arange(len(block)), bad)
    blank = block.blank
    if blank.any():
        rows = rows.filter(pa.array(~blank[good]))
        good = good[~blank[good]]
        bad = bad[~blank[bad]]
    fields = {role: rows.column(str(at)).combine_chunks() for role, at in layout.columns.items()}
    return _Parsed(good, fields, bad, problems)


def _batches(
    block: LineBlock,
    file: int,
    parsed: _Parsed,
    bad: npt.NDArray[np.int64],
    raw: pa.Array | None = None,
) -> Iterator[pa.RecordBatch]:
    raw = block.strings if raw is None else raw
    good = parsed.good
    if len(good):
        yield scanned_batch(
            file,
            pa.array(block.numbers[good]),
            raw=raw if len(good) == len(raw) else raw.take(pa.array(good)),
            fields=parsed.fields,
        )
    if len(bad):
        yield scanned_batch(
            file,
            pa.array(block.numbers[bad]),
            raw=raw.take(pa.array(bad)),
            problem=pa.array([parsed.problems[at] for at in bad.tolist()], pa.string()),
        )


def _split(block: bytes, count: int, layout: TextLayout) -> tuple[pa.Table, dict[int, str]]:
    """The fields of the right rows in order, and by its index what is wrong with each other row."""
    delimiter = layout.delimiter.encode()
    if len(delimiter) > 1:
        block = block.replace(delimiter, _UNIT_SEPARATOR.encode())
        delimiter = _UNIT_SEPARATOR.encode()
    # A row that runs on into the next line makes for fewer rows than lines, but for the last row.
    last = block[block.rfind(b"\n", 0, -1) + 1 :].rstrip(b"\r\n")
    whole = block.count(b"\r") == block.count(b"\r\n")
    if whole and not _broken(last, delimiter, layout.quoted):
        rows, problems = _parse(block, delimiter, layout)
        if len(rows) + len(problems) == count:
            return rows, problems
    # Some line is not one row. Take such lines out; what is left is.
    lines = block.removesuffix(b"\n").split(b"\n")
    broken = {
        at: problem
        for at, line in enumerate(lines)
        if (problem := _broken(line.removesuffix(b"\r"), delimiter, layout.quoted))
    }
    kept = [at for at in range(len(lines)) if at not in broken]
    rows, problems = _parse(b"".join(lines[at] + b"\n" for at in kept), delimiter, layout)
    return rows, broken | {kept[at]: problem for at, problem in problems.items()}


def _parse(block: bytes, delimiter: bytes, layout: TextLayout) -> tuple[pa.Table, dict[int, str]]:
    """Parse rows that may be of wrong width; those are left out of the table."""
    problems: dict[int, str] = {}

    def note(row: csv.InvalidRow) -> str:
        problems[row.number - 1] = (
            f"wrong_field_count: expected {row.expected_columns} fields, found {row.actual_columns}"
        )
        return "skip"

    names = [str(at) for at in range(layout.width)]
    used = sorted({names[at] for at in layout.columns.values()})
    if not block:
        return pa.table({name: pa.array([], pa.string()) for name in used}), problems
    table = csv.read_csv(
        pa.BufferReader(block),
        # Rows are numbered only in a single thread; the whole block is parsed at once.
        csv.ReadOptions(use_threads=False, block_size=len(block) + 1, column_names=names),
        csv.ParseOptions(
            delimiter=delimiter.decode(),
            quote_char='"' if layout.quoted else False,
            newlines_in_values=True,
            ignore_empty_lines=False,
            invalid_row_handler=note,
        ),
        csv.ConvertOptions(
            column_types=dict.fromkeys(names, pa.string()),
            include_columns=used,
            check_utf8=False,
            strings_can_be_null=False,
        ),
    )
    return table, problems


def _broken(line: bytes, delimiter: bytes, quoted: bool) -> str | None:
    if b"\r" in line:
        return "carriage_return: a carriage return inside the line"
    if quoted and b'"' in line and not _closed_row(delimiter).fullmatch(line):
        return "unclosed_quote: a quoted field does not end in its line"
    return None


@cache
def _closed_row(delimiter: bytes) -> re.Pattern[bytes]:
    """A row in which every field that begins with a quote has its closing quote."""
    other = b"[^" + re.escape(delimiter) + b"]*+"
    field = rb'(?:"(?:[^"]++|"")*+"|(?!"))' + other
    return re.compile(field + b"(?:" + re.escape(delimiter) + field + b")*+", re.DOTALL)
