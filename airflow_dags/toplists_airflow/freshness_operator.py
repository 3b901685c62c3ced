"""Whether the live lists are as fresh as was promised, as a task."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

from airflow.providers.standard.hooks.subprocess import SubprocessHook
from airflow.sdk import BaseOperator, Context

from toplists_airflow import ROOT
from toplists_airflow.ending import Ending
from toplists_airflow.failure import failure_of

_SUBMISSION = "submission(params.environment)"
# The reason comes on one line, however long it is.
_COLUMNS = "10000"


class FreshnessOperator(BaseOperator):
    """Fails, with the reason, when live lists are older than `airflow.max_age_hours`, or there are none.

    It asks `./toplists status --max-age`, which needs neither Spark nor a JVM. That lists are too old
    fails the task at once; that the command could not look is tried again.

    Args:
        kwargs: Those of any task.
    """

    template_fields: Sequence[str] = ("command",)

    def __init__(self, **kwargs: Any) -> None:  # noqa: ANN401 - whatever tasks take
        super().__init__(**kwargs)
        self.command = [
            *(str(ROOT / "toplists"), "status"),
            *("--env", "{{ params.environment }}"),
            *("--dataset", f"{{{{ {_SUBMISSION}.dataset }}}}"),
            *("--max-age", f"{{{{ {_SUBMISSION}.max_age }}}}"),
        ]
        self._hook = SubprocessHook()

    def execute(self, context: Context) -> None:  # noqa: ARG002 - as tasks are called
        """Look.

        Raises:
            AirflowFailException: lists are too old, or the command cannot be followed.
            AirflowException: it ended in another way than with success.
        """
        environment = {**os.environ, "COLUMNS": _COLUMNS}
        result = self._hook.run_command(self.command, env=environment, cwd=str(ROOT))
        if result.exit_code:
            reason = result.output.removeprefix("error: ")
            raise failure_of(Ending(result.exit_code, reason), "freshness")

    def on_kill(self) -> None:
        """End the command."""
        self._hook.send_sigterm()  # type: ignore[no-untyped-call] # Airflow leaves it without types
