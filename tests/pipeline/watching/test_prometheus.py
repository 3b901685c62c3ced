from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest
from exposition import parse
from hypothesis import given
from hypothesis import strategies as st

from toplists.lake.dataset import Dataset
from toplists.pipeline.watching.outcomes import keep_outcome, read_outcomes
from toplists.pipeline.watching.prometheus import Sample, render, state, write_prometheus
from toplists.pipeline.watching.report import Live, Report

NOW = datetime(2026, 3, 10, 4, 0, tzinfo=UTC)
NIGHT = Report(
    verb="nightly",
    event="success",
    exit_code=0,
    began=NOW - timedelta(seconds=57),
    ended=NOW,
    dataset="films",
    run_id="2026-03-10-11111111",
    verdict="passed",
    live=Live("2026-03-10-11111111", date(2026, 3, 10), NOW),
    rows_in=100_004,
    rejected=3,
    users=671,
    items=6_170,
    metrics={"ndcg@10": {"als": 0.0634, "popularity": 0.0369}},
    steps={"ingest": 20.5, "train": 8.0},
)


def labels(**values):
    return frozenset({"dataset": "films", **values}.items())


@pytest.fixture
def films(tmp_path):
    dataset = Dataset(tmp_path / "films")
    dataset.root.mkdir()
    return dataset


def told(dataset, *reports):
    """The metrics after these reports, one after the other."""
    for report in reports:
        keep_outcome(dataset, report)
    families = parse(render(state("films", reports[-1].live, read_outcomes(dataset))))
    assert all(family.help and family.type == "gauge" for family in families.values())
    return {name: family.values for name, family in families.items()}


def test_a_night_is_told_in_full(films):
    of_night = labels(verb="nightly")
    assert told(films, NIGHT) == {
        "toplists_exit_code": {of_night: 0},
        "toplists_last_end_timestamp_seconds": {of_night: NOW.timestamp()},
        "toplists_last_success_timestamp_seconds": {of_night: NOW.timestamp()},
        "toplists_step_seconds": {
            labels(verb="nightly", step="ingest"): 20.5,
            labels(verb="nightly", step="train"): 8.0,
        },
        "toplists_rows_in": {of_night: 100_004},
        "toplists_rows_rejected": {of_night: 3},
        "toplists_published_as_of_timestamp_seconds": {
            labels(): datetime(2026, 3, 10, tzinfo=UTC).timestamp()
        },
        "toplists_published_timestamp_seconds": {labels(): NOW.timestamp()},
        "toplists_users": {labels(): 671},
        "toplists_items": {labels(): 6_170},
        "toplists_gate_passed": {labels(): 1},
        "toplists_metric": {
            labels(metric="ndcg@10", subject="als"): 0.0634,
            labels(metric="ndcg@10", subject="popularity"): 0.0369,
        },
    }


def test_a_failure_does_not_make_the_last_success_forgotten(films):
    failed = replace(
        NIGHT, event="refusal", exit_code=3, verdict="refused", ended=NOW + timedelta(days=1)
    )
    metrics = told(films, NIGHT, failed, failed)
    of_night = labels(verb="nightly")
    assert metrics["toplists_exit_code"] == {of_night: 3}
    assert metrics["toplists_last_success_timestamp_seconds"] == {of_night: NOW.timestamp()}
    assert metrics["toplists_gate_passed"] == {labels(): 0}


def test_another_verb_does_not_make_the_night_forgotten(films):
    failed = replace(NIGHT, event="failure", exit_code=1)
    back = Report("rollback", "success", 0, NOW, NOW, "films")
    assert told(films, failed, back)["toplists_exit_code"] == {
        labels(verb="nightly"): 1,
        labels(verb="rollback"): 0,
    }


