"""How long a look-up of one user takes, in the lake and in stores, beside deltalake with pyarrow and DuckDB.

    .venv/bin/python benchmarks/lookup.py [--folder /tmp/lookup] [--users 1000000] [--items 50] [--only delta]

All read the same lists, which are made in the folder if they are not there, as a nightly writes them. Each contender
runs in a process of its own, one after the other: users at random, warm, one question at a time, then eight
threads at once. Postgres and Redis are real servers, started and filled here. Writes results/lookup.json and
results/lookup.md beside this file.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import numpy as np
from environment import run_among_rivals, run_here
from lookup_users import RUN, item_ids, items_of
from machine import describe_machine
from result_files import write_results

HERE = Path(__file__).resolve().parent
OURS = ("delta", "redis", "postgres", "files")
RIVALS = ("deltalake", "duckdb")
NAMES = {
    "delta": "the lake, by the reader",
    "redis": "Redis, by the reader",
    "postgres": "Postgres, by the reader",
    "files": "Parquet files, by the reader",
    "deltalake": "the lake, by `deltalake` and pyarrow",
    "duckdb": "the lake, by DuckDB",
}
# Milliseconds that half of the look-ups may take at most, and all but one of a hundred.
GOALS = {"delta": (10.0, 40.0), "redis": (0.3, 2.0), "postgres": (0.5, 3.0)}


def run_contenders(
    folder: Path, users: int, questions: int, only: list[str] | None
) -> dict[str, dict[str, Any]]:
    """Run each by itself; what each says of its run."""
    lake, found = folder / "lake", {}
    for name in (*OURS, *RIVALS):
        if only and name not in only:
            continue
        result = folder / f"{name}.json"
        if name in OURS:
            arguments = (name, str(lake), str(users), str(questions), str(result))
            run_here(HERE / "lookup_reader.py", *arguments)
        else:
            arguments = (name, str(lake), RUN, str(users), str(questions), str(result))
            run_among_rivals(HERE / "lookup_others.py", *arguments)
        found[name] = json.loads(result.read_text())
    return found


def check_answers(timed: dict[str, Any], n: int) -> bool:
    """Whether what was found is what was written."""
    names, answers = item_ids(), timed.pop("answers")
    numbers = np.array([int(user.rpartition("-")[2]) for user in answers], dtype=np.int64)
    expected = [[names[item] for item in row] for row in items_of(numbers, n)]
    return expected == list(answers.values())


def report(
    machine: dict[str, str], users: int, n: int, found: dict[str, dict[str, Any]]
) -> list[str]:
    """The results as Markdown."""
    said = ", ".join(f"{key} {value}" for key, value in machine.items())
    lines = [
        "# Looking up one user",
        "",
        f"{users:,} users with lists of {n}, users at random, warm. {said}. Made by `benchmarks/lookup.py`.",
        "",
        "| where, by what | p50 ms | p99 ms | goal | questions/s | by 8 at once | p50 ms | p99 ms | first ms | right |",
        "|---|---:|---:|---:|---:|---:|---:|---:|---:|---|",
    ]
    for name, timed in found.items():
        goal = "{:g} / {:g}".format(*GOALS[name]) if name in GOALS else ""
        milliseconds = {
            key: f"{1000 * timed[key]:.2f}" for key in ("p50", "p99", "p50_by_8", "p99_by_8")
        }
        right = "yes" if timed["right"] and timed["same_answers"] else "NO"
        lines.append(
            f"| {NAMES[name]} | {milliseconds['p50']} | {milliseconds['p99']} | {goal} | "
            f"{timed['per_second']:,.0f} | {timed['per_second_by_8']:,.0f} | {milliseconds['p50_by_8']} | "
            f"{milliseconds['p99_by_8']} | {1000 * timed['first']:.0f} | {right} |"
        )
    versions = {
        package: version
        for timed in found.values()
        for package, version in timed["versions"].items()
    }
    listed = ", ".join(f"{package} {version}" for package, version in sorted(versions.items()))
    remark = (
        "*first*: of the first question, with whatever is opened for it. *right*: the lists are those written, "
        f"and eight at once, threads of one process, found what one did. {listed}."
    )
    return [*lines, "", remark]


def main() -> None:
    """Make the lists if need be, run all contenders, and write what they came to."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--folder", type=Path, default=Path("/tmp/lookup"))
    parser.add_argument("--users", type=int, default=1_000_000)
    parser.add_argument("--items", type=int, default=50)
    parser.add_argument("--questions", type=int, default=5_000)
    parser.add_argument("--only", action="append", choices=[*OURS, *RIVALS])
    chosen = parser.parse_args()
    folder: Path = chosen.folder / f"{chosen.users}-{chosen.items}"
    if not (folder / "made").exists():
        folder.mkdir(parents=True, exist_ok=True)
        made = (str(folder / "lake"), str(chosen.users), str(chosen.items))
        run_here(HERE / "lookup_data.py", *made)
        (folder / "made").touch()
    found = run_contenders(folder, chosen.users, chosen.questions, chosen.only)
    for timed in found.values():
        timed["right"] = check_answers(timed, chosen.items)
    machine = describe_machine()
    content = {"machine": machine, "users": chosen.users, "items": chosen.items, "found": found}
    write_results("lookup", report(machine, chosen.users, chosen.items, found), content)


if __name__ == "__main__":
    main()
