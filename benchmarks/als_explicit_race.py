"""ALS on stars beside MLlib's, and whether both ways to the same penalty end at the same place."""

from __future__ import annotations

from typing import Any

import als_quality
import numpy as np
from als_contenders import Bench, Fit, factors, fit
from als_implicit_race import BY_COUNT
from als_quality import Task
from als_report import write
from scipy.stats import ttest_ind

_SEEDS = {"implicit": range(1, 4), "explicit": range(1, 21)}
"""At rest errors still differ by thousandths from seed to seed: only the mean of many tells."""

_PENALTY = 0.1
_ITERATIONS = 5
# Until explicit ALS rests: before, how far it has come depends on where it began.
_UNTIL_REST = 40
_GRID = (0.03, 0.05, 0.07, 0.1)
_BEST = 0.07


def explicit(bench: Bench, name: str) -> None:
    """Explicit ALS beside MLlib's, under the same penalty and as long."""
    own, theirs = [], []
    for rank in (32, 64):
        task = _stars(rank, _BEST)
        own.append(fit(f"alike-{rank}", task, "auto", _ITERATIONS))
        own.append(fit(f"biases-{rank}", task, "auto", _ITERATIONS, biases=True))
        theirs.append(fit(f"mllib-{rank}", task, "mllib", _ITERATIONS))
    content = {"engine": bench.engine("engine", own), "mllib": bench.mllib("mllib", theirs)}
    for who, fits in (("engine", own), ("mllib", theirs)):
        _judge(bench, who, fits, content[who])
    done = {**content["engine"]["fits"], **content["mllib"]["fits"]}
    rows, ratios = [], []
    for rank in (32, 64):
        for label, which in (
            ("toplists, as MLlib", "alike"),
            ("toplists, with biases", "biases"),
            ("MLlib", "mllib"),
        ):
            one = done[f"{which}-{rank}"]
            one["all_in"] = one["seconds"]
            if which != "mllib":
                one["all_in"] += content["engine"]["blocks"]
            rows.append(
                f"| {label} | {rank} | {one['seconds']:.1f} | {one['all_in']:.1f} | {one['rmse']:.4f} |"
            )
        ours, others = done[f"alike-{rank}"], done[f"mllib-{rank}"]
        ratios.append(
            f"Rank {rank}: MLlib's time over ours, all in: {others['all_in'] / ours['all_in']:.1f} (goal ≥ 8), "
            f"our RMSE less MLlib's {ours['rmse'] - others['rmse']:+.4f}."
        )
    said = [
        (
            f"{bench.snapshot.ratings:,} ratings; {_ITERATIONS} iterations, penalty {_BEST} by count, which suits "
            "both (`als.py penalties`); RMSE on the 2 % that are held out. MLlib fits no biases; beside it "
            "this project without them, as MLlib, and with them."
        ),
        "",
        "| contender | rank | fit, s | with blocks, s | RMSE |",
        "|---|---:|---:|---:|---:|",
        *rows,
        "",
        *ratios,
    ]
    write(name, "Explicit ALS", said, content)


def penalties(bench: Bench, name: str) -> None:
    """The errors under several penalties, for `explicit` to take one that suits both."""
    fits = {
        "engine": [
            fit(f"{kind}-{p}", _stars(32, p), "auto", _ITERATIONS, biases=kind == "biases")
            for kind in ("alike", "biases")
            for p in _GRID
        ],
        "mllib": [fit(f"mllib-{p}", _stars(32, p), "mllib", _ITERATIONS) for p in _GRID],
    }
    content = {
        "engine": bench.engine("engine", fits["engine"]),
        "mllib": bench.mllib("mllib", fits["mllib"]),
    }
    for who, own in fits.items():
        _judge(bench, who, own, content[who])
    done = {**content["engine"]["fits"], **content["mllib"]["fits"]}
    said = [
        f"{bench.snapshot.ratings:,} ratings; rank 32, {_ITERATIONS} iterations, penalty by count; RMSE.",
        "",
        "| penalty | toplists, as MLlib | toplists, with biases | MLlib |",
        "|---:|---:|---:|---:|",
        *(
            f"| {p} | "
            + " | ".join(
                f"{done[f'{kind}-{p}']['rmse']:.4f}" for kind in ("alike", "biases", "mllib")
            )
            + " |"
            for p in _GRID
        ),
    ]
    write(name, "Explicit ALS under several penalties", said, content)


