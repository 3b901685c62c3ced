"""`toplists check` as an operator reads it; what is checked is in tests/pipeline/test_check.py."""

from __future__ import annotations

import json
from pathlib import Path
from shutil import copytree

import pytest
from deltalake import DeltaTable


@pytest.fixture
def lake(upgraded: Path, tmp_path: Path) -> Path:
    copytree(upgraded, tmp_path / "first-light")
    return tmp_path


def test_one_line_for_each_invariant_that_holds(cli, lake: Path) -> None:
    answer = cli("check", "--lake", str(lake), "--deep")
    assert (answer.code, answer.err) == (0, "")
    assert all(line.startswith("✓  ") for line in answer.lines)
    [replay] = [line for line in answer.lines if line.split()[1] == "replay"]
    assert replay.endswith("2 runs, 1,472 interactions")


def test_what_does_not_hold_comes_with_its_remedy_and_ends_with_1(cli, lake: Path) -> None:
    DeltaTable(str(lake / "first-light" / "publications")).delete("sequence = 1")
    answer = cli("check", "--lake", str(lake))
    assert answer.code == 1
    place = next(i for i, line in enumerate(answer.lines) if line.startswith("✗  publications"))
    assert "not 1, 2, 3" in answer.lines[place]
    assert "restore its version" in answer.lines[place + 1]
    assert "1 of 21 invariants do not hold in dataset first-light" in answer.error


def test_what_waits_is_a_warning_and_ends_with_0(cli, lake: Path) -> None:
    answer = cli("check", "--lake", str(lake), "--set", "publish.keep_runs=2")
    assert answer.code == 0
    (lake / "first-light" / ".x.1.tmp").touch()
    answer = cli("check", "--lake", str(lake))
    assert answer.code == 0
    assert any(line.startswith("!  orphaned-files") for line in answer.lines)


def test_as_json(cli, lake: Path) -> None:
    (lake / "first-light" / "current.json").unlink()
    answer = cli("check", "--lake", str(lake), "--json")
    said = json.loads(answer.out)
    assert said["dataset"] == "first-light"
    states = {finding["name"]: finding["state"] for finding in said["findings"]}
    assert states.pop("current-json") == "warning"
    assert set(states.values()) == {"holds"}


def test_a_lake_of_a_later_release_is_refused(cli, lake: Path) -> None:
    (lake / "first-light" / "version.json").write_text('{"number": 99, "definitions": "x"}')
    answer = cli("check", "--lake", str(lake))
    assert answer.code == 2
    assert "lake version 99" in answer.error
