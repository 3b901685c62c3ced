"""What a night leaves in the tables, and what it leaves alone."""

from __future__ import annotations

import json
import random
import re
import shutil
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest
from plans import has_windows, windows_over_all_rows
from worlds import HEADER, LIST_LENGTH, N_USERS, NOW, World, assert_identical, two_tastes

from toplists.engine.alternation import AlternationResult
from toplists.engine.storage import open_array, save_arrays
from toplists.engine.tasks import Tasks
from toplists.errors import ConfigurationError, GateRefusedError
from toplists.evaluation.report.figures import MetricsFile
from toplists.lake.dataset import Dataset
from toplists.lake.pointer import read_pointer
from toplists.lake.tables import (
    INTERACTIONS,
    METRICS,
    MODELS,
    POPULAR_ITEMS,
    RECOMMENDATIONS,
    RUNS,
    SIMILAR_ITEMS,
    SNAPSHOT_ITEMS,
)
from toplists.models import als
from toplists.pipeline.nightly import STEPS, begin_run
from toplists.pipeline.steps import recommend
from toplists.publish.publication import rollback
from toplists.publish.retention import prune

if TYPE_CHECKING:
    from pyspark.sql import SparkSession


def no_session() -> Any:
    raise AssertionError("a Spark session was started")


def test_a_night_publishes_a_list_for_everybody(first_night: World) -> None:
    world = first_night
    assert "6/6 publish" in world.printed
    assert f"live: {world.live()}" in world.printed

    seen = defaultdict(set)
    for line in two_tastes():
        user, item, *_ = line.split(",")
        seen[user].add(item)
    lists = world.lists()
    assert len(lists) == N_USERS + 1
    for user, items in lists.items():
        ids = [item for item, _, _ in items]
        assert len(ids) == len(set(ids)) == LIST_LENGTH
        assert not seen[user] & set(ids)
        order = [(-score, item) for item, score, source in items if source == "personal"]
        assert order == sorted(order)
    assert {source for _, _, source in lists["zoe"]} == {"popularity"}
    # An even user's own taste comes first.
    assert all(int(item[1:]) % 2 == 0 for item, _, _ in lists["u00"][:3])


def test_a_night_leaves_its_report(first_night: World) -> None:
    folder = first_night.dataset.reports / first_night.live()
    figures = MetricsFile.model_validate_json((folder / "metrics.json").read_bytes())
    assert figures.standing == "live"
    assert figures.seconds.keys() >= {*STEPS, "publish"}
    assert {figure.metric for figure in figures.figures} >= {"ndcg@10"}
    assert all(check.passed for check in figures.checks)
    page = (folder / "report.html").read_text()
    for heading in ("How good it is", "Learning curves", "Long tail", "Sample users"):
        assert f">{heading}</h2>" in page


def test_every_item_has_its_own_neighbours(first_night: World) -> None:
    assert_neighbours_share_a_taste(first_night)
    (popular,) = first_night.rows(POPULAR_ITEMS, run_id=first_night.live())
    assert len(popular["items"]) == LIST_LENGTH


def assert_neighbours_share_a_taste(world: World) -> None:
    run_id = world.live()
    similar = {row["item_id"]: row for row in world.rows(SIMILAR_ITEMS, run_id=run_id)}
    items = world.rows(SNAPSHOT_ITEMS, run_id=run_id)
    assert similar.keys() == {row["item_id"] for row in items}
    for item, row in similar.items():
        neighbours = [entry["item_id"] for entry in row["items"]]
        assert item not in neighbours
        assert all(int(other[1:]) % 2 == int(item[1:]) % 2 for other in neighbours)


def test_no_window_of_a_night_spans_all_rows(first_night: World) -> None:
    assert any(map(has_windows, first_night.plans))
    # Delta numbers the files of its log, which are few.
    ours = [plan for plan in first_night.plans if "_delta_log" not in plan]
    assert [window for plan in ours for window in windows_over_all_rows(plan)] == []


def test_the_same_night_again_changes_nothing_and_starts_no_spark(second_day: World) -> None:
    pointer = read_pointer(second_day.dataset)
    assert "Nothing changed" in second_day.night(second_day.first_feed, session=no_session)
    assert read_pointer(second_day.dataset) == pointer


