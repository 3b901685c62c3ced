"""Which model should be behind the nightly lists: what each part of a hybrid brings, and what its night takes.

    .venv/bin/python benchmarks/default_model.py [--folder /tmp/bench] [--real ../shared/data]

By the product's own commands: a comparison on ml-latest-small and one on goodbooks-10k, then whole nights over 2
million generated events with some of the models. Writes results/default-model.json and .md, and the reports as
results/default-model-DATASET.html.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
from pathlib import Path
from typing import Any

from bake_off import World, keep_report, submit, worlds
from machine import ROOT, describe_machine
from result_files import write_results

_METRICS = ("ndcg@10", "recall@10")
_PARTS = ("als", "item_knn", "low_pass", "local_ridge", "slim")
_MIXES = (
    "hybrid[members=[local_ridge, low_pass]; weights=[0.7, 0.3]]",
    "hybrid[members=[slim, low_pass]; weights=[0.7, 0.3]]",
    "hybrid[members=[slim, item_knn]; weights=[0.7, 0.3]]",
    "hybrid[members=[slim, local_ridge]; weights=[0.5, 0.5]]",
    "hybrid[members=[slim, als]; weights=[0.7, 0.3]]",
    "hybrid[members=[slim, als]; weights=[]]",
)
_NIGHTS = {
    "als": ("model.name=als",),
    "local_ridge": ("model.name=local_ridge",),
    "slim": ("model.name=slim",),
    "hybrid[members=[slim, als]; weights=[0.7, 0.3]]": (
        *("model.name=hybrid", "model.hybrid.members=[slim,als]"),
        "model.hybrid.weights=[0.7,0.3]",  # the defaults
    ),
}
_EVENTS = ("--events", "2e6", "--users", "28e3", "--items", "25e3")
_GOAL = 2.0


def compare(world: World, folder: Path) -> dict[str, Any]:
    """All parts and mixes on one data set; the figures of the report."""
    shutil.rmtree(folder / world.name, ignore_errors=True)
    chosen = (f"lake.root={folder}", f"evaluate.metrics=[{','.join(_METRICS)}]", *world.settings)
    settings = [word for one in chosen for word in ("--set", one)]
    submit("ingest", "--source", world.source, "--dataset", world.name, *settings)
    judged = ("--dataset", world.name, "--protocol", world.protocol, *settings)
    submit("compare", "--models", ",".join((*_PARTS, *_MIXES)), *judged)
    return keep_report(folder / world.name, "compare", f"default-model-{world.name}")


def night(source: Path, folder: Path, settings: tuple[str, ...]) -> dict[str, Any]:
    """A first night with a model; seconds per step."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    result = folder / "result.json"
    chosen = [word for one in (f"lake.root={folder}", *settings) for word in ("--set", one)]
    submit(
        *("nightly", "--source", f"parquet:{source}", "--dataset", "generated"),
        *("--result-file", str(result), *chosen),
    )
    report: dict[str, Any] = json.loads(result.read_text())
    shutil.rmtree(folder)
    return {"seconds": report["seconds"], "steps": report["steps"]}


def _quality(world: World, figures: dict[str, Any]) -> list[str]:
    own = {
        (one["subject"], one["metric"]): one
        for one in figures["figures"]
        if not (one["versus"] or one["slice"])
    }
    names = sorted({name for name, _ in own}, key=lambda name: -own[name, "ndcg@10"]["value"])
    rows = []
    for name in names:
        best = own[name, "ndcg@10"]
        interval = f"{best['low']:.4f} to {best['high']:.4f}"
        recall = own[name, "recall@10"]["value"]
        rows.append(f"| {name} | {best['value']:.4f} | {interval} | {recall:.4f} |")
    return [
        f"## {world.name}: {world.protocol}",
        "",
        "| model | ndcg@10 | 95 % | recall@10 |",
        "|---|---:|---|---:|",
        *rows,
        "",
        *(f"- {finding}" for finding in figures["findings"]),
        f"- [report](default-model-{world.name}.html)",
    ]


def _nights(nights: dict[str, dict[str, Any]]) -> list[str]:
    first = nights["als"]
    steps = tuple(first["steps"])
    lines = [
        "## A first night over 2 million events",
        "",
        f"| model | {' | '.join(steps)} | all, s | of als's night (goal {_GOAL:g}) |",
        f"|---|{'---:|' * (len(steps) + 2)}",
    ]
    for name, one in nights.items():
        seconds = [f"{one['steps'][step]:.1f}" for step in steps]
        ratio = one["seconds"] / first["seconds"]
        lines.append(f"| {name} | {' | '.join(seconds)} | {one['seconds']:.1f} | {ratio:.2f} |")
    return lines


def main() -> int:
    """Run all, write the results."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--folder", type=Path, default=Path("/tmp/bench"))
    parser.add_argument("--real", type=Path, default=ROOT.parent / "shared" / "data")
    arguments = parser.parse_args()
    folder, machine = arguments.folder.resolve(), describe_machine()
    events = folder / "default-events"
    if not (events / "last-day" / "_SUCCESS").exists():
        submit("generate", "--out", str(events), *_EVENTS)
    # The first compiles what they have in common.
    night(events / "history", folder / "default-night", _NIGHTS["als"])
    nights = {
        name: night(events / "history", folder / "default-night", settings)
        for name, settings in _NIGHTS.items()
    }
    lines = [
        "# The model behind the nightly lists",
        "",
        ", ".join(f"{key} {value}" for key, value in machine.items())
        + ". Made by `benchmarks/default_model.py`.",
    ]
    content: dict[str, Any] = {"machine": machine, "nights": nights}
    for world in worlds(arguments.real.resolve()):
        content[world.name] = compare(world, folder / "default-lake")
        lines += ["", *_quality(world, content[world.name])]
    write_results("default-model", [*lines, "", *_nights(nights)], content)
    return 0


if __name__ == "__main__":
    sys.exit(main())
