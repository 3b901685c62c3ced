"""Tables of vectors outside the lake: where their files lie, and when they are another table."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from deltalake import write_deltalake

from toplists.config.settings import Settings
from toplists.dataset.item_vectors import vector_files, vectors_digest
from toplists.errors import ConfigurationError
from toplists.pipeline.identity import identify_run


def table(first: float) -> pa.Table:
    schema = pa.schema({"item_id": pa.string(), "vector": pa.list_(pa.float32())})
    return pa.Table.from_pylist([{"item_id": "a", "vector": [first, 1.0]}], schema)


def test_a_table_is_a_file_a_folder_or_a_delta_table(tmp_path: Path) -> None:
    pq.write_table(table(1), tmp_path / "b.parquet")
    pq.write_table(table(1), tmp_path / "a.parquet")
    assert vector_files(str(tmp_path / "b.parquet")) == (str(tmp_path / "b.parquet"),)
    assert [Path(file).name for file in vector_files(str(tmp_path))] == ["a.parquet", "b.parquet"]
    delta = tmp_path / "delta table"
    write_deltalake(delta, table(1))
    write_deltalake(delta, table(2), mode="overwrite")
    (file,) = vector_files(str(delta))  # what was replaced is still in the folder
    assert pq.read_table(file).equals(table(2))
    with pytest.raises(ConfigurationError, match="is no table of vectors"):
        vector_files(str(tmp_path / "delta table" / "nothing"))


def test_changed_vectors_make_another_run(tmp_path: Path) -> None:
    path = str(tmp_path / "v.parquet")

    def run_id() -> str:
        digest = vectors_digest([path])
        return identify_run(date(2026, 1, 1), ["load"], Settings(), [], vectors=digest).run_id

    pq.write_table(table(1), path)
    first = run_id()
    assert run_id() == first
    pq.write_table(table(2), path)
    assert run_id() != first
    without = identify_run(date(2026, 1, 1), ["load"], Settings(), [], vectors=vectors_digest([]))
    assert without.run_id == identify_run(date(2026, 1, 1), ["load"], Settings(), []).run_id
