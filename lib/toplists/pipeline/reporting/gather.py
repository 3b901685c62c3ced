"""What is known of a run, read from the tables of its dataset."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from toplists.config.settings import Settings
from toplists.errors import ConfigurationError
from toplists.evaluation.comparison import LISTS, LIVE
from toplists.evaluation.gate import Verdict
from toplists.evaluation.list_checks import CheckResult
from toplists.evaluation.report.content import (
    Arrivals,
    FitFacts,
    InputSentence,
    Lineage,
    LoadRows,
    RunContent,
    Standing,
    StepTime,
)
from toplists.ingest.rejections import Rejections
from toplists.lake.attempts import JUDGED, RUNNING, last_nights, last_runs
from toplists.lake.bookkeeping import Row, read_rows
from toplists.lake.dataset import Dataset
from toplists.lake.ledger import Ledger, Run, utc_now
from toplists.lake.pointer import read_pointer
from toplists.lake.tables import LOADS, MODELS, RUNS
from toplists.pipeline.reporting.history import (
    as_figure,
    is_change,
    judged_runs,
    past_churn,
    past_nights,
    read_metrics,
)
from toplists.pipeline.reporting.people import sample_users
from toplists.pipeline.reporting.tail import count_tail

_LOADS = 30
_SIZES = {
    "interactions": "interactions",
    "users": "users",
    "items": "items",
    "positive interactions": "trained",
    "users with a list": "eligible",
    "recommendable items": "listable_items",
}


def gather_run(dataset: Dataset, run_id: str) -> RunContent:
    """Everything that is reported of a run, as far as it got.

    Raises:
        ConfigurationError: the ledger has no such run.
    """
    ledger = Ledger(dataset, utc_now)
    run = ledger.find_run(run_id)
    if run is None or run.as_of is None:
        raise ConfigurationError(
            f"There is no run {run_id} in dataset {dataset.name}. ./toplists status --runs 50 lists the "
            "last ones."
        )
    attempts = read_rows(dataset, RUNS)
    mine = [row for row in attempts if row["run_id"] == run_id]
    prepared = ledger.facts(run_id, "prepare") or {}
    judged = ledger.facts(run_id, "evaluate", states=JUDGED) or {}
    settings: dict[str, Any] = json.loads(run.configuration)
    protocol, deciding = str(prepared.get("protocol", "")), _deciding(settings["gate"])
    metrics = read_metrics(dataset, run_id=run_id)
    runs = judged_runs(attempts, run_id)
    verdict = judged.get("verdict")
    flat = dict(_flattened(settings))
    return RunContent(
        dataset=dataset.name,
        run_id=run_id,
        as_of=run.as_of,
        at=max(row["at"] for row in mine),
        standing=_standing(dataset, run_id),
        candidate=str(judged.get("candidate", "model")),
        protocol=protocol,
        deciding=deciding,
        confidence=float(settings["gate"]["confidence"]),
        verdict=None if verdict is None else Verdict.from_json(json.dumps(verdict)),
        lineage=_lineage(run, mine),
        figures=[as_figure(row) for row in metrics if row["protocol"] == protocol],
        changes=[as_figure(row) for row in metrics if is_change(row)],
        checks=[CheckResult(**check) for check in judged.get("checks", ())],
        sizes={name: prepared[fact] for name, fact in _SIZES.items() if fact in prepared},
        arrivals=_arrivals(dataset, run, prepared.get("input", ())),
        nights=past_nights(runs, read_metrics(dataset, metric=deciding), protocol),
        churn=past_churn(runs, read_metrics(dataset, subject=LISTS)),
        steps=_steps(attempts, mine, run_id),
        fits=_fits(dataset, run_id),
        tail=count_tail(dataset, run_id),
        users=sample_users(dataset, run_id),
        settings=flat,
        changed=_changed(flat),
    )


def _deciding(gate: Mapping[str, Any]) -> str:
    """The metric of the first rule that has one; release 0.2.0 had one metric and no rules."""
    rules: Sequence[Mapping[str, Any]] = gate.get("rules", (gate,))
    return str(next((rule["metric"] for rule in rules if rule.get("metric")), ""))


def _standing(dataset: Dataset, run_id: str) -> Standing:
    pointer = read_pointer(dataset)
    if pointer.live is not None and pointer.live.run_id == run_id:
        return "live"
    if run_id in pointer.bad_runs:
        return "declared bad"
    return "was live" if pointer.has_named(run_id) else "not published"


def _steps(attempts: Sequence[Row], mine: Sequence[Row], run_id: str) -> list[StepTime]:
    """The steps of the run, and before them the taking in of what it was the first over."""
    (run,) = last_runs(mine, 1)
    nights = {night.run_id: night for night in last_nights(attempts, len(attempts))}
    ingest = nights[run_id].steps.get("ingest") if run_id in nights else None
    before = [StepTime("ingest", ingest, "done")] if ingest else []
    return before + [
        StepTime(step.step, step.seconds, step.state)
        for step in run.steps
        if step.seconds is not None and step.step != "rollback"
    ]


def _arrivals(dataset: Dataset, run: Run, checks: Sequence[Mapping[str, Any]]) -> Arrivals | None:
    known = set(run.loads)
    loads = [load for load in read_rows(dataset, LOADS) if load["load_id"] in known]
    if not loads:
        return None
    loads.sort(key=lambda load: load["loaded_at"])
    return Arrivals(
        total=_load_rows(f"all {len(loads):,}", loads),
        loads=[_load_rows(f"{load['loaded_at']:%Y-%m-%d}", [load]) for load in loads[-_LOADS:]],
        reasons=_reasons(dataset, known),
        sentences=[
            InputSentence(check["passed"], check["judged"], check["sentence"]) for check in checks
        ],
    )


def _load_rows(name: str, loads: Sequence[Row]) -> LoadRows:
    counts = ("rows", "accepted", "duplicates", "corrections", "rejected")
    return LoadRows(name, *(sum(int(load[count]) for load in loads) for count in counts))


def _reasons(dataset: Dataset, load_ids: set[str]) -> dict[str, int]:
    rejections = Rejections(dataset)
    loads = [load for load in rejections.loads() if load.load_id in load_ids]
    if not loads:
        return {}
    return {rejection.code: rejection.rows for rejection in rejections.by_reason(loads)}


def _fits(dataset: Dataset, run_id: str) -> list[FitFacts]:
    rows = sorted(read_rows(dataset, MODELS, run_id=run_id), key=lambda row: row["fitted_at"])
    return [
        FitFacts(
            model_id=row["model_id"],
            role=_role(row["model_id"].removeprefix(f"{run_id}.").rpartition(".")[0]),
            model=row["model"],
            part=row["part"],
            shape=row["shape"],
            interactions=row["interactions"],
            seconds=row["seconds"],
            objective=json.loads(row["report"] or "{}").get("objective", ()),
        )
        for row in rows
    ]


def _role(name: str) -> str:
    """What a fit is for; that of the live configuration is named after its hash, too."""
    return "live configuration" if name.startswith(f"{LIVE}-") else name.replace("-", ": ")


def _lineage(run: Run, mine: Sequence[Row]) -> Lineage:
    began = [row for row in mine if row["state"] == RUNNING and row["facts"]]
    newest = max(began, key=lambda row: row["at"], default=None)
    surroundings = json.loads(newest["facts"]).get("surroundings", {}) if newest else {}
    return Lineage(
        parent=run.parent,
        generation=run.generation,
        loads=run.loads,
        code_version=run.code_version,
        configuration_hash=run.configuration_hash,
        surroundings={name: str(value) for name, value in surroundings.items() if value},
    )


def _flattened(settings: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, str]]:
    """Dotted names and values as JSON; of a list of rules, each with what it says."""
    for name, value in settings.items():
        if isinstance(value, dict) and value:
            yield from _flattened(value, f"{prefix}{name}.")
        elif isinstance(value, list) and value and isinstance(value[0], dict):
            for place, inner in enumerate(value, start=1):
                words = ", ".join(f"{key} {_text(one)}" for key, one in inner.items() if one != "")
                yield f"{prefix}{name} {place}", words
        else:
            yield f"{prefix}{name}", _text(value)


def _text(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _changed(flat: Mapping[str, str]) -> frozenset[str]:
    defaults = dict(_flattened(json.loads(json.dumps(Settings().result_affecting()))))
    return frozenset(name for name, value in flat.items() if defaults.get(name) != value)
