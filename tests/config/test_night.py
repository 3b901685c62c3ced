"""The verbs of a night, which schedulers begin as a task each."""

from __future__ import annotations

from pathlib import Path

from toplists.config.night import NIGHT
from toplists.pipeline.nightly import STEPS

JOBS = Path(__file__).parents[2] / "jobs"


def test_they_are_what_nightly_does() -> None:
    assert ("ingest", *STEPS, "publish", "export") == NIGHT
    assert all((JOBS / f"{verb}.py").is_file() for verb in NIGHT)
