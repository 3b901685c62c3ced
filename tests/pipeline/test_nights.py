"""What is known of earlier nights, and of how old their news was."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from shutil import copytree

from toplists.config.gate_rules import ChurnRule, TrendRule
from toplists.lake.bookkeeping import append_rows
from toplists.lake.dataset import Dataset
from toplists.lake.ledger import Ledger, Outcome, Run
from toplists.lake.tables import LOADS, METRICS, PUBLICATIONS
from toplists.pipeline.nights import earlier_nights
from toplists.pipeline.steps.publish import newest_event

PROTOCOL = "last(5)"
FIRST = date(2026, 3, 1)
NOW = datetime(2026, 4, 1, tzinfo=UTC)


def run(day: int, name: str = "a") -> Run:
    as_of = FIRST + timedelta(days=day)
    return Run(f"{as_of}-{name}", as_of, '{"loads": []}', "{}", "", "")


def figures(run_id: str, value: float, protocol: str = PROTOCOL) -> list[dict[str, object]]:
    """The rows of a run: two own figures, two differences, and a check of its lists."""
    common = {"run_id": run_id, "metric": "ndcg@10", "low": 0.0, "high": 1.0, "users": 500}
    kinds = [("als", ""), ("popularity", ""), ("als", "popularity"), ("als", "live")]
    rows = [
        {**common, "protocol": protocol, "subject": subject, "versus": versus, "value": value}
        for subject, versus in kinds
    ]
    check = {"subject": "lists", "protocol": "list_checks", "versus": "", "value": 1.0}
    return [*rows, {**common, **check}]


def test_one_run_for_each_earlier_day(no_rows: Path, tmp_path: Path) -> None:
    dataset = Dataset(copytree(no_rows, tmp_path / "films"))
    times = iter(NOW + timedelta(minutes=minute) for minute in range(100))
    ledger = Ledger(dataset, lambda: next(times))
    # The second day was judged twice, the third three times, of which one was published.
    judged = [run(0), run(1), run(1, "b"), run(2), run(2, "b"), run(2, "c"), run(3), run(4)]
    for value, one in enumerate(judged):
        attempt = ledger.begin(one, "evaluate")
        if value % 2:
            ledger.refuse(attempt, "too bad", {})
        else:
            ledger.finish(attempt, Outcome("fine"))
        append_rows(dataset, METRICS, figures(one.run_id, value / 10))
    append_rows(dataset, METRICS, figures(run(0).run_id, 0.9, protocol="days(30)"))
    published = {
        "sequence": 1,
        "run_id": run(2, "b").run_id,
        "action": "publish",
        "as_of": run(2).as_of,
        "previous_run_id": None,
        "bad_run_id": None,
        "fence": 1,
        "published_at": NOW,
    }
    append_rows(dataset, PUBLICATIONS, [published])

    other = [{**row, "metric": "mrr@10"} for row in figures(run(0).run_id, 0.7)]
    append_rows(dataset, METRICS, other)
    rules = (TrendRule(rule="trend", metric="ndcg@10"), ChurnRule(rule="churn"))
    nights = earlier_nights(dataset, run(4), PROTOCOL, rules)
    assert [{figure.value for figure in night} for night in nights] == [{0.0}, {0.2}, {0.4}, {0.6}]
    # Nothing of the lists, and nothing against what was live then.
    assert {(figure.subject, figure.versus) for figure in nights[0]} == {
        ("als", ""),
        ("popularity", ""),
        ("als", "popularity"),
    }
    assert earlier_nights(dataset, run(4), PROTOCOL, rules[1:]) == []


def test_how_old_news_is_at_publication(no_rows: Path, tmp_path: Path) -> None:
    dataset = Dataset(copytree(no_rows, tmp_path / "films"))
    known = {"source": "csv", "path": "", "fingerprint": "", "rows": 1, "accepted": 1}
    counts = dict.fromkeys(("duplicates", "corrections", "rejected"), 0)
    times = {
        "a": datetime(2026, 2, 28, 12, tzinfo=UTC),
        "b": datetime(2026, 2, 27, tzinfo=UTC),
        "untimed": None,
        "later": datetime(2026, 3, 5, tzinfo=UTC),
        "not of the run": datetime(2026, 2, 28, 18, tzinfo=UTC),
    }
    rows = [
        {**known, **counts, "load_id": load_id, "newest_event_time": time, "loaded_at": NOW}
        for load_id, time in times.items()
    ]
    append_rows(dataset, LOADS, rows)

    def newest(*loads: str) -> datetime | None:
        one = replace(run(0), inputs=json.dumps({"loads": loads}))
        return newest_event(dataset, one)

    assert newest("a", "b", "untimed") == times["a"]
    assert newest("untimed") is None
    # What happened from the as_of on waits for another night.
    assert newest("a", "later") == datetime(2026, 3, 1, tzinfo=UTC)
