"""What is submitted: every command of a night equals a stored one (`--update` writes them anew)."""

from __future__ import annotations

import copy
import shlex
from collections.abc import Mapping
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
from conftest import HERE, HOME, ROOT
from fake_submit import RUN_ID

from toplists.config.night import NIGHT
from toplists_airflow.submission import delta_jars

if TYPE_CHECKING:
    from airflow.sdk import DAG

BEGAN = datetime(2026, 11, 24, 3, 7, tzinfo=UTC)
# As the scheduler makes them: only runs by the clock have a logical date.
RUNS = {
    "scheduled": {
        "logical_date": datetime(2026, 11, 24, 3, tzinfo=UTC),
        "run_after": BEGAN,
        "run_id": "scheduled__2026-11-24T03:00:00+00:00",
        "run_type": "scheduled",
        "params": {},
    },
    "manual": {
        "logical_date": None,
        "run_after": BEGAN,
        "run_id": "manual__2026-11-24T03:07:00+00:00",
        "run_type": "manual",
        "params": {"as_of": "2026-11-20", "force": True, "accept_input": True},
    },
    "by_asset": {
        "logical_date": None,
        "run_after": BEGAN,
        "run_id": "asset_triggered__2026-11-24T03:07:00+00:00",
        "run_type": "asset_triggered",
        "params": {},
    },
    "airflow_backfill": {
        "logical_date": datetime(2026, 11, 20, 3, tzinfo=UTC),
        "run_after": BEGAN,
        "run_id": "backfill__2026-11-20T03:00:00+00:00",
        "run_type": "backfill",
        "params": {},
    },
    "day_of_a_backfill": {
        "dag_id": "toplists_backfill",
        "logical_date": None,
        "run_after": BEGAN,
        "run_id": "manual__2026-11-24T03:07:00+00:00.2026-11-20",
        "run_type": "operator_triggered",
        "params": {
            "first_day": "2026-11-20",
            "last_day": "2026-11-22",
            "dry_run": False,
            "move_pointer": True,
        },
    },
}

XCOMS = {
    "prepare": {"run_id": RUN_ID},
    "plan": {"as_of": "2026-11-20", "remaining": [*NIGHT[1:]], "otherwise": "done"},
}


def rendered(dag: DAG, verb: str, run: Mapping[str, Any]) -> str:
    """The command of a task, as one line without the paths of this machine."""
    task = copy.copy(dag.get_task(verb))
    given = run["params"]
    params = {name: given[name] if name in given else dag.params[name] for name in dag.params}
    ti = SimpleNamespace(
        dag_id=dag.dag_id,
        run_id=run["run_id"],
        task_id=verb,
        map_index=-1,
        try_number=1,
        xcom_pull=lambda task_ids: XCOMS[task_ids],
    )
    context = {
        "dag": dag,
        "ti": ti,
        "dag_run": SimpleNamespace(**run),
        "params": params,
        **dag.user_defined_macros,
    }
    task.render_template_fields(context)
    words = task._get_hook()._build_spark_submit_command(task.application)
    environment = [f"{name}={value}" for name, value in task.env_vars.items()]
    line = shlex.join([*environment, *words])
    for text, name in (
        (":".join(delta_jars()), "$JARS"),
        (str(ROOT), "$ROOT"),
        (str(HOME), "$HOME"),
    ):
        line = line.replace(text, name)
    return line


@pytest.mark.parametrize("kind", RUNS)
def test_every_command_is_the_stored_one(
    dags: Mapping[str, DAG], kind: str, request: pytest.FixtureRequest
) -> None:
    dag = dags[RUNS[kind].get("dag_id", "toplists_nightly")]
    verbs = [verb for verb in NIGHT if dag.has_task(verb)]
    found = "".join(rendered(dag, verb, RUNS[kind]) + "\n" for verb in verbs)
    stored = HERE / "commands" / f"{kind}.txt"
    if request.config.getoption("--update"):
        stored.write_text(found)
    assert found == stored.read_text()


def test_a_name_that_is_not_there_fails(dags: Mapping[str, DAG]) -> None:
    dag = dags["toplists_nightly"]
    run = RUNS["scheduled"] | {"params": {"environment": "nowhere"}}
    with pytest.raises(Exception, match="There is no environment 'nowhere'"):
        rendered(dag, "ingest", run)
