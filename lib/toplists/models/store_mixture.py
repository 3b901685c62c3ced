"""Saving and loading which models a mixture consists of; their content is that of models of their own."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq

from toplists.engine.shapes import Mixture
from toplists.engine.tasks import Tasks


class StoredMember(NamedTuple):
    """A member as the table has it: its place in the mixture, its shape's kind, its weight."""

    place: int
    shape: str
    weight: float
    standardized: bool


def member_id(model_id: str, place: int) -> str:
    """The id under which the content of a mixture's member is stored: of the same run."""
    return f"{model_id}.{place}"


def member_rows(mixture: Mixture) -> Tasks[StoredMember]:
    """`[place: int, shape: string, weight: double, standardized: boolean]` of every member."""
    members = [
        StoredMember(place, member.kind, weight, mixture.standardized)
        for place, (member, weight) in enumerate(zip(mixture.members, mixture.weights, strict=True))
    ]

    def row(member: StoredMember) -> Iterator[pa.RecordBatch]:
        types = (pa.int32(), pa.string(), pa.float64(), pa.bool_())
        yield pa.RecordBatch.from_arrays(
            [pa.array([value], kind) for value, kind in zip(member, types, strict=True)],
            names=list(StoredMember._fields),
        )

    return Tasks(members, row, "place int, shape string, weight double, standardized boolean")


def read_members(files: Sequence[str]) -> list[StoredMember]:
    """The stored members, in order."""
    tables = (pq.read_table(file, partitioning=None) for file in files)
    rows = (row for table in tables for row in table.to_pylist())
    return sorted(
        StoredMember(**{name: row[name] for name in StoredMember._fields}) for row in rows
    )
