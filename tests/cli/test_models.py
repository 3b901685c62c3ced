"""`toplists models`: what there is to choose from."""

from __future__ import annotations

import json

from toplists.config.model import ModelSettings
from toplists.models.registry import MODELS


def test_all_are_listed_with_a_line_each(cli) -> None:
    answer = cli("models")
    assert answer.code == 0
    own = answer.lines[1 : 1 + len(MODELS)]
    assert [line.split()[0] for line in own] == [*MODELS]
    (line,) = (line for line in own if line.startswith("ease "))
    assert line.split()[:3] == ["ease", "likings", "ItemWeights"]


def test_one_is_shown_with_its_settings_as_they_are_set(cli) -> None:
    answer = cli("models", "als", "--set", "model.als.rank=7")
    assert answer.lines[0] == "als"
    assert any(line.startswith("source") and "Koren" in line for line in answer.lines)
    assert any(line.split() == ["rank", "=", "7", "(--set)"] for line in answer.lines)


def test_settings_elsewhere_are_shown_too(cli) -> None:
    lines = cli("models", "window").lines
    assert "recommend" in lines
    assert any("window_days = 30" in line for line in lines)


def test_an_unknown_one_is_refused_with_the_nearest(cli) -> None:
    answer = cli("models", "popular")
    assert answer.code == 2
    assert "Did you mean popularity?" in answer.error


def test_all_are_shown_with_what_they_cost_and_take(cli) -> None:
    lines = cli("models", "--all", "--set", "model.als.rank=7").lines
    assert [line for line in lines if line in MODELS] == [*MODELS]
    for what in ("ends in", "memory of a task", "time of a fit", "source"):
        assert sum(line.startswith(what) for line in lines) == len(MODELS)
    assert sum(line.startswith("new items") for line in lines) == 2
    assert any(line.split() == ["rank", "=", "7", "(--set)"] for line in lines)


def test_programs_are_told_the_same(cli) -> None:
    models = {model["name"]: model for model in json.loads(cli("models", "--json").out)}
    assert [*models] == [*MODELS]
    als = models["als"]
    assert (als["learns_from"], als["ends_in"]) == ("either", "Factors")
    assert "Koren" in als["source"]
    assert all(model["memory"] and model["time"] for model in models.values())
    (rank,) = (one for one in als["settings"] if one["key"] == "model.als.rank")
    assert rank["default"] == ModelSettings().als.rank
    assert rank["allowed"].startswith("whole number")
    (alone,) = json.loads(cli("models", "als", "--json").out)
    assert alone == als
