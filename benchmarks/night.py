"""How long a first night of ALS takes, and the one after it that brings 1 % new events.

    .venv/bin/python benchmarks/night.py [--events 10e6] [--folder /tmp/night]

Writes results/night.json and results/night.md beside this file.
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from deltalake import DeltaTable
from machine import ROOT, describe_machine
from result_files import write_results
from waterfall import LOGGED, core_seconds, stages_of, steps_of, waterfall

DATASET = "generated"
# The goals, as shares of the first night's time.
GOALS = {"ingest": 0.10}
FITS_GOAL = 0.40
PERSONAL = ("personal.train", "personal.all")


def submit(verb: str, *arguments: str, conf: Mapping[str, str] | None = None) -> None:
    """Run a verb, showing what it says."""
    options = [
        word for name, value in (conf or {}).items() for word in ("--conf", f"{name}={value}")
    ]
    subprocess.run([str(ROOT / "spark-submit.sh"), *options, verb, *arguments], check=True)


def night(folder: Path, part: str, *settings: str) -> dict[str, object]:
    """One night over a part of the data: seconds per step, the fits, and the waterfall."""
    result, log = folder / f"{part}.json", folder / f"{part}-events"
    shutil.rmtree(log, ignore_errors=True)
    log.mkdir(parents=True)
    began = time.time()
    submit(
        "nightly",
        *("--source", f"parquet:{folder / part}", "--dataset", DATASET),
        *("--set", f"lake.root={folder / 'lake'}", "--set", "model.name=als"),
        *("--result-file", str(result)),
        *settings,
        conf={**LOGGED, "spark.eventLog.dir": str(log)},
    )
    report = json.loads(result.read_text())
    cores = core_seconds(log)
    models = DeltaTable(str(folder / "lake" / DATASET / "models")).to_pyarrow_table().to_pylist()
    fits = {
        row["model_id"].partition(".")[2]: {
            "seconds": round(row["seconds"], 2),
            "core_seconds": round(cores[row["model_id"].partition(".")[2]], 2),
            "interactions": row["interactions"],
        }
        for row in models
        if row["run_id"] == report["run_id"]
    }
    return {
        "seconds": report["seconds"],
        "rows": report["rows_in"],
        "steps": report["steps"],
        "fits": fits,
        "waterfall": list(waterfall(steps_of(folder / "lake" / DATASET, began), stages_of(log))),
        "metrics": report["metrics"],
    }


def table(first: dict[str, dict[str, float]], second: dict[str, dict[str, float]]) -> list[str]:
    """The steps of both nights, and their ratio beside the goal."""
    lines = ["| step | first night, s | the next, s | ratio | goal |", "|---|---:|---:|---:|---:|"]
    for step, seconds in first["steps"].items():
        later = second["steps"][step]
        goal = f"{GOALS[step]:.2f}" if step in GOALS else ""
        lines.append(f"| {step} | {seconds:.1f} | {later:.1f} | {later / seconds:.2f} | {goal} |")
    return lines


def fits_table(first: dict[str, dict[str, Any]], second: dict[str, dict[str, Any]]) -> list[str]:
    """The fits of both nights, and what those that start warm took of what they took cold.

    Fits run beside one another, and wait for one another's tasks: what they cost is what cores spent on them.
    """
    lines = [
        "| fit | first night, s | cores, s | the next, s | cores, s |",
        "|---|---:|---:|---:|---:|",
    ]
    for name, fit in first.items():
        both = (one[kind] for one in (fit, second[name]) for kind in ("seconds", "core_seconds"))
        lines.append(f"| {name} | {' | '.join(f'{value:.2f}' for value in both)} |")
    totals = {
        kind: [sum(fits[name][kind] for name in PERSONAL) for fits in (first, second)]
        for kind in ("seconds", "core_seconds")
    }
    return [
        *lines,
        "",
        "Both fits of the personal model: "
        + "; ".join(
            f"{before:.1f} {unit}, then {after:.1f}: {after / before:.0%}"
            for unit, (before, after) in (
                ("s", totals["seconds"]),
                ("s of cores", totals["core_seconds"]),
            )
        )
        + f" (goal: at most {FITS_GOAL:.0%}).",
    ]


def main() -> int:
    """Generate, run both nights, write the results."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=float, default=10e6)
    parser.add_argument("--users", type=float, default=140e3)
    parser.add_argument("--items", type=float, default=25e3)
    parser.add_argument("--folder", type=Path, default=Path("/tmp/night"))
    arguments = parser.parse_args()
    folder = arguments.folder.resolve()
    shutil.rmtree(folder / "lake", ignore_errors=True)
    if not (folder / "last-day" / "_SUCCESS").exists():
        sizes = {name: str(getattr(arguments, name)) for name in ("events", "users", "items")}
        options = [word for name, size in sizes.items() for word in (f"--{name}", size)]
        submit("generate", "--out", str(folder), *options)
    first, second = night(folder, "history"), night(folder, "last-day")
    machine = describe_machine()
    before, after = (one["metrics"]["ndcg@10"] for one in (first, second))
    quality = (
        f"NDCG@10 on the holdout: {before['als']:.4f}, then {after['als']:.4f} (popularity "
        f"{after['popularity']:.4f})."
    )
    lines = [
        "# A first night, and one with 1 % new events",
        "",
        f"{first['rows']:,} events, then {second['rows']:,} more. "
        + ", ".join(f"{name} {value}" for name, value in machine.items())
        + ". Made by `benchmarks/night.py`.",
        "",
        *table(first, second),
        "",
        *fits_table(first["fits"], second["fits"]),
        "",
        quality,
        "",
        "## The first night",
        "",
        *first.pop("waterfall"),
        "",
        "## The night after",
        "",
        *second.pop("waterfall"),
    ]
    content = {"machine": machine, "first": first, "second": second}
    write_results("night", lines, content)
    return 0


if __name__ == "__main__":
    sys.exit(main())
