"""The export with its tasks in Spark, whose workers or whose driver are killed; and `export --resume`."""

from __future__ import annotations

import json
from pathlib import Path
from shutil import copytree
from uuid import uuid4

import pytest
from first_light import RUNS
from operators import Operator
from store_servers import PASSWORD, Server

from toplists import reader
from toplists.lake.failpoints import FAIL_AT

pytestmark = pytest.mark.long


@pytest.mark.parametrize(
    ("kind", "moment", "whose"),
    [
        ("postgres", "before part in Postgres", "worker"),
        ("postgres", "after part in Postgres", "worker"),  # it is committed, and nobody was told
        ("postgres", "after view of Postgres", "driver"),
        ("redis", "after lists in Redis", "worker"),
        ("redis", "after note of a part in Redis", "worker"),
        ("redis", "before pointer of Redis", "driver"),
    ],
)
def test_processes_killed_at_their_writes(
    kind: str,
    moment: str,
    whose: str,
    upgraded: Path,
    tmp_path: Path,
    request: pytest.FixtureRequest,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    server: Server = request.getfixturevalue(f"{kind}_server")
    monkeypatch.setenv("STORE_PASSWORD", PASSWORD)
    operator = Operator(Path(copytree(upgraded, tmp_path / "lake" / "first-light")).parent)
    namespace = f"n{uuid4().hex[:12]}"
    address = {
        "postgres": f"postgresql://postgres@127.0.0.1:{server.port}/postgres#{namespace}",
        "redis": f"redis://127.0.0.1:{server.port}#{namespace}",
    }[kind]
    store = {"kind": kind, "name": "main", "address": address, "secret": "env:STORE_PASSWORD"}
    setting = f"publish.stores=[{json.dumps(store)}]"
    with monkeypatch.context() as patch:
        patch.setenv(FAIL_AT, moment)
        died = operator.submit("export", "--set", setting)
    assert died.returncode == 6 if whose == "worker" else died.returncode not in (0, 6), died.stderr
    with reader.open(address, password=PASSWORD) as lists:
        assert lists.publication() is None
        again = operator.submit("export", "--resume", "--set", setting)
        assert again.returncode == 0, again.stdout + again.stderr
        expected = operator.recommendations("first-light", RUNS[-1])
        for user, items in expected.items():
            found = lists.user(user)
            assert found is not None
            assert [(item.item_id, item.score) for item in found.items] == items
            assert (found.run_id, found.fallback) == (RUNS[-1], False)
