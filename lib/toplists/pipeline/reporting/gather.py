"""What is known of a run, read from the tables of its dataset."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from toplists.config.settings import Settings
from toplists.errors import ConfigurationError
from toplists.evaluation.comparison import LISTS, LIVE, POPULARITY, SNAPSHOT
from toplists.evaluation.gate import Verdict
from toplists.evaluation.list_checks import CheckResult
from toplists.evaluation.report.content import (
    Arrivals,
    Change,
    Figure,
    FitFacts,
    InputSentence,
    Lineage,
    LoadRows,
    Night,
    RunContent,
    Standing,
    StepTime,
)
from toplists.ingest.rejections import Rejections
from toplists.lake.attempts import RUNNING, last_nights, last_runs
from toplists.lake.bookkeeping import Row, read_rows
from toplists.lake.dataset import Dataset
from toplists.lake.ledger import Ledger, Run, utc_now
from toplists.lake.pointer import read_pointer
from toplists.lake.tables import LOADS, METRICS, MODELS, RUNS
from toplists.pipeline.reporting.people import sample_users
from toplists.pipeline.reporting.tail import count_tail

_NIGHTS = 30
_SIMILARITY = re.compile(r"(jaccard|rbo)@\d+")
_JUDGED = ("done", "refused")
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
    judged = ledger.facts(run_id, "evaluate", states=_JUDGED) or {}
    settings: dict[str, Any] = json.loads(run.configuration)
    protocol, deciding = str(prepared.get("protocol", "")), _deciding(settings["gate"])
    metrics = [row for row in read_rows(dataset, METRICS) if row["value"] is not None]
    judged_runs = _judged_runs(attempts, run_id)
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
        figures=[
            _figure(row)
            for row in metrics
            if (row["run_id"], row["protocol"]) == (run_id, protocol)
        ],
        changes=[_figure(row) for row in metrics if row["run_id"] == run_id and _is_change(row)],
        checks=[CheckResult(**check) for check in judged.get("checks", ())],
        sizes={name: prepared[fact] for name, fact in _SIZES.items() if fact in prepared},
        arrivals=_arrivals(dataset, run, prepared.get("input", ())),
        nights=_nights(judged_runs, metrics, deciding, protocol),
        churn=_churn(judged_runs, metrics),
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


def _figure(row: Row) -> Figure:
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


def _judged_runs(attempts: Sequence[Row], run_id: str) -> dict[str, dict[str, Any]]:
    """What `evaluate` noted of each run that was judged up to this one, in that order."""
    judged: dict[str, dict[str, Any]] = {}
    for row in sorted(attempts, key=lambda row: row["at"]):
        if row["step"] == "evaluate" and row["state"] in _JUDGED and row["facts"]:
            judged.pop(row["run_id"], None)
            judged[row["run_id"]] = json.loads(row["facts"])
    runs = list(judged)
    until = runs.index(run_id) + 1 if run_id in judged else 0
    return {run: judged[run] for run in runs[:until]}


def _nights(
    judged: Mapping[str, Mapping[str, Any]], metrics: Sequence[Row], deciding: str, protocol: str
) -> list[Night]:
    """The last runs that were judged by the same metric and protocol."""
    own = {
        (row["run_id"], row["subject"]): _figure(row)
        for row in metrics
        if (row["metric"], row["protocol"], row["versus"]) == (deciding, protocol, "")
        and not row.get("slice")
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


def _is_change(row: Row) -> bool:
    """Whether it says how lists or snapshot compare with those of the live run."""
    return row["subject"] in (LISTS, SNAPSHOT) and row["versus"] == LIVE


def _churn(judged: Mapping[str, Mapping[str, Any]], metrics: Sequence[Row]) -> list[Change]:
    """How alike lists were to those that were live, for the last runs that were compared."""
    alike: dict[str, dict[str, float]] = {}
    for row in metrics:
        if row["subject"] == LISTS and _is_change(row) and _SIMILARITY.fullmatch(row["metric"]):
            alike.setdefault(row["run_id"], {})[row["metric"]] = row["value"]
    nights = [Change(run, dict(sorted(alike[run].items()))) for run in judged if run in alike]
    return nights[-_NIGHTS:]


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
        loads=[_load_rows(f"{load['loaded_at']:%Y-%m-%d}", [load]) for load in loads[-_NIGHTS:]],
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
