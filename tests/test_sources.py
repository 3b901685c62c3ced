"""What no source of the library may do: bring data of unknown size into one process.

Read from the syntax trees, so that a new use fails before anybody runs it on large input.
"""

from __future__ import annotations

import ast
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

LIB = Path(__file__).resolve().parents[1] / "lib" / "toplists"
COLLECTING = frozenset({"collect", "toPandas", "toLocalIterator", "collect_tasks", "in_one_task"})
SQL_WINDOW = re.compile(r"\bover\s*\((?!\s*partition\s+by\b)", re.IGNORECASE)


@dataclass(frozen=True)
class Allowed:
    """How often a function collects, and why what it collects is small."""

    times: int
    reason: str


# (file in lib/toplists, function): what it may collect.
ALLOWED: dict[tuple[str, str], Allowed] = {
    ("dataset/arrivals.py", "count_days"): Allowed(1, "one row per day of eight weeks"),
    ("dataset/arrivals.py", "_count_ids"): Allowed(1, "two numbers per day of eight weeks"),
    ("dataset/arrivals.py", "_bins"): Allowed(
        1, "one row per bin of values, of which there are ten"
    ),
    ("dataset/held_out.py", "holds_learnt"): Allowed(1, "one answer per block of users"),
    ("dataset/leakage.py", "check_popularity"): Allowed(1, "one number per block of items"),
    ("dataset/held_out.py", "_bounds"): Allowed(1, "two ids per block of users"),
    ("dataset/positions.py", "add_positions"): Allowed(
        1, "one count per bucket of consecutive ids, and a bucket holds many ids"
    ),
    ("dataset/positions.py", "_bounds"): Allowed(
        1, "a sample of ids: a fixed number for each bucket, whatever the number of ids"
    ),
    ("dataset/segments.py", "segment_names"): Allowed(
        1, "names of segments, of which recommend.max_segments bounds the number"
    ),
    ("engine/block_builder.py", "_cut"): Allowed(
        1, "sums over chunks of positions: a bounded number of chunks per side and file"
    ),
    ("engine/block_builder.py", "_split"): Allowed(
        1, "paths of the files written: one for each pair of snapshot file and block"
    ),
    ("engine/block_builder.py", "_assemble"): Allowed(
        1, "one description per block: its path, its sizes, and its rows longer than `LONG`"
    ),
    ("engine/block_builder.py", "_build"): Allowed(3, "handed to the three above"),
    ("engine/block_builder.py", "build_blocks"): Allowed(2, "handed to `_build`, or done by it"),
    ("engine/daemon.py", "keeping_modules"): Allowed(1, "garbage, no rows"),
    ("engine/tasks.py", "collect_tasks"): Allowed(1, "what each of its callers gives a reason for"),
    ("engine/tasks.py", "in_one_task"): Allowed(1, "what each of its callers gives a reason for"),
    ("engine/alone.py", "run_alone"): Allowed(2, "the path of one folder, and `write_parts_by`"),
    ("engine/exchange.py", "damaged_parts"): Allowed(1, "the path of each damaged part"),
    ("engine/exchange.py", "write_parts_by"): Allowed(1, "one path per part that a task wrote"),
    ("engine/exchange.py", "write_parts"): Allowed(1, "handed to `write_parts_by`"),
    ("engine/exchange.py", "_write_placed"): Allowed(1, "one path per part that a task wrote"),
    ("engine/table_files.py", "replace_part_by_tasks"): Allowed(
        1, "name, size and statistics of each file written"
    ),
    ("evaluation/aggregation.py", "add_up"): Allowed(
        1, "sums per contender and slice: resamples times figures, whatever the number of users"
    ),
    ("evaluation/slices.py", "largest_values"): Allowed(1, "a fixed number of values"),
    ("evaluation/traits.py", "survey_traits"): Allowed(
        1, "a row per block: how many users have how many likings, of which there is a cap"
    ),
    ("evaluation/list_counts.py", "count_lists"): Allowed(
        1, "one row of counts per range of users"
    ),
    ("evaluation/user_ranges.py", "cut_users"): Allowed(1, "the first id of each range of users"),
    ("evaluation/churn.py", "measure_churn"): Allowed(
        2, "a row per figure and range of users, and two counts of items"
    ),
    ("evaluation/drift.py", "measure_drift"): Allowed(
        1, "a row per bin and task, and bins are a fraction of an octave wide"
    ),
    ("evaluation/timeliness.py", "measure_timeliness"): Allowed(1, "a row of counts per file"),
    ("ingest/commit.py", "write_events"): Allowed(1, "an aggregate without groups: one row"),
    ("ingest/commit.py", "_add"): Allowed(1, "name, size and statistics of each file written"),
    ("ingest/redrive.py", "_new_load_id"): Allowed(1, "an aggregate without groups: one row"),
    ("ingest/scan.py", "_survey"): Allowed(
        1, "one number of lines and one name per piece of a file"
    ),
    ("ingest/summary.py", "tally"): Allowed(
        1, "one row: counts, and per task the name of its file and a count per day"
    ),
    ("ingest/summary.py", "require_enough"): Allowed(
        2, "a count per reason code, of which there is a fixed list; and a few examples by limit"
    ),
    ("models/protocol.py", "mean_value"): Allowed(1, "a sum and a count per block of users"),
    ("publish/stores/load.py", "_write"): Allowed(
        1, "counts and file names of each part of some ten thousand lists"
    ),
    ("pipeline/shared_folder.py", "require_exchange"): Allowed(1, "a row per task asked"),
    ("pipeline/shared_folder.py", "require_shared_folder"): Allowed(
        1, "a number and a host name per task that was asked"
    ),
}


