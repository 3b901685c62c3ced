"""The vocabulary that tables are defined in: columns, types, layout, constraints.

A definition is plain data. It turns into Delta's schema JSON, which Spark's `StructType.fromJson`
and `deltalake.Schema.from_json` both read, so a table has one definition whoever opens it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

Json: TypeAlias = "str | bool | int | list[Json] | dict[str, Json]"
DataType: TypeAlias = "str | dict[str, Json]"

STRING: DataType = "string"
INT: DataType = "integer"
LONG: DataType = "long"
FLOAT: DataType = "float"
DOUBLE: DataType = "double"
BOOLEAN: DataType = "boolean"
TIMESTAMP: DataType = "timestamp"
DATE: DataType = "date"


@dataclass(frozen=True)
class Column:
    """One column: its name, Delta type, meaning, and whether it may be null."""

    name: str
    type: DataType
    comment: str
    nullable: bool = False

    def to_json(self) -> dict[str, Json]:
        """The column as a field of Delta's schema JSON."""
        return {
            "name": self.name,
            "type": self.type,
            "nullable": self.nullable,
            "metadata": {"comment": self.comment},
        }


def array_of(element: DataType) -> DataType:
    """An array without null elements."""
    return {"type": "array", "elementType": element, "containsNull": False}


def struct_of(*columns: Column) -> DataType:
    """A struct of the given columns."""
    return {"type": "struct", "fields": [column.to_json() for column in columns]}


def map_of(value: DataType) -> DataType:
    """A map from names to values that are not null."""
    return {"type": "map", "keyType": "string", "valueType": value, "valueContainsNull": False}


def without_comments(definition: Json) -> Json:
    """A type or a whole schema without the metadata of its columns: what two tables must agree in."""
    if isinstance(definition, dict):
        return {
            name: without_comments(value)
            for name, value in definition.items()
            if name != "metadata"
        }
    if isinstance(definition, list):
        return [without_comments(value) for value in definition]
    return definition


@dataclass(frozen=True)
class Table:
    """One table of the lake.

    `writer` names who commits to it: `spark` for data (large, written by tasks), `driver` for
    bookkeeping (a few rows, written by delta-rs without a Spark job, and so readable and writable
    before a session exists). `key` is the logical key; Delta does not enforce it, our writes do.
    """

    name: str
    purpose: str
    columns: tuple[Column, ...]
    key: tuple[str, ...]
    writer: Literal["spark", "driver"]
    partition_by: tuple[str, ...] = ()
    constraints: Mapping[str, str] = field(default_factory=dict)

    @property
    def schema_json(self) -> dict[str, Json]:
        """Delta's schema JSON of the whole row."""
        return {"type": "struct", "fields": [column.to_json() for column in self.columns]}

    @property
    def column_names(self) -> list[str]:
        """Names in the order of the definition."""
        return [column.name for column in self.columns]
