"""What maintain removes, and that it leaves alone what somebody needs. Without Spark."""

from __future__ import annotations

import io
import json
import os
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from shutil import copytree
from typing import Any

import pyarrow as pa
import pytest
from deltalake import DeltaTable, write_deltalake
from first_light import RUNS

from toplists.config.operation import MaintainSettings
from toplists.config.publish import PublishSettings
from toplists.config.settings import Settings
from toplists.engine.remote_parts import PLACE, keep_parts_in
from toplists.errors import ConfigurationError
from toplists.lake.bookkeeping import append_rows, arrow_schema, read_rows
from toplists.lake.compaction import mean_overlaps, plan_compaction, why_left_alone
from toplists.lake.dataset import Dataset
from toplists.lake.failpoints import FAIL_AT
from toplists.lake.lease import Lease
from toplists.lake.tables import (
    EVENTS,
    INTERACTIONS,
    LOADS,
    METRICS,
    MODELS,
    RECOMMENDATIONS,
    REJECTED_EVENTS,
    TABLES,
    USER_FACTORS,
)
from toplists.lake.tables import RUNS as LEDGER
from toplists.lake.vacuum import Freed
from toplists.pipeline.console import open_narrator
from toplists.pipeline.invariants.check import check_dataset
from toplists.pipeline.maintenance import maintain as tell_maintenance
from toplists.pipeline.steps import maintain as step
from toplists.pipeline.watching.outcomes import keep_outcome, read_outcomes
from toplists.pipeline.watching.report import Report
from toplists.pipeline.workplace import Workplace
from toplists.publish.leftovers import find_unnamed_parts
from toplists.reader.delta import open_delta

OLD, LIVE = RUNS
NOW = datetime(2026, 12, 1, tzinfo=UTC)


def no_session() -> Any:
    raise AssertionError("a Spark session was started")


def place(
    dataset: Dataset, *, keep_runs: int = 2, now: datetime = NOW, **settings: Any
) -> Workplace:
    publish = PublishSettings.model_construct(keep_runs=keep_runs)  # 1 is below what is allowed
    chosen = Settings(publish=publish, maintain=MaintainSettings(**settings))
    return Workplace(chosen, dataset, Lease(1), lambda: now, no_session)


def maintain(
    dataset: Dataset, *, dry_run: bool = False, logs: Path | None = None, **settings: Any
) -> tuple[dict[str, int], dict[str, step.TableFiles], Freed]:
    here = place(dataset, **settings)
    gone = step.remove_expired(here, dry_run=dry_run)
    tended = {one.table: one for one in step.tend_tables(here, dry_run=dry_run)}
    return gone, tended, step.clear_files(here, logs=logs, dry_run=dry_run)


@pytest.fixture
def dataset(upgraded: Path, tmp_path: Path) -> Dataset:
    return Dataset(copytree(upgraded, tmp_path / "first-light"))


def contents(dataset: Dataset) -> dict[str, bytes]:
    """Every file below the dataset."""
    root = dataset.root
    return {
        str(path.relative_to(root)): path.read_bytes() for path in root.rglob("*") if path.is_file()
    }


def write_events(dataset: Dataset, days: list[date], rows_a_day: int = 40) -> None:
    """One file per day, in the given order."""
    for day in days:
        moment = datetime(day.year, day.month, day.day, tzinfo=UTC)
        rows = [
            {
                "event_id": f"{day}-{number}",
                "source": "csv",
                "load_id": "load",
                "line": number,
                "user_id": f"u{number}",
                "item_id": "i",
                "event_type": "rating",
                "value": 1.0,
                "event_time": moment,
                "event_date": day,
                "updated_at": None,
                "content_hash": "c",
            }
            for number in range(rows_a_day)
        ]
        append_rows(dataset, EVENTS, rows)


def ranges(dataset: Dataset) -> list[tuple[date, date]]:
    """First and last day of each file of `events`."""
    files = pa.table(DeltaTable(dataset.path(EVENTS)).get_add_actions(flatten=True)).to_pylist()
    return sorted((file["min.event_date"], file["max.event_date"]) for file in files)


def test_a_healthy_lake_stays_healthy_and_its_lists_readable(dataset: Dataset) -> None:
    before = open_delta(dataset.root).user("u00")
    _, tended, _ = maintain(dataset)
    assert tended["runs"].before > 5
    assert tended["runs"].after == tended["events"].after == 1
    assert open_delta(dataset.root).user("u00") == before
    findings = check_dataset(dataset, keep_runs=2)
    assert [finding for finding in findings if finding.state != "holds"] == []


