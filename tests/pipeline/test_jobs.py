"""Jobs that start no Spark, each in a process of its own: what they say, and how they end."""

from __future__ import annotations

from pathlib import Path
from subprocess import CompletedProcess

import pytest
from first_light import RUNS, unpack_first_light
from operators import Operator

pytestmark = [pytest.mark.process, pytest.mark.lake]


@pytest.fixture
def operator(tmp_path: Path) -> Operator:
    return Operator(tmp_path / "lake")


def said(job: CompletedProcess[str]) -> str:
    return " ".join((job.stdout + job.stderr).split())


def test_an_old_lake_is_upgraded_maintained_and_checked(operator: Operator) -> None:
    dataset = unpack_first_light(operator.lake)
    refused = operator.start_job("nightly", "--dataset", dataset.name)
    assert refused.returncode == 2, said(refused)
    assert "./spark-submit.sh upgrade --dataset first-light" in said(refused)
    shown = operator.toplists("show", "user", "u00")
    assert shown.returncode == 0
    assert RUNS[-1] in shown.stdout
    assert operator.toplists("check").returncode == 1

    planned = operator.start_job("upgrade", "--dry-run")
    assert planned.returncode == 0, said(planned)
    assert "users: the table is created" in said(planned)
    assert not (dataset.root / "version.json").exists()
    upgraded = operator.start_job("upgrade")
    assert upgraded.returncode == 0, said(upgraded)
    assert "version 1 becomes" in said(upgraded)

    dry = operator.start_job("maintain", "--dry-run")
    assert dry.returncode == 0, said(dry)
    assert "Nothing was changed" in said(dry)
    done = operator.start_job("maintain")
    assert done.returncode == 0, said(done)
    assert "runs: " in said(done)
    checked = operator.toplists("check", "--deep")
    assert checked.returncode == 0, checked.stdout + checked.stderr


def test_wrong_input_is_refused_in_a_sentence_and_writes_nothing(operator: Operator) -> None:
    feed = operator.lake.parent / "feed.csv"
    feed.write_text("user;item;rating\n1;2;3\n")
    refused = operator.start_job("ingest", "--source", f"csv:{feed}")
    assert refused.returncode == 5
    assert "expected columns separated by ','" in said(refused)
    assert "Traceback" not in said(refused)
    assert not list(operator.lake.rglob("_delta_log"))


def test_an_unknown_setting_gets_the_nearest_name(operator: Operator) -> None:
    unknown = operator.start_job("nightly", "--set", "model.als.ranks=3")
    assert unknown.returncode == 2
    assert "model.als.rank" in said(unknown)
