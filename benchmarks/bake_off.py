"""All models there are side by side, on real ratings, by the product's own command.

    .venv/bin/python benchmarks/bake_off.py [--folder /tmp/bake-off] [--real ../shared/data]

Writes results/bake-off.json and .md, and the report of each comparison as results/bake-off-DATASET.html.
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from machine import ROOT, describe_machine
from result_files import write_results

_METRICS = (
    *("ndcg@10", "recall@10", "map@10", "mrr@10", "hit_rate@10", "auc"),
    *("coverage@10", "gini@10", "novelty@10", "rmse"),
)
_RESULTS = Path(__file__).resolve().parent / "results"


@dataclass(frozen=True)
class World:
    """A data set: how it is taken in, what is held out, and who enters."""

    name: str
    source: str
    settings: tuple[str, ...]
    protocol: str
    models: str


def worlds(real: Path) -> list[World]:
    """The data sets that lie in a folder."""
    every = (
        "als,als[rank=64; alpha=5],als[feedback=explicit],als[engine=mllib],bayesian_mf,item_knn,"
        "item_knn[shrinkage=0],popularity"
    )
    books = real / "goodbooks"
    return [
        World(
            "ml-latest-small",
            f"movielens:{real / 'ml-latest-small'}",
            (),
            "last(5)",
            f"{every},window,trending",
        ),
        World(
            "goodbooks",
            f"parquet:{books / 'ratings.parquet'}",
            ("ingest.columns.item=book_id", f"ingest.items={books / 'books.csv.gz'}"),
            "random_per_user(20%)",  # there are no times
            every,
        ),
    ]


def run(world: World, folder: Path) -> dict[str, Any]:
    """Compare the models of a world; the figures of its report."""
    shutil.rmtree(folder / world.name, ignore_errors=True)
    chosen = (f"lake.root={folder}", f"evaluate.metrics=[{','.join(_METRICS)}]", *world.settings)
    settings = [word for one in chosen for word in ("--set", one)]
    _submit("ingest", "--source", world.source, "--dataset", world.name, *settings)
    compared = ("--models", world.models, "--protocol", world.protocol)
    _submit("compare", "--dataset", world.name, *compared, *settings)
    (report,) = (folder / world.name / "reports").glob("*compare*/report.html")
    shutil.copyfile(report, _RESULTS / f"bake-off-{world.name}.html")
    figures: dict[str, Any] = json.loads(report.with_name("metrics.json").read_text())
    return figures


def _table(world: World, figures: dict[str, Any]) -> list[str]:
    """A row per model, from the best to the worst."""
    own = {
        (one["subject"], one["metric"]): one
        for one in figures["figures"]
        if not (one["versus"] or one["slice"])
    }
    models = list(dict.fromkeys(subject for subject, _ in own))
    models.sort(key=lambda name: -own[name, "ndcg@10"]["value"])
    users = max(one["users"] for one in own.values())
    head = ["model", "ndcg@10, 95 %", *(name for name in _METRICS if name != "ndcg@10")]
    rows = []
    for name in models:
        best = own[name, "ndcg@10"]
        cells = [name, f"{best['value']:.4f} ({best['low']:.4f} to {best['high']:.4f})"]
        for metric in _METRICS:
            if metric != "ndcg@10":
                found = own.get((name, metric))
                cells.append("–" if found is None else f"{found['value']:.4f}")
        rows.append(cells)
    return [
        f"## {world.name}: {world.protocol}, {users:,} users",
        "",
        f"| {' | '.join(head)} |",
        f"|---|{'---:|' * (len(head) - 1)}",
        *(f"| {' | '.join(row)} |" for row in rows),
        "",
        *(f"- {finding}" for finding in figures.get("findings", [])),
        f"- [report](bake-off-{world.name}.html)",
    ]


def _submit(*words: str) -> None:
    subprocess.run([str(ROOT / "spark-submit.sh"), *words], cwd=ROOT, check=True)


def main() -> int:
    """Run every world."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--folder", type=Path, default=Path("/tmp/bake-off"))
    parser.add_argument("--real", type=Path, default=ROOT.parent / "shared" / "data")
    arguments = parser.parse_args()
    machine = describe_machine()
    said = [
        "# All models side by side",
        "",
        ", ".join(f"{key} {value}" for key, value in machine.items())
        + ". Made by `benchmarks/bake_off.py`.",
    ]
    content: dict[str, Any] = {"machine": machine}
    for world in worlds(arguments.real.resolve()):
        figures = run(world, arguments.folder.resolve())
        content[world.name] = figures
        said += ["", *_table(world, figures)]
    write_results("bake-off", said, content)
    return 0


if __name__ == "__main__":
    sys.exit(main())
