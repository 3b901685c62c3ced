"""Figures of a run and of the nights before it, from the table `metrics`."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

from toplists.evaluation.comparison import LISTS, LIVE, POPULARITY, SNAPSHOT
from toplists.evaluation.report.content import Change, Figure, Night
from toplists.lake.attempts import JUDGED
from toplists.lake.bookkeeping import Row, read_rows
from toplists.lake.dataset import Dataset
from toplists.lake.tables import METRICS

_NIGHTS = 30
_SIMILARITY = re.compile(r"(jaccard|rbo)@\d+")


def read_metrics(dataset: Dataset, **equals: str) -> list[Row]:
    """Rows of the table `metrics` that have a figure."""
    return [row for row in read_rows(dataset, METRICS, **equals) if row["value"] is not None]


def as_figure(row: Row) -> Figure:
    """The figure that a row holds."""
    return Figure(
        subject=row["subject"],
        metric=row["metric"],
        versus=row["versus"],
        value=row["value"],
        low=row["low"],
        high=row["high"],
        users=row["users"],
        slice=row.get("slice") or "",
    )


def is_change(row: Row) -> bool:
    """Whether it says how lists or snapshot compare with those of the live run."""
    return row["subject"] in (LISTS, SNAPSHOT) and row["versus"] == LIVE


def judged_runs(attempts: Sequence[Row], run_id: str) -> dict[str, dict[str, Any]]:
    """What `evaluate` noted of each run that was judged up to this one, in that order."""
    judged: dict[str, dict[str, Any]] = {}
    for row in sorted(attempts, key=lambda row: row["at"]):
        if row["step"] == "evaluate" and row["state"] in JUDGED and row["facts"]:
            judged.pop(row["run_id"], None)
            judged[row["run_id"]] = json.loads(row["facts"])
    runs = list(judged)
    until = runs.index(run_id) + 1 if run_id in judged else 0
    return {run: judged[run] for run in runs[:until]}


def past_nights(
    judged: Mapping[str, Mapping[str, Any]], metrics: Sequence[Row], protocol: str
) -> list[Night]:
    """The last runs that were judged by the metric of these rows, and the same protocol."""
    own = {
        (row["run_id"], row["subject"]): as_figure(row)
        for row in metrics
        if (row["protocol"], row["versus"]) == (protocol, "") and not row.get("slice")
    }
    nights = [
        Night(
            run_id=night,
            passed=facts["verdict"]["passed"],
            own=own[night, facts["candidate"]],
            popularity=own.get((night, POPULARITY)),
        )
        for night, facts in judged.items()
        if (night, facts.get("candidate")) in own
    ]
    return nights[-_NIGHTS:]


def past_churn(judged: Mapping[str, Mapping[str, Any]], metrics: Sequence[Row]) -> list[Change]:
    """How alike lists were to those that were live, for the last runs that were compared."""
    alike: dict[str, dict[str, float]] = {}
    for row in metrics:
        if row["subject"] == LISTS and is_change(row) and _SIMILARITY.fullmatch(row["metric"]):
            alike.setdefault(row["run_id"], {})[row["metric"]] = row["value"]
    nights = [Change(run, dict(sorted(alike[run].items()))) for run in judged if run in alike]
    return nights[-_NIGHTS:]
