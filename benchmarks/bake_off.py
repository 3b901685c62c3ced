"""ALS tuned, and all models there are side by side, on real ratings, by the product's own commands.

    .venv/bin/python benchmarks/bake_off.py [--folder /tmp/bake-off] [--real ../shared/data]

Writes results/bake-off.json and .md, and the reports as results/bake-off-DATASET.html and tuning-DATASET.html.
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

import yaml
from machine import ROOT, describe_machine
from result_files import write_results

_METRICS = (
    *("ndcg@10", "recall@10", "map@10", "mrr@10", "hit_rate@10", "auc"),
    *("coverage@10", "gini@10", "novelty@10", "rmse"),
)
_RANKERS = (
    "als",
    "als[rank=64; alpha=5]",
    "als[engine=mllib]",
    "item_knn",
    "item_knn[common_exponent=0.5]",
    "item_knn[measure=jaccard]",
    "item_knn[weighting=bm25]",
    "user_knn",
    "association",
    "p3alpha",
    "rp3beta",
    "local_ridge",
    "ease",
    "slim",
    "low_pass",
    "item2vec",
    "content_knn",
    "hybrid",
    "hybrid[weights=[]]",
    "bpr",
    "bpr[negatives=popular; start_deviation=0.01; regularization=0.03]",
    "popularity",
)
_PREDICTORS = (
    "als[feedback=explicit]",
    "bayesian_mf",
    "svd",
    "svd[epochs=60; learning_rate=0.01; regularization=0.1; start_deviation=0.05]",
    "svd_plus_plus",
    "nmf",
    "rating_knn",
    "rating_knn[by=users; measure=msd; shrinkage=0]",
    "slope_one",
    "co_clustering",
    "content_ratings",
    "residual_als",
    "stack",
    "truncated_svd",
    "baseline",
    "constant",
    "normal",
)
_TUNED = ("rank", "regularization", "alpha", "unobserved_weight")
_TRIALS = 32
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
    every = ",".join((*_RANKERS, *_PREDICTORS))
    books = real / "goodbooks"
    return [
        World(
            "ml-latest-small",
            f"movielens:{real / 'ml-latest-small'}",
            (),
            "last(5)",
            f"{every},markov,fpmc,transrec,window,trending",
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
    """Tune ALS in a world, and compare all models with it; the figures of both reports."""
    shutil.rmtree(folder / world.name, ignore_errors=True)
    dataset = folder / world.name
    chosen = (f"lake.root={folder}", f"evaluate.metrics=[{','.join(_METRICS)}]", *world.settings)
    settings = [word for one in chosen for word in ("--set", one)]
    submit("ingest", "--source", world.source, "--dataset", world.name, *settings)
    judged = ("--dataset", world.name, "--protocol", world.protocol, *settings)
    submit("tune", "--model", "als", "--trials", str(_TRIALS), *judged)
    models, tuned = world.models, _tuned(dataset)
    if tuned is not None:
        models += f",{tuned}"
    submit("compare", "--models", models, *judged)
    return {
        "tuned": tuned,
        "tuning": keep_report(dataset, "tune", f"tuning-{world.name}"),
        "comparison": keep_report(dataset, "compare", f"bake-off-{world.name}"),
    }


def _tuned(dataset: Path) -> str | None:
    """ALS with the settings that tuning found, as an entrant; `None` where they are the present ones."""
    found = [*(dataset / "studies").glob("*/best.yaml")]
    if not found:
        return None
    best = yaml.safe_load(found[0].read_text())["model"]["als"]
    given = {name: best[name] for name in _TUNED}
    return f"als[{'; '.join(f'{name}={value}' for name, value in given.items())}]"


def keep_report(dataset: Path, kind: str, name: str) -> dict[str, Any]:
    """Copy a report to the results; its figures."""
    (report,) = (dataset / "reports").glob(f"*{kind}*/report.html")
    shutil.copyfile(report, _RESULTS / f"{name}.html")
    figures: dict[str, Any] = json.loads(report.with_name("metrics.json").read_text())
    return figures


def _table(world: World, content: dict[str, Any]) -> list[str]:
    """A row per model, from the best to the worst, and what tuning came to."""
    figures, tuning = content["comparison"], content["tuning"]
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
        *(f"- {finding}" for finding in figures["findings"]),
        f"- [report](bake-off-{world.name}.html)",
        "",
        f"Tuning of als, {_TRIALS} trials on a part of what is learnt from"
        + (f": `{content['tuned']}`" if content["tuned"] else ""),
        "",
        # The last says where the file of the settings lies, on this machine.
        *(f"- {finding}" for finding in tuning["findings"] if "--overlay" not in finding),
        f"- [report](tuning-{world.name}.html)",
    ]


def submit(*words: str) -> None:
    """Run a verb of the product, showing what it says."""
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
