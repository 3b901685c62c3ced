"""Implicit ALS by everybody: seconds, and the objective that they reach."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import als_quality
import scipy.sparse as sp
from als_contenders import Bench, Fit, factors, fit
from als_quality import Task
from als_report import write

PLAIN, BY_COUNT = 10.0, 0.05
"""Penalties of about equal strength, the second times a row's number of ratings."""


_ITERATIONS = (5, 6, 7, 8, 10)
_COUNTED = {"cg": (3, 5, 6, 7, 8), "exact": (3, 6, 8)}
"""Of our fits: which of them comes to where a rival does is seen afterwards."""

_AS_MLLIB = "as-mllib"
"""The fit whose ten iterations are MLlib's, which takes ten minutes for them: see `als.py agreement`."""


def objectives(out: Path, one: Fit, task: Task, train: sp.csr_array) -> list[float]:
    """The objective after each iteration that was kept, or after the last."""
    names = [f"{one['name']}-{n}" for n in range(1, one["iterations"] + 1)]
    if not one["trace"]:
        names = [one["name"]]
    return [als_quality.objective(task, train, *factors(out / name)) for name in names]


def implicit(bench: Bench, name: str, rank: int, contenders: Sequence[str]) -> None:
    """Implicit ALS by everybody."""
    plain = Task("implicit", rank, PLAIN, by_count=False)
    counted = Task("implicit", rank, BY_COUNT, by_count=True)
    train, held_out = bench.snapshot.matrix("train"), bench.snapshot.matrix("holdout")
    own = [fit(f"cg-{n}", plain, "cg", n) for n in _ITERATIONS]
    own.append(fit("exact-10", plain, "exact", 10))
    for solver, lengths in _COUNTED.items():
        own += [fit(f"{solver}-counted-{n}", counted, solver, n) for n in lengths]
    own.append(fit(_AS_MLLIB, counted, "exact", 10, over_relaxation=False))
    results: dict[str, Any] = {"engine": bench.engine("engine", own)}
    rows = []
    halves = 2 * 10 + 1
    small = results["engine"]["in_one_task"]
    for one in (one for one in own if one["name"] in ("cg-10", "exact-10") and not small):
        alone = bench.kernels(f"kernels-{one['solver']}", "engine", one, 2)
        results[f"kernels-{one['solver']}"] = alone
        cost = (results["engine"]["fits"][one["name"]]["seconds"] - alone["seconds"]) / halves
        alone["spark_seconds_per_half"] = cost
    rivals = [fit(f"implicit-{s}", plain, s, n, trace=True) for s, n in (("cg", 10), ("exact", 3))]
    mllib = [fit(f"mllib-{n}", counted, "mllib", n) for n in (0, 3)]
    if "implicit" in contenders:
        results["implicit"] = bench.rival("implicit", rivals, 2)
    if "mllib" in contenders:
        results["mllib"] = bench.mllib("mllib", mllib)
    blocks = results["engine"]["blocks"]
    for who, fits, label in (
        ("engine", own, "toplists"),
        ("implicit", rivals, "implicit"),
        ("mllib", mllib, "MLlib"),
    ):
        for one in fits if who in results else ():
            task = counted if one["by_count"] else plain
            done = results[who]["fits"][one["name"]]
            done["iterations"] = one["iterations"]
            done["objective"] = objectives(bench.work / who, one, task, train)
            done["ndcg@10"] = als_quality.ndcg(
                train, held_out, *factors(bench.work / who / one["name"])
            )
            all_in = done["seconds"] + (blocks if who == "engine" else 0.0)
            done["all_in"] = all_in
            scaling = "λ·n" if one["by_count"] else "λ"
            plainly = "" if one["over_relaxation"] else " without over-relaxation"
            rows.append(
                f"| {label} {one['solver']}{plainly if who == 'engine' else ''} | {scaling} | {one['iterations']} | {done['seconds']:.1f} | "
                f"{done['seconds'] / max(1, one['iterations']):.2f} | {all_in:.1f} | "
                f"{done['objective'][-1]:.6g} | {done['ndcg@10']:.4f} |"
            )
    said = [
        (
            f"{bench.snapshot.ratings:,} ratings, {bench.snapshot.users:,} users × "
            f"{bench.snapshot.items:,} items, rank {rank}; 98 % are learnt from, NDCG@10 is on the rest."
        ),
        "",
        (
            "| contender | penalty | iterations | fit, s | s per iteration | with blocks, s | objective | "
            "NDCG@10 |"
        ),
        "|---|---|---:|---:|---:|---:|---:|---:|",
        *rows,
        "",
        (
            f"Blocks of both sides: {blocks:.1f} s (goal 8), the first time in a session "
            f"{results['engine']['blocks, cold']:.1f} s."
            f"{' A fit is one task, with a thread for each core.' if small else ''}"
        ),
        *(f"- {label}: {value:.2f} ({goal})" for label, value, goal in _goals(results)),
        "",
        (
            "The objective of MLlib's ten iterations is that of ten exact ones of ours without "
            "over-relaxation, which do the same; their time is its first three's, extended. `implicit` begins with a "
            "matrix in memory: reading the files is not in its time."
        ),
    ]
    write(name, f"Implicit ALS, rank {rank}", said, results)


def _goals(results: dict[str, Any]) -> list[tuple[str, float, str]]:
    """What must be reached, and what was."""
    engine = results["engine"]["fits"]
    said = []
    for solver in () if results["engine"]["in_one_task"] else ("cg", "exact"):
        cost = results[f"kernels-{solver}"]["spark_seconds_per_half"]
        said.append((f"cost of Spark per half-iteration, {solver}, s", cost, "goal ≤ 0.25"))
    if "implicit" in results:
        rival = results["implicit"]["fits"]["implicit-cg"]
        seconds = _seconds_to(engine, "cg", _ITERATIONS, rival["objective"][-1])
        share = seconds / rival["seconds"]
        said.append(("cg, all in, to implicit's ten by cg, share of its time", share, "goal ≤ 0.9"))
    if "mllib" in results:
        none, three = (results["mllib"]["fits"][f"mllib-{n}"] for n in (0, 3))
        ten = none["seconds"] + 10 * (three["seconds"] - none["seconds"]) / 3
        said.append(("MLlib's ten iterations, from none and three, s", ten, "for comparison"))
        for solver, goal in (("cg", 20), ("exact", 12)):
            for rival, seconds, objective, aim in (
                ("ten", ten, engine[_AS_MLLIB]["objective"][-1], f"goal ≥ {goal}"),
                ("three", three["seconds"], three["objective"][-1], "for comparison"),
            ):
                own = _seconds_to(engine, f"{solver}-counted", _COUNTED[solver], objective)
                label = f"MLlib's {rival} iterations over {solver}, all in, to their objective"
                said.append((label, seconds / own, aim))
    return said


def _seconds_to(fits: dict[str, Any], name: str, lengths: Sequence[int], objective: float) -> float:
    """What the quickest fit takes, all in, that comes to the objective; infinite if none does."""
    reached = [
        fits[f"{name}-{n}"]["all_in"]
        for n in lengths
        if fits[f"{name}-{n}"]["objective"][-1] <= objective
    ]
    return min(reached, default=float("inf"))
