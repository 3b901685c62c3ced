"""The nights before a run, as the ledger and the metrics have them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from math import nan

from toplists.config.gate_rules import GateRule, TrendRule
from toplists.evaluation.comparison import POPULARITY, Figure
from toplists.lake.attempts import JUDGED
from toplists.lake.bookkeeping import Row, read_rows
from toplists.lake.dataset import Dataset
from toplists.lake.ledger import Run
from toplists.lake.pointer import Pointer, read_pointer
from toplists.lake.tables import METRICS, RUNS


def earlier_nights(
    dataset: Dataset, run: Run, protocol: str, rules: Sequence[GateRule]
) -> list[list[Figure]]:
    """What was measured of models in the nights before a run, oldest first, as far as rules look back.

    A night is an `as_of`. If several runs were judged over it, the one that was published last stands for
    it, else the one judged last.

    Args:
        dataset: The dataset.
        run: The run; only earlier `as_of`s count.
        protocol: How the holdout was chosen: figures of another choice are no comparison.
        rules: The gate's; those about trends say which metrics are needed.
    """
    metrics = sorted({rule.metric for rule in rules if isinstance(rule, TrendRule)})
    if run.as_of is None or not metrics:
        return []
    stands_for = _judged_runs(dataset, read_pointer(dataset), run.as_of)
    figures: dict[str, list[Figure]] = {run_id: [] for run_id in stands_for.values()}
    for metric in metrics:
        for row in read_rows(dataset, METRICS, protocol=protocol, metric=metric):
            if row["run_id"] in figures and row["versus"] in ("", POPULARITY):
                figures[row["run_id"]].append(_figure(row))
    return [figures[run_id] for _, run_id in sorted(stands_for.items())]


def _judged_runs(dataset: Dataset, pointer: Pointer, before: date) -> Mapping[date, str]:
    """The run that stands for each earlier `as_of`."""
    published = {
        run_id: place for place, run_id in enumerate(reversed(pointer.runs_newest_first()))
    }
    judged = [
        row
        for row in read_rows(dataset, RUNS, step="evaluate")
        if row["state"] in JUDGED and row["as_of"] is not None and row["as_of"] < before
    ]
    judged.sort(key=lambda row: (published.get(row["run_id"], -1), row["at"]))
    return {row["as_of"]: row["run_id"] for row in judged}


def _figure(row: Row) -> Figure:
    """The figure that a row was made of (`comparison.to_rows`)."""
    low, high = (nan if row[end] is None else row[end] for end in ("low", "high"))
    return Figure(
        subject=row["subject"],
        metric=row["metric"],
        versus=row["versus"],
        value=row["value"],
        low=low,
        high=high,
        users=row["users"],
        slice=row["slice"] or "",
    )
