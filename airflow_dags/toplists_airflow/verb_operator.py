"""A verb of the pipeline as a task: one spark-submit, whose end decides what Airflow does next."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import chdir
from pathlib import Path
from typing import Any

from airflow.providers.apache.spark.operators.spark_submit import SparkSubmitOperator
from airflow.sdk import Context
from airflow.sdk.exceptions import AirflowException, AirflowFailException, AirflowSkipException
from jinja2 import Environment

from toplists_airflow import ROOT
from toplists_airflow.ending import read_ending
from toplists_airflow.failure import failure_of

_SUBMISSION = "submission(params.environment)"
_PLACE = (
    "{{ ti.dag_id }}/{{ ti.run_id }}/"
    "{{ ti.task_id }}{{ '' if ti.map_index < 0 else '-' ~ ti.map_index }}"
)


class VerbOperator(SparkSubmitOperator):
    """Runs a job of `jobs/` as `spark-submit.sh VERB` does, in the environment that `params.environment` names.

    Exit codes 2, 3 and 5 fail the task at once, others after its retries, with the job's own reason as
    the message. What a job says of itself (run id, rows, metrics, what is live) is the task's XCom.

    Args:
        verb: The verb.
        arguments: Its arguments beside environment, dataset and result file. Templated; empty ones are
            left out.
        skip: Why the task is skipped; templated, empty = it is not.
        kwargs: Those of any task.
    """

    template_fields: Sequence[str] = (*SparkSubmitOperator.template_fields, "result_file", "skip")

    def __init__(
        self,
        *,
        verb: str,
        arguments: Sequence[str] = (),
        skip: str = "",
        **kwargs: Any,  # noqa: ANN401 - whatever tasks take
    ) -> None:
        self.verb = verb
        self.skip = skip
        self.result_file = f"{{{{ {_SUBMISSION}.results }}}}/{_PLACE}.json"
        own = ["--env", "{{ params.environment }}", "--dataset", f"{{{{ {_SUBMISSION}.dataset }}}}"]
        log_file = f"{{{{ {_SUBMISSION}.logs }}}}/{_PLACE}-{{{{ ti.try_number }}}}.log"
        log_option = f'-Dlog4j2.configurationFile="{ROOT}/conf/spark/log4j2.properties"'
        super().__init__(
            name=f"toplists {verb}",
            application=str(ROOT / "jobs" / f"{verb}.py"),
            application_args=[*own, *arguments, "--result-file", self.result_file],
            properties_file=f"{{{{ {_SUBMISSION}.properties_file }}}}",
            jars=f"{{{{ {_SUBMISSION}.jars }}}}",
            driver_class_path=f"{{{{ {_SUBMISSION}.driver_class_path }}}}",
            conf={
                "spark.driver.defaultJavaOptions": log_option,
                "spark.executorEnv.PYTHONPATH": str(ROOT / "lib"),
            },
            env_vars={
                "SPARK_HOME": str(ROOT / ".venv" / "spark"),
                "PYSPARK_PYTHON": str(ROOT / ".venv" / "bin" / "python"),
                "PYTHONPATH": str(ROOT / "lib"),
                "TOPLISTS_LOG": log_file,
            },
            # A job that is submitted again goes on where it was; there is nothing to find again.
            durable=False,
            **kwargs,
        )

    def render_template_fields(
        self, context: Context, jinja_env: Environment | None = None
    ) -> None:
        """Render, then leave out the arguments that came out empty."""
        super().render_template_fields(context, jinja_env)
        self.application_args = [word for word in self.application_args or () if word]

    def execute(  # type: ignore[override] # Spark's own has nothing to hand on
        self, context: Context
    ) -> dict[str, Any]:
        """Run the job.

        Returns:
            What the job says of its end.

        Raises:
            AirflowSkipException: it is not wanted.
            AirflowFailException: it ended in a way that trying again does not cure.
            AirflowException: it ended in another way than with success.
        """
        if self.skip:
            raise AirflowSkipException(self.skip)
        result = Path(self.result_file)
        Path(str((self.env_vars or {})["TOPLISTS_LOG"])).parent.mkdir(parents=True, exist_ok=True)
        result.parent.mkdir(parents=True, exist_ok=True)
        result.unlink(missing_ok=True)  # that of an attempt before
        try:
            # Relative paths of conf/ mean what they do in `cd CHECKOUT && ./spark-submit.sh VERB`.
            with chdir(ROOT):
                super().execute(context)
        except FileNotFoundError as error:
            raise AirflowFailException(
                f"There is no spark-submit on the PATH of this worker: add {ROOT}/.venv/spark/bin to it, after "
                f"{ROOT}/spark-submit.sh --setup."
            ) from error
        except AirflowException as error:
            raise failure_of(read_ending(result, self._exit_code()), self.verb) from error
        facts = dict(read_ending(result, 0).facts)
        self.conclude(context, facts)
        return facts

    def conclude(self, context: Context, facts: dict[str, Any]) -> None:
        """What else there is to do after a success."""

    def _exit_code(self) -> int:
        """That of spark-submit, which the hook has in the text of its error only."""
        process = self._hook._submit_sp if self._hook else None
        return process.returncode if process and process.returncode is not None else 1
