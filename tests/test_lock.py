"""requirements*.lock are exports of uv.lock, which is in step with pyproject.toml."""

from __future__ import annotations

import subprocess
import sysconfig
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
UV = Path(sysconfig.get_path("scripts")) / "uv"
EXPORT = ["export", "--quiet", "--locked", "--no-header", "--no-annotate", "--no-emit-project"]


@pytest.mark.parametrize(
    ("lock", "groups"),
    [
        ("requirements.lock", ["--no-default-groups"]),
        ("requirements-test.lock", ["--no-default-groups", "--group=test"]),
    ],
)
def test_requirements_are_the_export_of_uv_lock(lock: str, groups: list[str]) -> None:
    command = [UV, *EXPORT, *groups]
    result = subprocess.run(
        [*command, "--offline"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert result.returncode == 0, result.stderr
    assert (ROOT / lock).read_text() == result.stdout, (
        f"{lock} is out of date: uv {' '.join([*EXPORT, *groups])} > {lock}"
    )


def test_every_requirement_is_hashed() -> None:
    for lock in ("requirements.lock", "requirements-test.lock"):
        text = (ROOT / lock).read_text().replace("\\\n", "")
        requirements = [line for line in text.splitlines() if line.strip()]
        assert requirements
        assert [line for line in requirements if "--hash=sha256:" not in line] == []
