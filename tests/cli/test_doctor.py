"""`toplists doctor`: what is examined, and that every fault has its remedy."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict
from hashlib import sha256
from pathlib import Path
from shutil import copytree

import pytest
from rich.cells import cell_len

from toplists.cli.doctor import examine
from toplists.cli.examination import Finding, examine_memory, examine_packages
from toplists.lake.dataset import Dataset
from toplists.lake.lease import hold_lease
from toplists.lake.version import LAKE_VERSION, LakeVersion
from toplists.pipeline.watching import surroundings

JAVA_17 = "echo 'openjdk version \"17.0.15\" 2025-04-15' >&2"


@pytest.fixture
def java(tmp_path: Path) -> Callable[[str], str]:
    """Makes a Java that does what a line of shell says; returns its home."""

    def make(does: str) -> str:
        folder = tmp_path / "jdk" / "bin"
        folder.mkdir(parents=True)
        (folder / "java").write_text(f"#!/bin/sh\n{does}\n")
        (folder / "java").chmod(0o755)
        return str(folder.parent)

    return make


@pytest.fixture
def lake(no_rows, tmp_path):
    copytree(no_rows, tmp_path / "lake" / "films")
    return tmp_path / "lake"


@pytest.fixture
def jars(tmp_path, monkeypatch):
    """A folder with the two jars that its lock names."""
    (tmp_path / "jars").mkdir()
    lines = []
    for name in ("a.jar", "b.jar"):
        (tmp_path / "jars" / name).write_bytes(name.encode())
        lines.append(f"{sha256(name.encode()).hexdigest()}  org/example/{name}")
    (tmp_path / "jars.lock").write_text("# comment\n" + "\n".join(lines) + "\n")
    monkeypatch.setattr(surroundings, "JARS", tmp_path / "jars")
    monkeypatch.setattr(surroundings, "JARS_LOCK", tmp_path / "jars.lock")
    return tmp_path / "jars"


def find(subject: str, lake: Path, *overrides: str, **environ: str) -> Finding:
    found = [f for f in examine("local", overrides, str(lake), environ) if f.subject == subject]
    assert len(found) == 1
    return found[0]


class TestCommand:
    def test_where_all_is_well_it_ends_in_0(self, cli, lake, java, jars, monkeypatch):
        monkeypatch.setattr(surroundings, "memory_gib", lambda: 8.0)
        monkeypatch.setattr(surroundings, "disk_free_gib", lambda _: 8.0)
        answer = cli("doctor", "--lake", str(lake), JAVA_HOME=java(JAVA_17))
        assert answer.code == 0, answer.out
        assert answer.lines[-1] == "A night can run here."
        findings = answer.lines[:-2]
        assert all(line.startswith("✓  ") for line in findings)
        assert [line.split()[1] for line in findings] == (
            [
                "Java",
                "Python",
                "Spark",
                "Delta",
                "Packages",
                "Jars",
                "Cores",
                "Memory",
                "Settings",
                "Lake",
                "Disk",
                "Version",
                "Lease",
            ]
        )

    @pytest.mark.parametrize("columns", [60, 80, 120])
    def test_a_fault_ends_in_1_with_its_remedy_within_the_terminal(self, cli, lake, columns):
        answer = cli(
            "doctor", "--lake", str(lake), JAVA_HOME="/nowhere", terminal=True, columns=columns
        )
        assert answer.code == 1
        assert answer.lines[0] == "✗  Java      none runs"
        assert answer.lines[1].startswith(" " * 13 + "Install Java 17 or newer")
        assert max(cell_len(line) for line in answer.lines) <= columns

    def test_settings_that_cannot_be_followed_are_a_fault_like_others(self, cli):
        answer = cli("doctor", "--set", "model.als.ranks=3")
        assert answer.code == 1
        assert "✗  Settings  --set" in answer.out
        assert "model.als.rank" in answer.out

    def test_an_object_store_is_refused_as_the_jobs_do(self, cli):
        assert (
            "✗  Settings  lake.root = s3://b is not a folder"
            in cli("doctor", "--lake", "s3://b").out
        )


class TestMachine:
    @pytest.mark.parametrize(
        ("does", "said"),
        [
            ("echo 'openjdk version \"11.0.2\"' >&2", "11.0.2, and Spark needs 17 or newer"),
            ("echo 'java version \"1.8.0_202\"' >&2", "1.8.0_202, and Spark needs 17 or newer"),
            ("echo 'Unable to locate a Java Runtime.' >&2; exit 1", "none runs"),
        ],
    )
    def test_java_has_to_be_new(self, lake, java, does, said):
        found = find("Java", lake, JAVA_HOME=java(does))
        assert (found.said, found.well) == (said, False)

    def test_java_21_serves(self, lake, java):
        assert find("Java", lake, JAVA_HOME=java("echo 'openjdk version \"21\"' >&2")).well

    def test_packages_of_another_version_are_named(self, tmp_path):
        lock = tmp_path / "some.lock"
        lock.write_text(
            "numpy==1.0 \\\n    --hash=sha256:00\n"
            "no-such-package==2.0 \\\n"
            "only-on-windows==1.0 ; sys_platform == 'win32' \\\n"
        )
        found = examine_packages(lock)
        assert "numpy 2." in found.said
        assert "no-such-package is missing" in found.said
        assert "windows" not in found.said
        assert found.remedy == "Run ./spark-submit.sh --setup."

    @pytest.mark.parametrize(
        ("available", "driver", "well"),
        [(8.0, "4g", True), (7.9, "4g", False), (1.0, "512m", True), (2.0, None, True)],
    )
    def test_the_workers_need_memory_beside_the_driver(self, tmp_path, available, driver, well):
        conf = tmp_path / "local.conf"
        conf.write_text(f"spark.driver.memory   {driver}\n" if driver else "")
        assert examine_memory(available, conf).well is well


class TestJars:
    def test_a_missing_one(self, lake, jars):
        (jars / "a.jar").unlink()
        found = find("Jars", lake)
        assert (found.said, found.remedy) == (
            "missing: a.jar",
            "Run ./spark-submit.sh --setup.",
        )

    def test_a_changed_one(self, lake, jars):
        (jars / "b.jar").write_bytes(b"something else")
        found = find("Jars", lake)
        assert found.said == "not as in jars.lock: b.jar"
        assert found.remedy is not None
        assert found.remedy.startswith("Delete them from ")


class TestStorage:
    def test_a_lake_that_is_not_there_yet_is_not_made(self, tmp_path):
        found = find("Lake", tmp_path / "new" / "lake")
        assert found.well
        assert found.said.endswith("new/lake, which the first command makes")
        assert not (tmp_path / "new").exists()

    def test_one_that_cannot_be_written(self):
        found = find("Lake", Path("/proc/lake"))
        assert not found.well

    def test_a_disk_that_is_nearly_full(self, lake, monkeypatch):
        monkeypatch.setattr(surroundings, "disk_free_gib", lambda _: 4.9)
        found = find("Disk", lake)
        assert (found.said, found.well) == ("4.9 GiB free", False)

    def test_the_storage_that_tasks_exchange_files_through(self, lake, tmp_path):
        uri = (tmp_path / "exchange").as_uri()
        assert find("Exchange", lake, f"engine.exchange={uri}") == Finding("Exchange", uri)
        assert list((tmp_path / "exchange").iterdir()) == []

    def test_one_that_cannot_be_used(self, lake, tmp_path):
        (tmp_path / "file").touch()
        uri = (tmp_path / "file").as_uri()
        found = find("Exchange", lake, f"engine.exchange={uri}")
        assert found.said.startswith(f"engine.exchange = {uri} cannot be used: ")
        assert not found.well

    def test_a_dataset_of_this_release(self, lake):
        assert find("Version", lake) == Finding("Version", f"films: lake version {LAKE_VERSION}")

    @pytest.mark.parametrize(
        ("mark", "said"),
        [
            (None, "films: lake version 1 with older tables"),  # the first light left none
            (LakeVersion(LAKE_VERSION, "other"), f"films: lake version {LAKE_VERSION} with older"),
        ],
    )
    def test_an_older_dataset_has_to_be_upgraded(self, lake, mark, said):
        file = lake / "films" / "version.json"
        file.unlink()
        if mark is not None:
            file.write_text(json.dumps(asdict(mark)))
        found = find("Version", lake)
        assert found.said.startswith(said)
        assert found.remedy == "Run ./spark-submit.sh upgrade --dataset films."

    def test_a_newer_dataset_takes_a_newer_release(self, lake):
        (lake / "films" / "version.json").write_text('{"number": 99, "definitions": ""}')
        assert find("Version", lake) == Finding(
            "Version",
            f"films: lake version 99, and this release knows versions up to {LAKE_VERSION}",
            "Use the release that wrote it, or a later one.",
        )

    def test_a_lease_that_is_held_is_named_and_stays_held(self, lake):
        films = Dataset(lake / "films")
        with hold_lease(films, "nightly"):
            for _ in range(2):
                found = find("Lease", lake)
                assert found.said.startswith("films: held by nightly, pid ")
                assert not found.well
        assert find("Lease", lake).said == "films: free"
        with hold_lease(films, "nightly"):  # looking has not taken it
            pass


class TestWatch:
    def test_a_webhook_whose_variable_is_not_set(self, lake):
        found = find("Webhook", lake, "watch.webhook=env:HOOK")
        assert found.said == "the variable HOOK that watch.webhook names is not set"
        assert (
            find("Webhook", lake, "watch.webhook=env:HOOK", HOOK="http://h/hunter2").said == "set"
        )

    def test_a_prometheus_file_without_a_folder(self, lake, tmp_path):
        assert find("Prometheus", lake, f"watch.prometheus_file={tmp_path}/a.prom").well
        assert not find("Prometheus", lake, f"watch.prometheus_file={tmp_path}/no/a.prom").well
