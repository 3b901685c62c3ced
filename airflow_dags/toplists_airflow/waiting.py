"""The wait for a night's input."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

from airflow.providers.standard.sensors.python import PythonSensor

from toplists.config.airflow import AirflowSettings
from toplists_airflow.definition import AS_OF


def wait_for_input(settings: AirflowSettings) -> PythonSensor:
    """A task that waits for `airflow.wait_for`, and takes no slot of a worker meanwhile.

    Args:
        settings: With a file to wait for.
    """
    return PythonSensor(
        task_id="input",
        python_callable=is_there,
        op_kwargs={"pattern": settings.wait_for, "as_of": AS_OF},
        mode="reschedule",
        poke_interval=timedelta(minutes=1),
        timeout=timedelta(hours=settings.wait_hours),
        # Waiting is no job: the cluster is free for others.
        pool="default_pool",
        doc_md=f"Waits for `{settings.wait_for}`, for {settings.wait_hours:g} hours at most.",
    )


def is_there(pattern: str, as_of: str) -> bool:
    """Whether the file or folder of a day is there."""
    return Path(pattern.replace("{as_of}", as_of)).exists()
