"""How long the most similar items of all items take, exactly, beside scipy, `implicit`, SQL and MLlib.

    .venv/bin/python benchmarks/similarity.py [--folder /tmp/bench] [--without spark]

Cosine over all raters, 100 neighbours per item: of goodbooks-10k, and of 20 million generated ratings, which
benchmarks/als.py shares. SQL and MLlib go through all pairs: they get the first users, as many as they finish
in five minutes, and so do we. Each contender runs in a process of its own, one after the other. Writes
results/similarity.json and results/similarity.md beside this file.
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.compute as pc
import pyarrow.parquet as pq
import scipy.sparse as sp
from als_data import Snapshot, generated, goodbooks
from environment import run_among_rivals, run_here, run_on_spark
from machine import ROOT, describe_machine
from result_files import write_results

HERE = Path(__file__).resolve().parent
_LIMIT, _AIM = 300.0, 230.0
_FIRST_PAIRS = 60e6
_TITLES = {
    "cosine": "the kernel, one thread per core",
    "rp3beta": "the kernel, RP3β",
    "pearson": "the kernel, Pearson over common raters",
    "item_knn": "item_knn on Spark, written (every liking counts 1)",
    "random_walk": "rp3beta on Spark, written",
    "scipy": "scipy: the sparse product by rows, the best of each row",
    "implicit": "`implicit` `CosineRecommender`, 2 threads",
}
_ALL_PAIRS = {
    "sql": "Spark SQL: self-join, sums, window",
    "mllib": "MLlib `columnSimilarities` (exact), window",
}
_RIVALS_GOAL, _PAIRS_GOAL = 1.3, 200.0


def write_matrix(matrix: sp.csr_array, folder: Path) -> dict[str, int]:
    """Write it as arrays; how large it is."""
    folder.mkdir(parents=True, exist_ok=True)
    for old in folder.glob("*.json"):
        old.unlink()
    for part in ("indptr", "indices", "data"):
        np.save(folder / f"{part}.npy", getattr(matrix, part))
    lengths = np.diff(matrix.indptr).astype(np.int64)
    return {
        "users": matrix.shape[0],
        "items": matrix.shape[1],
        "ratings": int(matrix.nnz),
        "pairs": int((lengths**2).sum()),
    }


def found_in(folder: Path) -> dict[str, dict[str, Any]]:
    """What each contender said of its run."""
    return {path.stem: json.loads(path.read_text()) for path in sorted(folder.glob("*.json"))}


def run_whole(
    snapshot: Snapshot, matrix: sp.csr_array, folder: Path, without: list[str]
) -> dict[str, Any]:
    """Run those that do not go through pairs, on everything."""
    sizes = write_matrix(matrix, folder)
    run_here(HERE / "similarity_kernel.py", str(folder), "all")
    if "implicit" not in without:
        run_among_rivals(HERE / "similarity_implicit.py", str(folder), OPENBLAS_NUM_THREADS="1")
    if "spark" not in without:
        run_on_spark(HERE / "similarity_models.py", str(snapshot.folder), str(folder))
    contenders = found_in(folder)
    agreement = contenders.pop("agreement")
    if "implicit" not in without:
        ours, theirs = (np.load(folder / f"{name}.npy") for name in ("cosine", "implicit"))
        agreement["implicit"] = {
            "other lengths": int(np.count_nonzero(np.isnan(ours) != np.isnan(theirs))),
            "similarity": float(np.nanmax(np.abs(ours - theirs))),
        }
    return {"data": sizes, "agreement": agreement, "contenders": contenders}


def run_pairs(name: str, snapshot: Snapshot, matrix: sp.csr_array, folder: Path) -> dict[str, Any]:
    """Run one that goes through all pairs on the most users that it finishes in time, then us on them."""
    pairs = np.cumsum(np.diff(matrix.indptr).astype(np.float64) ** 2)
    budget, finished = _FIRST_PAIRS, None
    while finished is None or finished["seconds"][0] < _AIM / 1.5:
        users = max(1, int(np.searchsorted(pairs, budget, side="right")))
        own = folder / f"{name}-{users}"
        sizes = write_matrix(matrix[:users], own)
        try:
            run_on_spark(
                HERE / "similarity_spark.py",
                *(name, str(own)),
                compiled_jvm=True,
                time_limit=2 * _LIMIT,
                spark_driver_memory="12g",
            )
            seconds = found_in(own)[name]["seconds"][0]
        except subprocess.TimeoutExpired:
            seconds = np.inf
        if seconds <= _LIMIT:
            finished = {"data": sizes, "folder": own, "seconds": [seconds]}
            if users == matrix.shape[0]:
                break
            budget *= min(30.0, max(1.2, _AIM / seconds))
        elif finished is not None:
            break
        else:
            budget /= 4
    own = finished["folder"]
    run_here(HERE / "similarity_kernel.py", str(own), "cosine")
    first = first_users(snapshot, finished["data"]["users"], own / "snapshot")
    run_on_spark(HERE / "similarity_models.py", str(first.folder), str(own))
    ours = {title: found_in(own)[title]["seconds"] for title in ("cosine", "item_knn")}
    return {"data": finished["data"], "seconds": finished["seconds"], **ours}


def first_users(snapshot: Snapshot, users: int, folder: Path) -> Snapshot:
    """What a snapshot has of its first users."""
    folder.mkdir(parents=True, exist_ok=True)
    ratings = 0
    for file in snapshot.files:
        rows = pq.read_table(file)
        rows = rows.filter(pc.less(rows["user_pos"], users))
        ratings += len(rows)
        pq.write_table(rows, folder / Path(file).name)
    pq.write_table(
        pq.read_table(snapshot.folder / "users.parquet")[:users], folder / "users.parquet"
    )
    shutil.copyfile(snapshot.folder / "items.parquet", folder / "items.parquet")
    sizes = {"users": users, "items": snapshot.items, "ratings": ratings}
    (folder / "sizes.json").write_text(json.dumps(sizes))
    return Snapshot.open(folder)


def report(content: dict[str, Any]) -> list[str]:
    """The results as Markdown."""
    lines = [
        "# The 100 most similar items of every item",
        "",
        "Cosine over all raters, exact. "
        + ", ".join(f"{name} {value}" for name, value in content["machine"].items())
        + ". Made by `benchmarks/similarity.py`.",
    ]
    for title, found in content["sets"].items():
        lines += ["", f"## {title}", "", _sizes(found["data"]), "", *_whole_table(found)]
        for name, one in found.get("pairs", {}).items():
            seconds = min(one["seconds"])
            kernel, model = (seconds / min(one[ours]) for ours in ("cosine", "item_knn"))
            text = (
                f"{_ALL_PAIRS[name]}, once: {seconds:.1f} s; the kernel {min(one['cosine']):.2f} s, **{kernel:.0f} "
                f"times as fast** (goal {_PAIRS_GOAL:.0f}); item_knn on Spark, warm, its neighbours written: "
                f"{min(one['item_knn']):.2f} s, {model:.0f} times. {_sizes(one['data'])}"
            )
            lines += ["", text]
    return [*lines, *_growth_table(content["growth"])]


def _sizes(data: dict[str, int]) -> str:
    text = "{ratings:,} ratings of {users:,} users and {items:,} items, {pairs:,} pairs (Σ n² over users)."
    return text.format(**data)


def _whole_table(found: dict[str, Any]) -> list[str]:
    contenders = found["contenders"]
    ours = min(contenders["cosine"]["seconds"])
    lines = [
        "| contender | seconds | all rounds | of the kernel's time |",
        "|---|---:|---|---:|",
    ]
    for name, title in _TITLES.items():
        if name in contenders:
            seconds = contenders[name]["seconds"]
            rounds = ", ".join(f"{one:.2f}" for one in seconds)
            lines.append(f"| {title} | {min(seconds):.2f} | {rounds} | {min(seconds) / ours:.2f} |")
    goals = []
    if "implicit" in contenders:
        share = ours / min(contenders["implicit"]["seconds"])
        goals.append(f"the kernel takes {share:.2f} of `implicit`'s time (goal {_RIVALS_GOAL})")
    share = min(contenders["rp3beta"]["seconds"]) / ours
    goals.append(f"RP3β {share:.2f} of cosine's (goal {_RIVALS_GOAL})")
    agreement = found["agreement"]
    goals.append(
        f"of scipy's neighbours {agreement['other lengths']} are missing or too many, the largest difference of a "
        f"similarity is {agreement['similarity']:.1e}, computed anew for whom we name {agreement['named']:.1e}"
    )
    if "implicit" in agreement:
        theirs = agreement["implicit"]
        goals.append(
            f"of those of `implicit` {theirs['other lengths']} are missing or too many, and the largest difference is "
            f"{theirs['similarity']:.1e}"
        )
    return [*lines, "", "; ".join(goals).capitalize() + "."]


def _growth_table(growth: dict[str, Any]) -> list[str]:
    text = (
        f"Cosine between items of the first {growth['users']:,} users, and some users more who rated every item; "
        "between these users, and some items more that everybody rated. `cap` is the number of entries that "
        f"count of each user or item: {growth['cap']}."
    )
    lines = [
        "",
        "## One very heavy user, one very popular item",
        "",
        text,
        "",
        "| how many more | items, s | items with `cap`, s | users, s | users with `cap`, s |",
        "|---:|---:|---:|---:|---:|",
    ]
    names = ("items", "items, capped", "users", "users, capped")
    for number, row in growth["rows"].items():
        lines.append(f"| {number} | " + " | ".join(f"{row[name]:.2f}" for name in names) + " |")
    return lines


def main() -> int:
    """Run all, write the results."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, default=Path("/tmp/bench"))
    parser.add_argument("--data", type=Path, default=ROOT.parent / "shared" / "data")
    parser.add_argument("--ratings", type=float, default=20e6)
    parser.add_argument("--without", nargs="*", default=[], choices=("implicit", "spark"))
    arguments = parser.parse_args()
    root = arguments.folder.resolve()
    snapshots = {
        "goodbooks-10k": goodbooks(arguments.data, root),
        "generated": generated(arguments.ratings, root, ROOT / "spark-submit.sh"),
    }
    sets: dict[str, Any] = {}
    for title, snapshot in snapshots.items():
        matrix = (snapshot.matrix("train") + snapshot.matrix("holdout")).tocsr()
        matrix.sort_indices()
        folder = root / "similarity" / title
        sets[title] = run_whole(snapshot, matrix, folder, arguments.without)
        if "spark" not in arguments.without:
            sets[title]["pairs"] = {
                name: run_pairs(name, snapshot, matrix, folder) for name in _ALL_PAIRS
            }
    run_here(HERE / "similarity_growth.py", str(root / "similarity" / "generated"))
    content = {
        "machine": describe_machine(),
        "sets": sets,
        "growth": json.loads((root / "similarity" / "generated" / "growth.json").read_text()),
    }
    write_results("similarity", report(content), content)
    shutil.rmtree(root / "similarity")
    return 0


if __name__ == "__main__":
    sys.exit(main())
