"""Every invariant is seen to hold in a sound lake, and seen broken where its fault is planted."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from shutil import copytree
from typing import Any

import pytest
from deltalake import DeltaTable
from first_light import RUNS

from toplists.lake.bookkeeping import append_rows, read_rows, replace_rows
from toplists.lake.dataset import Dataset
from toplists.lake.removal import note_removal
from toplists.lake.schema import Table
from toplists.lake.tables import (
    EVENTS,
    INTERACTIONS,
    LOADS,
    MODELS,
    POPULAR_ITEMS,
    PUBLICATIONS,
    RECOMMENDATIONS,
    REJECTED_EVENTS,
    SIMILAR_ITEMS,
    SNAPSHOT_ITEMS,
    SNAPSHOT_USERS,
    TABLES,
    USER_METRICS,
)
from toplists.lake.tables import RUNS as LEDGER
from toplists.pipeline.invariants.check import INVARIANTS, check_dataset
from toplists.pipeline.invariants.finding import Finding, find
from toplists.pipeline.invariants.lake_view import LakeView

BY_NAME = {invariant.name: invariant for invariant in INVARIANTS}
OLD, LIVE = RUNS
KEPT = 2


@pytest.fixture
def dataset(upgraded: Path, tmp_path: Path) -> Dataset:
    # Links will do: files of a Delta table are never written to again.
    return Dataset(copytree(upgraded, tmp_path / "first-light", copy_function=os.link))


def look(dataset: Dataset, name: str, *, keep_runs: int = KEPT, deep: bool = True) -> Finding:
    return find(BY_NAME[name], LakeView(dataset, keep_runs=keep_runs, deep=deep))


def test_everything_holds_in_a_sound_lake(upgraded: Path) -> None:
    findings = check_dataset(Dataset(upgraded), keep_runs=KEPT)
    assert [finding for finding in findings if finding.state != "holds"] == []
    assert [finding.name for finding in findings] == list(BY_NAME)
    assert not any(finding.remedy for finding in findings)


def test_everything_holds_in_a_lake_without_rows(no_rows: Path) -> None:
    assert {finding.state for finding in check_dataset(Dataset(no_rows))} == {"holds"}


def test_without_deep_no_pass_over_all_events_is_made(upgraded: Path) -> None:
    names = {finding.name for finding in check_dataset(Dataset(upgraded), deep=False)}
    assert set(BY_NAME) - names == {"event-keys", "event-rules", "replay"}


# How faults are planted. Every function leaves the dataset with one.

Plant = Callable[[Dataset], None]


def repeat_row(table: Table) -> Plant:
    """A row of the table stands there twice."""

    def plant(dataset: Dataset) -> None:
        append_rows(dataset, table, read_rows(dataset, table)[-1:])

    return plant


def change(table: Table, where: Callable[[dict[str, Any]], bool], **changes: Any) -> Plant:
    """The first row that `where` finds has other values; its constraints are put aside."""

    def plant(dataset: Dataset) -> None:
        rows = read_rows(dataset, table)
        row = next(row for row in rows if where(row))
        for column, value in changes.items():
            row[column] = value(row[column]) if callable(value) else value
        opened = DeltaTable(dataset.path(table))
        for name in table.constraints:
            opened.alter.drop_constraint(name)
        replace_rows(dataset, table, rows, where="true")

    return plant


def remove(table: Table, where: str) -> Plant:
    """Rows of the table are gone."""

    def plant(dataset: Dataset) -> None:
        DeltaTable(dataset.path(table)).delete(where)

    return plant


def write(name: str, content: str) -> Plant:
    """A file beside the tables."""

    def plant(dataset: Dataset) -> None:
        path = dataset.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.unlink(missing_ok=True)
        path.write_text(content)

    return plant


def of_live(row: dict[str, Any]) -> bool:
    return row["run_id"] == LIVE


def any_row(row: dict[str, Any]) -> bool:
    return True


def edit_list(edit: Callable[[list[dict[str, Any]]], list[dict[str, Any]]], table: Table) -> Plant:
    return change(table, of_live, items=edit)


def scored(score: float) -> Callable[[list[dict[str, Any]]], list[dict[str, Any]]]:
    """The last item of a list has this score."""
    return lambda items: [*items[:-1], items[-1] | {"score": score}]


def list_itself(dataset: Dataset) -> None:
    row = next(row for row in read_rows(dataset, SIMILAR_ITEMS) if of_live(row))
    own = [row["items"][0] | {"item_id": row["item_id"]}, *row["items"][1:]]
    change(SIMILAR_ITEMS, lambda other: other == row, items=own)(dataset)


def list_a_seen_item(dataset: Dataset) -> None:
    pair = next(row for row in read_rows(dataset, INTERACTIONS) if of_live(row))
    change(
        RECOMMENDATIONS,
        lambda row: of_live(row) and row["user_id"] == pair["user_id"],
        items=lambda items: [items[0] | {"item_id": pair["item_id"]}, *items[1:]],
    )(dataset)


def swap_positions(dataset: Dataset) -> None:
    """u00 and u01 change places: dense, but not in the order of ids."""
    other = {"u00": 1, "u01": 0}
    for table in (SNAPSHOT_USERS, INTERACTIONS):
        rows = read_rows(dataset, table)
        for row in rows:
            if of_live(row):
                row["user_pos"] = other.get(row["user_id"], row["user_pos"])
        replace_rows(dataset, table, rows, where="true")


def remove_load(dataset: Dataset) -> None:
    """As after a kill before the row in `loads`, which is written last."""
    newest = max(read_rows(dataset, LOADS), key=lambda load: load["loaded_at"])
    DeltaTable(dataset.path(LOADS)).delete(f"load_id = '{newest['load_id']}'")


def keep_models_of_a_gone_run(dataset: Dataset) -> None:
    """As after a kill in the middle of pruning."""
    for table in TABLES:
        if table.partition_by == ("run_id",):
            remove(table, f"run_id = '{OLD}'")(dataset)


def keep_a_fit_of_a_gone_run(dataset: Dataset) -> None:
    row = read_rows(dataset, MODELS)[0]
    append_rows(dataset, MODELS, [row | {"run_id": "gone", "model_id": "gone.personal.all"}])


def need_a_newer_reader(dataset: Dataset) -> None:
    """As if column mapping was switched on."""
    log = dataset.root / "recommendations" / "_delta_log"
    versions = sorted(log.glob("*.json"))
    action = {"protocol": {"minReaderVersion": 2, "minWriterVersion": 5}}
    (log / f"{len(versions):020d}.json").write_text(json.dumps(action) + "\n")


NOT_LIVE = f"run_id <> '{LIVE}'"
FAULTS: list[tuple[str, str, Plant]] = [
    ("lake-version", "this release is of version", lambda d: (d.root / "version.json").unlink()),
    (
        "definitions",
        "loads lacks CHECK rows_add_up",
        lambda d: DeltaTable(d.path(LOADS)).alter.drop_constraint("rows_add_up"),
    ),
    ("readable", "recommendations needs reader version 2", need_a_newer_reader),
    ("keys", "snapshot_items: 1 keys", repeat_row(SNAPSHOT_ITEMS)),
    ("keys", "loads: 1 keys", repeat_row(LOADS)),
    ("keys", "similar_items: 1 keys", repeat_row(SIMILAR_ITEMS)),
    ("rules", "CHECK split in 1 rows", change(INTERACTIONS, any_row, split="other")),
    ("event-keys", "events: 1 keys", repeat_row(EVENTS)),
    ("event-rules", "CHECK ids_not_empty in 1 rows", change(EVENTS, any_row, user_id="")),
    ("load-rows", "1 accounted for", change(LOADS, any_row, accepted=1, duplicates=0, rejected=0)),
    ("rejected-rows", "2 rejected, 1 stored", remove(REJECTED_EVENTS, "raw LIKE '%ten%'")),
    ("load-events", "are stored", change(LOADS, any_row, accepted=lambda n: n - 1)),
    ("load-events", "751 events were accepted, 750", remove(EVENTS, "user_id = 'zoe'")),
    ("interrupted-loads", "30 events and is not complete", remove_load),
    ("positions", "2 rows of snapshot_users", swap_positions),
    # A gap: the last one is missing in the middle of the numbers.
    (
        "positions",
        "snapshot_items",
        remove(SNAPSHOT_ITEMS, f"item_id = 'i05' AND NOT ({NOT_LIVE})"),
    ),
    ("snapshot-counts", "1 rows of snapshot_users", change(SNAPSHOT_USERS, of_live, trained=99)),
    ("snapshot-counts", "1 rows of snapshot_users", change(INTERACTIONS, of_live, user_pos=59)),
    (
        "replay",
        "1 pairs are only in",
        remove(INTERACTIONS, f"user_id = 'zoe' AND NOT ({NOT_LIVE})"),
    ),
    ("replay", "1 pairs have another number", change(INTERACTIONS, of_live, events=7)),
    (
        "replay",
        "1 pairs have another time",
        change(INTERACTIONS, of_live, event_time=datetime(2020, 1, 1, tzinfo=UTC)),
    ),
    ("replay", "1 pairs have another value", change(INTERACTIONS, of_live, value=3.25)),
    ("replay", "1 pairs have another value", change(INTERACTIONS, of_live, value=None)),
    ("publications", "not 1, 2, 3", remove(PUBLICATIONS, "sequence = 1")),
    ("publications", "does not follow", change(PUBLICATIONS, of_live, previous_run_id="other")),
    ("publications", "declared bad", change(PUBLICATIONS, of_live, bad_run_id=LIVE)),
    ("publications", "earlier lease", change(PUBLICATIONS, of_live, fence=0)),
    ("live-run", "train is not done", remove(LEDGER, f"run_id = '{LIVE}' AND step = 'train'")),
    ("live-run", "popular_items has no rows", remove(POPULAR_ITEMS, f"run_id = '{LIVE}'")),
    ("current-json", f"names {OLD}", write("current.json", json.dumps({"run_id": OLD}))),
    ("list-content", "too long", edit_list(lambda items: items * 2, RECOMMENDATIONS)),
    ("list-content", "without a reason", edit_list(lambda items: items[:-1], RECOMMENDATIONS)),
    ("list-content", "twice", edit_list(lambda i: [i[0], *i[:-1]], RECOMMENDATIONS)),
    ("list-content", "no finite number", edit_list(scored(float("nan")), RECOMMENDATIONS)),
    ("list-content", "order of their scores", edit_list(scored(99.0), POPULAR_ITEMS)),
    ("list-content", "hold the item they are of", list_itself),
    ("list-per-user", "1 have no list", remove(RECOMMENDATIONS, f"user_id = 'zoe' AND {NOT_LIVE}")),
    ("list-per-user", "1 have a list and", change(SNAPSHOT_USERS, of_live, eligible=False)),
    ("list-per-user", "1 have several lists", repeat_row(RECOMMENDATIONS)),
    ("list-per-item", "1 have no list", remove(SIMILAR_ITEMS, f"item_id = 'i05' AND {NOT_LIVE}")),
    ("unseen", "1 listed items", list_a_seen_item),
    ("orphaned-models", "all is of a run that is gone", keep_models_of_a_gone_run),
    ("orphaned-models", "fits of run gone", keep_a_fit_of_a_gone_run),
    ("orphaned-files", "work folder 2020-01-01-00000000", write("work/2020-01-01-00000000/x", "")),
    ("orphaned-files", ".current.json.7.tmp was never", write(".current.json.7.tmp", "{")),
    ("orphaned-files", ".nightly.json.7.tmp was", write("outcomes/.nightly.json.7.tmp", "{")),
]


@pytest.mark.parametrize(
    ("name", "said", "plant"), FAULTS, ids=[f"{name}-{said}" for name, said, _ in FAULTS]
)
def test_a_planted_fault_is_found(dataset: Dataset, name: str, said: str, plant: Plant) -> None:
    plant(dataset)
    finding = look(dataset, name)
    assert finding.state == ("broken" if BY_NAME[name].level == "error" else "warning")
    assert said in finding.figures
    assert finding.remedy is not None


def test_a_user_may_have_the_id_of_a_listed_item(dataset: Dataset) -> None:
    user = next(row["user_id"] for row in read_rows(dataset, RECOMMENDATIONS) if of_live(row))
    edit_list(lambda items: [items[0] | {"item_id": user}, *items[1:]], RECOMMENDATIONS)(dataset)
    assert look(dataset, "list-content").state == "holds"


def test_a_run_beyond_retention_waits_for_maintain(upgraded: Path) -> None:
    finding = look(Dataset(upgraded), "retention", keep_runs=1)
    assert finding.state == "warning"
    assert f"run {OLD} is beyond" in finding.figures


def test_no_invariant_is_without_a_planted_fault() -> None:
    assert {name for name, _, _ in FAULTS} | {"retention"} == set(BY_NAME)


def test_only_the_live_run_is_looked_at_without_deep(dataset: Dataset) -> None:
    remove(SNAPSHOT_ITEMS, f"item_id = 'i05' AND run_id = '{OLD}'")(dataset)
    assert look(dataset, "positions", deep=False).state == "holds"
    assert look(dataset, "positions").state == "broken"


def test_who_was_judged_in_other_runs_is_not_looked_at_without_deep(dataset: Dataset) -> None:
    row = {
        "run_id": OLD,
        "subject": "als",
        "fold": "holdout",
        "user_id": "u00",
        "user_pos": 0,
        "trained": 1,
        "items": [0],
        "personal": 1,
        "candidates": 1,
        "scored": 1,
        "targets": [],
        "values": [],
    }
    append_rows(dataset, USER_METRICS, [row, row])
    assert look(dataset, "keys", deep=False).state == "holds"
    assert look(dataset, "keys").state == "broken"


def test_rows_that_were_removed_for_their_age_are_not_missed(dataset: Dataset) -> None:
    cut = datetime(2099, 1, 1, tzinfo=UTC)
    for table in (REJECTED_EVENTS, EVENTS):
        opened = DeltaTable(dataset.path(table))
        note_removal(opened, cut)
        DeltaTable(dataset.path(table)).delete("true")
    for name in ("rejected-rows", "load-events", "replay"):
        assert look(dataset, name).state == "holds"
    assert "those before 2099-01-01 were removed" in look(dataset, "rejected-rows").figures


def test_a_run_before_a_correction_is_not_compared(dataset: Dataset) -> None:
    """The second load corrected an event of the first, which carries its load's id since."""
    first, second = sorted(read_rows(dataset, LOADS), key=lambda load: load["loaded_at"])
    change(
        LOADS,
        lambda load: load["load_id"] == second["load_id"],
        corrections=1,
        duplicates=lambda n: n - 1,
    )(dataset)
    change(EVENTS, lambda event: event["load_id"] == first["load_id"], load_id=second["load_id"])(
        dataset
    )
    finding = look(dataset, "replay")
    assert finding.state == "holds"
    assert "1 runs, 751 interactions; 1 runs not compared" in finding.figures
    assert look(dataset, "load-events").state == "holds"
