"""# The night: from new events to published lists.

Takes in what is new, fits, compares with what is live, publishes and fills the stores. One task per
verb of `./spark-submit.sh`; all after `prepare` go on with the run that it began. Readers see the former
lists until `publish`, and all new ones after it.

- **Settings** are those of `conf/ENVIRONMENT.yaml`: what is taken in, when, where to, and all of a model's.
  The group `airflow` has this DAG's own.
- **as_of** is the logical date (of a run by hand or for an asset the moment it began): everything before
  its midnight UTC counts.
- **Consumers** schedule on the asset `toplists.DATASET`. Its events say run id, as_of, rows and metrics.
- **Owner**: see the tasks. **Further reading**: docs/airflow.md and docs/operators-guide.md in the repository.

## When a task fails

The task's message says why, in a sentence. Its log has what the job printed, and names the job's own
log file. What is live stays live; every task may be cleared and run again at any time.

| exit code | what it means | what happens | what to do |
|---|---|---|---|
| 1 | it failed: a lost machine, a full disk | tried again, later each time | look at the log if it was the last try |
| 2 | it cannot be followed: a wrong setting, or something newer is live | fails at once | correct `conf/`, clear the task |
| 3 | the gate refused the run | fails at once, the live lists stay | read the report; correct the input or the rules |
| 4 | another process writes the dataset | tried again | see who: the message names it |
| 5 | the input was refused, nothing of it was taken in | fails at once | correct it, or trigger with `accept_input` |
| 6 | live in Delta, stores are behind | tried again, each store from where it was | see why the store refuses |
| below 0 | the job was killed | tried again | nothing, unless it happens again |

- **To go back** to the lists before: `./spark-submit.sh rollback --dataset …`.
- **To compute a day again**: trigger with its `as_of`. A run older than what is live is refused by `publish`,
  unless `force` is given. Clearing a task of last week's run therefore never moves readers backwards.
- **Many days at once**, oldest first: `toplists_backfill`, or Airflow's own `airflow backfill create --dag-id
  toplists_nightly … --max-active-runs 1`, whose runs leave what is newer live and succeed.
"""

from __future__ import annotations

from datetime import timedelta

import pendulum
from airflow.providers.standard.operators.empty import EmptyOperator
from airflow.sdk import DAG, Param, TriggerRule, chain

from toplists_airflow import NIGHT
from toplists_airflow.definition import (
    AS_OF,
    common,
    day_param,
    environment_param,
    flag_param,
)
from toplists_airflow.publish_operator import task_of
from toplists_airflow.schedule import schedule_of
from toplists_airflow.submission import default_environment, submission
from toplists_airflow.verb_operator import VerbOperator
from toplists_airflow.waiting import wait_for_input

DEPLOYMENT = submission(default_environment())
SETTINGS = DEPLOYMENT.settings.airflow

RUN = ("--run-id", "{{ ti.xcom_pull(task_ids='prepare')['run_id'] }}")
SKIP = {
    "publish": "{{ 'no_publish is set' if params.no_publish else '' }}",
    "export": "{{ '' if submission(params.environment).exports else 'publish.stores names no store' }}",
}
# A backfill of Airflow's computes days that are past; that something newer is live is no failure of it.
OLDER = (
    "{{ '--force' if params.force else '--if-newest' if dag_run.run_type == 'backfill' else '' }}"
)
ARGUMENTS = {
    "ingest": (
        "{{ '--source' if submission(params.environment).source else '' }}",
        "{{ submission(params.environment).source }}",
    ),
    "prepare": (
        *("--as-of", AS_OF),
        "{{ '--accept-input' if params.accept_input else '' }}",
    ),
    "publish": (*RUN, "--no-export", OLDER),
    "export": ("--resume",),
}

PARAMS: dict[str, Param] = {
    "environment": environment_param(),
    "as_of": day_param(
        "Everything before this day's 00:00 UTC is known; empty = the logical date."
    ),
    "no_publish": flag_param("Stop before publish: the run is there to be looked at."),
    "force": flag_param("Publish although a newer as_of is live."),
    "accept_input": flag_param("Go on although the input gate refuses: somebody looked at it."),
}


def task(verb: str) -> VerbOperator:
    """The task of a verb."""
    arguments = ARGUMENTS.get(verb, RUN)
    return task_of(verb, DEPLOYMENT, arguments=arguments, skip=SKIP.get(verb, ""))


with DAG(
    dag_id="toplists_nightly",
    doc_md=__doc__,
    schedule=schedule_of(SETTINGS),
    start_date=pendulum.datetime(2026, 1, 1, tz="UTC"),
    dagrun_timeout=timedelta(hours=SETTINGS.night_hours),
    params=PARAMS,
    tags=["toplists", "nightly"],
    **common(SETTINGS),
):
    complete = EmptyOperator(task_id="complete", trigger_rule=TriggerRule.NONE_FAILED)
    first = [wait_for_input(SETTINGS)] if SETTINGS.wait_for is not None else []
    chain(*first, *map(task, NIGHT), complete)
