"""`toplists status --max-age`."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from shutil import copytree

import pytest

from toplists.lake.bookkeeping import append_rows
from toplists.lake.dataset import Dataset
from toplists.lake.tables import PUBLICATIONS
from toplists.pipeline.watching.report import Report

NOON = datetime(2026, 3, 10, 12, 0, tzinfo=UTC)

# films was published two hours before, books three days before, songs never.


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["--dataset", "films", "--max-age", "2h"], 0),
        (["--dataset", "films", "--max-age", "120m"], 0),
        (["--dataset", "films", "--max-age", "119m"], 7),
        (["--dataset", "films", "--max-age", "1h"], 7),
        (["--dataset", "books", "--max-age", "3d"], 0),
        (["--dataset", "books", "--max-age", "2d"], 7),
        (["--max-age", "2d"], 7),  # books is too old, whatever films is
        (["--max-age", "3d"], 0),  # songs was never published, as others were
        (["--dataset", "songs", "--max-age", "3d"], 7),  # unless it is asked for
    ],
)
def test_lists_that_are_older_end_in_7(toplists, arguments, code):
    assert toplists("status", *arguments).code == code


def test_datasets_none_of_which_ever_published_are_stale(cli, no_rows, tmp_path):
    for name in ("films", "songs"):
        copytree(no_rows, tmp_path / name)
    answer = cli("status", "--lake", str(tmp_path), "--max-age", "3d")
    assert answer.code == 7
    assert "Nothing is published in dataset films yet" in answer.error
    assert "Nothing is published in dataset songs yet" in answer.error


def test_it_says_how_old_they_are_and_still_shows_the_status(toplists):
    answer = toplists("status", "--dataset", "books", "--max-age", "26h")
    assert "Dataset books" in answer.lines
    assert (
        "The live lists of dataset books are too old: published 3 days ago (2026-03-07 12:00 UTC), "
        "allowed are 26 hours." in answer.error
    )


def test_a_rollback_does_not_make_old_lists_new(cli, no_rows, tmp_path):
    films = Dataset(copytree(no_rows, tmp_path / "films"))
    common = {"as_of": date(2026, 3, 1), "fence": 1, "bad_run_id": None}
    moves = [("old", "publish", 30), ("new", "publish", 10), ("old", "rollback", 1)]
    append_rows(
        films,
        PUBLICATIONS,
        [
            {
                **common,
                "sequence": number,
                "run_id": run_id,
                "action": action,
                "previous_run_id": None,
                "published_at": NOON - timedelta(hours=ago),
            }
            for number, (run_id, action, ago) in enumerate(moves, start=1)
        ],
    )
    assert cli("status", "--lake", str(tmp_path), "--max-age", "29h").code == 7
    assert cli("status", "--lake", str(tmp_path), "--max-age", "30h").code == 0


def test_the_webhook_is_told(toplists, monkeypatch):
    told: list[tuple[str, Report]] = []
    monkeypatch.setattr(
        "toplists.pipeline.watching.telling.send",
        lambda url, report, *, seconds: told.append((url, report)),
    )
    hook = ("--set", "watch.webhook=https://hooks.example/x")
    toplists("status", "--max-age", "3d", *hook)
    assert told == []
    toplists("status", "--max-age", "2d", *hook)
    [(url, report)] = told
    assert url == "https://hooks.example/x"
    assert (report.event, report.dataset, report.exit_code) == ("staleness", "books", 7)
    assert report.run_id == report.live.run_id == "2026-03-07-22222222"
    assert "too old" in report.reason


def test_a_webhook_that_cannot_be_told_is_a_warning(toplists):
    answer = toplists("status", "--max-age", "2d", "--set", "watch.webhook=env:NO_SUCH_VARIABLE")
    assert answer.code == 7
    assert "warning: The webhook was not told of this staleness" in answer.error


@pytest.mark.parametrize("age", ["", "0h", "26", "h", "-1d", "1.5h", "26 h", "1w", "9999999d"])
def test_an_age_that_is_none(toplists, age, capsys):
    with pytest.raises(SystemExit) as ended:
        toplists("status", f"--max-age={age}")
    assert ended.value.code == 2
    assert "is not an age, such as 90m, 26h or 2d" in capsys.readouterr().err
