"""SQL against Delta tables through the query engine inside delta-rs.

The engine prunes files and row groups by their statistics. Going through it instead of
`pyarrow.dataset` spares the import of pyarrow and, behind it, pandas: over a second for a command
that has 10 ms of work to do.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, TypeAlias

from deltalake import QueryBuilder

Row: TypeAlias = dict[str, Any]


def literal(text: str) -> str:
    """`text` as an SQL string.

    Raises:
        ValueError: `text` is not valid Unicode, and so the id of nothing.
    """
    text.encode("utf-8")
    return "'" + text.replace("'", "''") + "'"


def literals(texts: Iterable[str]) -> str:
    """`texts` as the inside of an SQL `IN (...)`."""
    return ", ".join(literal(text) for text in texts)


def fetch(engine: QueryBuilder, query: str) -> list[Row]:
    """The rows that `query` finds, as plain dictionaries."""
    found = engine.execute(query).read_all()
    names = found.column_names
    columns = [found[name].to_pylist() for name in names]
    return [dict(zip(names, values, strict=True)) for values in zip(*columns, strict=True)]
