"""The best settings of a model, on the data of a night."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from studies import plan, tune
from worlds import NOW, World

from toplists.config.layers import resolve_settings
from toplists.config.model import ModelSettings
from toplists.config.model_als import AlsSettings
from toplists.config.settings import Settings
from toplists.errors import ConfigurationError
from toplists.evaluation.comparison import Figure
from toplists.lake.bookkeeping import read_rows
from toplists.lake.dataset import Dataset
from toplists.lake.tables import METRICS, RUNS, USER_METRICS
from toplists.pipeline import trials as trials_module
from toplists.pipeline.entrants import make_entrant
from toplists.pipeline.reporting.studies import write_study
from toplists.pipeline.searching import Tried, enter
from toplists.pipeline.tuning import PRESENT, TUNED, Study, write_overlay
from toplists.pipeline.tuning_tables import findings, gain_in_words, outs_of, trials_of

CONF = Path(__file__).resolve().parents[2] / "conf"


def test_settings_are_halved_tested_and_written_down(
    second_day: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    study = tune(second_day, trials=4)  # iterations: 1, and of the better two, 3
    assert study.search.method == "halving"
    # The present settings go on, too, if they are not among the better two.
    long = [one for one in study.tried if one.iterations == 3]
    behind = study.tried[len(long) :]
    assert len(long) in (2, 3)
    assert [one.iterations for one in behind] == [1] * (4 - len(long))
    assert any(not one.given for one in long)
    first, second = long[:2]
    assert first is study.best
    assert first.value >= second.value
    rows = read_rows(second_day.dataset, METRICS, run_id=study.study_id)
    short = {
        row["subject"]: row["value"]
        for row in rows
        if row["subject"].endswith(", 1 iterations") and row["metric"] == "ndcg@10"
    }
    assert len(short) == 4
    # The better half after one iteration went on.
    kept = sorted(short[f"{one.name}, 1 iterations"] for one in long)[-2:]
    left = [short[f"{one.name}, 1 iterations"] for one in behind]
    assert min(kept) >= max(left)
    assert {row["protocol"] for row in rows} == {"last(2)", "last(2), validation"}

    # Iterations of every fit: those that went on made the two that were left.
    lengths = {
        kind: sorted(
            len(json.loads(fit.read_text())["report"]["objective"])
            for fit in second_day.dataset.work.rglob(f"{kind}/als-*/fit.json")
        )
        for kind in ("trials-side-by-side", "trials")
    }
    assert lengths == {
        "trials-side-by-side": [1] * 4 + [2] * len(long),
        "trials": [3] * len(study.test),
    }

    # No trial was judged on what the test holds out.
    held_out: dict[bool, dict[str, set[int]]] = {True: {}, False: {}}
    for row in read_rows(second_day.dataset, USER_METRICS, run_id=study.study_id):
        own = held_out[row["subject"] in ("tuned", "present")].setdefault(row["user_id"], set())
        own |= {target["item_pos"] for target in row["targets"]}
    assert held_out[True]
    assert held_out[False]
    for user, items in held_out[False].items():
        assert not items & held_out[True][user]

    (done,) = (
        row
        for row in read_rows(second_day.dataset, RUNS, run_id=study.study_id)
        if row["state"] == "done"
    )
    assert json.loads(done["facts"])["best"]["name"] == first.name
    table = trials_of(study)
    assert len(table.rows) == 4
    assert {len(row) for row in table.rows} == {len(table.columns)}
    assert table.rows[0][0].startswith("best")
    (present,) = (row for row in table.rows if row[0].endswith("present"))
    assert present[1] == "4"  # the night's rank
    said = [*findings(study)]
    if study.overlay is not None:  # else the present settings are the best
        assert f"--overlay {study.overlay}" in said[-1]
        resolved = resolve_settings(CONF, "local", (), [study.overlay])
        for key, value in first.given.items():
            assert getattr(resolved.settings.model.als, key) == value
            assert resolved.origins[f"model.als.{key}"].startswith(f"{study.study_id}/best.yaml:")
        # What was given to the command, and not tried, is part of what was found best.
        assert resolved.settings.model.als.iterations == 3

    report = write_study(second_day.dataset, study, at=NOW, confidence=0.95)
    assert report == second_day.dataset.reports / study.study_id / "report.html"
    figures = json.loads(report.with_name("metrics.json").read_text())
    assert (figures["kind"], figures["id"]) == ("study", study.study_id)
    assert {model["name"] for model in figures["models"]} == {
        *(one.name for one in long),
        *study.test,
    }

    # Again: nothing is fitted twice.
    def unexpected(*_: Any, **__: Any) -> None:
        raise AssertionError("fitted again")

    monkeypatch.setattr(trials_module, "check_size", unexpected)
    assert tune(second_day, trials=4) == study


def test_a_fit_that_went_on_is_not_taken_for_one_that_did_not() -> None:
    settings = Settings()
    search = plan(settings, trials=60)
    short, long = (enter(search, settings, Tried("als", {}), height) for height in (1, 2))
    assert long.after is not None
    assert long.after.definition == short.definition == long.definition["after"]
    # 5 iterations in all, 3 of them after the first 2
    assert long.model.parameters["iterations"] == 5
    assert long.model.parameters["warm_iterations"] == 3
    cold = make_entrant("als", {"iterations": 5, "warm_iterations": 3}, settings)
    assert cold.definition != long.definition
    assert cold.definition == {k: v for k, v in long.definition.items() if k != "after"}


def test_trials_that_break_a_constraint_or_fail_are_out(
    second_day: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    fit = trials_module._fit
    planned: list[str] = []

    def breaking(place: Any, data: Any, blocks: Any, entrant: Any, folder: Any) -> Any:
        if entrant.name.startswith("item_knn["):
            planned.append(entrant.name)
            if entrant.name == planned[0]:
                raise ZeroDivisionError("planted")
        return fit(place, data, blocks, entrant, folder)

    monkeypatch.setattr(trials_module, "_fit", breaking)
    study = tune(
        second_day,
        model="item_knn",
        trials=3,
        method="random",
        constraints=("coverage@5>=1.1", "fit_seconds<=1e6"),
    )
    assert study.best is None
    assert study.overlay is None
    assert study.test == {}
    *broken, failed = study.tried
    assert {one.broken for one in broken} == {("coverage@5>=1.1",)}
    assert (failed.failed, failed.out) == (True, "ZeroDivisionError: planted")
    assert [row[0] for row in trials_of(study).rows].count("out") == 1
    assert sorted(outs_of(study).rows) == [
        ["ZeroDivisionError: planted", "1"],
        ["not coverage@5>=1.1", "2"],
    ]
    assert "No trial keeps all constraints" in next(findings(study))
    assert not list(second_day.dataset.studies.rglob("*.yaml"))
    page = write_study(second_day.dataset, study, at=NOW, confidence=0.95).read_text()
    assert "No trial keeps all constraints" in page


def test_one_fold_is_tested_on(second_day: World) -> None:
    with pytest.raises(ConfigurationError, match=r"kfold\(3\) has 3 folds"):
        tune(second_day, "kfold(3)")


def test_the_present_settings_are_tried_first_and_once() -> None:
    search = plan(Settings(), trials=60)
    assert search.candidates[0] == {}
    assert len(search.candidates) == 60
    assert [rung.iterations for rung in search.rungs] == [1, 2, 5, 10]
    assert search == plan(Settings(), trials=60)
    assert plan(Settings(), trials=1).candidates == ({},)
    grid = plan(Settings(), trials=60, method="grid")
    assert 1 < len(grid.candidates) <= 60


@pytest.mark.parametrize(
    ("planned", "said"),
    [
        (
            {"model": "popularity"},
            "There is nothing to tune of 'popularity'. What can be tuned: als",
        ),
        ({"model": "item_knn", "method": "halving"}, "Use --search random, or grid."),
    ],
)
def test_what_cannot_be_searched_is_said(planned: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigurationError, match=said.replace(".", r"\.")):
        plan(Settings(), **planned)


@pytest.mark.parametrize(
    ("value", "low", "high", "said"),
    [
        (0.02, 0.01, 0.03, "tuning gained +0.0200 (+0.0100 to +0.0300)"),
        (0.02, -0.01, 0.05, "no real difference, +0.0200 (-0.0100 to +0.0500)"),
        (-0.03, -0.05, -0.01, "tuning lost -0.0300 (-0.0500 to -0.0100)"),
    ],
)
def test_a_gain_is_said_in_words(value: float, low: float, high: float, said: str) -> None:
    gain = Figure("tuned", "ndcg@10", "present", value, low, high, 100)
    assert gain_in_words(gain) == said


def test_the_overlay_holds_what_was_not_tried_too(tmp_path: Path) -> None:
    present = ModelSettings(seed=7, als=AlsSettings(regularization_scaling="plain"))
    best = Tried("als[regularization=120.0]", {"regularization": 120.0})
    path = write_overlay(Dataset(tmp_path / "films"), "study", "als", best, present)
    settings = resolve_settings(CONF, "local", (), [path]).settings.model
    assert (settings.als.regularization, settings.als.regularization_scaling) == (120, "plain")
    assert settings.seed == 7


def test_what_is_worse_on_the_test_part_is_not_recommended() -> None:
    best = Tried("als[rank=8]", {"rank": 8}, value=0.2)
    tested = {name: Figure(name, "ndcg@10", "", 0.1, 0.05, 0.15, 9) for name in (TUNED, PRESENT)}
    lost = Figure(TUNED, "ndcg@10", PRESENT, -0.1, -0.2, -0.05, 9)
    search = plan(Settings(), method="random")
    study = Study("id", "last(5)", search, (best,), best, tested, lost, overlay=None)
    first, last = findings(study)
    assert "tuning lost -0.1000" in first
    assert last.startswith("Keep the present settings")
