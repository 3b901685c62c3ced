"""Lists as rows of Parquet files have them."""

from __future__ import annotations

from datetime import date

import pyarrow as pa

from toplists.reader.records import RecommendationList, RecommendedItem

COLUMNS = ("items.item_id", "items.score", "items.source", "short_reason")
"""What a list is made of."""


def list_of(row: pa.Table, run_id: str, as_of: date | None) -> RecommendationList:
    """The list in a table of one row with `COLUMNS`."""
    lists = next(chunk for chunk in row["items"].chunks if len(chunk))
    # What `flatten` does, without the compute functions, which take longer to import than a look-up.
    start, end = lists.offsets.to_pylist()
    entries = lists.values.slice(start, end - start)
    fields = (entries.field(name).to_pylist() for name in ("item_id", "score", "source"))
    items = tuple(map(RecommendedItem, *fields))
    (reason,) = row["short_reason"].to_pylist()
    return RecommendationList(run_id, items, reason, as_of)
