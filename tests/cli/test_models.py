"""`toplists models`: what there is to choose from."""

from __future__ import annotations

from toplists.models.registry import MODELS


def test_all_are_listed_with_a_line_each(cli) -> None:
    answer = cli("models")
    assert answer.code == 0
    assert [line.split()[0] for line in answer.lines[1 : 1 + len(MODELS)]] == [*MODELS]


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
