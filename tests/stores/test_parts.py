"""How the lists of a run are cut into parts and read."""

from __future__ import annotations

from pathlib import Path

import pyarrow.parquet as pq
from stores.conformance import people
from stores.runs import Run

from toplists.publish.stores.parts import ListFiles, cut_lists, read_part
from toplists.reader.layouts import PERSONAL


def test_a_part_is_in_order_though_its_only_file_is_not(tmp_path: Path) -> None:
    # As a compaction of the lake leaves it: two files, one behind the other.
    rows = Run(1, people(9)).rows(PERSONAL)
    file = str(tmp_path / "compacted.parquet")
    pq.write_table(rows.take([5, 6, 7, 8, 0, 1, 2, 3, 4]), file)
    (piece, *others) = cut_lists([ListFiles(PERSONAL, (file,))], 100).pieces
    assert others == []
    lists = read_part(piece, 0.0, has_base=False)
    assert lists.rows["user_id"].to_pylist() == rows["user_id"].to_pylist()
    assert lists.rows.equals(rows)
