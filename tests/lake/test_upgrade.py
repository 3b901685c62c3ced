"""Which lakes are written to, and how a stored one of the first release is brought along."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from shutil import copytree

import pytest
from deltalake import DeltaTable
from first_light import RUNS, unpack_first_light

from toplists.errors import ConfigurationError
from toplists.lake import failpoints
from toplists.lake import upgrade as upgrade_module
from toplists.lake import version as version_module
from toplists.lake.dataset import Dataset
from toplists.lake.schema import INT, LONG, Column
from toplists.lake.tables import ITEMS, LOADS, TABLES, USERS
from toplists.lake.upgrade import plan_upgrade, stored_constraints, stored_fields, upgrade
from toplists.lake.version import (
    LAKE_VERSION,
    UNMARKED,
    fingerprint,
    present_version,
    read_version,
    require_present,
)
from toplists.reader.delta import open_delta

pytestmark = pytest.mark.lake


@pytest.fixture
def new(no_rows: Path, tmp_path: Path) -> Dataset:
    return Dataset(copytree(no_rows, tmp_path / "new"))


@pytest.fixture
def old(tmp_path: Path) -> Dataset:
    return unpack_first_light(tmp_path)


def follows_definitions(dataset: Dataset) -> bool:
    """Whether every table has the columns and constraints of its definition."""
    for table in TABLES:
        opened = DeltaTable(dataset.path(table))
        if not set(table.column_names) <= set(stored_fields(opened)):
            return False
        if stored_constraints(opened) != set(table.constraints):
            return False
    return True


def test_a_new_dataset_is_of_the_present_version(new: Dataset) -> None:
    require_present(new.root)
    assert plan_upgrade(new) == []


def test_an_interrupted_creation_is_gone_on_with(tmp_path: Path) -> None:
    dataset = Dataset(tmp_path / "half")
    dataset.root.mkdir()
    version_module.mark_present(dataset.root)  # killed here: no table yet
    dataset.create_tables()
    require_present(dataset.root)
    assert follows_definitions(dataset)


@pytest.mark.long
def test_a_creation_killed_at_any_moment_is_gone_on_with(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def create(name: str, fail_at: str) -> Dataset:
        dataset = Dataset(tmp_path / name)
        with monkeypatch.context() as patch:
            patch.setenv(failpoints.FAIL_AT, fail_at)
            dataset.create_tables()
        return dataset

    def die() -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(failpoints, "die", die)
    create("noted", f">{tmp_path / 'moments'}")
    moments = (tmp_path / "moments").read_text().splitlines()
    assert len(moments) > 4 * len(TABLES)
    for number, moment in enumerate(moments):
        with pytest.raises(KeyboardInterrupt):
            create(f"killed-{number}", moment)
        dataset = create(f"killed-{number}", "never")
        require_present(dataset.root)
        assert follows_definitions(dataset), moment


def test_an_older_lake_is_not_written_to(old: Dataset) -> None:
    assert read_version(old.root) == UNMARKED
    with pytest.raises(ConfigurationError, match="upgrade --dataset first-light"):
        require_present(old.root)


def test_tables_of_other_definitions_are_not_written_to(
    new: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    wider = replace(LOADS, columns=(*LOADS.columns, Column("note", LONG, "A note.", True)))
    others = tuple(wider if table is LOADS else table for table in TABLES)
    assert fingerprint(others) != fingerprint(TABLES)
    other = replace(present_version(), definitions=fingerprint(others))
    monkeypatch.setattr(version_module, "present_version", lambda: other)
    with pytest.raises(ConfigurationError, match="upgrade"):
        require_present(new.root)


def test_the_wording_of_a_column_is_no_change() -> None:
    said = [replace(column, comment="Other words.") for column in LOADS.columns]
    others = tuple(replace(t, columns=tuple(said)) if t is LOADS else t for t in TABLES)
    assert fingerprint(others) == fingerprint(TABLES)


def test_a_newer_lake_is_refused_whatever_is_asked(new: Dataset) -> None:
    mark = {"number": LAKE_VERSION + 1, "definitions": "x"}
    (new.root / "version.json").write_text(json.dumps(mark))
    for command in (lambda: require_present(new.root), lambda: plan_upgrade(new)):
        with pytest.raises(ConfigurationError, match="the release that wrote it"):
            command()


def test_the_first_lake_is_brought_along_and_stays_readable(old: Dataset) -> None:
    before = open_delta(old.root).user("u00")
    assert before is not None
    planned = [change.sentence for change in plan_upgrade(old)]
    assert not old.has(USERS)  # nothing was done yet
    assert [change.sentence for change in upgrade(old)] == planned
    assert follows_definitions(old)
    assert {"numbers", "available_from"} <= set(stored_fields(DeltaTable(old.path(ITEMS))))
    require_present(old.root)
    assert plan_upgrade(old) == []
    live = open_delta(old.root).publication()
    assert live is not None
    assert live.run_id == RUNS[-1]
    assert open_delta(old.root).user("u00") == before


def test_the_first_lake_is_readable_before_the_upgrade(old: Dataset) -> None:
    found = open_delta(old.root).user("u00")
    assert found is not None
    assert (found.run_id, len(found.items)) == (RUNS[-1], 6)


def test_an_upgrade_killed_after_any_change_is_gone_on_with(old: Dataset) -> None:
    total = len(plan_upgrade(old))
    assert total > 2
    for left in range(total, 0, -1):
        changes = plan_upgrade(old)
        assert len(changes) == left
        assert read_version(old.root) == UNMARKED
        changes[0].make()
    require_present(old.root)
    assert follows_definitions(old)


def test_a_constraint_that_is_missing_is_added(new: Dataset) -> None:
    DeltaTable(new.path(LOADS)).alter.drop_constraint("rows_add_up")
    assert len(upgrade(new)) == 2  # the constraint and the mark
    assert follows_definitions(new)


@pytest.mark.parametrize(
    ("column", "why"),
    [
        (Column("rows", INT, "A long elsewhere."), "another type"),
        (Column("extra", LONG, "Required, and older rows have none."), "could not have"),
    ],
)
def test_what_cannot_be_brought_along_is_refused_before_anything_is_done(
    new: Dataset, monkeypatch: pytest.MonkeyPatch, column: Column, why: str
) -> None:
    others = [one for one in LOADS.columns if one.name != column.name]
    monkeypatch.setattr(upgrade_module, "TABLES", (replace(LOADS, columns=(*others, column)),))
    with pytest.raises(ConfigurationError, match=why):
        upgrade(new)
