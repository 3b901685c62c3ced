"""The list of all metrics."""

from __future__ import annotations

from pathlib import Path

from toplists.config.metric_names import METRIC_KINDS
from toplists.evaluation.metrics_page import render_metrics

ROOT = Path(__file__).resolve().parents[2]


def test_the_committed_page_is_current() -> None:
    committed = (ROOT / "docs/metrics.md").read_text(encoding="utf-8")
    assert committed == render_metrics(), (
        "docs/metrics.md is out of date; the docstring of toplists.evaluation.metrics_page says how to write it"
    )


def test_every_metric_that_can_be_named_is_described() -> None:
    titles = [line for line in render_metrics().splitlines() if line.startswith("### ")]
    assert sorted(title.strip("#` ").partition("@")[0] for title in titles) == sorted(METRIC_KINDS)
