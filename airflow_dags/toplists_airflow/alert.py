"""Who is told that a task failed."""

from __future__ import annotations

from typing import Any

import requests
from airflow.sdk import BaseHook, BaseNotifier, Context

_SECONDS = 10.0


class FailureAlert(BaseNotifier):
    """Says on the log that a task failed for good, and tells a URL, as one JSON object.

    A URL that does not answer is a line in the log: the task has failed already.

    Args:
        connection: Airflow's connection whose password, which Airflow keeps encrypted, or host is the
            URL; `None` = the log only. It is not logged, as it may hold a secret.
        owner: Who is asked.
    """

    def __init__(self, connection: str | None, owner: str) -> None:
        super().__init__()
        self.connection, self.owner = connection, owner

    def notify(self, context: Context) -> None:
        """Tell of the task of `context`."""
        self.tell(describe(context, self.owner))

    def tell(self, told: dict[str, Any]) -> None:
        """Say it on the log, and to the URL."""
        self.log.error("%(dag)s.%(task)s of %(run)s failed: %(reason)s", told)
        if self.connection is None:
            return
        try:
            connection = BaseHook.get_connection(self.connection)
            url = connection.password or connection.host or ""
            requests.post(url, json=told, timeout=_SECONDS).raise_for_status()
        except Exception as error:  # whatever a connection or a server comes up with
            self.log.error("connection %s was not told: %s", self.connection, type(error).__name__)


class OverdueAlert(FailureAlert):
    """Tells that a whole run took longer than it may.

    Its tasks are stopped then, or never began, such as those of a pool that is not there: none of them
    fails, and none tells of it.
    """

    def notify(self, context: Context) -> None:
        """Tell of the run of `context`, if it was too long."""
        # Airflow's reason says which of a run's failures this is; those of tasks are told by the tasks.
        if context.get("reason") != "timed_out":
            return
        self.tell(
            {
                "event": "overdue",
                "dag": context["dag"].dag_id,
                "task": None,
                "run": context["run_id"],
                "attempt": None,
                "owner": self.owner,
                "reason": "The run took longer than it may, and was stopped.",
                "url": None,
            }
        )


def describe(context: Context, owner: str) -> dict[str, Any]:
    """What is told of a failed task."""
    ti = context["ti"]
    return {
        "event": "failure",
        "dag": ti.dag_id,
        "task": ti.task_id,
        "run": ti.run_id,
        "attempt": ti.try_number,
        "owner": owner,
        "reason": str(context.get("exception") or "no reason was left"),
        "url": getattr(ti, "log_url", None),
    }
