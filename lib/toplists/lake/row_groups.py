"""What the footers of Parquet files say of a key, for cutting rows into ranges without reading them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import pyarrow.parquet as pq


@dataclass(frozen=True)
class RowGroup:
    """A row group: the smallest and the largest key in it, if its file says so."""

    file: str
    rows: int
    low: str | None
    high: str | None


def read_row_groups(files: Sequence[str], key: str) -> Iterator[RowGroup]:
    """The row groups of the files, and what they say of the text column `key`."""
    for file in files:
        footer = pq.read_metadata(file)
        names = [footer.schema.column(place).path for place in range(footer.num_columns)]
        column = names.index(key)
        for number in range(footer.num_row_groups):
            group = footer.row_group(number)
            found = group.column(column).statistics
            known = found is not None and found.has_min_max
            yield RowGroup(
                file, group.num_rows, *((found.min, found.max) if known else (None, None))
            )


def cut_row_groups(groups: Iterable[RowGroup], rows_per_range: int) -> Iterator[str]:
    """Keys at which ranges of about so many rows begin, but for the first; ascending, none twice."""
    rows = 0
    last: str | None = None
    for group in sorted(groups, key=lambda group: group.low or ""):
        if rows >= rows_per_range and group.low is not None and group.low != last:
            yield group.low
            rows, last = 0, group.low
        rows += group.rows