class Collecting(ast.NodeVisitor):
    """Counts the collecting calls in a module by the outermost function that they are in."""

    def __init__(self) -> None:
        self.found: Counter[str] = Counter()
        self._function: str | None = None

    def visit_FunctionDef(self, node: ast.FunctionDef) -> None:
        outer, self._function = self._function, self._function or node.name
        self.generic_visit(node)
        self._function = outer

    def visit_Attribute(self, node: ast.Attribute) -> None:
        # Not only calls: `gather = frame.collect` would be one later.
        self._count(node.attr)
        self.generic_visit(node)

    def visit_Name(self, node: ast.Name) -> None:
        self._count(node.id)

    def _count(self, name: str) -> None:
        if name in COLLECTING:
            self.found[self._function or "<module>"] += 1


def collecting(source: str) -> Counter[str]:
    visitor = Collecting()
    visitor.visit(ast.parse(source))
    return visitor.found


def unpartitioned_windows(source: str) -> list[int]:
    """Lines with a window over all rows, which Spark puts into one task."""
    tree = ast.parse(source)
    names = {"Window"} | {
        alias.asname
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
        if alias.name == "Window" and alias.asname
    }
    return sorted(
        node.lineno for node in ast.walk(tree) if _begins_window(node, names) or _is_sql(node)
    )


def _begins_window(node: ast.AST, names: set[str]) -> bool:
    """Whether `node` is `Window.…` with anything but `partitionBy` of at least one column."""
    if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute):
        return False
    base = node.func.value
    name = base.id if isinstance(base, ast.Name) else getattr(base, "attr", None)
    return name in names and not (node.func.attr == "partitionBy" and node.args)


def _is_sql(node: ast.AST) -> bool:
    return (
        isinstance(node, ast.Constant)
        and isinstance(node.value, str)
        and SQL_WINDOW.search(node.value) is not None
    )


def sources() -> Iterator[tuple[str, str]]:
    for file in sorted(LIB.rglob("*.py")):
        yield file.relative_to(LIB).as_posix(), file.read_text(encoding="utf-8")


def test_nothing_is_collected_but_what_is_known_to_be_small() -> None:
    found = {
        (file, function): times
        for file, source in sources()
        for function, times in collecting(source).items()
    }
    allowed = {place: entry.times for place, entry in ALLOWED.items()}
    # A new use is to be avoided, or entered above with a reason; a stale entry is to be removed.
    assert found == allowed


# Executors have no conf/: they are sent the settings that their tasks need.
READS_SETTINGS = {
    "cli/command.py",
    "cli/config.py",
    "cli/doctor.py",
    "cli/models.py",
    "cli/places.py",
    "pipeline/command.py",
}


def test_only_entry_points_read_settings_from_files() -> None:
    reading = {file for file, source in sources() if "toplists.config.layers import" in source}
    assert reading == READS_SETTINGS


def test_no_window_spans_all_rows() -> None:
    found = {file: lines for file, source in sources() if (lines := unpartitioned_windows(source))}
    assert found == {}


def test_every_entry_has_a_reason() -> None:
    assert [place for place, entry in ALLOWED.items() if not entry.reason.strip()] == []


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("def f(d):\n return d.collect()", {"f": 1}),
        ("def f(d):\n return d.toPandas()", {"f": 1}),
        ("def f(d):\n return list(d.toLocalIterator())", {"f": 1}),
        ("def f(d):\n return d.collect() + d.collect()", {"f": 2}),  # each use counts
        ("def f(d):\n def g():\n  return d.collect()\n return g()", {"f": 1}),  # in the outer one
        ("class A:\n def f(self, d):\n  return d.collect()", {"f": 1}),  # in a method
        ("rows = frame.collect()", {"<module>": 1}),  # in no function
        ("def f(d):\n gather = d.collect\n return gather()", {"f": 1}),  # not called at once
        ("def f(s):\n return collect_tasks(s, [1], str)", {"f": 1}),  # ours
        ("from a import collect_tasks", {}),
        ("def f(d):\n return d.first(), 'd.collect()'", {}),  # one row; a text
    ],
)
def test_collecting_is_recognised(source: str, expected: dict[str, int]) -> None:
    assert collecting(source) == expected


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("from pyspark.sql import Window\nw = Window.orderBy('a')", [2]),
        ("from pyspark.sql import Window as W\nw = W.orderBy('a')", [2]),  # under another name
        ("from pyspark.sql import window\nw = window.Window.orderBy('a')", [2]),  # through a module
        (
            "from pyspark.sql import Window\nw = Window.partitionBy().orderBy('a')",
            [2],
        ),  # by nothing
        ("from pyspark.sql import Window\nw = Window.rowsBetween(-1, 0)", [2]),  # no order either
        ("q = 'SELECT row_number() OVER (ORDER BY a) FROM t'", [1]),  # in SQL
        ("q = 'SELECT sum(a) over () FROM t'", [1]),
        ("from pyspark.sql import Window\nw = Window.partitionBy('a').orderBy('b')", []),
        ("from pyspark.sql import Window\nw = Window.partitionBy(*ids)", []),
        ("q = 'SELECT sum(a) OVER (PARTITION BY b) FROM t'", []),
        ("d = frame.orderBy('a')", []),  # not a window
    ],
)
def test_windows_over_all_rows_are_recognised(source: str, expected: list[int]) -> None:
    assert unpartitioned_windows(source) == expected
