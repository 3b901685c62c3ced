"""Bringing catalogue entries into `items` and `users`."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import islice

import pyarrow as pa
import pyarrow.compute as pc
from deltalake import DeltaTable

from toplists.lake.bookkeeping import Row, append_rows, arrow_schema, noted
from toplists.lake.dataset import Dataset
from toplists.lake.failpoints import written
from toplists.lake.schema import Table

_ROWS_AT_ONCE = 100_000


def upsert(dataset: Dataset, table: Table, entries: Iterable[Row], load_id: str) -> None:
    """Insert the entries that are new to `table`, and replace those whose content differs.

    delta-rs does this in a fraction of the time that a Spark job takes to start, a bounded number of
    entries at once.

    Args:
        dataset: Where `table` lies.
        table: A table whose key is one column.
        entries: Rows without `load_id`; of several with one key the last counts.
        load_id: The load, noted on the rows that are written and on the commits.
    """
    remaining = iter(entries)
    while chunk := list(islice(remaining, _ROWS_AT_ONCE)):
        _upsert(dataset, table, chunk, load_id)


def _upsert(dataset: Dataset, table: Table, entries: list[Row], load_id: str) -> None:
    (key,) = table.key
    opened = DeltaTable(dataset.path(table))
    schema = arrow_schema(opened)
    # A table that was created by an earlier release may lack a column.
    compared = [name for name in schema.names if name != "load_id"]
    by_key = {entry[key]: {name: entry[name] for name in compared} for entry in entries}
    wanted = pa.array(list(by_key), pa.string())
    known = {
        row[key]: row
        # Filtered here: a filter of the scan is compared with statistics of another type of text.
        for batch in opened.to_pyarrow_dataset().to_batches(columns=compared)
        for row in batch.filter(pc.is_in(batch.column(key).cast(pa.string()), wanted)).to_pylist(
            maps_as_pydicts="strict"
        )
    }
    changed: list[Row] = [
        {**entry, "load_id": load_id} for name, entry in by_key.items() if known.get(name) != entry
    ]
    if changed and not known:
        append_rows(dataset, table, changed, note=load_id)
    elif changed:
        merge = opened.merge(
            pa.Table.from_pylist(changed, schema=schema),
            predicate=f"old.{key} = new.{key}",
            source_alias="new",
            target_alias="old",
            commit_properties=noted(load_id),
        )
        with written(f"merge {table.name}"):
            merge.when_matched_update_all().when_not_matched_insert_all().execute()
