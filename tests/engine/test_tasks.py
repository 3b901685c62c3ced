"""Functions as Spark tasks."""

from __future__ import annotations

import os
import threading

import pyarrow as pa
from pyspark.sql import SparkSession
from threadpoolctl import threadpool_info

from toplists.engine.tasks import Collect, collect_tasks, in_one_task, run_tasks


def test_results_are_in_the_order_of_the_pieces(spark: SparkSession) -> None:
    assert collect_tasks(spark, ["a", "b", "c"], lambda piece: (piece, [piece])) == [
        ("a", ["a"]),
        ("b", ["b"]),
        ("c", ["c"]),
    ]
    assert collect_tasks(spark, [], str) == []


def test_a_single_task_uses_all_cores_of_its_executor(spark: SparkSession) -> None:
    cores = spark.sparkContext.defaultParallelism
    assert cores == 2  # as tests/conftest.py starts the session

    def meet(collect: Collect) -> list[int]:
        everybody = threading.Barrier(cores)

        def square(number: int) -> int:
            everybody.wait(timeout=60)  # is broken if they go one by one
            return number**2

        return collect(range(2 * cores), square)

    assert in_one_task(spark, meet) == [0, 1, 4, 9]


def test_each_task_has_one_arithmetic_thread(spark: SparkSession) -> None:
    def threads(_: None) -> set[int]:
        return {pool["num_threads"] for pool in threadpool_info()}

    assert collect_tasks(spark, [None], threads) == [{1}]


def test_workers_of_all_jobs_are_of_one_daemon(spark: SparkSession) -> None:
    """Each daemon loads the kernels, which takes seconds and memory."""

    def daemon(_: None) -> int:
        return os.getppid()

    rows = run_tasks(
        spark,
        [None],
        lambda piece: [pa.RecordBatch.from_arrays([pa.array([daemon(piece)])], names=["daemon"])],
        "daemon long",
    )
    assert collect_tasks(spark, [None], daemon) == [row["daemon"] for row in rows.collect()]
