"""What --package builds for clusters."""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path
from types import ModuleType
from zipfile import ZipFile

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def package() -> ModuleType:
    """The script as a module."""
    spec = importlib.util.spec_from_file_location("package", ROOT / "conf/package.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_zip_has_the_same_bytes_wherever_and_whenever_it_is_built(package, tmp_path) -> None:
    elsewhere = tmp_path / "another checkout"
    shutil.copytree(ROOT / "lib", elsewhere, copy_function=shutil.copyfile)  # other times
    for name, lib in ("a.zip", ROOT / "lib"), ("b.zip", elsewhere):
        package.write_zip(tmp_path / name, lib)
    assert (tmp_path / "a.zip").read_bytes() == (tmp_path / "b.zip").read_bytes()


USE_THE_ZIP = """
import toplists.errors
from toplists.evaluation.report.page import render
from toplists.evaluation.report.parts import Page
assert "<h1>" in render(Page("title", "", "", "plain", [], []))
print(toplists.errors.__file__)
"""


@pytest.mark.process
def test_the_zip_can_be_imported_and_holds_sources_only(package, tmp_path) -> None:
    package.write_zip(tmp_path / "toplists.zip", ROOT / "lib")
    suffixes = {Path(name).suffix for name in ZipFile(tmp_path / "toplists.zip").namelist()}
    assert suffixes == {".py", ".html", ".css"}
    imported = subprocess.run(
        [sys.executable, "-c", USE_THE_ZIP],
        env={"PYTHONPATH": str(tmp_path / "toplists.zip")},
        capture_output=True,
        text=True,
        check=True,
    )
    assert imported.stdout.startswith(str(tmp_path / "toplists.zip"))


def test_the_environment_has_what_the_lock_names_and_nothing_of_the_tests(package) -> None:
    names = {each.metadata["Name"].lower() for each in package.locked_distributions()}
    assert {"numba", "pyarrow", "deltalake", "pydantic"} <= names
    assert not {"pytest", "mypy", "hypothesis", "ruff", "uv"} & names


def test_a_folder_is_all_that_it_takes(checkout: Path) -> None:
    for arguments in (["a", "b"], ["--help"]):
        result = subprocess.run(
            [checkout / "spark-submit.sh", "--package", *arguments], capture_output=True, text=True
        )
        assert result.returncode == 2
        assert "--package takes a folder" in result.stderr


USE_IT = """
import sys
import numba, pyarrow, toplists
from toplists.engine.daemon import load_kernels
from toplists.engine.kernels import exact_rows
load_kernels()
print(sys.prefix, numba.__file__, pyarrow.__file__, toplists.__file__, sep="\\n")
print(dict(exact_rows.solve_rows.stats.cache_misses))
"""


@pytest.mark.long
def test_all_of_it_elsewhere(tmp_path: Path) -> None:
    dist, elsewhere = tmp_path / "dist", tmp_path / "elsewhere"
    built = subprocess.run(
        [ROOT / "spark-submit.sh", "--package", dist],
        capture_output=True,
        text=True,
        check=True,
        timeout=300,
    )
    assert built.stdout.splitlines() == [str(path) for path in _in_order(dist)]
    assert sorted(dist.iterdir()) == sorted(_in_order(dist))
    _, wheel, archive = _in_order(dist)
    assert "toplists/engine/daemon.py" in ZipFile(wheel).namelist()
    with tarfile.open(archive) as opened:
        opened.extractall(elsewhere, filter="fully_trusted")  # its link leads to this Python
    used = subprocess.run(
        [elsewhere / "bin/python", "-c", USE_IT],
        env={"PATH": os.environ["PATH"]},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
    )
    *places, misses = used.stdout.splitlines()
    assert all(place.startswith(str(elsewhere)) for place in places)
    assert misses == "{}"  # its kernels were compiled before


def _in_order(dist: Path) -> list[Path]:
    """The zip, the wheel, the archive."""
    endings = (".zip", ".whl", ".tar.gz")
    return [path for ending in endings for path in dist.glob(f"*{ending}")]
