"""What a night leaves behind of its evaluation: a row per user and contender, figures, slices."""

from __future__ import annotations

from collections import defaultdict
from datetime import date

import numpy as np
import pytest
from worlds import SMALL, World

from toplists.lake.bookkeeping import read_rows
from toplists.lake.pointer import read_pointer
from toplists.lake.tables import METRICS, SNAPSHOT_ITEMS, USER_METRICS


def live_run(world: World) -> str:
    live = read_pointer(world.dataset).live
    assert live is not None
    return live.run_id


def test_figures_are_the_means_of_the_rows_of_users(first_night: World) -> None:
    run_id = live_run(first_night)
    rows = read_rows(first_night.dataset, USER_METRICS, run_id=run_id)
    figures = {
        (row["subject"], row["metric"]): row
        for row in read_rows(first_night.dataset, METRICS, run_id=run_id)
        if not row["versus"] and not row["slice"] and row["subject"] != "lists"
    }
    of_users = defaultdict(list)
    for row in rows:
        for metric, value in row["values"]:
            of_users[row["subject"], metric].append(value)
    assert {subject for subject, _ in of_users} == {"als", "popularity"}
    for name, values in of_users.items():
        assert figures[name]["value"] == pytest.approx(np.mean(values))
        assert figures[name]["users"] == len(values)
        assert figures[name]["low"] <= figures[name]["value"] <= figures[name]["high"]


def test_all_contenders_are_judged_on_the_same_users_and_items(first_night: World) -> None:
    run_id = live_run(first_night)
    judged = defaultdict(dict)
    for row in read_rows(first_night.dataset, USER_METRICS, run_id=run_id):
        assert row["fold"] == "holdout"
        targets = [(target["item_pos"], target["liked"]) for target in row["targets"]]
        judged[row["subject"]][row["user_id"]] = (row["candidates"], targets)
    assert judged["als"] == judged["popularity"]
    n_items = len(read_rows(first_night.dataset, SNAPSHOT_ITEMS, run_id=run_id))
    for candidates, targets in judged["als"].values():
        assert targets
        assert len(targets) <= candidates <= n_items


def test_slices_have_figures_of_their_own(first_night: World) -> None:
    rows = read_rows(first_night.dataset, METRICS, run_id=live_run(first_night))
    users = {
        row["slice"]: row["users"]
        for row in rows
        if (row["subject"], row["metric"], row["versus"]) == ("als", "ndcg@10", "")
    }
    # 61 users, all of whom are alike: the thirds of activity are one slice, which is everybody.
    assert users[""] == users["activity=low"]
    assert {"activity=high", "activity=middle"}.isdisjoint(users)
    assert any(name.startswith("popularity=") for name in users)


def test_a_night_measures_whatever_is_asked_of_it(second_day: World) -> None:
    metrics = (
        *(
            "ndcg@10",
            "auc",
            "novelty@5",
            "unexpectedness@5",
            "calibration@5",
            "coverage@5",
            "gini@5",
        ),
        *("rmse", "predictable", "rating_hit_rate@10=5", "personal_share@5"),
    )
    second_day.night(
        second_day.first_feed,
        model=SMALL["model"] | {"als": SMALL["model"]["als"] | {"feedback": "explicit"}},
        evaluate={"metrics": metrics, "slices": ["tenure", "user:plan", "item:genres"]},
        gate={"min_users": 1000},  # it is worse than what is live
    )
    rows = read_rows(second_day.dataset, METRICS, run_id=live_run(second_day))
    figures = {
        (row["subject"], row["metric"]): row
        for row in rows
        if not (row["versus"] or row["slice"]) and row["subject"] != "lists"
    }
    measured = {metric for subject, metric in figures if subject == "als"}
    # Items have no genres here: nobody has a list that could be like, or unlike, a history.
    assert measured == {*metrics} - {"calibration@5"}
    # Popularity predicts no values.
    assert {"rmse", "predictable"}.isdisjoint(m for s, m in figures if s == "popularity")
    assert 0 < figures["als", "rmse"]["value"] < 4
    assert figures["als", "predictable"]["value"] == 1
    assert figures["als", "coverage@5"]["low"] is None
    assert 0 < figures["popularity", "coverage@5"]["value"] <= 1
    parts = {row["slice"] for row in rows} - {""}
    assert parts
    assert all(part.startswith("tenure=") for part in parts)


def test_a_night_whose_holdout_judges_nobody_is_judged_by_its_lists(second_day: World) -> None:
    # The feed ends long before the last day.
    printed = second_day.night(
        second_day.feed(
            [
                f"u{user:02},i{item:02},5,2023-01-01T00:00:00"
                for user in range(8)
                for item in range(3)
            ]
            + ["u00,i03,2,2024-06-01T00:00:00"],
            "old.csv",
        ),
        prepare={"split": {"method": "days", "holdout_days": 1}},
        as_of=date(2024, 6, 2),
    )
    assert "the holdout has no users" in " ".join(printed.split())
    rows = read_rows(second_day.dataset, METRICS, run_id=live_run(second_day))
    assert {row["subject"] for row in rows} >= {"lists"}
    assert not any(row["metric"].startswith("ndcg") for row in rows)
