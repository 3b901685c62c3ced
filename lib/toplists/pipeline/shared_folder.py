"""Whether executors see a folder or a storage as the driver does, before they are given work that relies on it.

A folder of each machine's own is missing nowhere: everybody writes, and nobody finds what others wrote.
"""

from __future__ import annotations

import io
import socket
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path, PurePosixPath
from shutil import rmtree
from uuid import uuid4

import pyarrow as pa
from pyspark.sql import SparkSession

from toplists.engine.remote_folder import RemoteFolder, open_storage
from toplists.engine.tasks import run_tasks
from toplists.errors import ConfigurationError, ToplistsError
from toplists.lake.failpoints import written

_ASKED = b"Is this storage shared?"
_ASKED_PER_CORE = 2  # so that every executor is, most likely


def require_shared_folder(spark: SparkSession, folder: Path) -> None:
    """See that tasks find what the driver wrote in `folder`, and the driver what they wrote.

    Raises:
        ConfigurationError: they do not.
    """
    asked = _askers(spark)
    place = folder / f"shared-{uuid4().hex[:16]}"
    with written("question whether the folder is shared"):
        place.mkdir(parents=True)
        try:
            answers = run_tasks(spark, asked, _answers(place), "number int, host string").collect()
            apart = {host for number, host in answers if not (place / str(number)).exists()}
        finally:
            rmtree(place)
    if apart:
        raise ConfigurationError(
            f"{folder} on {', '.join(sorted(apart))} is not the folder that the driver sees. Set lake.root "
            "to a mount that all machines have under the same path."
        )


def _answers(place: Path) -> Callable[[int], Iterator[pa.RecordBatch]]:
    def answer(number: int) -> Iterator[pa.RecordBatch]:
        if place.is_dir():
            (place / str(number)).touch()
        yield pa.RecordBatch.from_arrays(
            [pa.array([number], pa.int32()), pa.array([socket.gethostname()])],
            names=["number", "host"],
        )

    return answer


def require_exchange(spark: SparkSession, uri: str) -> None:
    """See that driver and tasks can use a storage, and find there what the others wrote.

    Raises:
        ConfigurationError: they cannot.
    """
    name = f"shared-{uuid4().hex[:16]}"
    place = try_exchange(uri, name)
    with written("question whether the storage is shared"):
        try:
            rows = run_tasks(spark, _askers(spark), _tries(uri, name), "host string, fault string")
            faults = [f"{fault} ({host})" for host, fault in rows.collect() if fault is not None]
        finally:
            clear_trial(place)
    if faults:
        raise ConfigurationError(f"engine.exchange cannot be used by tasks: {min(faults)}")


def try_exchange(uri: str, name: str) -> RemoteFolder:
    """Write and read a file in the folder `name` of a storage; the folder.

    Raises:
        ConfigurationError: that cannot be done.
    """
    place = open_storage(uri).inner(PurePosixPath(name))
    try:
        with written("question whether a storage can be used"):
            place.write("driver", io.BytesIO(_ASKED))
        _read(place)
    except (ToplistsError, FileNotFoundError) as error:
        with suppress(ToplistsError):  # what is wrong is known already
            place.remove()
        raise _unusable(uri, error) from error
    return place


def clear_trial(place: RemoteFolder) -> None:
    """Remove the folder that `try_exchange` made.

    Raises:
        ConfigurationError: that cannot be done.
    """
    try:
        place.remove()
    except ToplistsError as error:
        raise _unusable(place.uri, error) from error


def _unusable(uri: str, error: Exception) -> ConfigurationError:
    return ConfigurationError(
        f"engine.exchange = {uri} cannot be used: {error} See that its bucket or folder is there, and "
        "that the credentials of the environment may write, read, list and delete in it."
    )


def _tries(uri: str, name: str) -> Callable[[int], Iterator[pa.RecordBatch]]:
    def answer(number: int) -> Iterator[pa.RecordBatch]:
        fault = None
        try:
            place = open_storage(uri).inner(PurePosixPath(name))
            _read(place)
            place.write(str(number), io.BytesIO(_ASKED))
        except FileNotFoundError:
            fault = f"what the driver wrote to {uri} is not there. Name a storage that all machines share."
        except ToplistsError as error:
            fault = str(error)
        yield pa.RecordBatch.from_arrays(
            [pa.array([socket.gethostname()]), pa.array([fault], pa.string())],
            names=["host", "fault"],
        )

    return answer


def _read(place: RemoteFolder) -> None:
    with place.read("driver") as content:
        if content.read() != _ASKED:
            raise FileNotFoundError(f"{place} does not keep what is written")


def _askers(spark: SparkSession) -> range:
    return range(_ASKED_PER_CORE * spark.sparkContext.defaultParallelism)
