"""ALS as data, cores and machines grow."""

from __future__ import annotations

import shutil
from collections import defaultdict
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from als_contenders import Bench, fit
from als_data import generated
from als_implicit_race import PLAIN
from als_quality import Task
from als_report import write
from environment import limited_to
from machine import ROOT
from standalone import cluster

_ROUNDS, _FITS = 2, 2
_SHORT, _LONG = 2, 12
_ONE, _TWO, _CLUSTER = "1 core", "2 cores", "cluster of 2 × 1 core"
_BARE, _RIVAL = "kernels without Spark, processes", "`implicit`, threads"


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
    runs: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for _ in range(_ROUNDS):
        # In turn, since a machine is not as quick at all times.
        for who, run in _contenders(bench).items():
            runs[who].append(run())
    rows, seconds = [], {}
    for who, done in runs.items():
        short, long = (min(_seconds(run, n) for run in done) for n in (_SHORT, _LONG))
        # What is done once per process or fit cancels out; the least is what nobody disturbed.
        seconds[who] = (long - short) / (_LONG - _SHORT)
        built = min((run["blocks"] for run in done if "blocks" in run), default=None)
        blocks = "–" if built is None else f"{built:.1f}"
        peak = max(run["peak_gb"] for run in done)
        rows.append(f"| {who} | {blocks} | {long:.1f} | {seconds[who]:.2f} | {peak:.1f} |")
    own, bare, theirs = (
        seconds[one] / seconds[two]
        for one, two in (
            (_ONE, _TWO),
            (f"{_BARE}, 1", f"{_BARE}, 2"),
            (f"{_RIVAL}, 1", f"{_RIVAL}, 2"),
        )
    )
    apart = seconds[_CLUSTER] / seconds[_TWO]
    said = [
        (
            f"{bench.snapshot.ratings:,} ratings, rank 64, conjugate gradients; all contenders {_ROUNDS} times in turn, "
            f"each time with {_FITS} fits of {_SHORT} and of {_LONG} iterations in a session (without Spark, one of each), of "
            "which the least count. On one core everything is "
            "on one: the driver, the JVM, and all threads of `implicit`."
        ),
        "",
        f"| where | blocks, s | fit of {_LONG} iterations, s | s per iteration | peak memory, GB |",
        "|---|---:|---:|---:|---:|",
        *rows,
        "",
        (
            f"Speed-up by the second core: {own:.2f}, that of the kernels without Spark {bare:.2f}, that of "
            f"`implicit` {theirs:.2f} (goal: no worse). "
            f"The cluster takes {apart:.2f} times as long as two cores of one machine (goal ≤ 1.2)."
        ),
    ]
    write(name, "ALS on one and two cores", said, dict(runs))


def _contenders(bench: Bench) -> dict[str, Callable[[], dict[str, Any]]]:
    """Who is measured, and where."""
    task = Task("implicit", 64, PLAIN, by_count=False)
    # Again in the same session, whose JVMs are new at the first; without Spark nothing gets warmer.
    fits = [
        fit(f"cg-{n}-{again}", task, "cg", n) for again in range(_FITS) for n in (_SHORT, _LONG)
    ]

    once = fits[:2]

    def engine(cores: int) -> dict[str, Any]:
        return bench.engine(f"engine-{cores}", fits, spark_master=f"local[{cores}]")

    def apart() -> dict[str, Any]:
        with cluster(bench.work / "cluster", workers=2, memory="2g") as url:
            return bench.engine(
                "engine-cluster",
                fits,
                spark_master=url,
                spark_executor_memory="1g",
                spark_executorEnv_PYTHONPATH=str(ROOT / "lib"),
            )

    def kernels(cores: int) -> dict[str, Any]:
        # On what `engine` left: what the arithmetic by itself gains, as far as two cores share one memory.
        done = [bench.kernels("kernels", f"engine-{cores}", one, cores) for one in once]
        return {
            "fits": {one["name"]: run for one, run in zip(once, done, strict=True)},
            "peak_gb": max(run["peak_gb"] for run in done),
        }

    def on(cores: int, run: Callable[[int], dict[str, Any]]) -> Callable[[], dict[str, Any]]:
        def limited() -> dict[str, Any]:
            with limited_to(cores):
                return run(cores)

        return limited

    return {
        _ONE: on(1, engine),
        _TWO: on(2, engine),
        _CLUSTER: on(2, lambda _: apart()),
        **{f"{_BARE}, {n}": on(n, kernels) for n in (1, 2)},
        **{f"{_RIVAL}, {n}": on(n, partial(bench.rival, "implicit", once)) for n in (1, 2)},
    }


def _seconds(run: dict[str, Any], iterations: int) -> float:
    return min(done["seconds"] for name, done in run["fits"].items() if f"-{iterations}-" in name)
