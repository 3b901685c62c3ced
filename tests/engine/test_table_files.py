"""Parts of tables that tasks write: what any reader of the table finds afterwards."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from deltalake import DeltaTable

from toplists.engine.table_files import replace_part_by_tasks
from toplists.engine.tasks import Tasks
from toplists.lake.dataset import Dataset, create_table, partition_files
from toplists.lake.tables import RECOMMENDATIONS

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

ITEMS = pa.list_(
    pa.struct([("item_id", pa.string()), ("score", pa.float64()), ("source", pa.string())])
)


def lists(*pieces: list[str]) -> Tasks[list[str]]:
    """A task per piece, each of whose users gets one item, named after them."""

    def make(users: list[str]) -> Iterator[pa.RecordBatch]:
        for user in users:
            items = [[{"item_id": f'{user}\'s, "é"', "score": 0.5, "source": "personal"}]]
            yield pa.RecordBatch.from_pydict(
                {
                    "items": pa.array(items, ITEMS),  # the columns in any order
                    "user_id": pa.array([user]),
                    "short_reason": pa.array([None], pa.string()),
                    "placement": pa.array(["default"]),
                    "schema_version": pa.array([1], pa.int32()),
                }
            )

    return Tasks(pieces, make, "user_id string")


@pytest.fixture
def dataset(tmp_path: Path) -> Dataset:
    dataset = Dataset(tmp_path / "lake" / "lists")
    dataset.root.mkdir(parents=True)
    create_table(Path(dataset.path(RECOMMENDATIONS)), RECOMMENDATIONS)
    return dataset


def rows_of(dataset: Dataset, run_id: str) -> dict[str, list[dict[str, Any]]]:
    table = DeltaTable(dataset.path(RECOMMENDATIONS))
    rows = table.to_pyarrow_table(filters=[("run_id", "=", run_id)]).to_pylist()
    return {row["user_id"]: row["items"] for row in rows}


def test_all_readers_find_what_tasks_wrote(spark: SparkSession, dataset: Dataset) -> None:
    tasks = lists(["a", "b'c"], [], ["ü"])
    replace_part_by_tasks(spark, tasks, dataset, RECOMMENDATIONS, run_id="r1")
    found = rows_of(dataset, "r1")
    assert sorted(found) == ["a", "b'c", "ü"]
    assert found["a"] == [{"item_id": 'a\'s, "é"', "score": 0.5, "source": "personal"}]
    frame = spark.read.format("delta").load(dataset.path(RECOMMENDATIONS))
    assert sorted(row["user_id"] for row in frame.where("run_id = 'r1'").collect()) == sorted(found)
    for user in found:  # by statistics of files
        (row,) = frame.where(frame["user_id"] == user).collect()
        assert row["items"][0]["item_id"] == found[user][0]["item_id"]
        named = DeltaTable(dataset.path(RECOMMENDATIONS)).to_pyarrow_table(
            filters=[("user_id", "=", user)]
        )
        assert named["run_id"].to_pylist() == ["r1"]
    assert len(DeltaTable(dataset.path(RECOMMENDATIONS)).file_uris()) == 2  # none of no rows


def test_whatever_a_part_is_called_all_readers_find_it(
    spark: SparkSession, dataset: Dataset
) -> None:
    # Names of models in a comparison.
    names = ["als[rank=64; alpha=5]", "als[rank=64_ alpha=5]", "ü/é %41?", "plain-1.a"]
    for name in names:
        replace_part_by_tasks(spark, lists([name]), dataset, RECOMMENDATIONS, run_id=name)
    replace_part_by_tasks(spark, lists([names[0]]), dataset, RECOMMENDATIONS, run_id=names[0])
    frame = spark.read.format("delta").load(dataset.path(RECOMMENDATIONS))
    assert {(row["run_id"], row["user_id"]) for row in frame.collect()} == {
        (name, name) for name in names
    }
    for name in names:
        assert [*rows_of(dataset, name)] == [name]
        (file,) = partition_files(dataset, RECOMMENDATIONS, run_id=name)
        assert pq.ParquetFile(file).read()["user_id"].to_pylist() == [name]


def test_a_part_is_replaced_and_the_others_stay(spark: SparkSession, dataset: Dataset) -> None:
    for run_id, users in (("r1", ["a"]), ("r2", ["b"]), ("r1", ["c"]), ("r2", [])):
        replace_part_by_tasks(spark, lists(users), dataset, RECOMMENDATIONS, run_id=run_id)
    assert list(rows_of(dataset, "r1")) == ["c"]
    assert rows_of(dataset, "r2") == {}


def test_a_null_where_none_may_be_is_no_row(spark: SparkSession, dataset: Dataset) -> None:
    tasks = lists(["a"])

    def nameless(users: list[str]) -> Iterator[pa.RecordBatch]:
        for batch in tasks.function(users):
            yield batch.set_column(1, "user_id", pa.array([None], pa.string()))

    broken = Tasks(tasks.pieces, nameless, tasks.schema)
    with pytest.raises(Exception, match="null"):
        replace_part_by_tasks(spark, broken, dataset, RECOMMENDATIONS, run_id="r1")
    assert rows_of(dataset, "r1") == {}