def test_more_ratings_make_a_new_run_and_rollback_brings_the_old_one_back(
    second_day: World,
) -> None:
    world = second_day
    first, before = world.live(), world.lists()
    more = [f"u{user:02},i{(user + 1) % 40:02},5,2024-01-20T00:00:00" for user in range(0, 60, 2)]
    grown = world.feed([*two_tastes(), *more], "grown.csv")
    world.night(grown)
    second = world.live()
    assert second != first
    assert (world.parent(first), world.parent(second)) == (None, first)
    compared_with_the_night_before(world, second)
    # The same again is the same run, though the run before is another one now, unless told otherwise.
    assert "Nothing changed" in world.night(grown, session=no_session)
    cold = world.workplace(
        world.settings(), lambda place: begin_run(place, None, cold=True), no_session
    )
    assert cold.run_id not in (first, second)
    assert cold.parent is None
    assert world.lists() != before
    assert world.lists(first) == before

    world.workplace(
        world.settings(),
        lambda place: rollback(
            place.dataset, place.lease, now=place.clock(), to=None, mark_bad=False
        ),
        no_session,
    )
    assert world.live() == first
    assert world.lists() == before
    # The next night over the same input does not undo what a person decided.
    assert f"rollback --to {second}" in world.night(grown, session=no_session)
    assert world.live() == first


def compared_with_the_night_before(world: World, run_id: str) -> None:
    """What changed since the live run was measured, and judged by every rule."""
    measured = {
        (row["protocol"], row["metric"]): row["value"]
        for row in world.rows(METRICS, run_id=run_id)
        if row["versus"] == "live"
    }
    assert 0.0 < measured["churn", "jaccard@10"] < 1.0
    assert 0.0 < measured["churn", "rbo@10"] < 1.0
    assert (measured["churn", "users_entered"], measured["drift", "new_users"]) == (0, 0)
    assert 0.0 < measured["drift", "values_psi"] < 0.25  # thirty likings more
    newest, mean = (measured["timeliness", name] for name in ("freshness", "responsiveness"))
    assert 0.0 < newest <= mean
    (row,) = world.rows(RUNS, run_id=run_id, step="evaluate", state="done")
    outcomes = json.loads(row["facts"])["verdict"]["rules"]
    assert [(outcome["rule"]["rule"], outcome["state"]) for outcome in outcomes] == [
        ("loss", "passed"),
        ("loss", "not_judged"),  # the same settings are live
        ("trend", "not_judged"),
        ("churn", "passed"),
        ("drift", "passed"),
        ("drift", "passed"),
    ]
    (row,) = world.rows(RUNS, run_id=run_id, step="publish", state="done")
    newest = datetime(2024, 1, 20, tzinfo=UTC)
    assert json.loads(row["facts"])["responsiveness_seconds"] == (NOW - newest).total_seconds()


def test_neither_partitions_nor_blocks_nor_order_of_rows_and_columns_change_a_list(
    first_night: World, world: World
) -> None:
    lines = (first_night.folder / "feed.csv").read_text().splitlines()[1:]
    shuffled = [",".join(reversed(line.split(","))) for line in lines]
    random.Random(1).shuffle(shuffled)
    partitions = world.spark.conf.get("spark.sql.shuffle.partitions")
    assert partitions is not None
    world.spark.conf.set("spark.sql.shuffle.partitions", "32")
    try:
        feed = world.feed(shuffled, header=",".join(reversed(HEADER.split(","))))
        world.night(feed, engine={"block_entries": 100, "single_task_entries": 0})
    finally:
        world.spark.conf.set("spark.sql.shuffle.partitions", partitions)
    assert_identical(world.lists(), first_night.lists())


def refuse(world: World, **changes: Any) -> str:
    """A changed night that the gate must refuse; returns its reasons."""
    live, lists = world.live(), world.lists()
    with pytest.raises(GateRefusedError) as refusal:
        world.night(world.first_feed, **changes)
    assert world.live() == live
    assert world.lists() == lists
    message = str(refusal.value)
    (refused,) = re.findall(r"refused run (\S+):", message)
    report = (world.dataset.reports / refused / "report.html").read_text()
    assert "Refused, for " in report
    assert world.dataset.reports.joinpath(refused, "metrics.json").is_file()
    return message


