"""Which files of a Delta table are new since it was taken in."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from deltalake import DeltaTable, write_deltalake

from toplists.config.ingest import ColumnSettings, IngestSettings
from toplists.errors import InputRefusedError
from toplists.ingest.batch import loads_of, next_batch
from toplists.ingest.formats import read_piece
from toplists.ingest.pieces import plan_pieces
from toplists.ingest.recognition import recognise
from toplists.ingest.source import Source
from toplists.lake.bookkeeping import Row

pytestmark = pytest.mark.lake

PLAIN = IngestSettings()


def append(path: Path, *users: str, **options: Any) -> None:
    rows = pa.table({"user": list(users), "item": ["i"] * len(users), "day": ["d"] * len(users)})
    write_deltalake(str(path), rows, mode=options.pop("mode", "append"), **options)


def take(path: Path, loads: list[Row], settings: IngestSettings = PLAIN) -> list[str] | None:
    """Users of the rows that the next load brings; the load is added to `loads`."""
    source = Source("delta", str(path))
    batch = next_batch(recognise(source, settings, loads), loads, settings)
    if batch is None:
        return None
    (part,) = batch.parts
    files = [{"path": part.path, "fingerprint": part.fingerprint, "header": None}]
    row = {"load_id": batch.load_id, "fingerprint": batch.fingerprint, "path": source.path}
    loads.append({**row, "files": files})
    rows = [
        row
        for piece in plan_pieces(batch.events, lambda pieces: [])
        for read in read_piece(piece)
        for row in read.to_pylist()
    ]
    return sorted(row["user"] for row in rows)


def versions(loads: list[Row]) -> list[str]:
    return [load["files"][0]["fingerprint"].rpartition(":")[2] for load in loads]


def test_only_what_was_appended_since_is_read(tmp_path: Path) -> None:
    loads: list[Row] = []
    append(tmp_path, "a")
    append(tmp_path, "b")
    assert take(tmp_path, loads) == ["a", "b"]
    assert take(tmp_path, loads) is None
    append(tmp_path, "c")
    append(tmp_path, "c", "d")
    assert take(tmp_path, loads) == ["c", "c", "d"]
    assert versions(loads) == ["0-1", "2-3"]


def test_files_that_were_only_rearranged_are_not_new(tmp_path: Path) -> None:
    loads: list[Row] = []
    append(tmp_path, "a")
    append(tmp_path, "b")
    take(tmp_path, loads)
    DeltaTable(str(tmp_path)).optimize.compact()
    assert take(tmp_path, loads) is None
    append(tmp_path, "c")
    assert take(tmp_path, loads) == ["c"]


def test_a_checkpointed_table_is_read_as_it_is(tmp_path: Path) -> None:
    append(tmp_path, "a", "b")
    append(tmp_path, "c")
    DeltaTable(str(tmp_path)).delete("user = 'a'")
    DeltaTable(str(tmp_path)).create_checkpoint()
    for log in (tmp_path / "_delta_log").glob("*.json"):
        log.unlink()  # as log retention does in the end
    assert take(tmp_path, []) == ["b", "c"]


@pytest.mark.parametrize("how", ["delete", "overwrite", "log gone", "vacuumed"])
def test_a_table_that_did_not_only_grow_is_refused_or_read_anew(tmp_path: Path, how: str) -> None:
    loads: list[Row] = []
    append(tmp_path, "a", "b")
    take(tmp_path, loads)
    if how == "delete":
        DeltaTable(str(tmp_path)).delete("user = 'a'")
    elif how == "overwrite":
        append(tmp_path, "b", "c", mode="overwrite")
    elif how == "vacuumed":
        append(tmp_path, "c")
        table = DeltaTable(str(tmp_path))
        table.optimize.compact()
        table.vacuum(0, enforce_retention_duration=False, dry_run=False)
    else:
        append(tmp_path, "c")
        (tmp_path / "_delta_log/00000000000000000001.json").rename(tmp_path / "gone")
        append_after_gap(tmp_path)
    with pytest.raises(InputRefusedError, match=r"version 1 .*ingest\.delta_rewrites=reread"):
        take(tmp_path, loads)
    reread = IngestSettings(delta_rewrites="reread")
    found = take(tmp_path, loads, reread)
    assert found == {"delete": ["b"], "overwrite": ["b", "c"]}.get(how, ["a", "b", "c"])
    assert take(tmp_path, loads, reread) is None


def append_after_gap(path: Path) -> None:
    """Put the version back as a checkpoint, without the commit itself."""
    log = path / "_delta_log"
    (path / "gone").rename(log / "00000000000000000001.json")
    DeltaTable(str(path)).create_checkpoint()
    (log / "00000000000000000001.json").unlink()


def test_a_table_that_moved_is_known(tmp_path: Path) -> None:
    loads: list[Row] = []
    append(tmp_path / "old", "a")
    take(tmp_path / "old", loads)
    append(tmp_path / "other", "b")
    take(tmp_path / "other", loads)
    moved = (tmp_path / "old").rename(tmp_path / "new")
    append(tmp_path / "old", "c")  # another table in its place
    assert take(moved, loads) is None
    recognised = recognise(Source("delta", str(moved)), PLAIN, loads)
    assert loads_of(recognised, loads, PLAIN) == loads[:1]
    assert take(tmp_path / "old", loads) == ["c"]
    recognised = recognise(Source("delta", str(tmp_path / "old")), PLAIN, loads)
    assert loads_of(recognised, loads, PLAIN) == loads[2:]


def test_read_in_another_way_it_is_read_from_the_beginning(tmp_path: Path) -> None:
    loads: list[Row] = []
    append(tmp_path, "a")
    take(tmp_path, loads)
    append(tmp_path, "b")
    turned = IngestSettings(columns=ColumnSettings(user="item", item="user"))
    assert take(tmp_path, loads, turned) == ["i", "i"]
    assert take(tmp_path, loads) == ["b"]


def test_columns_may_be_partitions_or_come_later(tmp_path: Path) -> None:
    loads: list[Row] = []
    append(tmp_path / "t", "a", partition_by=["day"])
    chosen = IngestSettings(columns=ColumnSettings(item="day"))
    assert take(tmp_path / "t", loads, chosen) == ["a"]
    rows = pa.table(
        {"user": ["b"], "item": ["i"], "day": pa.nulls(1, pa.string()), "rating": [4.5]}
    )
    write_deltalake(str(tmp_path / "t"), rows, mode="append", schema_mode="merge")
    source = Source("delta", str(tmp_path / "t"))
    batch = next_batch(recognise(source, chosen, []), [], chosen)
    assert batch is not None
    rows_read = sorted(
        (row["user"], row["item"], row["value"])
        for piece in plan_pieces(batch.events, lambda pieces: [])
        for read in read_piece(piece)
        for row in read.to_pylist()
    )
    assert rows_read == [("a", "d", None), ("b", None, "4.5")]


def test_an_empty_table_is_refused(tmp_path: Path) -> None:
    append(tmp_path, "a")
    DeltaTable(str(tmp_path)).delete()
    with pytest.raises(InputRefusedError, match="has no rows"):
        take(tmp_path, [])


def test_what_is_no_table_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputRefusedError, match="is no Delta table"):
        take(tmp_path, [])
