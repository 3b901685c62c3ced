"""ALS on stars beside MLlib's, and whether both ways to the same penalty end at the same place."""

from __future__ import annotations

from typing import Any

import als_quality
import numpy as np
from als_contenders import Bench, factors, fit
from als_implicit_race import BY_COUNT
from als_quality import Task
from als_report import write

_SEEDS = (1, 2, 3)
_PENALTY = 0.1


def explicit(bench: Bench, name: str) -> None:
    """Explicit ALS beside MLlib's."""
    held_out = bench.snapshot.matrix("holdout")
    own, theirs = [], []
    for rank in (32, 64):
        task = Task("explicit", rank, _PENALTY, by_count=True)
        own.append(fit(f"auto-{rank}", task, "auto", 5))
        theirs += [fit(f"mllib-{rank}-{n}", task, "mllib", n) for n in (0, 3)]
    engine, mllib = bench.engine("engine", own), bench.mllib("mllib", theirs)
    rows, content = [], {"engine": engine, "mllib": mllib}
    for who, fits, label in (("engine", own, "toplists"), ("mllib", theirs, "MLlib")):
        for one in fits:
            done = content[who]["fits"][one["name"]]
            error = als_quality.root_mean_square_error(
                held_out, *factors(bench.work / who / one["name"])
            )
            done["rmse"], done["all_in"] = error, done["seconds"]
            if who == "engine":
                done["all_in"] += engine["blocks"]
            rows.append(
                f"| {label} | {one['rank']} | {one['iterations']} | {done['seconds']:.1f} | "
                f"{done['all_in']:.1f} | {error:.4f} |"
            )
    said = [
        (
            f"{bench.snapshot.ratings:,} ratings; RMSE on the 2 % that are held out. This project fits "
            "biases, MLlib does not."
        ),
        "",
        "| contender | rank | iterations | fit, s | with blocks, s | RMSE |",
        "|---|---:|---:|---:|---:|---:|",
        *rows,
        "",
    ]
    for rank in (32, 64):
        none, three = (mllib["fits"][f"mllib-{rank}-{n}"] for n in (0, 3))
        five = none["seconds"] + 5 * (three["seconds"] - none["seconds"]) / 3
        ratio = five / engine["fits"][f"auto-{rank}"]["all_in"]
        said.append(
            f"Rank {rank}: MLlib's five iterations ({five:.0f} s) over ours, all in: {ratio:.1f} (goal ≥ 8)."
        )
    write(name, "Explicit ALS", said, content)


def agreement(bench: Bench, name: str) -> None:
    """The same penalty, seed after seed: the same objective, error and lists as MLlib."""
    train, held_out = bench.snapshot.matrix("train"), bench.snapshot.matrix("holdout")
    implicit_task = Task("implicit", 32, BY_COUNT, by_count=True)
    explicit_task = Task("explicit", 16, _PENALTY, by_count=True)
    own, theirs = [], []
    for seed in _SEEDS:
        for task in (implicit_task, explicit_task):
            label = f"{task.feedback}-{seed}"
            # MLlib's iterations end at their solutions.
            ours = fit(label, task, "exact", 10, over_relaxation=False)
            own.append({**ours, "seed": seed})
            theirs.append({**fit(label, task, "mllib", 10), "seed": seed})
    content = {"engine": bench.engine("engine", own), "mllib": bench.mllib("mllib", theirs)}
    rows = []
    for who, label in (("engine", "toplists"), ("mllib", "MLlib")):
        for one in own:
            users, items = factors(bench.work / who / one["name"])
            done = content[who]["fits"][one["name"]]
            if one["feedback"] == "implicit":
                done["objective"] = als_quality.objective(implicit_task, train, users, items)
                done["ndcg@10"] = als_quality.ndcg(train, held_out, users, items)
                measures = f"{done['objective']:.6g} | {done['ndcg@10']:.4f} | –"
            else:
                done["rmse"] = als_quality.root_mean_square_error(held_out, users, items)
                measures = f"– | – | {done['rmse']:.4f}"
            rows.append(f"| {label} | {one['feedback']} | {one['seed']} | {measures} |")
    said = [
        (
            "goodbooks; 10 iterations, penalty by count; implicit of rank 32, explicit of rank 16 (with biases "
            "here, without in MLlib)."
        ),
        "",
        "| contender | feedback | seed | objective | NDCG@10 | RMSE |",
        "|---|---|---:|---:|---:|---:|",
        *sorted(rows, key=lambda row: row.split("|")[2:4]),
        "",
        *_differences(content),
    ]
    write(name, "The same results as MLlib", said, content)


def _differences(content: dict[str, Any]) -> list[str]:
    """How far our results are from MLlib's, over the seeds."""

    def over_seeds(who: str, feedback: str, measure: str) -> np.ndarray:
        fits = content[who]["fits"]
        return np.array([fits[f"{feedback}-{seed}"][measure] for seed in _SEEDS])

    said = []
    for feedback, measure, goal in (
        ("implicit", "objective", "0.1 %"),
        ("implicit", "ndcg@10", "the spread over seeds"),
        ("explicit", "rmse", "0.002"),
    ):
        ours, theirs = (over_seeds(who, feedback, measure) for who in ("engine", "mllib"))
        difference, spread = ours.mean() - theirs.mean(), np.ptp(np.concatenate((ours, theirs)))
        said.append(
            f"- {measure}: ours less MLlib's {difference:+.4g} ({difference / theirs.mean():+.3%}), all within "
            f"{spread:.4g} (goal: within {goal})"
        )
    return said
