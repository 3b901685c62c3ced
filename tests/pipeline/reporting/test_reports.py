"""Reports of a lake with two published nights, made without Spark."""

from __future__ import annotations

import io
import json
from collections import Counter
from pathlib import Path
from shutil import copytree

import pytest
from deltalake import DeltaTable, write_deltalake
from first_light import RUNS

from toplists.config.settings import Settings
from toplists.errors import ConfigurationError
from toplists.evaluation.report.figures import MetricsFile
from toplists.lake.bookkeeping import delete_rows, read_rows
from toplists.lake.dataset import Dataset
from toplists.lake.lease import Lease
from toplists.lake.ledger import utc_now
from toplists.lake.tables import (
    INTERACTIONS,
    ITEMS,
    RECOMMENDATIONS,
    SNAPSHOT_ITEMS,
    SNAPSHOT_USERS,
)
from toplists.lake.tables import RUNS as LEDGER
from toplists.pipeline.console import open_narrator
from toplists.pipeline.nightly import leave_report
from toplists.pipeline.reporting import writing
from toplists.pipeline.reporting.files import newest_judged_run, report_path
from toplists.pipeline.reporting.gather import gather_run
from toplists.pipeline.reporting.people import sample_users
from toplists.pipeline.reporting.tail import count_tail
from toplists.pipeline.reporting.writing import write_report
from toplists.pipeline.workplace import Workplace
from toplists.publish.leftovers import find_drafts

OLD, LIVE = RUNS


@pytest.fixture
def dataset(upgraded: Path, tmp_path: Path) -> Dataset:
    return Dataset(copytree(upgraded, tmp_path / "first-light"))


def test_a_report_is_two_files(dataset: Dataset) -> None:
    assert not report_path(dataset, LIVE).exists()
    path = write_report(dataset, LIVE)
    assert path == report_path(dataset, LIVE) == dataset.reports / LIVE / "report.html"
    figures = MetricsFile.model_validate_json((path.parent / "metrics.json").read_bytes())
    assert (figures.id, figures.standing) == (LIVE, "live")
    assert figures.verdict is not None
    assert {figure.subject for figure in figures.figures} >= {"als", "popularity"}
    assert LIVE in path.read_text(encoding="utf-8")
    assert find_drafts(dataset) == []
    assert write_report(dataset, OLD).is_file()
    assert newest_judged_run(dataset) == LIVE


def test_what_is_known_of_a_run(dataset: Dataset) -> None:
    content = gather_run(dataset, LIVE)
    assert [night.run_id for night in content.nights] == [OLD, LIVE]
    assert [step.verb for step in content.steps] == [
        "ingest",
        "prepare",
        "train",
        "recommend",
        "evaluate",
        "publish",
    ]
    assert content.arrivals is not None
    assert content.arrivals.total.rejected == sum(content.arrivals.reasons.values()) == 2
    assert content.settings["model.als.rank"] == "4"
    assert {"model.als.rank", "recommend.n"} <= content.changed
    assert content.lineage.loads
    assert {fit.part for fit in content.fits} == {"train", "all"}
    assert gather_run(dataset, OLD).standing == "was live"


def test_a_run_nobody_knows(dataset: Dataset) -> None:
    load = next(row["run_id"] for row in read_rows(dataset, LEDGER, step="ingest"))
    for unknown in ("2024-01-01-00000000", "../../etc", load):
        with pytest.raises(ConfigurationError, match="There is no run"):
            write_report(dataset, unknown)


def test_the_long_tail_is_what_counting_one_by_one_finds(dataset: Dataset) -> None:
    tail = count_tail(dataset, LIVE)
    assert tail is not None
    lists = read_rows(dataset, RECOMMENDATIONS, run_id=LIVE)
    shown = Counter(item["item_id"] for row in lists for item in row["items"])
    items = [
        row
        for row in read_rows(dataset, SNAPSHOT_ITEMS, run_id=LIVE)
        if row["trained"] > 0 and row["recommendable"] is not False
    ]
    items.sort(key=lambda row: (-row["interactions"], row["item_id"]))
    assert (tail.lists, tail.all_lists) == (len(lists), len(lists))
    assert tail.items == len(items)
    assert tail.listed == len(shown.keys() & {row["item_id"] for row in items})
    everything, seen = sum(shown.values()), sum(row["interactions"] for row in items)
    for point in tail.points:
        head = items[: round(point.catalogue * len(items))]
        assert point.lists == pytest.approx(sum(shown[row["item_id"]] for row in head) / everything)
        assert point.history == pytest.approx(sum(row["interactions"] for row in head) / seen)
    assert (tail.points[0].lists, tail.points[-1].lists) == (0, 1)