def test_maintaining_again_changes_nothing(dataset: Dataset) -> None:
    maintain(dataset, vacuum_hours=0)
    before = contents(dataset)
    gone, tended, cleared = maintain(dataset, vacuum_hours=0)
    assert not any(gone.values())
    assert not any(one.changed for one in tended.values())
    assert cleared == Freed(0, 0)
    assert contents(dataset) == before


def test_a_dry_run_writes_nothing_and_says_what_would_be_done(dataset: Dataset) -> None:
    (dataset.root / ".x.1.tmp").write_text("draft")
    before = contents(dataset)
    says = maintain(dataset, dry_run=True, keep_runs=1, vacuum_hours=0, ledger_days=1)
    assert contents(dataset) == before
    assert says[0]["runs"] == 1
    assert says[1]["runs"].after == 1
    assert says[2] == Freed(1, len("draft"))
    assert maintain(dataset, keep_runs=1, vacuum_hours=0, ledger_days=1)[0]["runs"] == 1


def test_what_was_maintained_is_in_the_ledger(dataset: Dataset) -> None:
    out = io.StringIO()
    narrator = open_narrator({}, out, out)
    before = contents(dataset)
    tell_maintenance(place(dataset), narrator, logs=None, dry_run=True)
    assert "Nothing was changed" in out.getvalue()
    assert contents(dataset) == before
    for _ in range(2):
        tell_maintenance(place(dataset, keep_runs=1), narrator, logs=None, dry_run=False)
    rows = [row for row in read_rows(dataset, LEDGER) if row["step"] == "maintain"]
    assert sorted((row["run_id"], row["attempt"], row["state"]) for row in rows) == [
        ("maintain-2026-12-01", attempt, state)
        for attempt in (1, 2)
        for state in ("done", "running")
    ]
    (first,) = (row for row in rows if (row["attempt"], row["state"]) == (1, "done"))
    assert json.loads(first["facts"])["removed"]["runs"] == 1
    assert json.loads(first["configuration"])["publish"]["keep_runs"] == 1


def test_outcomes_stay_and_their_drafts_go(dataset: Dataset) -> None:
    report = Report("nightly", "success", 0, NOW, NOW)
    keep_outcome(dataset, report)
    draft = dataset.outcomes / ".nightly.json.1.tmp"
    draft.write_text("{")
    assert maintain(dataset)[2] == Freed(1, 1)
    assert not draft.exists()
    assert [outcome.verb for outcome in read_outcomes(dataset)] == ["nightly"]


def test_reports_go_with_their_runs(dataset: Dataset) -> None:
    # Those of a run nobody knows were left by a command that was killed; another's folder is not ours.
    gone, old_study, live_study = (
        f"{run}.compare-0123abcd" for run in ("2024-01-01-00000000", OLD, LIVE)
    )
    names = [OLD, old_study, LIVE, live_study, "notes", "2024-01-01-00000000", gone]
    for run in (OLD, LIVE):
        tuned = dataset.studies / f"{run}.tune-0123abcd"
        tuned.mkdir(parents=True)
        (tuned / "best.yaml").write_text("x")
    for name in names:
        (dataset.reports / name).mkdir(parents=True)
        (dataset.reports / name / "report.html").write_text("x")
    draft = dataset.reports / LIVE / ".report.html.1.tmp"
    draft.write_text("x")
    assert maintain(dataset)[2] == Freed(3, 3)
    assert not draft.exists()
    assert {folder.name for folder in dataset.reports.iterdir()} == {*names[:5]}
    assert len([*dataset.studies.iterdir()]) == 2
    maintain(dataset, keep_runs=1)
    assert {folder.name for folder in dataset.reports.iterdir()} == {LIVE, live_study, "notes"}
    assert [folder.name for folder in dataset.studies.iterdir()] == [f"{LIVE}.tune-0123abcd"]


def test_files_go_when_they_are_old_enough(dataset: Dataset) -> None:
    gone, tended, _ = maintain(dataset, keep_runs=1)
    assert gone["runs"] == 1
    # The archive keeps the times at which its files were written, but these left the table just now.
    old_files = list((dataset.root / "recommendations" / f"run_id={OLD}").glob("*.parquet"))
    assert old_files
    assert tended["recommendations"].freed == Freed(0, 0)
    _, tended, _ = maintain(dataset, keep_runs=1, vacuum_hours=0)
    assert tended["recommendations"].freed.files == len(old_files)
    assert tended["recommendations"].freed.bytes > 0
    assert not (dataset.root / "recommendations" / f"run_id={OLD}").exists()
    assert not open_delta(dataset.root).user("u00").fallback


