"""Every write of the library stands inside `written`, so that tests can kill a night before and after it.

Read from the syntax trees: a write that is added without one fails here.
"""

from __future__ import annotations

import ast
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from toplists.lake.failpoints import FAIL_AT

LIB = Path(__file__).resolve().parents[1] / "lib" / "toplists"

# Calls of these names write, whatever they are called on.
WRITING = frozenset(
    {
        "write_deltalake",
        "rmtree",
        "copytree",
        "copyfile",
        "copy2",
        "move",
        "open_memmap",
        "new_file",
    }
    | {"new_stream", "write_table", "write_dataset", "ParquetWriter", "write_text", "write_bytes"}
    | {
        "unlink",
        "rename",
        "savez",
        "tofile",
        "symlink_to",
        "hardlink_to",
        "save_arrays",
        "allocate_rows",
        "write_rows",
    }
    # of Spark's writers, and of delta-rs
    | {"save", "saveAsTable", "insertInto", "delete", "vacuum", "compact", "z_order"}
    | {"restore", "add_constraint", "add_columns", "drop_constraint", "set_table_properties"}
    | {"create_checkpoint", "cleanup_metadata", "repair"}
    # of pyarrow's file systems
    | {"open_output_stream", "open_append_stream", "create_dir", "delete_dir", "delete_file"}
)
# The same names, where they write nothing to a lake.
HARMLESS = frozenset({"np.delete"})

WRITE_MODE = re.compile(r"[rbt]*[wax+][wax+bt]*")

# (file in lib/toplists, function): why it may write outside.
ALLOWED: dict[tuple[str, str], str] = {
    ("engine/storage.py", "save_arrays"): "its callers are inside",
    ("engine/storage.py", "allocate_rows"): "its caller is inside",
    ("engine/storage.py", "write_rows"): "the same",
    ("engine/storage.py", "_remove"): "its callers are inside",
    ("engine/seals.py", "seal"): "its callers are inside",
    ("engine/remote_folder.py", "_create"): "its callers are inside",
    ("engine/remote_folder.py", "remove"): "the same",
    ("engine/remote_parts.py", "forget_removed"): "its caller is inside",
    ("lake/writing.py", "_write"): "its caller is inside",
    ("reader/file_systems.py", "delete_file"): "its caller is inside",
    ("engine/fixed_side.py", "_begin"): "called inside",
    ("engine/fixed_side.py", "_lay_out_part"): "called inside",
    ("engine/scratch.py", "locked"): "opens an empty file for the kernel's lock",
    ("lake/failpoints.py", "reach"): "notes of a test",
    ("ingest/download.py", "provide"): "a cache outside every lake, complete or absent",
    ("ingest/download.py", "_fetch"): "the same",
    ("cli/recbole.py", "_write"): "an export outside every lake, complete or absent",
    ("publish/stores/folder.py", "_move"): "its caller is inside",
    ("publish/stores/file_format.py", "_parquet"): "writes into memory",
    ("models/mllib_format.py", "write_als_model"): "the same",
    ("models/mllib_format.py", "_write_side"): "the same",
    ("lake/vacuum.py", "vacuum_table"): "without dry_run=False it lists files and deletes none",
    ("lake/lease.py", "hold_lease"): "opens an empty file for the kernel's lock",
}


def writes(source: str) -> Iterator[tuple[str, str]]:
    """Writes outside `written`: `(function, call)`."""
    yield from _writes(ast.parse(source), "<module>")


def _writes(node: ast.AST, function: str) -> Iterator[tuple[str, str]]:
    if isinstance(node, ast.With | ast.AsyncWith) and any(
        ast.unparse(item.context_expr).startswith("written(") for item in node.items
    ):
        return
    if isinstance(node, ast.FunctionDef) and function == "<module>":
        function = node.name
    if isinstance(node, ast.Call) and _is_write(node):
        yield function, ast.unparse(node.func)
    for child in ast.iter_child_nodes(node):
        yield from _writes(child, function)


def _is_write(call: ast.Call) -> bool:
    called = ast.unparse(call.func)
    name = called.rpartition(".")[2]
    if name == "open":
        mode = [*call.args[1:2], *(k.value for k in call.keywords if k.arg == "mode")]
        if isinstance(call.func, ast.Attribute):  # Path.open("w")
            mode += call.args[:1]
        return any(isinstance(m, ast.Constant) and WRITE_MODE.fullmatch(str(m.value)) for m in mode)
    if (
        name == "replace"
    ):  # Path.replace(target); that of text takes two, that of a date takes names
        return isinstance(call.func, ast.Attribute) and len(call.args) == 1 and not call.keywords
    if called == "DeltaTable.create" or called.endswith(".DeltaTable.create"):
        return True
    if name == "execute":  # of a merge; that of a query reads
        return re.search(r"merge|when_matched|whenMatched", called) is not None
    return name in WRITING and called not in HARMLESS


def test_no_write_is_outside_a_failpoint() -> None:
    outside = {
        (str(path.relative_to(LIB)), function): call
        for path in LIB.rglob("*.py")
        for function, call in writes(path.read_text())
    }
    assert outside.keys() == ALLOWED.keys(), outside


@pytest.mark.parametrize(
    "source",
    [
        "write_deltalake(table, rows)",
        "frame.write.format('delta').save(path)",
        "Path('a').replace('b')",
        "open('a', 'w')",
        "path.open(mode='ab')",
        "DeltaTable.create(path, schema)",
        "table.merge(rows, 'a = b').when_matched_update_all().execute()",
        "with other('x'):\n    shutil.rmtree(folder)",
    ],
)
def test_writes_are_recognised(source: str) -> None:
    assert len(list(writes(source))) == 1


@pytest.mark.parametrize(
    "source",
    [
        "with written('x'):\n    write_deltalake(table, rows)",
        "with written('x'), open('a', 'w') as f:\n    pass",
        "'a'.replace('b', 'c')",
        "engine.execute('SELECT 1')",
        "open('a')",
        "moment.replace(tzinfo=UTC)",
    ],
)
def test_other_calls_are_left_alone(source: str) -> None:
    assert list(writes(source)) == []


@pytest.mark.parametrize(("moment", "printed"), [("before it", ""), ("after it", "written\n")])
def test_the_process_dies_where_the_variable_says(moment: str, printed: str) -> None:
    code = (
        "from toplists.lake.failpoints import written\n"
        "with written('something else'): pass\n"
        "with written('it'): print('written', flush=True)\n"
        "print('alive')"
    )
    environment = {FAIL_AT: moment, "PYTHONPATH": str(LIB.parent)}
    ended = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=False
    )
    assert (ended.returncode, ended.stdout) == (-signal.SIGKILL, printed)