def test_of_many_lists_every_so_many_th_row_group_is_counted(dataset: Dataset) -> None:
    lists = DeltaTable(dataset.path(RECOMMENDATIONS)).to_pyarrow_table(
        filters=[("run_id", "=", LIVE)]
    )
    write_deltalake(
        dataset.path(RECOMMENDATIONS),
        lists.slice(0, 40),
        mode="overwrite",
        predicate=f"run_id = '{LIVE}'",
    )
    for number in range(40, len(lists), 10):
        write_deltalake(dataset.path(RECOMMENDATIONS), lists.slice(number, 10), mode="append")
    tail = count_tail(dataset, LIVE, most=len(lists) // 2)
    assert tail is not None
    assert tail.all_lists == len(lists)
    assert 0 < tail.lists < len(lists)


def test_users_to_look_at(dataset: Dataset) -> None:
    users = {row["user_id"]: row for row in read_rows(dataset, SNAPSHOT_USERS, run_id=LIVE)}
    chosen = sample_users(dataset, LIVE)
    assert [user.why for user in chosen] == ["the most active", "in the middle", "active last"]
    assert len({user.user_id for user in chosen}) == 3
    most = max(row["interactions"] for row in users.values() if row["eligible"])
    assert chosen[0].interactions == most
    for user in chosen:
        history = [
            row
            for row in read_rows(dataset, INTERACTIONS, run_id=LIVE)
            if row["user_id"] == user.user_id
        ]
        assert len(user.history) == min(10, len(history))
        assert user.items
        assert not {item.item_id for item in user.items} & {row["item_id"] for row in history}


def test_hostile_titles_stay_text(dataset: Dataset) -> None:
    (user, *_) = sample_users(dataset, LIVE)
    entry = {
        "item_id": user.items[0].item_id,
        "title": "<script>alert('x')</script>",
        "year": None,
        "genres": [],
        "attributes": {},
        "load_id": "load",
    }
    schema = DeltaTable(dataset.path(ITEMS)).to_pyarrow_table().schema
    delete_rows(dataset, ITEMS, where=f"item_id = '{entry['item_id']}'")
    write_deltalake(
        dataset.path(ITEMS), type(schema.empty_table()).from_pylist([entry], schema), mode="append"
    )
    page = write_report(dataset, LIVE).read_text(encoding="utf-8")
    assert "&lt;script&gt;alert(&#39;x&#39;)&lt;/script&gt;" in page
    assert "<script" not in page


def test_what_is_gone_is_left_out(dataset: Dataset) -> None:
    for table in (SNAPSHOT_USERS, SNAPSHOT_ITEMS, INTERACTIONS, RECOMMENDATIONS):
        delete_rows(dataset, table, where=f"run_id = '{LIVE}'")
    page = write_report(dataset, LIVE).read_text(encoding="utf-8")
    assert "How good it is" in page
    assert "Long tail" not in page
    assert "Sample users" not in page


def test_a_night_goes_on_without_its_report(
    dataset: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise OSError("no room")

    def no_session() -> None:
        raise AssertionError("a Spark session was started")

    out = io.StringIO()
    place = Workplace(Settings(), dataset, Lease(1), utc_now, no_session)  # type: ignore[arg-type]  # reports need none
    run = place.ledger.find_run(LIVE)
    assert run is not None
    with monkeypatch.context() as patch:
        patch.setattr(writing, "render", fail)
        leave_report(place, open_narrator({}, out, out), run)
    said = " ".join(out.getvalue().split())
    assert f"The report of run {LIVE} was not written (OSError: no room)" in said
    assert not report_path(dataset, LIVE).exists()
    leave_report(place, open_narrator({}, out, out), run)
    assert report_path(dataset, LIVE).is_file()


def test_figures_are_strict_json(dataset: Dataset) -> None:
    text = (write_report(dataset, LIVE).parent / "metrics.json").read_text()

    def refuse(constant: str) -> None:
        raise AssertionError(constant)

    json.loads(text, parse_constant=refuse)