def test_files_of_writes_that_died_go_too(dataset: Dataset) -> None:
    folder = Path(dataset.path(RECOMMENDATIONS)) / f"run_id={LIVE}"
    dead, fresh = folder / "part-dead.parquet", folder / "part-fresh.parquet"
    checksum = folder / ".part-dead.parquet.crc"
    for path in (dead, fresh, checksum):
        path.write_bytes(b"x")
    week_ago = (datetime.now(UTC) - timedelta(days=8)).timestamp()
    os.utime(dead, (week_ago, week_ago))
    _, tended, _ = maintain(dataset)
    assert tended["recommendations"].freed == Freed(1, 1)
    assert not dead.exists()
    assert not checksum.exists()
    assert fresh.exists()  # its write may be the last one, which is repeated


def test_a_reader_that_opened_the_lists_before_still_reads_them(dataset: Dataset) -> None:
    opened = DeltaTable(dataset.path(RECOMMENDATIONS))
    before = opened.to_pyarrow_table().num_rows
    maintain(dataset, keep_runs=1)
    assert opened.to_pyarrow_table().num_rows == before


def test_snapshots_and_models_may_go_before_the_lists(dataset: Dataset) -> None:
    gone, _, _ = maintain(dataset, snapshot_runs=1, model_runs=1)
    assert (gone["snapshots"], gone["runs' models"]) == (1, 1)
    partitions = {
        table.name: {next(iter(p.values())) for p in DeltaTable(dataset.path(table)).partitions()}
        for table in (INTERACTIONS, RECOMMENDATIONS, USER_FACTORS)
    }
    assert partitions["interactions"] == {LIVE}
    assert partitions["recommendations"] == {OLD, LIVE}
    assert partitions["user_factors"] == {f"{LIVE}.personal.all"}
    assert {row["run_id"] for row in read_rows(dataset, MODELS)} == {LIVE}
    findings = check_dataset(dataset, keep_runs=2)
    assert [finding for finding in findings if finding.state != "holds"] == []


def test_age_takes_events_rejected_rows_ledger_and_figures(dataset: Dataset) -> None:
    # A ledger of a run that is gone, and of one whose lists are kept; both are old.
    row = next(row for row in read_rows(dataset, LEDGER) if row["run_id"] == OLD)
    append_rows(dataset, LEDGER, [row | {"run_id": "gone"}])
    figure = read_rows(dataset, METRICS)[0]
    append_rows(dataset, METRICS, [figure | {"run_id": "gone"}])
    now = NOW + timedelta(days=365)
    since = (now - datetime(2024, 1, 10, tzinfo=UTC)).days
    gone, _, _ = maintain(dataset, now=now, events_days=since, rejected_days=30, ledger_days=30)
    days = DeltaTable(dataset.path(EVENTS)).to_pyarrow_table()["event_date"].to_pylist()
    assert min(days) == date(2024, 1, 10)
    assert gone["events"] == 751 - len(days)
    assert gone["rejected rows"] == 2
    assert read_rows(dataset, REJECTED_EVENTS) == []
    left = {row["run_id"] for row in read_rows(dataset, LEDGER)}
    assert left == {OLD, LIVE}
    assert {row["run_id"] for row in read_rows(dataset, METRICS)} == {OLD, LIVE}
    assert len(read_rows(dataset, LOADS)) == 2
    findings = check_dataset(dataset, keep_runs=2)
    assert [finding for finding in findings if finding.state != "holds"] == []


def test_what_is_young_stays(dataset: Dataset) -> None:
    at = max(load["loaded_at"] for load in read_rows(dataset, LOADS)) + timedelta(days=1)
    gone, _, _ = maintain(dataset, now=at, rejected_days=30, ledger_days=30)
    assert not any(gone.values())


def test_small_files_in_order_become_one(no_rows: Path, tmp_path: Path) -> None:
    dataset = copy(no_rows, tmp_path)
    write_events(dataset, [date(2024, 1, day) for day in range(1, 8)])
    _, tended, _ = maintain(dataset)
    assert (tended["events"].before, tended["events"].after) == (7, 1)
    assert len(read_rows(dataset, EVENTS)) == 7 * 40


