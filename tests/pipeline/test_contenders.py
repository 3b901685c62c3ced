"""Nights that are judged beside other models than popularity and what is live."""

from __future__ import annotations

import pytest
from worlds import World

from toplists.errors import ConfigurationError
from toplists.lake.bookkeeping import read_rows
from toplists.lake.tables import LOADS, METRICS, MODELS

MORE = [f"u{user:02},i{(user * 11 + 5) % 40:02},5,2024-02-01T00:00:{user:02}" for user in range(40)]


def test_a_night_is_judged_beside_who_is_named(second_day: World) -> None:
    # What is judged anyway is judged once.
    named = ["item_knn", "als[rank=2]", "als", "popularity"]
    second_day.night(second_day.feed(MORE, "more.csv"), evaluate={"contenders": named})
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