def test_a_verb_without_a_run_leaves_what_is_known_of_the_run(films):
    refused = replace(NIGHT, verb="evaluate", event="refusal", exit_code=3, verdict="refused")
    ingest = Report("ingest", "success", 0, NOW, NOW + timedelta(days=1), "films")
    metrics = told(films, refused, ingest, replace(ingest, verb="maintain"))
    assert metrics["toplists_gate_passed"] == {labels(): 0}
    assert metrics["toplists_users"] == {labels(): 671}
    assert metrics["toplists_items"] == {labels(): 6_170}
    assert len(metrics["toplists_metric"]) == 2


def test_a_night_that_ends_early_leaves_what_its_verb_knew(films):
    early = Report("nightly", "refusal", 5, NOW, NOW + timedelta(days=1), "films")
    metrics = told(films, NIGHT, early, early)
    assert metrics["toplists_gate_passed"] == {labels(): 1}
    assert metrics["toplists_users"] == {labels(): 671}


def test_a_run_that_is_not_judged_yet_leaves_the_last_verdict(films):
    refused = replace(NIGHT, verb="evaluate", event="refusal", exit_code=3, verdict="refused")
    prepared = Report(
        *("prepare", "success", 0, NOW, NOW + timedelta(days=1), "films"), users=700, items=6_200
    )
    metrics = told(films, refused, prepared)
    assert metrics["toplists_users"] == {labels(): 700}
    assert metrics["toplists_gate_passed"] == {labels(): 0}


def test_what_was_learnt_last_wins_whatever_ended_last(films):
    refused = replace(NIGHT, verdict="refused")
    passed = replace(NIGHT, verb="evaluate", ended=NOW + timedelta(hours=1), users=672)
    early = Report("nightly", "failure", 1, NOW, NOW + timedelta(days=1), "films")
    metrics = told(films, refused, passed, early)  # nightly only remembers the refusal
    assert metrics["toplists_gate_passed"] == {labels(): 1}
    assert metrics["toplists_users"] == {labels(): 672}


def test_outcomes_of_a_release_that_kept_no_figures(films):
    keep_outcome(films, NIGHT)
    file = films.outcomes / "nightly.json"
    content = json.loads(file.read_text())
    file.write_text(
        json.dumps({k: v for k, v in content.items() if k not in ("size", "judgement")})
    )
    ingest = Report("ingest", "success", 0, NOW, NOW, "films")
    metrics = told(films, ingest)
    assert labels(verb="nightly") in metrics["toplists_exit_code"]
    assert "toplists_users" not in metrics


def test_what_never_was_is_left_out(films):
    first = Report("nightly", "failure", 1, NOW, NOW, "films")
    assert set(told(films, first)) == {"toplists_exit_code", "toplists_last_end_timestamp_seconds"}


@given(
    st.text(
        st.characters(
            exclude_categories=["Cs"], exclude_characters="\r\x0b\x0c\x1c\x1d\x1e\x85\u2028\u2029"
        )
    )
)
def test_every_label_comes_through(text):
    sample = Sample("toplists_users", [("dataset", text)], 1)
    [values] = [family.values for family in parse(render([sample])).values()]
    assert values == {frozenset({("dataset", text)}): 1}


def test_each_dataset_may_have_a_file_of_its_own(films, tmp_path):
    write_prometheus(f"{tmp_path}/toplists-{{dataset}}.prom", "films", NIGHT.live, [])
    assert "toplists_published_timestamp_seconds" in parse(
        (tmp_path / "toplists-films.prom").read_text()
    )
    # Nothing that the collector would read as a second file.
    assert [file.name for file in tmp_path.glob("*.prom")] == ["toplists-films.prom"]


def test_the_parser_of_these_tests_refuses_what_the_format_forbids():
    for wrong in (
        "a 1",  # no end of line
        'a{b="c"d="e"} 1\n',
        'a{b="c\\d"} 1\n',
        "a 1\nb 1\na 2\n",
        "a 1\na 2\n",
        "a one\n",
        "a-b 1\n",
        "a 1\n# TYPE a gauge\n",
    ):
        with pytest.raises(ValueError, match=r"."):
            parse(wrong)
