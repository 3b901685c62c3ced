"""How long EASE, local ridge, SLIM and the low-pass filter take to fit, beside implicit ALS.

    .venv/bin/python benchmarks/linear_models.py [--folder /tmp/bench]

On generated ratings, every one a liking: 1 million of 40,000 items, and 5 million of 20,000. Each model is fitted
on Spark with its default settings where the goals name no others, blocks not counted, in a session of its own.
Writes results/linear-models.json and results/linear-models.md beside this file.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

from als_data import generated
from environment import run_on_spark
from machine import ROOT, describe_machine
from result_files import write_results

HERE = Path(__file__).resolve().parent
_SIZES = {"1 million of 40,000 items": (1e6, 40_000), "5 million of 20,000 items": (5e6, 20_000)}
# Seconds that a fit may take.
_GOALS = {
    ("1 million of 40,000 items", "local_ridge"): 20.0,
    ("5 million of 20,000 items", "local_ridge"): 60.0,
    ("5 million of 20,000 items", "low_pass"): 60.0,
    ("5 million of 20,000 items", "ease"): 120.0,
}
_MODELS = {
    "1 million of 40,000 items": ("als", "local_ridge", "slim", "low_pass"),
    "5 million of 20,000 items": ("als", "local_ridge", "slim", "low_pass", "ease"),
}


def report(content: dict[str, Any]) -> list[str]:
    """The results as Markdown."""
    lines = [
        "# Fits of linear models",
        "",
        ", ".join(f"{name} {value}" for name, value in content["machine"].items())
        + ". Made by `benchmarks/linear_models.py`.",
        "",
        "| ratings | model | seconds | goal | peak of all processes |",
        "|---|---|---:|---:|---:|",
    ]
    for size, found in content["fits"].items():
        for name, one in found.items():
            goal = f"{_GOALS[size, name]:.0f}" if (size, name) in _GOALS else ""
            settings = "; ".join(f"{key}={value}" for key, value in one["settings"].items())
            shown = f"`{name}[{settings}]`" if settings else f"`{name}`"
            lines.append(
                f"| {size} | {shown} | {one['seconds']:.1f} | {goal} | {one['gib']:.1f} GiB |"
            )
    return lines


def main() -> int:
    """Run all, write the results."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, default=Path("/tmp/bench"))
    arguments = parser.parse_args()
    root = arguments.folder.resolve()
    fits: dict[str, dict[str, Any]] = {}
    for size, (ratings, items) in _SIZES.items():
        snapshot = generated(ratings, root, ROOT / "spark-submit.sh", items)
        fits[size] = {}
        for name in _MODELS[size]:
            out = snapshot.folder.parent / f"{name}.json"
            run_on_spark(HERE / "linear_fit.py", name, str(snapshot.folder), str(out))
            fits[size][name] = json.loads(out.read_text())
    content = {"machine": describe_machine(), "fits": fits}
    write_results("linear-models", report(content), content)
    return 0


if __name__ == "__main__":
    sys.exit(main())
