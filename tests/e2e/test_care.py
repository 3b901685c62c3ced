"""Looking after a lake as an operator does: upgrade, maintain, check."""

from __future__ import annotations

from subprocess import CompletedProcess

from first_light import RUNS, unpack_first_light
from operators import Operator


def said(job: CompletedProcess[str]) -> str:
    return " ".join((job.stdout + job.stderr).split())


def test_an_old_lake_is_upgraded_maintained_and_checked(operator: Operator) -> None:
    dataset = unpack_first_light(operator.lake)
    refused = operator.submit("nightly", "--dataset", dataset.name)
    assert refused.returncode == 2, said(refused)
    assert "./spark-submit.sh upgrade --dataset first-light" in said(refused)
    shown = operator.toplists("show", "user", "u00")
    assert shown.returncode == 0
    assert RUNS[-1] in shown.stdout
    assert operator.toplists("check").returncode == 1

    planned = operator.submit("upgrade", "--dry-run")
    assert planned.returncode == 0, said(planned)
    assert "users: the table is created" in said(planned)
    assert not (dataset.root / "version.json").exists()
    upgraded = operator.submit("upgrade")
    assert upgraded.returncode == 0, said(upgraded)
    assert "version 1 becomes" in said(upgraded)

    dry = operator.submit("maintain", "--dry-run")
    assert dry.returncode == 0, said(dry)
    assert "Nothing was changed" in said(dry)
    done = operator.submit("maintain")
    assert done.returncode == 0, said(done)
    assert "runs: " in said(done)
    checked = operator.toplists("check", "--deep")
    assert checked.returncode == 0, checked.stdout + checked.stderr
