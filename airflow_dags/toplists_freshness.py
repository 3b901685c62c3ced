"""# Freshness: are the live lists as new as was promised?

No failing night is needed for lists to grow old: a night may be refused every day, wait for its input,
or never begin. This asks what is live, whatever the nights did, and fails when it was published more
than `airflow.max_age_hours` ago. Going back to older lists makes them live, not new.

- **Settings**: `max_age_hours` and `freshness_cron` of the group `airflow` in `conf/ENVIRONMENT.yaml`.
- **Owner**: see the tasks. **Further reading**: docs/airflow.md and docs/operators-guide.md ("Watching") in
  the repository.

## When the task fails

Its message says how old the lists are. It fails in each run until new lists are live.

| exit code | what it means | what happens | what to do |
|---|---|---|---|
| 1 | it could not look: the lake cannot be read | tried again, later each time | see whether the lake's mount is there |
| 2 | it cannot be followed: a wrong setting, or no dataset yet | fails at once | correct `conf/`; begin with a night |
| 7 | live lists are too old, or none were ever published | fails at once | see below |

After 7, look at `toplists_nightly`:

- **It is paused, or has no runs**: unpause it; trigger it.
- **Its last run waits**: for its input (task `input`) or for a slot of the pool.
- **Its last run failed**: that task's message says why, and its runbook what to do.
- **All is green**: was it run with `no_publish`, in another environment, or with an old `as_of`?
"""

from __future__ import annotations

from datetime import timedelta

import pendulum
from airflow.sdk import DAG

from toplists_airflow.definition import common, environment_param
from toplists_airflow.freshness_operator import FreshnessOperator
from toplists_airflow.schedule import clock_of
from toplists_airflow.submission import default_environment, submission

SETTINGS = submission(default_environment()).settings.airflow

with DAG(
    dag_id="toplists_freshness",
    doc_md=__doc__,
    schedule=clock_of(SETTINGS.freshness_cron),
    start_date=pendulum.datetime(2026, 1, 1, tz="UTC"),
    dagrun_timeout=timedelta(hours=SETTINGS.task_hours),
    params={"environment": environment_param()},
    tags=["toplists", "freshness"],
    **common(SETTINGS),
):
    # Looking is no job: the cluster is free for others, and a night that holds it is no reason to wait.
    FreshnessOperator(task_id="freshness", pool="default_pool")
