"""The plan of a backfill, over ledgers written by hand."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from itertools import count
from pathlib import Path
from shutil import copytree
from typing import Any

import pytest

from toplists.cli.command import main
from toplists.config.settings import Settings
from toplists.errors import ConfigurationError
from toplists.lake.bookkeeping import append_rows
from toplists.lake.dataset import Dataset
from toplists.lake.lease import Lease
from toplists.lake.ledger import Ledger, Outcome, Run
from toplists.lake.pointer import move_pointer, read_pointer
from toplists.lake.tables import LOADS, RECOMMENDATIONS
from toplists.pipeline.backfilling import STEPS, Backfill, Day, plan_backfill
from toplists.pipeline.lineage import identifying

BEGAN = datetime(2026, 3, 20, tzinfo=UTC)
SECONDS = {"prepare": 1, "train": 10, "recommend": 2, "evaluate": 4, "publish": 1}


@dataclass
class Shop:
    """A dataset with loads and runs; each step takes its `SECONDS`."""

    dataset: Dataset
    settings: Settings = field(default_factory=Settings)
    ticks: Iterator[int] = field(default_factory=count)
    loads: list[str] = field(default_factory=list)
    now: datetime = BEGAN

    def load(self, newest: datetime = datetime(2026, 3, 15, 12, tzinfo=UTC)) -> None:
        """Take something in."""
        load_id = f"load-{next(self.ticks)}"
        counts = dict.fromkeys(("rows", "accepted", "duplicates", "corrections", "rejected"), 0)
        row = {"load_id": load_id, "source": "csv", "path": "x", "fingerprint": "f", **counts}
        times = {"newest_event_time": newest, "loaded_at": BEGAN}
        append_rows(self.dataset, LOADS, [row | times | {"files": None, "redrive_of": None}])
        self.loads.append(load_id)

    def run(
        self, day: int, *steps: str, end: str = "done", lists: bool = True, **others: Any
    ) -> Run:
        """Do steps of the run of a day; the last one ends in `end`."""
        settings = others.get("settings", self.settings)
        run = identifying(date(2026, 3, day), self.loads, settings)(parent=others.get("parent"))
        ledger = Ledger(self.dataset, lambda: self.now)
        for step in steps:
            attempt = ledger.begin(run, step)
            self.now += timedelta(seconds=SECONDS[step])
            if step == steps[-1] and end == "failed":
                ledger.fail(attempt, "no room")
            elif step == steps[-1] and end == "refused":
                ledger.refuse(attempt, "worse", {})
            elif step != steps[-1] or end == "done":
                ledger.finish(attempt, Outcome("well"))
        if lists:
            row = {"run_id": run.run_id, "placement": "default", "user_id": "1", "items": []}
            rows = [row | {"short_reason": None, "schema_version": 1}]
            append_rows(self.dataset, RECOMMENDATIONS, rows)
        return run

    def publish(self, run: Run, bad: Run | None = None) -> None:
        """Make a run live."""
        assert run.as_of is not None
        move_pointer(
            self.dataset,
            read_pointer(self.dataset),
            Lease(1),
            run_id=run.run_id,
            as_of=run.as_of,
            action="rollback" if bad else "publish",
            now=self.now,
            bad_run_id=bad.run_id if bad else None,
        )

    def plan(self, first: int, last: int, **options: Any) -> Backfill:
        """The plan for days of March."""
        days = date(2026, 3, first), date(2026, 3, last)
        return plan_backfill(self.dataset, self.settings, *days, **options)


@pytest.fixture
def shop(no_rows: Path, tmp_path: Path) -> Shop:
    shop = Shop(Dataset(copytree(no_rows, tmp_path / "lake" / "shop")))
    shop.load()
    return shop


def said(plan: Backfill) -> list[tuple[int, str, Sequence[str]]]:
    return [(day.as_of.day, day.standing, day.remaining) for day in plan.days]


def test_each_day_is_told_from_what_became_of_its_run(shop: Shop) -> None:
    shop.run(10, *STEPS)
    shop.run(11, "prepare", "train", end="failed")
    shop.run(12, *STEPS, end="refused")
    shop.run(13, "prepare", "train", "recommend", end="running")  # its process died, or lives
    # Of other settings: not what jobs would go on with.
    shop.run(14, *STEPS, settings=Settings(recommend={"n": 3}))  # type: ignore[arg-type] # as in YAML
    assert said(shop.plan(10, 14)) == [
        (10, "finished", ()),
        (11, "train failed", STEPS[1:]),
        (12, "evaluate refused", STEPS[3:]),
        (13, "recommend running or interrupted", STEPS[2:]),
        (14, "not begun", STEPS),
    ]


def test_what_was_shown_before_is_left_alone(shop: Shop) -> None:
    runs = [shop.run(day, *STEPS) for day in (10, 11, 12)]
    for run in runs:
        shop.publish(run)
    shop.publish(runs[1], bad=runs[2])
    assert said(shop.plan(10, 12, move_pointer=True)) == [
        (10, "published", ()),
        (11, "live", ()),
        (12, "declared bad", ()),
    ]


def test_a_run_that_started_from_a_bad_one_does_not_count(shop: Shop) -> None:
    good, bad = shop.run(10, *STEPS), shop.run(11, *STEPS)
    shop.publish(bad)
    shop.run(12, *STEPS, parent=bad)
    shop.publish(good, bad=bad)
    assert said(shop.plan(12, 12)) == [(12, "not begun", STEPS)]


def test_a_night_between_two_halves_of_a_backfill_does_not_begin_it_anew(shop: Shop) -> None:
    shop.run(10, *STEPS)
    shop.run(11, "prepare", "train", end="failed")
    shop.load()
    plan = shop.plan(10, 11)
    # What was half-way is of no use: the job begins a run over all that was loaded.
    assert said(plan) == [(10, "finished", ()), (11, "not begun", STEPS)]
    assert [day.later_loads for day in plan.days] == [1, 0]
    assert said(shop.plan(10, 10, again=True)) == [(10, "not begun", STEPS)]


class TestPointer:
    def test_it_stays_unless_it_is_told_to_move(self, shop: Shop) -> None:
        plan = shop.plan(10, 12)
        assert plan.moves_to is None
        assert not any("publish" in day.remaining for day in plan.days)

    def test_it_moves_forward_only(self, shop: Shop) -> None:
        shop.publish(shop.run(11, *STEPS))
        shop.run(12, *STEPS)
        plan = shop.plan(10, 13, move_pointer=True)
        assert said(plan) == [
            (10, "not begun", STEPS),
            (11, "live", ()),
            (12, "finished", ("publish",)),
            (13, "not begun", (*STEPS, "publish")),
        ]
        assert plan.moves_to == date(2026, 3, 13)

    def test_stores_follow(self, shop: Shop, tmp_path: Path) -> None:
        stores = [{"name": "files", "kind": "files", "address": f"files:{tmp_path}/out"}]
        shop.settings = Settings.model_validate({"publish": {"stores": stores}})
        assert shop.plan(10, 10, move_pointer=True).days[0].remaining[-2:] == ("publish", "export")

    def test_lists_that_retention_removed_are_made_again(self, shop: Shop) -> None:
        shop.run(10, *STEPS, lists=False)
        assert said(shop.plan(10, 10)) == [(10, "finished", ())]
        again = ("prepare", "train", "recommend", "publish")
        assert said(shop.plan(10, 10, move_pointer=True)) == [(10, "finished", again)]
        shop.load()  # a new run, which has to be judged
        again = (*STEPS, "publish")
        assert said(shop.plan(10, 10, move_pointer=True)) == [(10, "finished", again)]


class TestCost:
    def test_it_is_the_sum_of_what_steps_took_in_the_last_runs(self, shop: Shop) -> None:
        for day in (8, 9):
            shop.run(day, *STEPS)
        shop.run(10, "prepare", end="failed")
        plan = shop.plan(9, 11)
        assert [day.seconds for day in plan.days] == [0.0, 17.0, 17.0]
        assert plan.seconds == 34.0
        assert plan.bytes_per_day is not None
        assert plan.bytes_per_day > 0

    def test_it_is_unknown_where_nothing_was_measured(self, shop: Shop) -> None:
        shop.run(10, "prepare")
        plan = shop.plan(10, 11)
        assert (plan.days[0].seconds, plan.seconds) == (None, None)
        assert shop.plan(9, 9).bytes_per_day is not None

    def test_publishing_may_be_the_part_that_is_unknown(self, shop: Shop) -> None:
        shop.run(10, *STEPS)
        assert shop.plan(11, 11).seconds == 17.0
        assert shop.plan(11, 11, move_pointer=True).seconds is None


def test_a_range_that_ends_before_it_begins_is_none(shop: Shop) -> None:
    with pytest.raises(ConfigurationError, match="2026-03-11 is after 2026-03-10"):
        shop.plan(11, 10)


def test_without_anything_loaded_there_is_no_plan(no_rows: Path, tmp_path: Path) -> None:
    empty = Shop(Dataset(copytree(no_rows, tmp_path / "shop")))
    with pytest.raises(ConfigurationError, match="Nothing was loaded yet"):
        empty.plan(10, 11)


def command(shop: Shop, *arguments: str) -> tuple[int, str, str]:
    out, err = io.StringIO(), io.StringIO()
    lake = str(shop.dataset.root.parent)
    code = main(["backfill", *arguments, "--lake", lake], {}, out, err, now=BEGAN)
    return code, out.getvalue(), err.getvalue()


class TestCommand:
    def test_a_person_sees_days_and_what_they_come_to(self, shop: Shop) -> None:
        shop.publish(shop.run(10, *STEPS))
        shop.run(11, "prepare", "train", end="failed")
        code, out, _ = command(shop, "2026-03-10", "2026-03-17")
        lines = out.splitlines()
        assert code == 0
        assert lines[0] == "Backfill of shop  2026-03-10 to 2026-03-17, oldest first"
        assert lines[2].split()[2:] == ["live", "nothing"]
        assert lines[3].split()[2:] == [
            "train",
            "failed",
            "train,",
            "recommend,",
            "evaluate",
            "16.0",
            "s",
        ]
        assert lines[4].split()[1:4] == ["-", "not", "begun"]
        assert "7 days of 8 to do: 1 min 58 s of work" in out
        assert "The live pointer stays at run 2026-03-10-" in out
        assert (
            "Nothing was loaded of what happened since 2026-03-16 00:00 UTC: from 2026-03-17" in out
        )

    def test_a_program_reads_the_same(self, shop: Shop) -> None:
        code, out, _ = command(shop, "2026-03-10", "2026-03-11", "--move-pointer", "--json")
        plan = json.loads(out)
        assert code == 0
        assert (plan["dataset"], plan["live"], plan["moves_to"]) == ("shop", None, "2026-03-11")
        assert plan["seconds"] is None
        assert [day["remaining"] for day in plan["days"]] == [[*STEPS, "publish"]] * 2
        assert Day(**plan["days"][0]).run_id is None
        assert plan["sentences"][-1] == "The live pointer moves to 2026-03-11."

    def test_what_is_no_day_is_refused(self, shop: Shop) -> None:
        with pytest.raises(SystemExit) as ended:
            command(shop, "yesterday", "2026-03-11")
        assert ended.value.code == 2
        code, _, err = command(shop, "2026-03-12", "2026-03-11")
        assert code == 2
        assert "ends before it begins" in err

    def test_nothing_is_written(self, shop: Shop) -> None:
        shop.run(10, *STEPS)
        before = {path: path.stat().st_mtime_ns for path in shop.dataset.root.rglob("*")}
        command(shop, "2026-03-10", "2026-03-12", "--move-pointer")
        assert {p: p.stat().st_mtime_ns for p in shop.dataset.root.rglob("*")} == before
