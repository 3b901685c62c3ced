"""What holds for every DAG."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from conftest import ROOT
from jinja2 import StrictUndefined

from toplists_airflow.alert import FailureAlert, OverdueAlert

if TYPE_CHECKING:
    from airflow.dag_processing.dagbag import BundleDagBag
    from airflow.sdk import DAG

IDS = ("toplists_nightly", "toplists_backfill", "toplists_maintenance", "toplists_freshness")
TAGS = {"toplists", "nightly", "backfill", "maintenance", "freshness"}


def test_these_are_all(dags: Mapping[str, DAG]) -> None:
    assert set(dags) == set(IDS)


def test_files_are_parsed_in_two_seconds(bag: BundleDagBag) -> None:
    assert max(one.duration for one in bag.dagbag_stats) < timedelta(seconds=2)


def test_neither_pyspark_nor_the_packages_of_jobs_are_needed() -> None:
    code = """
import sys
for absent in ("pyspark", "delta", "deltalake", "numba", "pyarrow"):
    sys.modules[absent] = None
from pathlib import Path
from airflow.dag_processing.dagbag import BundleDagBag
folder = Path(sys.argv[1])
bag = BundleDagBag(folder, bundle_path=folder)
assert bag.dags and not bag.import_errors, bag.import_errors
loaded = {name for name in sys.modules if name.startswith("toplists.")}
assert all(name.startswith(("toplists.config", "toplists.errors")) for name in loaded), loaded
"""
    # Nobody but the DAGs says where the library is, as in a deployment.
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    command = [sys.executable, "-c", code, str(ROOT / "airflow_dags")]
    subprocess.run(command, check=True, env=environment)


@pytest.mark.parametrize("dag_id", IDS)
class TestEveryDag:
    def test_runs_one_at_a_time_from_now_on(self, dags: Mapping[str, DAG], dag_id: str) -> None:
        assert (dags[dag_id].max_active_runs, dags[dag_id].catchup) == (1, False)

    def test_refuses_templates_with_unknown_names(
        self, dags: Mapping[str, DAG], dag_id: str
    ) -> None:
        assert dags[dag_id].template_undefined is StrictUndefined

    def test_has_its_runbook_and_known_tags(self, dags: Mapping[str, DAG], dag_id: str) -> None:
        dag = dags[dag_id]
        assert dag.doc_md
        assert dag.doc_md.startswith("# ")
        assert "exit code" in dag.doc_md
        assert {"toplists"} < dag.tags <= TAGS

    def test_says_on_every_task_who_how_often_how_long_and_where(
        self, dags: Mapping[str, DAG], dag_id: str
    ) -> None:
        for task in dags[dag_id].tasks:
            assert task.owner == "toplists", task
            assert task.retries == 2
            assert task.retry_exponential_backoff
            assert task.execution_timeout == timedelta(hours=6)
            assert task.pool in ("toplists", "default_pool")
            (alert,) = task.on_failure_callback
            assert isinstance(alert, FailureAlert)

    def test_somebody_is_told_of_a_run_that_takes_too_long(
        self, dags: Mapping[str, DAG], dag_id: str
    ) -> None:
        alert = dags[dag_id].on_failure_callback
        assert isinstance(alert, OverdueAlert)

    def test_jobs_are_submitted_anew_by_a_retry(self, dags: Mapping[str, DAG], dag_id: str) -> None:
        # In YARN's cluster mode the operator would otherwise want the address of a resource manager.
        jobs = [task for task in dags[dag_id].tasks if task.task_type.endswith("VerbOperator")]
        assert not any(job.durable for job in jobs)

    def test_jobs_take_a_slot_of_the_cluster(self, dags: Mapping[str, DAG], dag_id: str) -> None:
        jobs = [task for task in dags[dag_id].tasks if task.task_type.endswith("VerbOperator")]
        assert all(job.pool == "toplists" for job in jobs)


def test_only_publish_updates_the_asset(dags: Mapping[str, DAG]) -> None:
    updating = {
        (dag_id, task.task_id): [asset.uri for asset in task.outlets]
        for dag_id, dag in dags.items()
        for task in dag.tasks
        if task.outlets
    }
    asset = ["toplists://shop/publications"]
    assert updating == {(dag_id, "publish"): asset for dag_id in IDS[:2]}
