"""Several models side by side, on the data of a night."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

import pytest
from studies import compare
from worlds import NOW, World

from toplists.config.evaluate import EvaluateSettings
from toplists.errors import ConfigurationError, InputRefusedError
from toplists.lake.bookkeeping import read_rows
from toplists.lake.tables import METRICS, RUNS, USER_METRICS
from toplists.pipeline import comparing
from toplists.pipeline.comparing import (
    deciding_metric,
)
from toplists.pipeline.comparison_tables import (
    find_sample,
    lists_of,
    metrics_of,
    standings_of,
)
from toplists.pipeline.reporting.comparisons import write_comparison
from toplists.pipeline.workplace import Workplace


def test_models_are_compared_on_the_same_users_and_candidates(second_day: World) -> None:
    found = compare(second_day, "als, als[rank=2], item_knn, popular")
    assert [row.failure for row in found.rows] == [None] * 4
    assert {row.name for row in found.rows} == {"als", "als[rank=2]", "item_knn", "popularity"}
    values = [row.figures["ndcg@10"].value for row in found.rows]
    assert values == sorted(values, reverse=True)
    # Two tastes: whoever knows users beats popularity, which knows no user.
    last = found.rows[-1]
    assert (last.name, last.standing.verdict) == ("popularity", "clearly behind")
    judged = defaultdict(dict)
    for row in read_rows(second_day.dataset, USER_METRICS, run_id=found.comparison_id):
        targets = [target["item_pos"] for target in row["targets"]]
        judged[row["subject"]][row["user_id"]] = (row["candidates"], targets)
        assert len(targets) == 1  # leave one out
    assert len(judged) == 4
    assert all(rows == judged["als"] for rows in judged.values())
    # What decides is in the table of metrics, under the comparison's own id.
    rows = read_rows(second_day.dataset, METRICS, run_id=found.comparison_id)
    assert {row["protocol"] for row in rows} == {"loo"}
    assert {row["subject"] for row in rows} == {row.name for row in found.rows}
    (done,) = (
        row
        for row in read_rows(second_day.dataset, RUNS, run_id=found.comparison_id)
        if row["state"] == "done"
    )
    assert done["step"] == "compare"

    table = standings_of(found)
    assert [row[0] for row in table.rows] == [row.name for row in found.rows]
    assert table.rows[0][1] == "best"
    assert all(float(row[4]) >= 0 and float(row[6]) > 0 for row in table.rows)
    assert [row[0] for row in metrics_of(found).rows] == list(found.metrics)
    sample = find_sample(second_day.dataset, found, "u00")
    assert sample is not None
    assert [*sample.lists] == [row.name for row in found.rows]
    # u00 likes what is even.
    assert all(int(item_id[1:]) % 2 == 0 for item_id, _ in sample.lists["als"])
    # There is no catalogue, so that ids stand for titles.
    assert lists_of(sample).rows[0] == [
        found.rows[0].name,
        " · ".join(item_id for item_id, _ in sample.lists[found.rows[0].name]),
    ]
    assert find_sample(second_day.dataset, found, "nobody") is None

    path = write_comparison(second_day.dataset, found, sample, at=NOW)
    page = path.read_text(encoding="utf-8")
    assert "clearly behind" in page
    assert all(row.name in page for row in found.rows)
    assert path.with_name("metrics.json").is_file()


def test_a_model_that_fails_is_a_row_and_nothing_is_done_twice(
    second_day: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = []
    try_out = comparing.try_out

    def breaking(place: Workplace, stage: Any, entrant: Any, *rest: Any, **more: Any) -> Any:
        if entrant.name == "item_knn" and not made:
            raise ZeroDivisionError("planted")
        made.append(entrant.name)
        return try_out(place, stage, entrant, *rest, **more)

    monkeypatch.setattr(comparing, "try_out", breaking)
    found = compare(second_day, "item_knn, popular, als", "random_per_user(30%)")
    assert [row.name for row in found.rows][-1] == "item_knn"
    assert found.rows[-1].failure == "ZeroDivisionError: planted"
    assert found.rows[-1].figures == {}
    assert [row.failure for row in found.rows[:-1]] == [None, None]
    # Again: what was fitted is found, and what failed is tried once more.
    again = compare(second_day, "item_knn, popular, als", "random_per_user(30%)")
    assert again.comparison_id == found.comparison_id
    assert [row.failure for row in again.rows] == [None] * 3
    kept = {row.name: row for row in again.rows}
    for row in found.rows[:-1]:
        assert kept[row.name].cost == row.cost
        assert kept[row.name].figures == row.figures


def test_figures_of_several_folds_are_one(second_day: World) -> None:
    metrics = {"metrics": ["ndcg@10", "coverage@12"]}  # lists are as long as the deepest asks for
    found = compare(second_day, "als, popular", "kfold(3)", evaluate=metrics)
    assert {row.figures["coverage@12"].users > 0 for row in found.rows} == {True}
    assert len(found.folds) == 3
    rows = read_rows(second_day.dataset, USER_METRICS, run_id=found.comparison_id)
    assert {row["fold"] for row in rows} == {*found.folds}
    assert max(len(row["items"]) for row in rows) == 12
    for row in found.rows:
        of_users = [
            dict(one["values"])["ndcg@10"]
            for one in rows
            if one["subject"] == row.name and "ndcg@10" in dict(one["values"])
        ]
        assert row.figures["ndcg@10"].value == pytest.approx(sum(of_users) / len(of_users))
        assert row.figures["ndcg@10"].users == len(of_users)


def test_a_protocol_that_is_impossible_is_refused(second_day: World) -> None:
    with pytest.raises(InputRefusedError, match="judged"):
        compare(second_day, "popular", "loo, value>=9")


def test_the_metric_that_decides_is_measured_and_ranks() -> None:
    settings = EvaluateSettings(metrics=("coverage@5", "mrr@5", "recall@10"))
    assert deciding_metric(settings, None) == "mrr@5"
    assert deciding_metric(settings, "recall@10") == "recall@10"
    assert deciding_metric(EvaluateSettings(), None) == "ndcg@10"
    for asked_for in ("coverage@5", "ndcg@10"):
        with pytest.raises(
            ConfigurationError, match=f"by {asked_for}: use one of mrr@5, recall@10"
        ):
            deciding_metric(settings, asked_for)
    with pytest.raises(ConfigurationError, match="by what is measured: use a metric that ranks"):
        deciding_metric(EvaluateSettings(metrics=("coverage@5",)), None)
