"""What a task raises for how a job ended; beside `ending`, which needs no Airflow."""

from __future__ import annotations

from airflow.sdk.exceptions import AirflowException, AirflowFailException

from toplists_airflow.ending import Ending


def failure_of(ending: Ending, verb: str) -> AirflowException:
    """One that fails the task at once where running it again would end the same; else one that is tried again."""
    kind = AirflowFailException if ending.is_final else AirflowException
    return kind(ending.message(verb))