def test_files_that_overlap_too_much_are_sorted_anew(no_rows: Path, tmp_path: Path) -> None:
    """Late days in many files: each load would touch them all."""
    dataset = copy(no_rows, tmp_path)
    rows: list[dict[str, Any]] = []
    first = date(2024, 1, 1)
    for file in range(8):
        write_events(dataset, [first + timedelta(days=file)], rows_a_day=1)
        rows = read_rows(dataset, EVENTS)
    opened = DeltaTable(dataset.path(EVENTS))
    whole = [
        row | {"event_id": f"{file}-{row['event_id']}"} for row in rows for file in range(2000)
    ]
    write_deltalake(opened, pa.Table.from_pylist([], schema=arrow_schema(opened)), mode="overwrite")
    for file in range(8):  # every file has every day
        append_rows(dataset, EVENTS, whole[file::8])
    assert set(ranges(dataset)) == {(first, first + timedelta(days=7))}
    opened = DeltaTable(dataset.path(EVENTS))
    assert plan_compaction(opened, EVENTS, 1).sort
    maintain(dataset)
    assert mean_overlaps(ranges(dataset)) == 0
    assert len(read_rows(dataset, EVENTS)) == len(whole)
    assert not plan_compaction(DeltaTable(dataset.path(EVENTS)), EVENTS, 1).needed


@pytest.mark.parametrize(
    ("spans", "expected"),
    [
        ([], 0),
        ([(1, 2), (2, 3), (3, 4)], 0),  # touching
        ([(1, 1), (1, 1), (1, 1)], 0),  # one day each, the same
        ([(1, 4), (2, 3)], 1),
        ([(1, 9), (1, 9), (1, 9)], 2),
        ([(1, 9), (5, 5)], 1),  # one day in the middle of the other
        ([(1, 5), (4, 9), (8, 12)], 4 / 3),
    ],
)
def test_overlaps(spans: list[tuple[int, int]], expected: float) -> None:
    assert mean_overlaps(spans) == pytest.approx(expected)


def test_published_lists_keep_their_files(dataset: Dataset) -> None:
    """They are cut into small row groups for those who look one list up."""
    before = set(DeltaTable(dataset.path(RECOMMENDATIONS)).file_uris())
    maintain(dataset)
    assert set(DeltaTable(dataset.path(RECOMMENDATIONS)).file_uris()) == before


def test_a_table_with_features_of_spark_is_left_alone(dataset: Dataset) -> None:
    log = dataset.root / "events" / "_delta_log"
    features = {"readerFeatures": ["deletionVectors"], "writerFeatures": ["deletionVectors"]}
    action = {"protocol": {"minReaderVersion": 3, "minWriterVersion": 7, **features}}
    (log / f"{len(list(log.glob('*.json'))):020d}.json").write_text(json.dumps(action) + "\n")
    before = contents(dataset)
    _, tended, _ = maintain(dataset)
    assert tended["events"].left_alone == "needs deletionVectors"
    after = contents(dataset)
    of_events = [name for name in before if name.startswith("events/")]
    assert {name: after.get(name) for name in of_events} == {n: before[n] for n in of_events}


def test_every_table_may_be_rewritten_as_it_is_created(no_rows: Path) -> None:
    tables = [path for path in no_rows.iterdir() if (path / "_delta_log").is_dir()]
    assert {why_left_alone(DeltaTable(str(path))) for path in tables} == {None}


def part(folder: Path, name: str) -> Path:
    path = folder / name
    path.mkdir(parents=True)
    (path / "x.npy").write_bytes(b"1234")
    return path


def test_work_files_of_the_live_run_stay_but_for_what_nothing_names(dataset: Dataset) -> None:
    blocks = dataset.work / LIVE / "blocks"
    model = dataset.work / LIVE / "models" / f"{LIVE}.personal.all"
    named, chunk = (
        part(blocks, "users-00000-00000000000000a1"),
        part(blocks, "chunks-users-00000000000000a2"),
    )
    inner = part(model / "fit-00000000000000a3", "users-001-00000-00000000000000a4")
    dead = part(model / "fit-00000000000000a5", "users-001-00000-00000000000000a6")
    # Manifests: of blocks, of a shape inside an attempt's folder, and of an attempt that died.
    (blocks / "users.json").write_text(json.dumps({"rows": 1, "blocks": [{"path": str(named)}]}))
    (model / "shape.json").write_text(json.dumps({"parts": {"users": [str(inner)]}}))
    (dead.parent / "progress.json").write_text(json.dumps({"users": [str(dead)]}))
    other = part(dataset.work / OLD / "blocks", "users-00000-00000000000000a7")
    gone = part(dataset.work / "2020-01-01-12345678", "blocks")
    _, _, cleared = maintain(dataset)
    assert named.exists()
    assert inner.exists()
    assert not any(path.exists() for path in (chunk, dead, dead.parent, other, gone))
    assert cleared.files == 4
    assert find_unnamed_parts(dataset, [LIVE]) == []


