"""The state of a dataset in Prometheus' text format, for node-exporter's textfile collector.

The format: https://prometheus.io/docs/instrumenting/exposition_formats/ (version 0.0.4).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from pathlib import Path

from toplists.lake.files import write_atomically
from toplists.pipeline.watching.outcomes import Judgement, Outcome, Size
from toplists.pipeline.watching.report import Live

_HELP = {
    "toplists_exit_code": "Exit code of the verb's last command.",
    "toplists_last_end_timestamp_seconds": "When the verb's last command ended.",
    "toplists_last_success_timestamp_seconds": "When the verb last ended with exit code 0.",
    "toplists_step_seconds": "Wall time of a step in the verb's last command.",
    "toplists_rows_in": "Rows that the verb's last command took in.",
    "toplists_rows_rejected": "Rows of them that were refused.",
    "toplists_published_as_of_timestamp_seconds": "End of what the live lists know.",
    "toplists_published_timestamp_seconds": "When the live lists became live.",
    "toplists_users": "Users with a list in the prepared run worked on last.",
    "toplists_items": "Items that can be recommended in the prepared run worked on last.",
    "toplists_gate_passed": "1 if the gate passed the judged run worked on last, 0 if it refused.",
    "toplists_metric": "Figure of the judged run worked on last, on the holdout.",
}


@dataclass(frozen=True)
class Sample:
    """One value of a metric under its labels."""

    name: str
    labels: Sequence[tuple[str, str]]
    value: float


def write_prometheus(
    path: str, dataset: str, live: Live | None, outcomes: Sequence[Outcome]
) -> None:
    """Replace the file at `path`, in which `{dataset}` stands for the dataset.

    Raises:
        OSError: it cannot be written.
    """
    file = Path(path.replace("{dataset}", dataset)).expanduser()
    write_atomically(file, render(state(dataset, live, outcomes)))


def state(dataset: str, live: Live | None, outcomes: Sequence[Outcome]) -> Iterator[Sample]:
    """The samples of a dataset.

    Args:
        dataset: Its name.
        live: What readers see.
        outcomes: The last outcome of each verb.
    """
    of_dataset = ("dataset", dataset)
    for outcome in outcomes:
        yield from _of_verb(outcome, [of_dataset, ("verb", outcome.verb)])
    if live is not None:
        yield from _of_live(live, [of_dataset])
    if sizes := [outcome.size for outcome in outcomes if outcome.size is not None]:
        yield from _of_size(max(sizes, key=_learnt_at), [of_dataset])
    if judgements := [outcome.judgement for outcome in outcomes if outcome.judgement is not None]:
        yield from _of_judgement(max(judgements, key=_learnt_at), [of_dataset])


def _of_verb(outcome: Outcome, labels: list[tuple[str, str]]) -> Iterator[Sample]:
    yield Sample("toplists_exit_code", labels, outcome.exit_code)
    yield Sample("toplists_last_end_timestamp_seconds", labels, outcome.ended.timestamp())
    if outcome.last_success is not None:
        succeeded = outcome.last_success.timestamp()
        yield Sample("toplists_last_success_timestamp_seconds", labels, succeeded)
    for step, seconds in outcome.steps.items():
        yield Sample("toplists_step_seconds", [*labels, ("step", step)], seconds)
    if outcome.rows_in is not None:
        yield Sample("toplists_rows_in", labels, outcome.rows_in)
    if outcome.rejected is not None:
        yield Sample("toplists_rows_rejected", labels, outcome.rejected)


def _of_live(live: Live, labels: list[tuple[str, str]]) -> Iterator[Sample]:
    as_of, since = _midnight(live.as_of), live.published_at
    yield Sample("toplists_published_as_of_timestamp_seconds", labels, as_of.timestamp())
    yield Sample("toplists_published_timestamp_seconds", labels, since.timestamp())


def _of_size(size: Size, labels: list[tuple[str, str]]) -> Iterator[Sample]:
    for name, count in (("toplists_users", size.users), ("toplists_items", size.items)):
        if count is not None:
            yield Sample(name, labels, count)


def _of_judgement(judgement: Judgement, labels: list[tuple[str, str]]) -> Iterator[Sample]:
    yield Sample("toplists_gate_passed", labels, judgement.verdict == "passed")
    for metric, by_subject in judgement.metrics.items():
        for subject, value in by_subject.items():
            if value is not None:
                told = [*labels, ("metric", metric), ("subject", subject)]
                yield Sample("toplists_metric", told, value)


def _learnt_at(learnt: Size | Judgement) -> datetime:
    return learnt.at


def render(samples: Iterable[Sample]) -> str:
    """The samples as text: each metric's HELP and TYPE, then its values."""
    by_name: dict[str, list[Sample]] = {name: [] for name in _HELP}
    for sample in samples:
        by_name[sample.name].append(sample)
    lines: list[str] = []
    for name, members in by_name.items():
        if members:
            lines += [f"# HELP {name} {_HELP[name]}", f"# TYPE {name} gauge"]
            lines += map(_line, members)
    return "".join(f"{line}\n" for line in lines)


def _line(sample: Sample) -> str:
    labels = ",".join(f'{name}="{_escaped(value)}"' for name, value in sample.labels)
    return f"{sample.name}{{{labels}}} {float(sample.value)!r}"


def _escaped(value: str) -> str:
    return value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(), UTC)
