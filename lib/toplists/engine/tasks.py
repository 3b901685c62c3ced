"""Running Python functions as Spark tasks, one task per piece of work."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import Generic, Protocol, TypeAlias, TypeVar

import pyarrow as pa
from pyspark.sql import DataFrame, SparkSession
from threadpoolctl import threadpool_limits

Batches: TypeAlias = Iterator[pa.RecordBatch]
T = TypeVar("T")
R = TypeVar("R")


class Collect(Protocol):
    """`collect_tasks` of a session, or `collect_here`."""

    def __call__(self, pieces: Sequence[T], function: Callable[[T], R], /) -> list[R]:
        """What the function makes of each piece, in their order."""
        ...


@dataclass(frozen=True)
class Tasks(Generic[T]):
    """Work that is cut into pieces; what is made of one does not depend on the others.

    `function` is picklable, runs in the executors, and yields record batches of the columns that the
    DDL `schema` names.
    """

    pieces: Sequence[T]
    function: Callable[[T], Iterable[pa.RecordBatch]]
    schema: str

    def frame(self, spark: SparkSession) -> DataFrame:
        """The rows, in a partition for each piece."""
        return run_tasks(spark, self.pieces, self.function, self.schema)


def run_tasks(
    spark: SparkSession,
    pieces: Sequence[T],
    function: Callable[[T], Iterable[pa.RecordBatch]],
    schema: str,
) -> DataFrame:
    """A DataFrame whose partition p holds the record batches that `function(pieces[p])` yields.

    Each piece is a task of its own, so that a failed one is retried alone; arithmetic libraries get
    one thread per task, since Spark already keeps every core busy.

    Args:
        spark: The session.
        pieces: What the tasks work on, one each; small and picklable.
        function: A picklable function that runs in the executors.
        schema: DDL of the batches; they must match it exactly, nothing is cast.
    """
    shared = list(pieces)
    # One number in each partition, without the exchange that any other way to them takes.
    numbers = spark.range(0, len(shared), 1, max(1, len(shared)))

    def work(batches: Batches) -> Batches:
        with threadpool_limits(limits=1):
            for batch in batches:
                for number in batch.column(0).to_pylist():
                    yield from function(shared[number])

    return numbers.mapInArrow(work, schema)


def collect_tasks(spark: SparkSession, pieces: Sequence[T], function: Callable[[T], R]) -> list[R]:
    """What `function` makes of each piece, in their order; each is a task as those of `run_tasks`.

    For the few words that the driver is to know: no query is planned, which takes Spark longer than to run
    a small job.

    Args:
        spark: The session.
        pieces: What the tasks work on, one each; small and picklable.
        function: A picklable function that runs in the executors, of picklable results.
    """
    shared = list(pieces)

    def work(numbers: Iterable[int]) -> Iterator[R]:
        with threadpool_limits(limits=1):
            for number in numbers:
                yield function(shared[number])

    numbers = spark.sparkContext.parallelize(range(len(shared)), max(1, len(shared)))
    return numbers.mapPartitions(work).collect()


def collect_here(pieces: Sequence[T], function: Callable[[T], R], *, threads: int = 1) -> list[R]:
    """The same in this process, so many pieces at a time.

    What takes time there, kernels and products of matrices, lets other threads go on.
    """
    with ThreadPoolExecutor(threads) as pool:
        return list(pool.map(function, pieces))


def in_one_task(spark: SparkSession, work: Callable[[Collect], R]) -> R:
    """What `work` makes of all in a single task; for data so small that jobs would cost more.

    It is given a way to use all cores of its executor, which have nothing to do while it is the only task.

    Args:
        spark: The session.
        work: A picklable function that runs in an executor, of a picklable result.
    """
    here = partial(collect_here, threads=cores_of_executor(spark) or 1)
    (result,) = collect_tasks(spark, [None], lambda _: work(here))
    return result


def cores_of_executor(spark: SparkSession) -> int | None:
    """How many cores an executor has, if that is known."""
    context = spark.sparkContext
    if (context.master or "").startswith("local"):
        return min(context.defaultParallelism, os.cpu_count() or 1)
    configured = context.getConf().get("spark.executor.cores")
    return int(configured) if configured else None


def map_batches(frame: DataFrame, function: Callable[[Batches], Batches], schema: str) -> DataFrame:
    """`mapInArrow` with one arithmetic thread per task."""

    def work(batches: Batches) -> Batches:
        with threadpool_limits(limits=1):
            yield from function(batches)

    return frame.mapInArrow(work, schema)


def at_once(*actions: Callable[[], object]) -> None:
    """Do several Spark actions at the same time, so that one plans while another computes.

    Raises:
        Exception: what the first of them raised, after all have ended.
    """
    with ThreadPoolExecutor(len(actions)) as pool:
        running = [pool.submit(action) for action in actions]
    for action in running:
        action.result()
