"""How long an evaluation takes from stored lists to figures, beside MLlib's `RankingMetrics`.

    .venv/bin/python benchmarks/evaluation.py [--folder /tmp/bench-evaluation] [--users 100000] [--rounds 2]

Lists of 50 with up to 10 held-out items each lie in `user_metrics` as a night leaves them. We take 30 metrics with
intervals of 1,000 resamples from them, MLlib six without, each in a process of its own, in turn. Half
and twice as many users say what the memory depends on. What is missing in the folder is made. Writes
results/evaluation.json and results/evaluation.md beside this file.
"""

from __future__ import annotations

import argparse
import json
import os
from collections.abc import Sequence
from pathlib import Path
from time import perf_counter
from typing import Any

from environment import run_on_spark
from machine import describe_machine
from memory import watched
from result_files import write_results

HERE = Path(__file__).resolve().parent
MOST_SECONDS, MOST_SHUFFLES, LEAST_RATIO = 15.0, 2, 3.0
LARGEST_DIFFERENCE = 1e-9
NAMES = {
    "toplists": "toplists: 30 metrics with intervals, and 3 of all lists",
    "mllib": "MLlib `RankingMetrics`: six metrics, as documented",
    "mllib_jvm": "the same, rows handed over in the JVM",
}
GROWTH = (0.5, 1.0, 2.0)
DEFINITIONS = """\
MLlib and we agree on users who have held-out likings and on lists that hold no item twice; these are compared.
They differ elsewhere: a user without likings is 0 in MLlib's means and not in ours; an item that stands twice in a
list is a hit twice for MLlib and refused by us. Both divide precision by k also where a list is shorter, recall by
all likings (ours by the lesser of that and k is called `capped_recall`), and average precision at k by the
lesser of k and the likings; MLlib's `meanAveragePrecision` without k divides by all likings."""


def make_data(root: Path, users: int) -> Path:
    """The folder with the data of so many users."""
    folder = root / str(users)
    if not (folder / "ready.json").exists():
        root.mkdir(parents=True, exist_ok=True)
        run_on_spark(HERE / "evaluation_data.py", str(users), str(folder))
    return folder


def run(contender: str, folder: Path) -> dict[str, Any]:
    """What a contender says of its run, and what its processes took, those of its workers included."""
    result = folder / f"{contender}.json"
    started, before = perf_counter(), os.times()
    with watched() as peak:
        # MLlib computes in the JVM, which needs its compiler for that.
        run_on_spark(
            HERE / "evaluation_spark.py",
            *(contender, str(folder), str(result)),
            compiled_jvm=contender != "toplists",
        )
    outcome: dict[str, Any] = json.loads(result.read_text())
    after = os.times()
    processor = sum(
        getattr(after, kind) - getattr(before, kind)
        for kind in ("children_user", "children_system")
    )
    process = perf_counter() - started
    return {"process": process, "processor": processor, "peak": peak.bytes, **outcome}


def differences(runs: dict[str, list[dict[str, Any]]]) -> dict[str, dict[str, float]]:
    """Each shared metric by every contender."""
    shared = runs["mllib"][0]["values"]
    return {
        metric: {name: of[0]["values"][metric] for name, of in runs.items()} for metric in shared
    }


def report(content: dict[str, Any]) -> list[str]:
    """The results as Markdown."""
    runs, shared = content["runs"], content["shared"]
    ours = min(one["process"] for one in runs["toplists"])
    theirs = min(one["process"] for name in ("mllib", "mllib_jvm") for one in runs[name])
    shuffles = sum(runs["toplists"][0]["shuffles"])
    lines = [
        "# The evaluation pass",
        "",
        f"{content['users']:,} users with lists of 50. "
        + ", ".join(f"{name} {value}" for name, value in content["machine"].items())
        + ". Made by `benchmarks/evaluation.py`.",
        "",
        "| contender | seconds of the process | of these the evaluation | processor seconds | peak memory, all processes |",
        "|---|---:|---:|---:|---:|",
    ]
    for name, title in NAMES.items():
        process, inside, processor = (
            ", ".join(f"{one[key]:.1f}" for one in runs[name])
            for key in ("process", "seconds", "processor")
        )
        peak = max(one["peak"] for one in runs[name]) / 2**20
        lines.append(f"| {title} | {process} | {inside} | {processor} | {peak:,.0f} MiB |")
    lines += [
        "",
        "| goal | allowed | measured | |",
        "|---|---:|---:|---|",
        _goal(
            "seconds, the whole process", f"{MOST_SECONDS:g}", f"{ours:.1f}", ours <= MOST_SECONDS
        ),
        _goal(
            "share of the time of MLlib's faster way",
            f"{1 / LEAST_RATIO:.2f}",
            f"{ours / theirs:.2f}",
            ours * LEAST_RATIO <= theirs,
        ),
        _goal("shuffles", f"{MOST_SHUFFLES}", f"{shuffles}", shuffles <= MOST_SHUFFLES),
        "",
        "| users | peak memory of ours, all processes | seconds of the evaluation |",
        "|---:|---:|---:|",
        *(
            f"| {int(users):,} | {one['peak'] / 2**20:,.0f} MiB | {one['seconds']:.1f} |"
            for users, one in content["growth"].items()
        ),
        "",
        f"| metric | {' | '.join(NAMES)} |",
        f"|---|{'---:|' * len(NAMES)}",
        *(
            f"| `{metric}` | {' | '.join(f'{values[name]:.12f}' for name in NAMES)} |"
            for metric, values in shared.items()
        ),
        "",
        *DEFINITIONS.splitlines(),
    ]
    return lines


def _goal(what: str, allowed: str, measured: str, met: bool) -> str:
    return f"| {what} | {allowed} | {measured} | {'met' if met else '**missed**'} |"


def check(shared: dict[str, dict[str, float]]) -> Sequence[str]:
    """The metrics on which contenders do not agree."""
    return [
        metric
        for metric, values in shared.items()
        if max(values.values()) - min(values.values()) > LARGEST_DIFFERENCE
    ]


def main() -> None:
    """Run all in turn, write the results."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, default=Path("/tmp/bench-evaluation"))
    parser.add_argument("--users", type=int, default=100_000)
    parser.add_argument("--rounds", type=int, default=2)
    arguments = parser.parse_args()
    root, users = arguments.folder.resolve(), arguments.users
    folders = {round(users * times): make_data(root, round(users * times)) for times in GROWTH}
    runs: dict[str, list[dict[str, Any]]] = {name: [] for name in NAMES}
    for _ in range(arguments.rounds):
        for name, done in runs.items():
            done.append(run(name, folders[users]))
    growth = {size: run("toplists", folder) for size, folder in folders.items()}
    shared = differences(runs)
    content = {
        "machine": describe_machine(),
        "users": users,
        "runs": runs,
        "growth": growth,
        "shared": shared,
    }
    write_results("evaluation", report(content), content)
    if unlike := check(shared):
        raise SystemExit(f"They do not agree on {', '.join(unlike)}.")


if __name__ == "__main__":
    main()
