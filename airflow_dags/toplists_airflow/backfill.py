"""The parts of a backfill that are no jobs: its plan, and the step to the next day."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Sequence
from typing import Any

from airflow.providers.standard.operators.trigger_dagrun import TriggerDagRunOperator
from airflow.sdk import BaseOperator, Context
from airflow.sdk.exceptions import AirflowFailException, AirflowSkipException

from toplists_airflow import ROOT
from toplists_airflow.ending import Ending
from toplists_airflow.failure import failure_of
from toplists_airflow.submission import submission

COMMAND = str(ROOT / "toplists")
_DAY = re.compile(r"\.\d{4}-\d\d-\d\d$")


class PlanOperator(BaseOperator):
    """Asks `./toplists backfill` what remains to be done, and says it on the log.

    Its XCom is about the oldest day for which something does: `as_of`, the `run_id` that is there, the verbs
    `remaining` for it and why `otherwise` none is run, and the days `later` than it with something to do.
    """

    def execute(self, context: Context) -> dict[str, Any]:
        """Make the plan.

        Raises:
            AirflowFailException: there can be none.
            AirflowException: it was not made this time.
        """
        params = context["params"]
        if not (params["first_day"] and params["last_day"]):
            raise AirflowFailException(
                "A backfill needs days: trigger it with first_day and last_day."
            )
        plan = self._ask(params)
        for day in plan["days"]:
            self.log.info(
                "%s  %-25s %s",
                day["as_of"],
                day["standing"],
                ", ".join(day["remaining"]) or "nothing to do",
            )
        for sentence in plan["sentences"]:
            self.log.info("%s", sentence)
        outstanding = [day for day in plan["days"] if day["remaining"]]
        if params["dry_run"] or not outstanding:
            why = "dry_run is set" if params["dry_run"] else "there is nothing to do"
            return {"as_of": None, "run_id": None, "remaining": [], "otherwise": why, "later": []}
        first, *others = outstanding
        return {
            "as_of": first["as_of"],
            "run_id": first["run_id"],
            "remaining": first["remaining"],
            "otherwise": f"it is done for {first['as_of']}, or not wanted",
            "later": [day["as_of"] for day in others],
        }

    def _ask(self, params: dict[str, Any]) -> dict[str, Any]:
        environment = params["environment"]
        options = {"--move-pointer": params["move_pointer"], "--again": params["again"]}
        command = [
            *(COMMAND, "backfill", params["first_day"], params["last_day"], "--json"),
            *("--env", environment, "--dataset", submission(environment).dataset),
            *(option for option, wanted in options.items() if wanted),
        ]
        # Relative paths of conf/ mean what they do for jobs.
        ended = subprocess.run(  # noqa: S603 - a file of the checkout, without a shell
            command, cwd=ROOT, capture_output=True, text=True
        )
        if ended.returncode:
            reason = " ".join(ended.stderr.split())
            raise failure_of(Ending(ended.returncode, reason), "plan")
        return dict(json.loads(ended.stdout))


class NextDayOperator(TriggerDagRunOperator):
    """Begins a run of the same DAG for the days after this one, if there is something to do for them.

    Mapped tasks would all be there at once, and no setting of Airflow keeps their order where one of them
    is tried again. Its run is called after the first one and its day, so that it begins once.
    """

    template_fields: Sequence[str] = ()

    def execute(self, context: Context) -> None:
        """Begin the next run.

        Raises:
            AirflowSkipException: this was the last day.
        """
        later = context["ti"].xcom_pull(task_ids="plan")["later"]
        if not later:
            raise AirflowSkipException("There is no later day with something to do.")
        self.conf = {**context["params"], "first_day": later[0]}
        self.trigger_run_id = f"{_DAY.sub('', str(context['run_id']))}.{later[0]}"
        super().execute(context)
