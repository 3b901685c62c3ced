"""What the DAGs have in common: parameters, and what is set on every task."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from airflow.sdk import Param
from jinja2 import StrictUndefined

from toplists.config.airflow import AirflowSettings
from toplists_airflow.alert import FailureAlert, OverdueAlert
from toplists_airflow.submission import default_environment, environments, submission

AS_OF = "{{ params.as_of or ((dag_run.logical_date or dag_run.run_after) | ds) }}"
"""The day before whose midnight everything is known. A run that was triggered by hand or by an asset has
no logical date; it knows what is known when it begins."""


def common(settings: AirflowSettings) -> dict[str, Any]:
    """What every DAG is made with."""
    return {
        "catchup": False,
        "max_active_runs": 1,
        "default_args": on_every_task(settings),
        "on_failure_callback": OverdueAlert(settings.alert_connection, settings.owner),
        "template_undefined": StrictUndefined,
        "user_defined_macros": {"submission": submission},
    }


def on_every_task(settings: AirflowSettings) -> dict[str, Any]:
    """Owner, retries, timeout, pool and alert."""
    return {
        "owner": settings.owner,
        "retries": settings.retries,
        "retry_delay": timedelta(minutes=settings.retry_minutes),
        "retry_exponential_backoff": 2.0,
        "max_retry_delay": timedelta(hours=1),
        "execution_timeout": timedelta(hours=settings.task_hours),
        "pool": settings.pool,
        "on_failure_callback": FailureAlert(settings.alert_connection, settings.owner),
    }


def environment_param() -> Param:
    """Which environment of `conf/` the jobs read."""
    return Param(
        default_environment(),
        type="string",
        enum=environments(),
        description="Environment of conf/. Only the deployment's own updates the asset.",
    )


def day_param(description: str) -> Param:
    """A day, or none."""
    return Param(None, type=["null", "string"], format="date", description=description)


def flag_param(description: str, *, default: bool = False) -> Param:
    """Yes or no."""
    return Param(default, type="boolean", description=description)
