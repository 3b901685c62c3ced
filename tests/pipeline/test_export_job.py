"""The job `export` in a process of its own: how it ends where a store cannot be reached, and what it says."""

from __future__ import annotations

import json
from pathlib import Path
from shutil import copytree
from subprocess import CompletedProcess

import pytest
from operators import Operator
from store_servers import PASSWORD, Server, free_port

pytestmark = [pytest.mark.process, pytest.mark.lake]


@pytest.fixture
def operator(upgraded: Path, tmp_path: Path) -> Operator:
    copytree(upgraded, tmp_path / "lake" / "shop")
    return Operator(tmp_path / "lake")


def said(job: CompletedProcess[str]) -> str:
    return " ".join((job.stdout + job.stderr).split())


def store(kind: str, name: str, address: str, secret: str | None = "env:STORE_PASSWORD") -> str:
    entry = {"kind": kind, "name": name, "address": address}
    return json.dumps(entry if secret is None else entry | {"secret": secret})


def test_stores_that_cannot_be_reached(
    operator: Operator, postgres_server: Server, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    log, result = tmp_path / "log", tmp_path / "result.json"
    monkeypatch.setenv("TOPLISTS_LOG", str(log))
    monkeypatch.setenv("STORE_PASSWORD", "wr0ng-one")
    stores = [
        store(
            "postgres", "main", f"postgresql://postgres@127.0.0.1:{postgres_server.port}/postgres"
        ),
        store("redis", "cache", f"redis://127.0.0.1:{free_port()}"),
        store("postgres", "third", "postgresql://127.0.0.1/x", "env:NOT_SET"),
    ]
    setting = f"publish.stores=[{', '.join(stores)}]"
    job = operator.start_job("export", "--set", setting, "--result-file", str(result))
    assert job.returncode == 6, said(job)
    told = said(job)
    assert "Store main is behind: " in told
    assert "password authentication failed" in told
    assert "Store cache is behind: " in told
    assert "the variable NOT_SET, which `secret` names, is not set" in told
    assert "export --resume brings what is missing" in told
    assert "Traceback" not in told
    assert json.loads(result.read_text())["exit_code"] == 6
    ledger = operator.toplists("status", "--dataset", "shop")
    for text in (told, log.read_text(), result.read_text(), ledger.stdout):
        assert "wr0ng-one" not in text
        assert PASSWORD not in text


def test_an_address_with_a_password_is_refused_without_showing_it(operator: Operator) -> None:
    address = "postgresql://me:hunter2@127.0.0.1/shop"
    setting = f"publish.stores=[{store('postgres', 'main', address)}]"
    job = operator.start_job("export", "--set", setting)
    assert job.returncode == 2
    assert "`secret` names" in said(job)
    assert "hunter2" not in said(job)


def test_no_stores_and_unknown_ones(operator: Operator) -> None:
    job = operator.start_job("export")
    assert job.returncode == 2
    assert "publish.stores names no store" in said(job)
    setting = f"publish.stores=[{store('files', 'lists', 'files:/nowhere', None)}]"
    job = operator.start_job("export", "--store", "cache", "--set", setting)
    assert job.returncode == 2
    assert "no store cache; it names lists" in said(job)
