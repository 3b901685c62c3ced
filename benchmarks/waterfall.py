"""What a night spent its time on: its steps, and in each the Spark stages that took longest.

Steps come from the ledger, stages from Spark's event log.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

from deltalake import DeltaTable

# What `spark-submit.sh` needs to be told for a log that is one plain file.
LOGGED = {
    "spark.eventLog.enabled": "true",
    "spark.eventLog.rolling.enabled": "false",
    "spark.eventLog.compress": "false",
}
_WIDTH = 48
_SHOWN = 5
_DULL = frozenset({"WholeStageCodegen", "mapPartitions", "mapPartitionsInternal", "AQEShuffleRead"})


@dataclass(frozen=True)
class Span:
    """A piece of work: its name, when it began (seconds since 1970) and ended, and its tasks."""

    name: str
    began: float
    ended: float
    tasks: int = 0

    @property
    def seconds(self) -> float:
        """How long it took."""
        return self.ended - self.began


def steps_of(dataset: Path, since: float) -> list[Span]:
    """The steps that ended after `since`, in order, by the ledger of a dataset."""
    rows = DeltaTable(str(dataset / "runs")).to_pyarrow_table().to_pylist()
    spans = [
        Span(
            row["step"],
            (row["at"] - timedelta(seconds=row["seconds"])).timestamp(),
            row["at"].timestamp(),
        )
        for row in rows
        if row["state"] == "done" and row["at"].timestamp() >= since
    ]
    return sorted(spans, key=lambda span: span.began)


def stages_of(folder: Path) -> list[Span]:
    """The stages of the one application whose event log is in `folder`."""
    spans, names = [], {}
    for event in _events(folder, "StageSubmitted", "StageCompleted"):
        stage = event["Stage Info"]
        if event["Event"] == "SparkListenerStageSubmitted":
            names[stage["Stage ID"]] = _described(event)
        elif "Submission Time" in stage:
            began, ended = stage["Submission Time"] / 1e3, stage["Completion Time"] / 1e3
            name = names.get(stage["Stage ID"]) or _name(stage)
            spans.append(Span(name, began, ended, stage["Number of Tasks"]))
    return spans


def core_seconds(folder: Path) -> dict[str, float]:
    """How long cores worked on what has a description, by that."""
    names, seconds = {}, defaultdict(float)
    for event in _events(folder, "StageSubmitted", "TaskEnd"):
        if event["Event"] == "SparkListenerStageSubmitted":
            names[event["Stage Info"]["Stage ID"]] = _described(event)
        elif name := names.get(event["Stage ID"]):
            task = event["Task Info"]
            seconds[name] += (task["Finish Time"] - task["Launch Time"]) / 1e3
    return seconds


def _events(folder: Path, *kinds: str) -> Iterator[dict[str, Any]]:
    """The events of some kinds in the one event log of `folder`."""
    (log,) = (path for path in folder.iterdir() if not path.name.startswith("."))
    wanted = tuple(f'{{"Event":"SparkListener{kind}"' for kind in kinds)
    with log.open(encoding="utf-8") as lines:
        yield from (json.loads(line) for line in lines if line.startswith(wanted))


def _described(event: dict[str, Any]) -> str | None:
    """What a stage that was submitted is for, where somebody said so."""
    description: str | None = (event.get("Properties") or {}).get("spark.job.description")
    return description


def _name(stage: dict[str, object]) -> str:
    """The operators of a stage, in the order of the data's way."""
    infos = sorted(stage["RDD Info"], key=lambda info: info["RDD ID"])
    scopes = (json.loads(info["Scope"])["name"].strip() for info in infos if "Scope" in info)
    names: list[str] = []
    for scope in scopes:
        name = scope.partition(" (")[0].partition("[")[0].strip()
        if name not in _DULL and name not in names[-1:]:
            names.append(name)
    return " → ".join(names) or str(stage["Stage Name"]).partition(" at ")[0]


def waterfall(steps: Sequence[Span], stages: Sequence[Span]) -> Iterator[str]:
    """A Markdown table: every step, its longest stages, and what no stage ran in."""
    begin, end = steps[0].began, steps[-1].ended
    yield "| step | stage | tasks | begins, s | seconds | |"
    yield "|---|---|---:|---:|---:|---|"
    for step in steps:
        within = [one for one in stages if step.began <= one.began < step.ended]
        idle = step.seconds - _covered(within)
        yield _row(step.name, f"without a stage: {idle:.1f} s", step, begin, end)
        longest = sorted(within, key=lambda one: -one.seconds)[:_SHOWN]
        for stage in sorted(longest, key=lambda one: one.began):
            if stage.seconds >= 0.02 * (end - begin) or stage.seconds >= 0.2 * step.seconds:
                yield _row("", stage.name, stage, begin, end)


def _row(step: str, stage: str, span: Span, begin: float, end: float) -> str:
    scale = _WIDTH / (end - begin)
    first = round((span.began - begin) * scale)
    length = max(1, round(span.seconds * scale))
    bar = "·" * first + "█" * length + "·" * (_WIDTH - first - length)
    tasks = str(span.tasks) if span.tasks else ""
    return (
        f"| {step} | {stage} | {tasks} | {span.began - begin:.1f} | {span.seconds:.1f} | `{bar}` |"
    )


def _covered(spans: Iterable[Span]) -> float:
    """Seconds in which at least one of the spans ran."""
    covered, reached = 0.0, 0.0
    for span in sorted(spans, key=lambda one: one.began):
        covered += max(0.0, span.ended - max(span.began, reached))
        reached = max(reached, span.ended)
    return covered