def _stars(rank: int, penalty: float) -> Task:
    return Task("explicit", rank, penalty, by_count=True)


def _judge(bench: Bench, who: str, fits: list[Fit], content: dict[str, Any]) -> None:
    """Note the error of each fit beside its time."""
    held_out = bench.snapshot.matrix("holdout")
    for one in fits:
        content["fits"][one["name"]]["rmse"] = als_quality.root_mean_square_error(
            held_out, *factors(bench.work / who / one["name"])
        )


def agreement(bench: Bench, name: str) -> None:
    """The same penalty, seed after seed: the same objective, error and lists as MLlib."""
    train, held_out = bench.snapshot.matrix("train"), bench.snapshot.matrix("holdout")
    implicit_task = Task("implicit", 32, BY_COUNT, by_count=True)
    explicit_task = Task("explicit", 16, _PENALTY, by_count=True)
    own, theirs = [], []
    for task, iterations in ((implicit_task, 10), (explicit_task, _UNTIL_REST)):
        for seed in _SEEDS[task.feedback]:
            label = f"{task.feedback}-{seed}"
            # MLlib's iterations end at their solutions.
            ours = fit(label, task, "exact", iterations, over_relaxation=False)
            own.append({**ours, "seed": seed})
            theirs.append({**fit(label, task, "mllib", iterations), "seed": seed})
    content = {"engine": bench.engine("engine", own), "mllib": bench.mllib("mllib", theirs)}
    rows = []
    for who, label in (("engine", "toplists"), ("mllib", "MLlib")):
        for one in own:
            users, items = factors(bench.work / who / one["name"])
            done = content[who]["fits"][one["name"]]
            task = implicit_task if one["feedback"] == "implicit" else explicit_task
            done["objective"] = als_quality.objective(task, train, users, items)
            if one["feedback"] == "implicit":
                done["ndcg@10"] = als_quality.ndcg(train, held_out, users, items)
                measures = f"{done['ndcg@10']:.4f} | –"
            else:
                done["rmse"] = als_quality.root_mean_square_error(held_out, users, items)
                measures = f"– | {done['rmse']:.4f}"
            told = f"{done['objective']:.6g} | {measures}"
            rows.append(f"| {label} | {one['feedback']} | {one['seed']} | {told} |")
    said = [
        (
            f"goodbooks; penalty by count; implicit of rank 32, 10 iterations; explicit of rank 16, without biases, "
            f"{_UNTIL_REST} iterations, after which it rests."
        ),
        "",
        "| contender | feedback | seed | objective | NDCG@10 | RMSE |",
        "|---|---|---:|---:|---:|---:|",
        *sorted(rows, key=lambda row: (row.split("|")[2], int(row.split("|")[3]))),
        "",
        *_differences(content),
    ]
    write(name, "The same results as MLlib", said, content)


def _differences(content: dict[str, Any]) -> list[str]:
    """How far our results are from MLlib's, over the seeds."""

    def over_seeds(who: str, feedback: str, measure: str) -> np.ndarray:
        fits = content[who]["fits"]
        return np.array([fits[f"{feedback}-{seed}"][measure] for seed in _SEEDS[feedback]])

    said = []
    for feedback, measure, goal in (
        ("implicit", "objective", "0.1 %"),
        ("implicit", "ndcg@10", "the spread over seeds"),
        ("explicit", "objective", "0.1 %"),
        ("explicit", "rmse", "0.002"),
    ):
        ours, theirs = (over_seeds(who, feedback, measure) for who in ("engine", "mllib"))
        difference, spread = ours.mean() - theirs.mean(), np.ptp(np.concatenate((ours, theirs)))
        # Welch's: their spreads need not be equal.
        low, high = ttest_ind(ours, theirs, equal_var=False).confidence_interval()
        said.append(
            f"- {feedback}, {measure}: ours less MLlib's {difference:+.4g} ({difference / theirs.mean():+.3%}; 95 % "
            f"interval {low:+.4g} to {high:+.4g}), all within {spread:.4g} (goal: within {goal})"
        )
    return said
