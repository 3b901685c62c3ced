"""What the catalogue says of the items of a snapshot, column by column."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

Positions = npt.NDArray[np.int64]


class Stated(NamedTuple):
    """Values that items have, each item as many as it likes: int64 `owners`, positions, and their `values`."""

    owners: Positions
    values: pa.Array


@dataclass(frozen=True)
class Catalogue:
    """The entries of a snapshot's items.

    `place` int64[entries] is the position of each entry's item; `table` has the columns that were asked for, as
    the table `items` has them; one that no file has is null.
    """

    place: Positions
    table: pa.Table

    @classmethod
    def read(cls, files: Sequence[str], ids: pa.StringArray, columns: Sequence[str]) -> Catalogue:
        """Read some columns of Parquet files, of the items that have a position in `ids`."""
        tables = []
        for file in files:
            # Files of earlier releases lack columns.
            there = set(pq.read_schema(file).names)
            read = pq.read_table(
                file,
                columns=["item_id", *(name for name in columns if name in there)],
                partitioning=None,
            )
            tables.append(read.filter(pc.is_in(read["item_id"], ids)))
        if not tables:
            return cls(np.empty(0, np.int64), pa.table({name: pa.nulls(0) for name in columns}))
        table = pa.concat_tables(tables, promote_options="default").combine_chunks()
        for name in set(columns) - set(table.column_names):
            table = table.append_column(name, pa.nulls(len(table)))
        place = pc.index_in(table["item_id"], ids).to_numpy().astype(np.int64)
        return cls(place, table)

    def lists(self, column: str) -> Stated:
        """What a column of lists says."""
        lists = self._column(column)
        if pa.types.is_null(lists.type):
            return self._nothing()
        lengths = pc.fill_null(pc.list_value_length(lists), 0).to_numpy()
        return _without_empty(np.repeat(self.place, lengths), pc.list_flatten(lists))

    def separated(self, name: str) -> Stated:
        """The values of an attribute, which `|` separates."""
        texts = self._lookup("attributes", name)
        if texts is None:
            return self._nothing()
        lists = pc.split_pattern(texts, "|")
        lengths = pc.fill_null(pc.list_value_length(lists), 0).to_numpy()
        values = pc.utf8_trim_whitespace(pc.list_flatten(lists))
        return _without_empty(np.repeat(self.place, lengths), values)

    def numbers(self, name: str) -> tuple[Positions, npt.NDArray[np.float64]]:
        """A column of numbers, or an attribute that is one: positions and finite values."""
        if name in self.table.column_names:
            found = self._column(name).cast(pa.float64())
        else:
            declared = self._lookup("numbers", name)
            parsed = _parsed(self._lookup("attributes", name), len(self.place))
            found = parsed if declared is None else pc.coalesce(declared, parsed)
        values = np.asarray(found.to_numpy(zero_copy_only=False), dtype=np.float64)
        finite = np.isfinite(values)
        return self.place[finite], values[finite]

    def _column(self, name: str) -> pa.Array:
        return self.table[name].combine_chunks()

    def _lookup(self, column: str, name: str) -> pa.Array | None:
        maps = self._column(column)
        return None if pa.types.is_null(maps.type) else pc.map_lookup(maps, name, "first")

    @staticmethod
    def _nothing() -> Stated:
        return Stated(np.empty(0, np.int64), pa.array([], pa.string()))


def _without_empty(owners: Positions, values: pa.Array) -> Stated:
    kept = pc.fill_null(pc.greater(pc.utf8_length(values), 0), False)
    return Stated(owners[kept.to_numpy(zero_copy_only=False)], values.filter(kept))


def _parsed(texts: pa.Array | None, length: int) -> pa.Array:
    """The numbers that texts are; null where they are none."""
    stated = pd.Series([None] * length if texts is None else texts.to_pylist(), dtype=object)
    numbers = pd.to_numeric(stated, errors="coerce").to_numpy(dtype=np.float64)
    return pa.array(numbers, from_pandas=True)
