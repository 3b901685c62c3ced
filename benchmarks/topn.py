"""How long the ten best items for all users take, seen ones left out, beside MLlib and `implicit`.

    .venv/bin/python benchmarks/topn.py [--folder /tmp/bench] [--ratings 20e6]

All contenders score with the same factors of rank 64, fitted once to 20 million generated ratings of
140,000 users and 25,000 items, which benchmarks/als.py shares; what is missing in the folder is made. Each runs in a process of its own, one
after the other. Writes results/topn.json and results/topn.md beside this file.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from als_data import Snapshot, generated
from environment import run_among_rivals, run_here, run_on_spark
from machine import ROOT, describe_machine
from result_files import write_results

HERE = Path(__file__).resolve().parent
N = 10
# How many times as fast as a rival the written lists are to be, and the kernel against the product.
GOALS = {"mllib": 10.0, "mllib_filtered": 20.0, "implicit": 1 / 0.65, "product": 1 / 1.25}
NAMES = {
    "toplists": "toplists, written to Delta",
    "kernel": "its kernel without Spark, in memory",
    "product": "the bare matrix product",
    "mllib": "MLlib `recommendForAllUsers`, nothing filtered or written",
    "mllib_filtered": "MLlib, 100 fetched, anti-join, first 10, written to Parquet",
    "implicit": "`implicit` `recommend`, 2 threads, in memory",
}


def make_data(snapshot: Snapshot, folder: Path) -> None:
    """Fit the factors, and write what MLlib reads: whatever is not there."""
    if not (folder / "ready").exists():
        run_on_spark(HERE / "topn_data.py", str(snapshot.folder), str(folder))
    for side in ("users", "items"):
        path = folder / "mllib" / side / "factors.parquet"
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            vectors = np.load(folder / f"{side}.npy")
            offsets = np.arange(len(vectors) + 1, dtype=np.int32) * vectors.shape[1]
            features = pa.ListArray.from_arrays(offsets, pa.array(vectors.ravel()))
            ids = pa.array(np.arange(len(vectors), dtype=np.int32))
            pq.write_table(pa.table({"id": ids, "features": features}), path, row_group_size=16_384)


def run_contenders(snapshot: Snapshot, folder: Path) -> dict[str, dict[str, Any]]:
    """Run each by itself; what each says of its run."""
    results = folder / "results"
    results.mkdir(exist_ok=True)

    def result(name: str) -> str:
        return str(results / f"{name}.json")

    run_here(HERE / "topn_kernel.py", str(folder), result("kernel"))
    places = str(snapshot.folder), str(folder)
    run_on_spark(HERE / "topn_spark.py", "toplists", *places, result("toplists"))
    # As many threads of linear algebra as `implicit` has itself, or one, as it advises: the faster counts.
    for threads in ("1", "2"):
        name = f"implicit-{threads}"
        run_among_rivals(
            HERE / "topn_implicit.py", str(folder), result(name), OPENBLAS_NUM_THREADS=threads
        )
    for name in ("mllib", "mllib_filtered"):
        run_on_spark(
            HERE / "topn_spark.py",
            *(name, *places, result(name)),
            compiled_jvm=True,
            spark_driver_memory="8g",
            spark_sql_objectHashAggregate_sortBased_fallbackThreshold="1000000",
        )
    return {path.stem: json.loads(path.read_text()) for path in sorted(results.glob("*.json"))}


def lists_of(
    snapshot: Snapshot, folder: Path, contenders: dict[str, dict[str, Any]]
) -> dict[str, np.ndarray]:
    """int32[users, 10] of those whose lists leave out what was seen, -1 behind the end."""
    kernel = np.load(folder / "results" / "kernel.npy")
    fastest = min(("implicit-1", "implicit-2"), key=lambda name: min(contenders[name]["seconds"]))
    contenders["implicit"] = contenders[fastest]
    ids = pq.read_table(snapshot.folder / "items.parquet")["item_id"].combine_chunks()
    owners = pq.read_table(snapshot.folder / "users.parquet")["user_id"].combine_chunks()
    of_run = folder / "lake" / "topn" / "recommendations" / "run_id=r0"
    written = pq.read_table(of_run, columns=["user_id", "items"], partitioning=None)
    users = pc.index_in(written["user_id"].combine_chunks(), owners).to_numpy()
    lists = written["items"].combine_chunks()
    ours = np.full_like(kernel, -1)
    lengths = pc.list_value_length(lists).to_numpy()
    place = np.arange(lengths.sum()) - np.repeat(np.cumsum(lengths) - lengths, lengths)
    listed = pc.index_in(pc.struct_field(lists.flatten(), "item_id"), ids).to_numpy()
    ours[np.repeat(users, lengths), place] = listed
    filtered = pq.read_table(folder / "mllib" / "lists")
    mllib = np.full_like(kernel, -1)
    mllib[filtered["user_pos"].to_numpy(), filtered["place"].to_numpy() - 1] = filtered["item_pos"]
    return {
        "kernel": kernel,
        "toplists": ours,
        "implicit": np.load(folder / "results" / f"{fastest}.npy"),
        "mllib_filtered": mllib,
    }


def judge(lists: dict[str, np.ndarray], users: np.ndarray) -> dict[str, dict[str, float]]:
    """How many lists are full, and hold the items of the kernel's, which are exact."""
    exact = lists["kernel"]
    scored = users.any(axis=1)  # who likes nothing has no vector, and popular items from us
    return {
        name: {
            "full": float(np.mean(found[:, -1] >= 0)),
            "same_items": float(np.mean((np.sort(found) == np.sort(exact)).all(axis=1)[scored])),
        }
        for name, found in lists.items()
    }


