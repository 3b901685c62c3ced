"""How the models of a night are shown beside one another."""

from __future__ import annotations

from math import nan
from pathlib import Path

import pytest

from toplists.lake.dataset import Dataset
from toplists.pipeline import contest
from toplists.pipeline.contest import contest_of


def row(subject: str, value: float, *, versus: str = "", **other: object) -> dict[str, object]:
    own = {"subject": subject, "metric": "ndcg@10", "versus": versus, "value": value, "slice": None}
    return {**own, "low": nan, "high": nan, **other}


ROWS = [
    row("als", 0.20),
    row("slim", 0.25),
    row("item_knn", 0.21),
    row("popularity", 0.10),
    row("live", 0.20),
    row("als", -0.05, versus="slim", low=-0.07, high=-0.03),
    row("als", -0.01, versus="item_knn", low=-0.03, high=0.01),
    row("als", 0.10, versus="popularity", low=0.08, high=0.12),
    row("als", 0.0, versus="live"),  # nothing is known of how sure that is
    # What does not decide:
    row("als", 0.9, metric="recall@50"),
    row("popularity", 0.9, slice="activity=low"),
]


def test_the_best_comes_first(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(contest, "read_rows", lambda *_, **__: ROWS)
    dataset = Dataset(tmp_path)
    table = contest_of(dataset, "run", "als", "ndcg@10")
    assert table is not None
    assert table.rows == [
        ["slim", "better (+0.0500)", "0.2500"],
        ["item_knn", "no clear difference (+0.0100)", "0.2100"],
        ["als", "made these lists", "0.2000"],
        ["live", "no clear difference (+0.0000)", "0.2000"],
        ["popularity", "worse (-0.1000)", "0.1000"],
    ]
    assert contest_of(dataset, "run", "als", "mrr@10") is None
