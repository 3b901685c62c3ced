"""# Days that were missed: their lists and figures, oldest first.

Computes each day from `first_day` to `last_day` over what is loaded, as `toplists_nightly` would have: for
a new model, after an outage, or to have figures of the past. Nothing is taken in.

- **Dry run by default**: trigger it, and read in the log of `plan` which days there are, what remains to be done
  for each, time and room that it will take. The same on a terminal: `./toplists backfill FIRST LAST`. Then
  trigger with `dry_run` off.

- **The live pointer stays** where it is, unless `move_pointer` is given: then each day is published that nothing newer
  is live of (`publish --if-newest`), so that it only ever moves forward. A run that was live before is never published again.

- **One run of this DAG per day**, in order: a run ends by beginning the next one (`next_day`), named after it. There is
  one at a time, since a dataset has one writer at a time: a second would wait for the first (exit code 4). Nights go on meanwhile;
  jobs of both take turns at the pool.

- **A day that fails stops the backfill.** The gate looks back at the days before (`trend`), and whatever broke one day mostly
  breaks the next. Then either

  - remove the cause and **clear the failed task**: the day goes on where it was, and the later days follow; or
  - leave it out: trigger with a `first_day` after it; or
  - trigger the same range again at any time: what is done is not repeated. A finished day counts as done although more was
    loaded since; `again` computes such days anew. Other settings or another release are other runs: all days are computed.

Lists of days that were never published are kept for the newest `publish.keep_runs` days only; figures stay.

## Exit codes

Those of `toplists_nightly`, whose runbook says what to do:

| exit code | here |
|---|---|
| 1, 4, 6, below 0 | tried again, later each time; then the backfill stops |
| 2 | stops: the range is none, nothing was loaded, or a setting is wrong |
| 3 | stops: the gate refused the day, or its run was declared bad |
| 5 | stops: the day's input is unusual; trigger with `accept_input` once somebody has looked |

`airflow backfill create --dag-id toplists_nightly --from-date … --to-date … --max-active-runs 1` works as well: it takes in what is
new, and publishes days that nothing newer is live of. It has no dry run that knows what is done, and goes on after a failed day.

**Owner**: see the tasks. **Further reading**: docs/airflow.md and docs/operators-guide.md in the repository.
"""

from __future__ import annotations

from datetime import timedelta

from airflow.providers.standard.operators.empty import EmptyOperator
from airflow.sdk import DAG, Param, TriggerRule, chain

from toplists_airflow import NIGHT
from toplists_airflow.backfill import NextDayOperator, PlanOperator
from toplists_airflow.definition import common, day_param, environment_param, flag_param
from toplists_airflow.publish_operator import task_of
from toplists_airflow.submission import default_environment, submission
from toplists_airflow.verb_operator import VerbOperator

DAG_ID = "toplists_backfill"
DEPLOYMENT = submission(default_environment())
SETTINGS = DEPLOYMENT.settings.airflow

PLAN = "ti.xcom_pull(task_ids='plan')"
# The run that `prepare` has begun, or that was there.
RUN = ("--run-id", f"{{{{ (ti.xcom_pull(task_ids='prepare') or {PLAN})['run_id'] }}}}")
ARGUMENTS = {
    "prepare": (
        *("--as-of", f"{{{{ {PLAN}['as_of'] }}}}"),
        "{{ '--accept-input' if params.accept_input else '' }}",
    ),
    "publish": (*RUN, "--no-export", "--if-newest"),
    "export": ("--resume",),
}

PARAMS: dict[str, Param] = {
    # Not without a default: Airflow runs a DAG's callbacks without the values that a run was given.
    "first_day": day_param("First as_of; has to be given."),
    "last_day": day_param("Last as_of; has to be given."),
    "environment": environment_param(),
    "dry_run": flag_param("Only say what there is to do.", default=True),
    "move_pointer": flag_param("Publish each day that nothing newer is live of."),
    "again": flag_param("Compute finished days anew if more was loaded since."),
    "accept_input": flag_param("Go on although the input gate refuses: somebody looked at it."),
}


def task(verb: str) -> VerbOperator:
    """The task of a verb, which is skipped where nothing remains for it."""
    return task_of(
        verb,
        DEPLOYMENT,
        arguments=ARGUMENTS.get(verb, RUN),
        skip=f"{{{{ '' if '{verb}' in {PLAN}['remaining'] else {PLAN}['otherwise'] }}}}",
        trigger_rule=TriggerRule.NONE_FAILED,
    )


with DAG(
    dag_id=DAG_ID,
    doc_md=__doc__,
    schedule=None,
    dagrun_timeout=timedelta(hours=SETTINGS.night_hours),
    params=PARAMS,
    tags=["toplists", "backfill"],
    **common(SETTINGS),
):
    # No jobs: they take no slot of the cluster.
    plan = PlanOperator(task_id="plan", pool="default_pool")
    next_day = NextDayOperator(
        task_id="next_day",
        trigger_dag_id=DAG_ID,
        logical_date=None,
        skip_when_already_exists=True,
        trigger_rule=TriggerRule.NONE_FAILED,
        pool="default_pool",
    )
    complete = EmptyOperator(task_id="complete", trigger_rule=TriggerRule.NONE_FAILED)
    chain(plan, *map(task, NIGHT[1:]), next_day, complete)
