"""What files of tables look like inside: readers look up single rows in them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from toplists.lake.tables import RECOMMENDATIONS, USER_METRICS
from toplists.lake.writing import columns_of, write_file

COLUMNS = columns_of(RECOMMENDATIONS, {"run_id"})


def batch_of(users: int, items: int, id_length: int = 6) -> pa.RecordBatch:
    """Lists of some users, each with other items."""
    ids = [f"{item:0{id_length}}" for item in range(users * items)]
    entries = pa.StructArray.from_arrays(
        [pa.array(ids), pa.array(np.linspace(1, 0, len(ids))), pa.array(["personal"] * len(ids))],
        names=["item_id", "score", "source"],
    )
    return pa.RecordBatch.from_pydict(
        {
            "user_id": pa.array([f"u{user:07}" for user in range(users)]),
            "items": pa.ListArray.from_arrays(
                np.arange(users + 1, dtype=np.int32) * items, entries
            ),
            "short_reason": pa.nulls(users, pa.string()),
            "placement": pa.array(["default"] * users),
            "schema_version": pa.array([1] * users, pa.int32()),
        }
    )


def footer_of(folder: Path, *batches: pa.RecordBatch) -> pq.FileMetaData:
    file = write_file(batches, folder, "run_id=r", COLUMNS, "file of a test")
    assert file is not None
    return pq.read_metadata(folder / file.path)


def groups_of(footer: pq.FileMetaData) -> list[int]:
    return [footer.row_group(group).num_rows for group in range(footer.num_row_groups)]


# The footer is what counts: settings of a writer that it does not know are dropped without a word.
def test_groups_have_about_a_thousand_users_however_rows_come(tmp_path):
    assert groups_of(footer_of(tmp_path, batch_of(2_500, 5))) == [834, 834, 832]
    assert groups_of(footer_of(tmp_path, batch_of(1_000, 5), batch_of(10, 5))) == [1_000, 10]


@pytest.mark.parametrize(("items", "id_length"), [(500, 6), (20, 512)])
def test_groups_of_long_lists_are_small_in_bytes(tmp_path, items, id_length):
    footer = footer_of(tmp_path, batch_of(1_000, items, id_length))
    sizes = [footer.row_group(group).total_byte_size for group in range(footer.num_row_groups)]
    assert len(sizes) > 2
    assert max(sizes) < 3 << 20


def test_groups_tell_by_their_least_and_greatest_id_whom_they_hold(tmp_path):
    footer = footer_of(tmp_path, batch_of(2_000, 1))
    bounds = []
    for group in range(footer.num_row_groups):
        columns = [footer.row_group(group).column(place) for place in range(footer.num_columns)]
        (of_users,) = [one.statistics for one in columns if one.path_in_schema == "user_id"]
        bounds.append((of_users.min, of_users.max))
    assert bounds == [("u0000000", "u0000999"), ("u0001000", "u0001999")]


def test_whom_a_row_is_of_comes_before_what_is_wide(tmp_path):
    footer = footer_of(tmp_path, batch_of(1, 1))
    paths = [footer.schema.column(place).path for place in range(footer.num_columns)]
    assert paths == [
        "placement",
        "user_id",
        "items.list.element.item_id",
        "items.list.element.score",
        "items.list.element.source",
        "short_reason",
        "schema_version",
    ]


def test_what_repeats_has_a_dictionary_and_scores_have_none(tmp_path):
    footer = footer_of(tmp_path, batch_of(100, 10))
    group = footer.row_group(0)
    columns = [group.column(place) for place in range(footer.num_columns)]
    plain = [one.path_in_schema for one in columns if "RLE_DICTIONARY" not in one.encodings]
    assert plain == ["items.list.element.score"]


def test_columns_of_every_shape_are_written(tmp_path):
    columns = columns_of(USER_METRICS, {"run_id", "subject", "fold"})
    row = {
        "user_id": "u",
        "user_pos": 1,
        "trained": 1,
        "items": [3, 1],
        "personal": 1,
        "candidates": 2,
        "scored": 2,
        "targets": [{"item_pos": 1, "liked": True, "value": 1.0, "score": 0.25, "rank": 1}],
        "values": [("ndcg@10", 0.5)],
    }
    (batch,) = pa.Table.from_pylist([row], schema=columns).to_batches()
    file = write_file([batch], tmp_path, "run_id=r", columns, "file of a test")
    assert pq.read_table(tmp_path / file.path, partitioning=None).to_pylist() == [row]


def test_no_rows_are_no_file(tmp_path):
    assert write_file([batch_of(1, 1)[:0]], tmp_path, "x", COLUMNS, "file of a test") is None
    assert list(tmp_path.rglob("*.parquet")) == []
