"""Look-ups of the same lists by other engines, each kept open between questions."""

from __future__ import annotations

import sys
import sysconfig
from collections.abc import Callable
from importlib.metadata import version
from threading import local

import duckdb
import pyarrow.compute as pc
from deltalake import DeltaTable
from lookup_timing import Ask, time_lookups, write_result
from lookup_users import user_id


def with_deltalake(lake: str, run: str) -> Ask:
    """A dataset of pyarrow over what delta-rs says of the table, made once."""
    lists = DeltaTable(f"{lake}/recommendations").to_pyarrow_dataset()

    def ask(user: str) -> list[str]:
        chosen = (pc.field("run_id") == run) & (pc.field("user_id") == user)
        (items,) = lists.to_table(columns=["items"], filter=chosen)["items"].to_pylist()
        return [item["item_id"] for item in items]

    return ask


def with_duckdb(lake: str, run: str) -> Ask:
    """DuckDB with its extension for Delta; the table's log is read once, and each thread has a cursor."""
    connection = duckdb.connect()
    folder = sysconfig.get_path("purelib") + "/duckdb_ext/extensions"
    connection.execute("SET extension_directory = ?", [folder])
    connection.execute("LOAD delta")
    connection.execute(f"ATTACH '{lake}/recommendations' AS lists (TYPE delta, PIN_SNAPSHOT)")
    of_thread = local()

    def ask(user: str) -> list[str]:
        if not hasattr(of_thread, "cursor"):
            of_thread.cursor = connection.cursor()
        found = of_thread.cursor.execute(
            "SELECT items FROM lists WHERE run_id = ? AND user_id = ?", [run, user]
        ).fetchall()
        ((items,),) = found
        return [item["item_id"] for item in items]

    return ask


ENGINES: dict[str, tuple[Callable[[str, str], Ask], tuple[str, ...]]] = {
    "deltalake": (with_deltalake, ("deltalake", "pyarrow")),
    "duckdb": (with_duckdb, ("duckdb", "duckdb-ext-delta")),
}

if __name__ == "__main__":
    engine, lake, run, users, questions, result = sys.argv[1:]
    open_engine, packages = ENGINES[engine]
    timed = time_lookups(lambda: open_engine(lake, run), int(users), int(questions), user_id)
    write_result(result, timed, {package: version(package) for package in packages})
