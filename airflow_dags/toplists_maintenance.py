"""# Maintenance: what keeps the tables small and quick.

`look` says what would be done and changes nothing; its log has the figures. `maintain` does it: removes
runs, models and logs that are beyond retention, puts small files together, and deletes files that no
table has needed for a week. Published lists keep their files, and readers notice nothing.

- **Settings** are the group `maintain` and `publish.keep_runs` of `conf/ENVIRONMENT.yaml`: how long files,
  events and logs are kept. The group `airflow` says when (`maintenance_cron`).
- **dry_run**: only `look`.
- **Owner**: see the tasks. **Further reading**: docs/airflow.md and docs/operators-guide.md ("Maintenance")
  in the repository.

## When a task fails

Nothing is half removed: every task may be cleared and run again at any time, also after it was killed.

| exit code | what it means | what happens | what to do |
|---|---|---|---|
| 1 | it failed: a lost machine, a full disk | tried again, later each time | look at the log if it was the last try |
| 2 | it cannot be followed: a wrong setting, or no dataset yet | fails at once | correct `conf/`, clear the task |
| 4 | another process writes the dataset, such as a night | tried again | nothing, unless it was the last try |
| below 0 | the job was killed | tried again | nothing, unless it happens again |

A table that is left alone is a `warning:` in the log of `maintain`, with the reason.
"""

from __future__ import annotations

from datetime import timedelta

import pendulum
from airflow.sdk import DAG

from toplists_airflow.definition import common, environment_param, flag_param
from toplists_airflow.schedule import clock_of
from toplists_airflow.submission import default_environment, submission
from toplists_airflow.verb_operator import VerbOperator

SETTINGS = submission(default_environment()).settings.airflow

with DAG(
    dag_id="toplists_maintenance",
    doc_md=__doc__,
    schedule=clock_of(SETTINGS.maintenance_cron),
    start_date=pendulum.datetime(2026, 1, 1, tz="UTC"),
    dagrun_timeout=timedelta(hours=2 * SETTINGS.task_hours),
    params={
        "environment": environment_param(),
        "dry_run": flag_param("Only say what would be done."),
    },
    tags=["toplists", "maintenance"],
    **common(SETTINGS),
):
    look = VerbOperator(
        task_id="look", verb="maintain", conn_id=SETTINGS.connection, arguments=("--dry-run",)
    )
    maintain = VerbOperator(
        task_id="maintain",
        verb="maintain",
        conn_id=SETTINGS.connection,
        skip="{{ 'dry_run is set' if params.dry_run else '' }}",
    )
    look >> maintain
