"""`toplists plan`: what a fit takes, without a dataset."""

from __future__ import annotations

import pytest

SIZE = ("--users", "50e6", "--items", "2e6", "--events", "5e9", "--rank", "128")
ALS = ("--set", "model.name=als")


def test_it_says_what_a_fit_takes(cli) -> None:
    answer = cli("plan", *SIZE, *ALS, "--executors", "40", "--memory", "64")
    assert answer.code == 0
    assert (
        answer.lines[0]
        == "als of rank 128: 50,000,000 users, 2,000,000 items, 5,000,000,000 events"
    )
    assert answer.lines[1] == "40 executors with 4 cores and 64 GiB each"
    said = [" ".join(line.split()) for line in answer.lines]
    assert "of which the fixed side 24.03 GiB" in said
    assert "moved per iteration 1,016.62 GiB" in said
    assert said[-1] == "It fits."


def test_it_says_what_does_not_fit_and_what_to_change(cli) -> None:
    answer = cli("plan", *SIZE, *ALS, "--executors", "40", "--memory", "32")
    assert answer.code == 1
    assert "must fit half of a node's 32.0 GiB" in " ".join(answer.lines)
    assert "model.als.engine=mllib" in " ".join(answer.lines)


def test_who_holds_all_interactions_is_not_for_billions(cli) -> None:
    hybrid = ("--set", "model.name=hybrid")
    answer = cli("plan", *SIZE, *hybrid, "--executors", "40", "--memory", "64")
    assert answer.code == 1
    assert answer.lines[0].startswith("hybrid of rank 128")
    said = " ".join(" ".join(answer.lines).split())
    assert "holds all 5,000,000,000 interactions" in said
    assert "such as model.name=als" in said


def test_settings_count(cli) -> None:
    sizes = ("--users", "5e6", "--items", "1e5", "--events", "1e8")
    answer = cli("plan", *sizes, "--set", "model.name=bayesian_mf")
    assert answer.lines[0].startswith("bayesian_mf of rank 17: ")
    refused = cli("plan", *sizes, "--set", "model.name=popularity")
    assert refused.code == 2
    assert "model.name=als" in refused.error


@pytest.mark.parametrize("users", ["0", "many", "inf", "nan", "-3"])
def test_what_is_no_amount_is_refused(cli, users: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        cli("plan", "--users", users, "--items", "1", "--events", "1")
    assert "is not a number from 1 on" in capsys.readouterr().err
