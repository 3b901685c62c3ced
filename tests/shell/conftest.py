"""A checkout of its own for the tests of the scripts."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
JOB = "import sys\nprint('job', *sys.argv[1:])\n"


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A checkout with a space in its path, set up, with the verbs `nightly` and `rollback`."""
    folder = tmp_path / "a b"
    for name in ("jobs", "tests"):
        (folder / name).mkdir(parents=True)
    for name in ("spark-submit.sh", "toplists", "requirements.lock", "requirements-test.lock"):
        shutil.copy(ROOT / name, folder)
    shutil.copytree(ROOT / "conf", folder / "conf")
    for name in (".venv", ".jars", "lib"):
        (folder / name).symlink_to(ROOT / name)
    for verb in ("nightly", "rollback"):
        (folder / f"jobs/{verb}.py").write_text(JOB)
    return folder
