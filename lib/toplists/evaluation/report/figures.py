"""The figures of a report for programs: `metrics.json`, and its schema.

After a change, in the root of the checkout:
`PYTHONPATH=lib .venv/bin/python -m toplists.evaluation.report.figures > docs/metrics.schema.json`.
"""

from __future__ import annotations

import json
import math
import sys
from datetime import date, datetime
from typing import Annotated, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, JsonValue

from toplists.evaluation.report.content import (
    Arrivals,
    Comparison,
    Figure,
    FitFacts,
    RunContent,
    Standing,
    Study,
)

SCHEMA_VERSION: Literal[1] = 1
_DIALECT = "https://json-schema.org/draft/2020-12/schema"


def _finite(value: object) -> object:
    return None if isinstance(value, float) and not math.isfinite(value) else value


Number = Annotated[float | None, BeforeValidator(_finite)]


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, from_attributes=True)


class MetricFigure(_Part):
    """One figure. With `versus` it is the difference subject - versus."""

    subject: str = Field(description="Who was measured: a model, popularity or live.")
    metric: str = Field(description="Name and cutoff, such as ndcg@10.")
    versus: str | None = Field(description="Contender it is the difference to.")
    slice: str | None = Field(description="Users it is restricted to; null = everybody.")
    value: Number = Field(description="The figure; null where it is no number.")
    low: Number = Field(description="Lower end of its interval.")
    high: Number = Field(description="Upper end of its interval.")
    users: int | None = Field(description="Users it is the mean over.")


class RuleFinding(_Part):
    """What came of a rule of the gate: the rule as it is configured, and the figure it judged, if any."""

    rule: dict[str, JsonValue]
    state: Literal["passed", "warned", "blocked", "not_judged"]
    sentence: str
    value: Number
    low: Number
    high: Number
    threshold: Number


class GateVerdict(_Part):
    """What the gate decided, in its own sentences."""

    passed: bool
    reasons: tuple[str, ...]
    warnings: tuple[str, ...]
    findings: tuple[str, ...]
    rules: tuple[RuleFinding, ...] = ()


class ListCheck(_Part):
    """A check of the lists: what was found, and what is allowed (at most, or at least)."""

    name: str
    value: Number
    allowed: Number
    passed: bool
    sentence: str


class ModelFit(_Part):
    """A fit, or a model of a comparison. `failure` says why it has no figures."""

    name: str = Field(description="What it is called, or what it is for and learnt from.")
    model: str = Field(description="Name in the registry of models.")
    interactions: int | None = None
    seconds: Number = None
    score_seconds: Number = None
    peak_mib: Number = None
    objective: tuple[Number, ...] = Field((), description="What it minimized, by iteration.")
    failure: str | None = None


class InputRows(_Part):
    """Rows of the loads that a run is over."""

    rows: int
    accepted: int
    duplicates: int
    corrections: int
    rejected: int
    reasons: dict[str, int]


class MetricsFile(_Part):
    """What `metrics.json` holds. Further fields may come; `schema_version` changes when one goes."""

    schema_version: Literal[1] = SCHEMA_VERSION
    kind: Literal["run", "comparison", "study"]
    dataset: str
    id: str = Field(description="The run, the comparison or the study.")
    as_of: date | None = None
    at: datetime = Field(description="When something was last recorded of it, UTC.")
    standing: Standing | None = Field(
        None, description="What had become of a run when the file was written."
    )
    protocol: str = Field(description="How the holdout was chosen.")
    deciding: str = Field(description="The metric that decides.")
    confidence: float = Field(description="Probability that an interval is meant to cover.")
    verdict: GateVerdict | None = None
    figures: tuple[MetricFigure, ...]
    changes: tuple[MetricFigure, ...] = Field(
        (), description="Lists and snapshot beside those of the run that was live."
    )
    checks: tuple[ListCheck, ...] = ()
    models: tuple[ModelFit, ...] = ()
    input: InputRows | None = None
    sizes: dict[str, int] = Field(default_factory=dict, description="What the run is over.")
    seconds: dict[str, Number] = Field(default_factory=dict, description="Seconds of each step.")
    findings: tuple[str, ...] = Field(
        (), description="What a comparison or a study found, in sentences."
    )


def run_figures(content: RunContent) -> MetricsFile:
    """The figures of a run."""
    return MetricsFile(
        kind="run",
        dataset=content.dataset,
        id=content.run_id,
        as_of=content.as_of,
        at=content.at,
        standing=content.standing,
        protocol=content.protocol,
        deciding=content.deciding,
        confidence=content.confidence,
        verdict=None if content.verdict is None else GateVerdict.model_validate(content.verdict),
        figures=tuple(map(_figure, content.figures)),
        changes=tuple(map(_figure, content.changes)),
        checks=tuple(map(ListCheck.model_validate, content.checks)),
        models=tuple(map(_fit, content.fits)),
        input=None if content.arrivals is None else _input(content.arrivals),
        sizes=dict(content.sizes),
        seconds={step.verb: step.seconds for step in content.steps},
    )


def comparison_figures(comparison: Comparison) -> MetricsFile:
    """The figures of a comparison."""
    return MetricsFile(
        kind="comparison",
        dataset=comparison.dataset,
        id=comparison.comparison_id,
        at=comparison.at,
        protocol=comparison.protocol,
        deciding=comparison.deciding,
        confidence=comparison.confidence,
        figures=tuple(
            _figure(figure) for model in comparison.models for figure in model.figures.values()
        ),
        models=tuple(
            ModelFit(
                name=model.name,
                model=model.name,
                seconds=model.fit_seconds,
                score_seconds=model.score_seconds,
                peak_mib=model.peak_mib,
                failure=model.failure,
            )
            for model in comparison.models
        ),
        findings=tuple(comparison.findings),
    )


def study_figures(study: Study) -> MetricsFile:
    """The figures of a search for settings: those of the test, and of the best trials."""
    trials, test = comparison_figures(study.trials), comparison_figures(study.test)
    return test.model_copy(
        update={
            "kind": "study",
            "figures": (*test.figures, *trials.figures),
            "models": (*test.models, *trials.models),
            "findings": (study.verdict, *study.findings),
        }
    )


def _input(arrivals: Arrivals) -> InputRows:
    total = arrivals.total
    return InputRows(
        rows=total.rows,
        accepted=total.accepted,
        duplicates=total.duplicates,
        corrections=total.corrections,
        rejected=total.rejected,
        reasons=dict(arrivals.reasons),
    )


def _figure(figure: Figure) -> MetricFigure:
    return MetricFigure(
        subject=figure.subject,
        metric=figure.metric,
        versus=figure.versus or None,
        slice=figure.slice or None,
        value=figure.value,
        low=figure.low,
        high=figure.high,
        users=figure.users,
    )


def _fit(fit: FitFacts) -> ModelFit:
    return ModelFit(
        name=f"{fit.role}.{fit.part}",
        model=fit.model,
        interactions=fit.interactions,
        seconds=fit.seconds,
        objective=tuple(fit.objective),
    )


def to_json(figures: MetricsFile) -> str:
    """The file's content: strict JSON, without NaN."""
    return json.dumps(figures.model_dump(mode="json"), indent=2, allow_nan=False) + "\n"


def schema_json() -> str:
    """The JSON schema of the file."""
    schema = MetricsFile.model_json_schema(mode="serialization")
    return json.dumps({"$schema": _DIALECT, **schema}, indent=2) + "\n"


if __name__ == "__main__":
    sys.stdout.write(schema_json())