def test_a_run_goes_whose_files_are_in_a_storage_that_cannot_be_reached(
    dataset: Dataset, caplog: pytest.LogCaptureFixture
) -> None:
    work = dataset.work / OLD
    keep_parts_in(work, "gopher://gone")
    gone = step.remove_expired(place(dataset, keep_runs=1), dry_run=False)
    assert gone["runs"] == 1
    assert f"files of run {OLD} are left for maintain: engine.exchange = gopher://" in caplog.text
    # Whoever clears files is told each time, until the storage is there again or forgotten.
    with pytest.raises(ConfigurationError, match="gopher://gone cannot be opened"):
        step.clear_files(place(dataset, keep_runs=1), logs=None, dry_run=False)
    (work / PLACE).unlink()
    step.clear_files(place(dataset, keep_runs=1), logs=None, dry_run=False)
    assert not work.exists()


def test_old_logs_go_and_other_files_stay(dataset: Dataset, tmp_path: Path) -> None:
    logs = tmp_path / "logs"
    logs.mkdir()
    names = ["20260101T000000-nightly-7.log", "20261130T000000-nightly-8.log", "shop.log"]
    for name in names:
        (logs / name).write_text("x")
    maintain(dataset, logs=logs, log_days=90)
    assert sorted(path.name for path in logs.iterdir()) == names[1:]


class DiedError(Exception):
    """Stands for a kill."""


WANTED = {"keep_runs": 1, "vacuum_hours": 0, "ledger_days": 1}


@pytest.fixture
def die_at(monkeypatch: pytest.MonkeyPatch) -> Callable[[Dataset, str], None]:
    """Lets the maintenance of a lake die at a moment."""

    def die() -> None:
        raise DiedError

    def died(dataset: Dataset, moment: str) -> None:
        with monkeypatch.context() as patch:
            patch.setattr("toplists.lake.failpoints.die", die)
            patch.setenv(FAIL_AT, moment)
            with pytest.raises(DiedError):
                maintain(dataset, **WANTED)

    return died


def test_killed_and_run_again_it_ends_the_same(
    dataset: Dataset, upgraded: Path, tmp_path: Path, die_at: Callable[[Dataset, str], None]
) -> None:
    maintain(dataset, **WANTED)
    killed = Dataset(copytree(upgraded, tmp_path / "killed"))
    for moment in (
        "after removal from snapshot_users",  # some tables have the run, some do not
        "before removal from user_factors",  # the registry no longer knows the model
        "after compaction of runs",
    ):
        die_at(killed, moment)
        assert not open_delta(killed.root).user("u00").fallback
    maintain(killed, **WANTED)
    assert rows_of(killed) == rows_of(dataset)


@pytest.mark.long
def test_killed_at_any_moment_and_run_again_it_ends_the_same(
    dataset: Dataset,
    upgraded: Path,
    tmp_path: Path,
    die_at: Callable[[Dataset, str], None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    notes = tmp_path / "moments"
    with monkeypatch.context() as patch:
        patch.setenv(FAIL_AT, f">{notes}")
        maintain(dataset, **WANTED)
    moments = list(dict.fromkeys(notes.read_text().splitlines()))
    assert len(moments) > 20
    expected = rows_of(dataset)
    for number, moment in enumerate(moments):
        killed = Dataset(copytree(upgraded, tmp_path / f"killed-{number}"))
        die_at(killed, moment)
        assert not open_delta(killed.root).user("u00").fallback, moment
        maintain(killed, **WANTED)
        assert rows_of(killed) == expected, moment


def rows_of(dataset: Dataset) -> dict[str, list[str]]:
    """Every row of every table, whatever the files."""
    return {table.name: sorted(map(repr, read_rows(dataset, table))) for table in TABLES}


def copy(no_rows: Path, tmp_path: Path) -> Dataset:
    return Dataset(copytree(no_rows, tmp_path / "world"))
