"""`toplists report`: where a report lies."""

from __future__ import annotations

from pathlib import Path
from shutil import copytree

import pytest
from first_light import RUNS

OLD, LIVE = RUNS


@pytest.fixture
def nights(upgraded: Path, tmp_path: Path) -> Path:
    """A lake with one dataset of two nights."""
    copytree(upgraded, tmp_path / "lake" / "first-light")
    return tmp_path / "lake"


def test_it_is_written_once_and_its_path_printed(cli, nights) -> None:
    first = cli("report", "--lake", str(nights))
    path = nights / "first-light" / "reports" / LIVE / "report.html"
    assert first.lines == [str(path)]
    path.write_text("as it was")
    assert cli("report", "--lake", str(nights)).lines == [str(path)]
    assert path.read_text() == "as it was"
    named = cli("report", "--lake", str(nights), "--dataset", "first-light", "--run-id", OLD)
    assert named.lines == [str(path.parents[1] / OLD / "report.html")]


def test_it_may_be_opened(cli, nights, monkeypatch) -> None:
    opened: list[str] = []
    monkeypatch.setattr("webbrowser.open", opened.append)
    (path,) = cli("report", "--lake", str(nights), "--open").lines
    assert opened == [Path(path).as_uri()]


def test_a_run_nobody_knows(cli, nights) -> None:
    answer = cli("report", "--lake", str(nights), "--run-id", "2024-01-13-ffffffff")
    assert (answer.code, answer.out) == (2, "")
    assert "There is no run 2024-01-13-ffffffff in dataset first-light" in answer.error


def test_a_study_has_the_report_that_compare_wrote_or_none(cli, nights) -> None:
    study = f"{LIVE}.compare-0123abcd"
    folder = nights / "first-light" / "reports" / study
    answer = cli("report", "--lake", str(nights), "--run-id", study)
    assert (answer.code, answer.out) == (2, "")
    assert f"{study} is a study and no run, and it has no report" in answer.error
    assert not folder.exists()
    folder.mkdir(parents=True)
    (folder / "report.html").write_text("written by compare")
    named = cli("report", "--lake", str(nights), "--run-id", study)
    assert named.lines == [str(folder / "report.html")]
    assert (folder / "report.html").read_text() == "written by compare"


def test_nothing_was_judged_yet(toplists) -> None:
    answer = toplists("report", "--dataset", "songs")
    assert (answer.code, answer.out) == (2, "")
    assert "No run of dataset songs was evaluated yet" in answer.error


def test_a_lake_that_may_only_be_read(cli, nights) -> None:
    (nights / "first-light" / "reports").write_text("a file where the folder should be")
    answer = cli("report", "--lake", str(nights))
    assert answer.code == 1
    assert "cannot be written to" in answer.error