def test_a_bad_model_is_not_published(second_day: World) -> None:
    # So much regularization that nothing is left of the factors but noise.
    als = {"rank": 1, "iterations": 1, "regularization": 1e6, "alpha": 0.0}
    bad = {"name": "als", "als": als}
    assert "ndcg@10" in refuse(second_day, model=bad)


def forget_users(result: AlternationResult) -> AlternationResult:
    for part in result.factors.users:
        known = open_array(part, "known")
        save_arrays(Path(part), {"known": np.zeros(len(known), dtype=np.bool_)})
    return result


def without_u0(lists: Tasks[Any]) -> Tasks[Any]:
    def some(piece: Any) -> Iterator[pa.RecordBatch]:
        for batch in lists.function(piece):
            yield batch.filter(pc.invert(pc.starts_with(batch["user_id"], "u0")))

    return replace(lists, function=some)


def test_neither_an_empty_model_nor_lists_for_nine_tenths_of_the_users_are_published(
    second_day: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    # All users without a vector, as if the fit had found nothing.
    fit = als.alternate
    monkeypatch.setattr(als, "alternate", lambda *arguments: forget_users(fit(*arguments)))
    all_lists = recommend.personal_lists
    monkeypatch.setattr(
        recommend,
        "personal_lists",
        lambda *arguments: without_u0(all_lists(*arguments)),
    )
    reasons = refuse(second_day, model={"name": "als", "seed": 1})
    assert "gate.min_personal_share" in reasons
    assert "without a list" in reasons


def test_a_run_goes_on_without_the_files_of_its_work_folder(
    second_day: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = second_day

    def dies(*arguments: Any) -> Any:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(recommend, "personal_lists", dies)
        with pytest.raises(KeyboardInterrupt):
            world.night(world.first_feed, model={"name": "als", "seed": 1})
    # Snapshot and publication fits are in tables; the evaluation fits are made again.
    shutil.rmtree(world.dataset.work)
    world.night(world.first_feed, model={"name": "als", "seed": 1})
    expected = world.lists()
    lists = {"n": LIST_LENGTH, "similar_n": 3, "similar": "factors"}
    world.night(world.first_feed, model={"name": "als", "seed": 1}, recommend=lists)
    assert_identical(world.lists(), expected)
    assert_neighbours_share_a_taste(world)


@pytest.mark.long
def test_a_run_that_was_pruned_is_made_again(second_day: World) -> None:
    unjudged = {"min_users": 1_000}
    for day in (date(2024, 1, 10), date(2024, 1, 11)):  # neither is published: a backfill
        second_day.night(second_day.first_feed, as_of=day, gate=unjudged, publish=False)
    gone = prune(second_day.dataset, read_pointer(second_day.dataset), keep_runs=1)
    assert len(gone) == 1
    day = date.fromisoformat(gone[0][:10])
    printed = second_day.night(second_day.first_feed, as_of=day, gate=unjudged, force=True)
    assert printed.count("done before") == 1  # the figures of evaluate are still there
    assert second_day.live() == gone[0]
    assert second_day.lists()


def test_an_older_as_of_is_not_published_without_force(second_day: World) -> None:
    world, newer, feed = second_day, second_day.live(), second_day.first_feed
    # Half of the events make a poor model, which is not the point.
    older: dict[str, Any] = {"as_of": date(2024, 1, 11), "gate": {"min_users": 1000}}
    with pytest.raises(ConfigurationError, match="--force"):
        world.night(feed, **older)
    printed = world.night(feed, **older, publish=False)
    assert "publish --dataset world --run-id" in printed
    assert world.live() == newer
    runs = {row["run_id"] for row in world.rows(RECOMMENDATIONS)}
    assert len(runs) == 2  # its lists are there
    assert "5/6 evaluate" in world.night(feed, **older, force=True)
    assert world.live().startswith("2024-01-11")
    assert {row["run_id"] for row in world.rows(RECOMMENDATIONS)} == runs == {newer, world.live()}


def test_another_preparation_and_a_model_for_all_alike_are_told(second_day: World) -> None:
    printed = second_day.night(
        second_day.first_feed,
        prepare={"positive_from": 2.0},
        model={"name": "window"},
        evaluate={"metrics": ["map@3", "precision@60", "mrr@3"]},
        gate={
            "min_users": 1000,
            "rules": [
                {"rule": "loss", "against": "live", "metric": "map@3"},
                {"rule": "churn", "below": 0.9, "max_share": 0.1},
            ],
        },
    )
    assert "(prepare.positive_from 4.0, now 2.0): the live model settings" in " ".join(
        printed.split()
    )
    sources = {source for items in second_day.lists().values() for _, _, source in items}
    assert sources == {"window"}
    checks = {row["metric"] for row in second_day.rows(METRICS, run_id=second_day.live())}
    assert {"user_retention", "trained_retention"} <= checks
    # What was asked for is measured, shown by its number of places, and decides.
    assert {"map@3", "precision@60", "mrr@3"} <= checks
    assert not any("ndcg" in name for name in checks)
    assert printed.index("map@3") < printed.index("mrr@3") < printed.index("precision@60")
    assert "map@3 0." in printed
    assert "users have another list than the live one (jaccard@10 below 0.9" in " ".join(
        printed.split()
    )


# Ids as they may come, and a user who has seen nearly everything.
USERS = ['a"b', "ü;x", "007", "9223372036854775807", "it's", "two words", "a,b", "🙂"]
ITEMS = [
    "x,y",
    "00",
    "0",
    "'q'",
    "🎬",
    "-1",
    "a\\b",
    "100%",
    "#7",
    "Ω",
    "s p",
    "18446744073709551616",
]
UNSEEN = {"i38", "i39"}


def odd_feed() -> list[str]:
    """Two tastes, the users and items of such ids, and the whale."""
    quoted = lambda text: '"' + text.replace('"', '""') + '"'  # noqa: E731  # local and short
    odd = [
        f"{quoted(user)},{quoted(item)},5,2024-01-{1 + number:02}T00:00:00"
        for place, user in enumerate(USERS)
        for number, item in enumerate(ITEMS)
        if (place + number) % 3
    ]
    items = [*ITEMS, *(f"i{number:02}" for number in range(40))]
    whale = [
        f"whale,{quoted(item)},5,2024-02-{1 + number % 28:02}T00:00:00"
        for number, item in enumerate(items)
        if item not in UNSEEN
    ]
    return [*two_tastes(), *odd, *whale]


@pytest.fixture(scope="module")
def odd(spark: SparkSession, tmp_path_factory: pytest.TempPathFactory) -> World:
    """A dataset after a night on the odd feed; not to be changed."""
    folder = tmp_path_factory.mktemp("odd")
    world = World(Dataset(folder / "lake" / "world"), spark, folder)
    world.night(
        world.feed(odd_feed()),
        prepare={"max_user_interactions": 10},
        model={
            "name": "als",
            "als": {"rank": 4, "iterations": 3, "feedback": "explicit"},
        },
        gate={"min_users": 1000},  # how good the model is, is not the point
    )
    return world


def test_ids_come_out_as_they_went_in(odd: World) -> None:
    assert odd.lists().keys() - {f"u{user:02}" for user in range(N_USERS)} == {*USERS, "whale"}
    similar = odd.rows(SIMILAR_ITEMS, run_id=odd.live())
    plain = {f"i{item:02}" for item in range(40)}
    assert {row["item_id"] for row in similar} - plain == set(ITEMS)
    assert {entry["item_id"] for row in similar for entry in row["items"]} - plain == set(ITEMS)


def test_a_heavy_user_is_capped_in_training_but_masked_in_full(odd: World) -> None:
    rows = odd.rows(INTERACTIONS, run_id=odd.live())
    own = sorted((r for r in rows if r["user_id"] == "whale"), key=lambda r: r["event_time"])
    assert len(own) == 50
    for weight in ("weight", "rating_weight"):  # of likings, and of all ratings
        times = [row["event_time"] for row in own if row[weight] > 0]
        assert len(times) == 10
        assert times[0] == own[-10]["event_time"]
    (fit,) = odd.rows(MODELS, model_id=f"{odd.live()}.personal.all")
    assert fit["interactions"] == sum(row["rating_weight"] > 0 for row in rows)
    # All that is left for the whale are the two items it has not seen.
    assert {item for item, _, _ in odd.lists()["whale"]} == UNSEEN
