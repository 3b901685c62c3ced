"""Rows cut into ranges by what footers say of their keys."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from toplists.lake.row_groups import RowGroup, cut_row_groups, read_row_groups


@pytest.mark.parametrize("said", [True, False])
def test_row_groups_with_the_bounds_that_their_file_says(tmp_path: Path, said: bool) -> None:
    table = pa.table({"number": [1, 2, 3], "user_id": ["a", "ü", "x"]})
    path = str(tmp_path / "x.parquet")
    pq.write_table(table, path, row_group_size=2, write_statistics=said)
    bounds = [("a", "ü"), ("x", "x")] if said else [(None, None)] * 2
    assert list(read_row_groups([path], "user_id")) == [
        RowGroup(path, rows, *ends) for rows, ends in zip((2, 1), bounds, strict=True)
    ]


@given(st.lists(st.text("abc", min_size=1, max_size=3), unique=True), st.integers(1, 5))
def test_ranges_have_about_so_many_rows(keys: list[str], rows_per_range: int) -> None:
    keys = sorted(keys)
    groups = [
        RowGroup("f", len(p), p[0], p[-1])
        for at in range(0, len(keys), 2)
        if (p := keys[at : at + 2])
    ]
    cuts = list(cut_row_groups(reversed(groups), rows_per_range))
    assert cuts == sorted(set(cuts))
    bounds = ["", *cuts, "d"]
    sizes = [sum(low <= key < high for key in keys) for low, high in pairwise(bounds)]
    assert all(rows_per_range <= size < rows_per_range + 2 for size in sizes[:-1])
    assert sum(sizes) == len(keys)


def test_what_cannot_be_told_apart_stays_together() -> None:
    unknown = [RowGroup("f", 10, None, None)] * 3
    assert list(cut_row_groups(unknown, 5)) == []
    same = [RowGroup(file, 10, "a", "b") for file in "xyz"]
    assert list(cut_row_groups(same, 5)) == ["a"]
