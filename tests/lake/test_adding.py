"""Files that tasks wrote, added to a table."""

from __future__ import annotations

import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from deltalake import DeltaTable

from toplists.lake.adding import NewFile, add_files
from toplists.lake.bookkeeping import append_rows, arrow_schema, read_rows
from toplists.lake.dataset import Dataset
from toplists.lake.tables import USERS

pytestmark = pytest.mark.lake


def test_files_become_rows_in_one_commit(tmp_path: Path) -> None:
    dataset = Dataset(tmp_path / "shop")
    dataset.create_tables()
    rows = [{"user_id": name, "attributes": {}, "numbers": None, "load_id": "l"} for name in "abc"]
    append_rows(dataset, USERS, rows[:1])
    schema = arrow_schema(DeltaTable(dataset.path(USERS)))
    files = []
    for row in rows[1:]:
        name = f"part-{row['user_id']}.parquet"
        path = Path(dataset.path(USERS)) / name
        pq.write_table(pa.Table.from_pylist([row], schema=schema), path)
        files.append(NewFile(name, path.stat().st_size, 1, json.dumps({"numRecords": 1})))
    assert len(read_rows(dataset, USERS)) == 1  # they do not count before they are added
    add_files(dataset, USERS, files, note="a load")
    assert {row["user_id"] for row in read_rows(dataset, USERS)} == {"a", "b", "c"}
    newest = DeltaTable(dataset.path(USERS)).history(1)[0]
    assert (newest["version"], newest["operation"]) == (2, "WRITE")
    assert newest["userMetadata"] == "a load"
    assert newest["operationMetrics"] == {"numFiles": "2", "numOutputRows": "2"}
