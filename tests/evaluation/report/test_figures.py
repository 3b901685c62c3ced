"""`metrics.json`: what is in it, and that its schema is the committed one."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path

from report_contents import METRICS, made_up_comparison, made_up_run, made_up_study, own

from toplists.evaluation.report.figures import (
    MetricsFile,
    comparison_figures,
    run_figures,
    schema_json,
    study_figures,
    to_json,
)

SCHEMA = Path(__file__).resolve().parents[3] / "docs" / "metrics.schema.json"


def test_the_committed_schema_is_that_of_the_definitions() -> None:
    assert SCHEMA.read_text() == schema_json(), (
        "run: PYTHONPATH=lib .venv/bin/python -m toplists.evaluation.report.figures "
        "> docs/metrics.schema.json"
    )


def test_a_run_is_read_back_as_it_was_written() -> None:
    figures = run_figures(made_up_run())
    text = to_json(figures)
    assert MetricsFile.model_validate_json(text) == figures
    content = json.loads(text)
    required = json.loads(SCHEMA.read_text())["required"]
    assert set(required) <= content.keys()
    assert content["verdict"]["passed"] is True
    assert len(content["figures"]) == 5 * len(METRICS)
    (versus_live,) = [
        one for one in content["figures"] if (one["metric"], one["versus"]) == ("ndcg@10", "live")
    ]
    assert (versus_live["low"], versus_live["high"]) == (-0.004, 0.006)
    assert content["seconds"]["prepare"] == 18.6
    assert content["input"]["reasons"] == {"value_missing": 60, "id_missing": 41}


def test_what_is_no_number_is_null() -> None:
    odd = replace(own("als", "ndcg@10", math.nan), low=-math.inf, high=None)
    (figure,) = json.loads(to_json(run_figures(replace(made_up_run(), figures=[odd]))))["figures"]
    assert (figure["value"], figure["low"], figure["high"]) == (None, None, None)


def test_a_comparison_keeps_failures() -> None:
    figures = comparison_figures(made_up_comparison())
    assert MetricsFile.model_validate_json(to_json(figures)) == figures
    failures = {model.name: model.failure for model in figures.models if model.failure}
    assert failures == {"svd<b>": "rank 64 is more than there are items <40>"}
    assert len(figures.figures) == 6


def test_a_study_has_the_figures_of_the_test_and_of_trials() -> None:
    figures = study_figures(made_up_study())
    assert MetricsFile.model_validate_json(to_json(figures)) == figures
    assert figures.kind == "study"
    assert {model.name for model in figures.models} >= {"tuned", "present", "item_knn"}
    assert figures.findings[0].startswith("ndcg@10: no real difference")
