"""ALS as data, cores and machines grow."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from als_contenders import Bench, fit
from als_data import generated
from als_implicit_race import PLAIN
from als_quality import Task
from als_report import write
from environment import limited_to
from machine import ROOT
from standalone import cluster

_REPEATS = 3
_SHORT, _LONG = 2, 12
_JVM_APART = "1 core, and one for the JVM"


def growth(root: Path, name: str, sizes: Sequence[float]) -> None:
    """Time per iteration and memory as data grow."""
    task = Task("implicit", 64, PLAIN, by_count=False)
    points = []
    for size in sizes:
        snapshot = generated(size, root, ROOT / "spark-submit.sh")
        bench = Bench(snapshot, root / "work" / f"growth-{size / 1e6:g}")
        fits = [fit(f"cg-{n}", task, "cg", n) for n in (1, 6)]
        done = bench.engine("engine", fits)
        short, long = (done["fits"][f"cg-{n}"]["seconds"] for n in (1, 6))
        points.append(
            {
                "ratings": snapshot.ratings,
                "blocks": done["blocks"],
                "iteration": (long - short) / 5,
                "peak_gb": done["peak_gb"],
            }
        )
        shutil.rmtree(bench.work)
    n = np.array([point["ratings"] for point in points]) / 1e6
    seconds = np.array([point["iteration"] for point in points])
    # Relative errors count alike for all sizes.
    slope, start = np.polyfit(n, seconds, 1, w=1 / seconds)
    steps = np.diff(seconds) / np.diff(n)
    memory = np.polyfit(n, [point["peak_gb"] for point in points], 1)
    said = [
        "Rank 64, conjugate gradients; users grow with the ratings (7 per 1,000), items stay 25,000.",
        "",
        "| ratings | blocks, s | s per iteration | per million | peak memory of all processes, GB |",
        "|---:|---:|---:|---:|---:|",
        *(
            f"| {p['ratings']:,} | {p['blocks']:.1f} | {p['iteration']:.2f} | "
            f"{p['iteration'] / p['ratings'] * 1e6:.4f} | {p['peak_gb']:.1f} |"
            for p in points
        ),
        "",
        (
            f"Seconds per iteration = a + b · million ratings: a = {start:.2f} (goal ≤ 0.5), b = {slope:.4f}; "
            f"from size to size b is {', '.join(f'{step:.4f}' for step in steps)} (goal: within 25 % of b)."
        ),
        f"Memory = {memory[1]:.1f} GB + {1000 * memory[0]:.0f} MB per million ratings.",
    ]
    write(name, "ALS as data grow", said, {"points": points, "a": start, "b": slope})


def cores(bench: Bench, name: str) -> None:
    """One and two cores of one machine, and two machines of one core."""
    task = Task("implicit", 64, PLAIN, by_count=False)
    own = [
        {**fit(f"cg-{n}", task, "cg", n), "name": f"cg-{n}-{again}"}
        for again in range(_REPEATS)
        for n in (_SHORT, _LONG)
    ]
    content, alone = {}, {}
    for number, label in ((1, "1 core"), (2, "2 cores")):
        with limited_to(number):
            engine = f"engine-{number}"
            content[label] = bench.engine(engine, own, spark_master=f"local[{number}]")
            # What the arithmetic by itself gains: as far as that, two cores share one memory.
            long_fit = fit("cg", task, "cg", _LONG)
            alone[number] = bench.kernels(f"kernels-{number}", engine, long_fit, number)
    content[_JVM_APART] = bench.engine("engine-apart", own, spark_master="local[1]")
    with cluster(bench.work / "cluster", workers=2, memory="2g") as url:
        content["cluster of 2 × 1 core"] = bench.engine(
            "engine-cluster",
            own,
            spark_master=url,
            spark_executor_memory="1g",
            spark_executorEnv_PYTHONPATH=str(ROOT / "lib"),
        )
    for threads in (1, 2):
        with limited_to(threads):
            content[f"implicit, {threads} threads"] = bench.rival("implicit", own, threads)
    rows, seconds = [], {}
    for who, done in content.items():
        short, long = (
            min(done["fits"][f"cg-{n}-{again}"]["seconds"] for again in range(_REPEATS))
            for n in (_SHORT, _LONG)
        )
        # What is done once per process or fit cancels out; the least is what nobody disturbed.
        seconds[who] = (long - short) / (_LONG - _SHORT)
        blocks = f"{done['blocks']:.1f}" if "blocks" in done else "–"
        rows.append(
            f"| {who} | {blocks} | {long:.1f} | {seconds[who]:.2f} | {done['peak_gb']:.1f} |"
        )
    for number, done in alone.items():
        each = done["seconds"] / _LONG
        rows.append(
            f"| kernels without Spark, {number} processes | – | {done['seconds']:.1f} | {each:.2f} | "
            f"{done['peak_gb']:.1f} |"
        )
    bare = alone[1]["seconds"] / alone[2]["seconds"]
    ours, apart_ours = (seconds[one] / seconds["2 cores"] for one in ("1 core", _JVM_APART))
    theirs = seconds["implicit, 1 threads"] / seconds["implicit, 2 threads"]
    apart = seconds["cluster of 2 × 1 core"] / seconds["2 cores"]
    said = [
        (
            f"{bench.snapshot.ratings:,} ratings, rank 64, conjugate gradients; the least of {_REPEATS} fits of "
            f"{_SHORT} and of {_LONG} iterations each. On one core everything is on one: the driver, the JVM, and "
            "all threads of `implicit`."
        ),
        "",
        f"| where | blocks, s | fit of {_LONG} iterations, s | s per iteration | peak memory, GB |",
        "|---|---:|---:|---:|---:|",
        *rows,
        "",
        (
            f"Speed-up by the second core: {ours:.2f}, and {apart_ours:.2f} where the JVM and the driver had it before; "
            f"that of the kernels without Spark {bare:.2f}, that of "
            f"`implicit` {theirs:.2f} (goal: no worse). "
            f"The cluster takes {apart:.2f} times as long as two cores of one machine (goal ≤ 1.2)."
        ),
    ]
    write(name, "ALS on one and two cores", said, {**content, "kernels": alone})
