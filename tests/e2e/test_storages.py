"""Nights whose tasks exchange files through another storage, and whose lists go to files in it."""

from __future__ import annotations

import json
from fnmatch import fnmatch
from pathlib import Path

import pytest
from operators import Operator
from storages import beside, files_in
from store_servers import free_port

from toplists import reader
from toplists.reader.delta import open_delta

DATASET = "sample-movielens"


@pytest.fixture(scope="module")
def on_local_disk(tmp_path_factory: pytest.TempPathFactory) -> Operator:
    operator = Operator(tmp_path_factory.mktemp("local") / "lake")
    assert operator.submit("nightly").returncode == 0
    return operator


@pytest.fixture
def storage(request: pytest.FixtureRequest) -> str:
    address: str = request.getfixturevalue(request.param)
    return address


in_each = pytest.mark.parametrize("storage", ["bucket", "hdfs_folder"], indirect=True)
pytestmark = pytest.mark.long


@in_each
def test_a_night_killed_in_its_fit_goes_on_through_the_storage(
    operator: Operator, storage: str, on_local_disk: Operator
) -> None:
    lists = f"files:{beside(storage, 'lists')}"
    stores = json.dumps([{"kind": "files", "name": "far", "address": lists}])
    exchange = ("--set", f"engine.exchange={storage}")
    assert operator.toplists("doctor", *exchange).stdout.count("Exchange  ") == 1
    assert not files_in(storage)

    def has_fitted() -> bool:
        some = "*/models/*.personal.all/*users-003-*/vectors.npy"
        return any(fnmatch(path, some) for path in files_in(storage))

    night = ("nightly", *exchange, "--set", "engine.single_task_entries=0")
    night = (*night, "--set", f"publish.stores={stores}")
    operator.submit_and_kill(has_fitted, *night)
    ended = operator.submit(*night)
    said = ended.stdout + ended.stderr
    assert ended.returncode == 0, said
    assert "org.apache.hadoop" not in said
    live = open_delta(operator.lake / DATASET).publication()
    assert live is not None
    assert files_in(storage)
    assert not list((operator.lake / DATASET / "work").rglob("*.npy"))
    expected = operator.recommendations(DATASET, live.run_id)
    assert expected == on_local_disk.recommendations(DATASET, live.run_id)

    with reader.open(lists) as readers:
        for user, items in expected.items():
            found = readers.user(user)
            assert found is not None
            assert [(item.item_id, item.score) for item in found.items] == items
            assert (found.run_id, found.fallback) == (live.run_id, False)

    removed = operator.start_job("maintain", *exchange, "--set", "maintain.work_runs=0")
    assert removed.returncode == 0, removed.stdout + removed.stderr
    assert files_in(storage) == []


@in_each
def test_a_storage_that_is_not_there_ends_in_2(operator: Operator, storage: str) -> None:
    place = storage.partition("?")[0]
    nowhere = {
        "s3": storage.replace("s3://bucket-", "s3://nowhere-"),
        "hdfs": f"hdfs://127.0.0.1:{free_port()}/exchange",
    }[place.partition(":")[0]]
    night = operator.submit("nightly", "--set", f"engine.exchange={nowhere}")
    said = " ".join((night.stdout + night.stderr).split())
    assert night.returncode == 2, said
    assert f"engine.exchange = {nowhere[:14]}" in said
    assert "s3cret" not in said


def test_hdfs_without_what_it_needs_ends_in_2(
    operator: Operator, hdfs_folder: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("ARROW_LIBHDFS_DIR", str(tmp_path))
    night = operator.submit("nightly", "--set", f"engine.exchange={hdfs_folder}")
    said = " ".join((night.stdout + night.stderr).split())
    assert night.returncode == 2, said
    assert "Unable to load libhdfs" in said
    assert "ARROW_LIBHDFS_DIR (the folder of libhdfs.so)" in said
