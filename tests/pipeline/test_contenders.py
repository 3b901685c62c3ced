"""Nights that are judged beside other models than popularity and what is live."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from worlds import World

from toplists.errors import ConfigurationError
from toplists.lake.bookkeeping import read_rows
from toplists.lake.ledger import Ledger, Run
from toplists.lake.tables import LOADS, METRICS, MODELS
from toplists.models.protocol import Fitted
from toplists.models.random_walk import RandomWalk

MORE = [f"u{user:02},i{(user * 11 + 5) % 40:02},5,2024-02-01T00:00:{user:02}" for user in range(40)]


def test_a_night_is_judged_beside_who_is_named(second_day: World) -> None:
    # What is judged anyway is judged once.
    named = ["item_knn", "als[rank=2]", "als", "popularity"]
    printed = second_day.night(second_day.feed(MORE, "more.csv"), evaluate={"contenders": named})
    run_id = second_day.live()
    figures = {
        (row["subject"], row["versus"]): row
        for row in read_rows(second_day.dataset, METRICS, run_id=run_id)
        if row["metric"] == "ndcg@10" and not row["slice"]
    }
    judged = {"als", "popularity", "item_knn", "als[rank=2]"}
    assert {subject for subject, versus in figures if not versus} == judged
    assert {versus for subject, versus in figures if subject == "als"} == {"", *judged} - {"als"}
    assert len({row["users"] for row in figures.values()}) == 1
    # The night tells of them, from the best to the worst.
    lines = printed[printed.index("Judged on the same users, by ndcg@10") :].splitlines()[1:6]
    assert lines[0].split() == ["model", "beside", "als", "ndcg@10"]
    own = {subject: row["value"] for (subject, versus), row in figures.items() if not versus}
    order = sorted(own, key=lambda subject: (-own[subject], subject))
    assert [line.split()[0] for line in lines[1:]] == order
    assert [line.split()[-1] for line in lines[1:]] == [f"{own[one]:.4f}" for one in order]
    assert "made these lists" in lines[1 + order.index("als")]
    fitted = [
        row["model_id"].rpartition(".")[0].removeprefix(f"{run_id}.")
        for row in read_rows(second_day.dataset, MODELS, run_id=run_id)
    ]
    assert sum(role.startswith("beside-item_knn-") for role in fitted) == 1
    assert sum(role.startswith("beside-als-") for role in fitted) == 1
    # What is only judged is not stored as a model that lists are made of.
    assert all("[" not in role for role in fitted)


@pytest.mark.parametrize(
    ("named", "said"),
    [
        (["item_kn"], "Did you mean item_knn"),
        (["als[rank=0]"], "rank"),
        (["als[rank"], "evaluate.contenders"),
    ],
)
def test_who_cannot_be_made_is_refused_before_anything_is_taken_in(
    second_day: World, named: list[str], said: str
) -> None:
    before = len(read_rows(second_day.dataset, LOADS))
    with pytest.raises(ConfigurationError, match=said):
        second_day.night(second_day.feed(MORE, "more.csv"), evaluate={"contenders": named})
    assert len(read_rows(second_day.dataset, LOADS)) == before


def test_who_cannot_be_fitted_is_done_without_and_told_of(
    second_day: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> Fitted:
        raise ZeroDivisionError("planted")

    monkeypatch.setattr(RandomWalk, "fit", broken)
    printed = second_day.night(
        second_day.feed(MORE, "more.csv"), evaluate={"contenders": ["rp3beta", "item_knn"]}
    )
    said = "rp3beta was not compared with: ZeroDivisionError: planted"
    assert said in " ".join(printed.split())
    rows = read_rows(second_day.dataset, METRICS, run_id=second_day.live())
    subjects = {row["subject"] for row in rows}
    assert "item_knn" in subjects
    assert "rp3beta" not in subjects


def test_settings_of_models_that_are_not_used_may_be_of_any_release(
    second_day: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is live has settings of a model that there is no more, and its own are known."""

    def stored(run: Run, **changes: object) -> Run:
        configuration = json.loads(run.configuration)
        configuration["model"] |= changes
        return replace(run, configuration=json.dumps(configuration))

    find_run = Ledger.find_run
    live = second_day.live()
    for changes, readable in (({"gone": {"rank": 1}}, True), ({"als": {"gone": 1}}, False)):

        def older(ledger: Ledger, run_id: str, changes: Any = changes) -> Run | None:
            run = find_run(ledger, run_id)
            return stored(run, **changes) if run is not None and run_id == live else run

        monkeypatch.setattr(Ledger, "find_run", older)
        als = {"rank": 3, "iterations": 2 + readable, "warm_start": False}
        model = {"name": "als", "als": als}
        printed = second_day.night(second_day.feed(MORE), publish=False, model=model)
        assert (
            "has settings that this release does not know" in " ".join(printed.split())
        ) != readable
