"""Published lists are plain Delta tables: engines other than Spark read the same rows."""

from __future__ import annotations

import sysconfig
from collections.abc import Callable
from pathlib import Path
from typing import Any

import duckdb
import polars as pl
import pytest
from deltalake import DeltaTable

from toplists.lake.tables import POPULAR_ITEMS, RECOMMENDATIONS, SIMILAR_ITEMS

Rows = list[dict[str, Any]]
Engine = Callable[[Path, str, str], Rows]

# The wheel duckdb-ext-delta holds the extension alone, laid out as DuckDB's own folder of them.
EXTENSIONS = Path(sysconfig.get_path("purelib")) / "duckdb_ext" / "extensions"


def with_deltalake(root: Path, table: str, key: str) -> Rows:
    pointer = DeltaTable(str(root / "publications")).to_pyarrow_table().to_pylist()
    run_id = max(pointer, key=lambda row: row["sequence"])["run_id"]
    live = DeltaTable(str(root / table)).to_pyarrow_table(filters=[("run_id", "=", run_id)])
    return sorted(live.to_pylist(), key=lambda row: row[key])


def with_polars(root: Path, table: str, key: str) -> Rows:
    run_id = pl.read_delta(str(root / "publications")).sort("sequence")["run_id"][-1]
    live = pl.scan_delta(str(root / table)).filter(pl.col("run_id") == run_id)
    return live.sort(key).collect().to_dicts()


def with_duckdb(root: Path, table: str, key: str) -> Rows:
    with duckdb.connect() as connection:
        connection.execute("SET autoinstall_known_extensions = false")  # never from the network
        connection.execute("SET extension_directory = ?", [str(EXTENSIONS)])
        connection.execute("LOAD delta")
        found = connection.execute(
            f"""
            SELECT * FROM delta_scan('{root / table}')
            WHERE run_id = (
                SELECT max_by(run_id, sequence) FROM delta_scan('{root / "publications"}')
            )
            ORDER BY {key}
            """
        )
        names = [column[0] for column in found.description]
        return [dict(zip(names, row, strict=True)) for row in found.fetchall()]


ENGINES: dict[str, Engine] = {
    "deltalake": with_deltalake,
    "polars": with_polars,
    "duckdb": with_duckdb,
}


@pytest.fixture(params=ENGINES)
def engine(request) -> Engine:
    return ENGINES[request.param]


def expected_row(run_id: str, places: int = 2, **key: str) -> dict[str, Any]:
    items = [
        {"item_id": f"{run_id}-{place}", "score": 1.0 / place, "source": "personal"}
        for place in range(1, places + 1)
    ]
    common = {"run_id": run_id, "placement": "default", "short_reason": None, "schema_version": 1}
    return {**common, **key, "items": items}


def test_every_engine_reads_the_live_lists(lake, engine):
    for run in ("r1", "r2", "r3"):  # r1 was live, r2 is, r3 waits to be published
        lake.write_run(run, users=("ann", "Zoë", "o'hara"))
    lake.point_to("r1")
    lake.point_to("r2", previous="r1")
    root = lake.dataset.root

    assert engine(root, RECOMMENDATIONS.name, "user_id") == [
        expected_row("r2", user_id=user)
        for user in ("Zoë", "ann", "o'hara")  # bytewise
    ]
    assert engine(root, SIMILAR_ITEMS.name, "item_id") == [expected_row("r2", item_id="film")]
    assert engine(root, POPULAR_ITEMS.name, "segment") == [
        expected_row("r2", places=1, segment="all")
    ]


def test_every_engine_follows_a_rollback(lake, engine):
    lake.write_run("r1", users=("ann",))
    lake.write_run("r2", users=("ann",))
    lake.point_to("r1")
    lake.point_to("r2", previous="r1")
    lake.point_to("r1", action="rollback", previous="r2")
    rows = engine(lake.dataset.root, RECOMMENDATIONS.name, "user_id")
    assert rows == [expected_row("r1", user_id="ann")]


def test_no_engine_sees_rows_that_were_pruned(lake, engine):
    lake.write_run("r1")
    lake.write_run("r2", users=("ann",))
    lake.point_to("r2")
    lake.prune("r1")  # rows removed, and their files
    rows = engine(lake.dataset.root, RECOMMENDATIONS.name, "user_id")
    assert rows == [expected_row("r2", user_id="ann")]