def report(content: dict[str, Any]) -> list[str]:
    """The results as Markdown."""
    contenders, quality = content["contenders"], content["quality"]
    ours = min(contenders["toplists"]["seconds"])
    contenders["product"] = {"seconds": contenders["kernel"]["product"]}
    lines = [
        "# The ten best items for all users",
        "",
        "{ratings:,} generated ratings of {users:,} users and {items:,} items, factors of rank {rank}, "
        "the same for all; what a user has rated is left out. ".format(**content["data"])
        + ", ".join(f"{name} {value}" for name, value in content["machine"].items())
        + ". Made by `benchmarks/topn.py`.",
        "",
        "| contender | seconds | all rounds | lists of 10 | exact items | as fast as | goal |",
        "|---|---:|---|---:|---:|---:|---:|",
    ]
    for name, title in NAMES.items():
        seconds = contenders[name]["seconds"]
        shares = quality.get(name)
        columns = ["", ""] if shares is None else [f"{share:.2%}" for share in shares.values()]
        own = min(contenders["kernel"]["seconds"]) if name == "product" else ours
        ratio = [f"{min(seconds) / own:.2f}", f"{GOALS[name]:.2f}"] if name in GOALS else ["", ""]
        rounds = ", ".join(f"{one:.2f}" for one in seconds)
        cells = [title, f"{min(seconds):.2f}", rounds, *columns, *ratio]
        lines.append(f"| {' | '.join(cells)} |")
    unwritten = ", ".join(f"{one:.2f}" for one in contenders["toplists"]["not_written"])
    return [
        *lines,
        "",
        "*As fast as*: how many times as long it takes as toplists, the bare product as the kernel.",
        f"toplists without writing the lists: {unwritten} s.",
    ]


def main() -> int:
    """Run all, write the results."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, default=Path("/tmp/bench"))
    parser.add_argument("--ratings", type=float, default=20e6)
    arguments = parser.parse_args()
    root = arguments.folder.resolve()
    snapshot = generated(arguments.ratings, root, ROOT / "spark-submit.sh")
    folder = snapshot.folder.parent / "topn"
    make_data(snapshot, folder)
    contenders = run_contenders(snapshot, folder)
    vectors = np.load(folder / "users.npy", mmap_mode="r")
    quality = judge(lists_of(snapshot, folder, contenders), vectors)
    content = {
        "machine": describe_machine(),
        "data": {
            "ratings": snapshot.ratings,
            "users": snapshot.users,
            "items": snapshot.items,
            "rank": vectors.shape[1],
        },
        "contenders": contenders,
        "quality": quality,
    }
    write_results("topn", report(content), content)
    return 0


if __name__ == "__main__":
    sys.exit(main())
