"""Fixtures that every test may ask for. What a fixture needs marks the tests that ask for it."""

from __future__ import annotations

import os
import shlex
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import uuid4

import pytest
from first_light import unpack_first_light
from hypothesis import settings
from pyarrow.fs import FileSystem
from s3_server import run_server

from toplists.lake.dataset import Dataset
from toplists.lake.upgrade import upgrade

if TYPE_CHECKING:
    from hdfs_server import Hdfs
    from pyspark.sql import SparkSession
    from store_servers import Server

ROOT = Path(__file__).resolve().parents[1]

# How long an example takes says more of the machine than of the code.
settings.register_profile("default", deadline=None)
settings.register_profile("fast", deadline=None, max_examples=10)  # tests/run --fast


MARKED_BY = {
    "spark": "spark",
    "no_rows": "lake",
    "upgraded": "lake",
    "checkout": "process",
    "object_store": "long",
    "hdfs": "long",
    "postgres_server": "process",
    "redis_server": "process",
    "redis_cluster": "process",
    "store_password": "process",  # every test of tests/stores: servers, or files by the hundred
}


def pytest_itemcollected(item: pytest.Item) -> None:
    # fixturenames holds what the test asks for through other fixtures, too.
    for fixture in MARKED_BY.keys() & getattr(item, "fixturenames", ()):
        item.add_marker(MARKED_BY[fixture])


# Whole nights first, then what loads. The long files begin first: the last ones bound the whole.
FIRST = ("pipeline", "e2e", "ingest")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    turns = {folder: turn for turn, folder in enumerate(FIRST)}
    items.sort(key=lambda item: turns.get(item.path.parent.name, len(FIRST)))


def delta_jars() -> list[Path]:
    """The jars that conf/delta-jars.lock names."""
    lines = (ROOT / "conf/delta-jars.lock").read_text().splitlines()
    names = [Path(line.split()[1]).name for line in lines if not line.startswith("#")]
    jars = [ROOT / ".jars" / name for name in names]
    if not all(jar.is_file() for jar in jars):
        pytest.fail("The Delta jars are missing: ./spark-submit.sh --setup test fetches them.")
    return jars


@pytest.fixture(scope="session")
def spark(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SparkSession]:
    """The Spark session of this test process: a nightly's on one machine, made smaller."""
    folder = tmp_path_factory.mktemp("spark")
    jars = delta_jars()
    options = f'-Dlog4j2.configurationFile="{ROOT / "conf/spark/log4j2.properties"}"'
    # tests/run gives them; Spark starts faster.
    options += " " + os.environ.get("LOCAL_JVM_OPTIONS", "-Xlog:disable")
    settings = {
        "spark.driver.memory": "2g",
        "spark.driver.extraClassPath": ":".join(map(str, jars)),
        "spark.driver.defaultJavaOptions": options,
        "spark.sql.shuffle.partitions": "2",
        # For a few rows, compiling a query takes longer than the query. Compiled are those of jobs
        # that tests/e2e submits.
        "spark.sql.codegen.wholeStage": "false",
        "spark.sql.codegen.factoryMode": "NO_CODEGEN",
        "spark.sql.warehouse.dir": str(folder / "warehouse"),
        "spark.checkpoint.dir": str(folder / "checkpoints"),
        "spark.local.dir": str(folder / "local"),
    }
    command = ["--master", "local[2]", "--properties-file", str(ROOT / "conf/spark/local.conf")]
    for key, value in settings.items():
        command += ["--conf", f"{key}={value}"]
    environment = {
        "SPARK_HOME": str(Path(sys.prefix) / "spark"),  # where the set-up links to
        "PYSPARK_SUBMIT_ARGS": shlex.join([*command, "pyspark-shell"]),
        "PYSPARK_PYTHON": sys.executable,
        "PYTHONPATH": str(ROOT / "lib"),  # the workers'
        "TOPLISTS_LOG": str(folder / "spark.log"),
    }
    with pytest.MonkeyPatch.context() as patch:
        for key, value in environment.items():
            patch.setenv(key, value)
        from toplists.lake.session import open_session  # only here: no other test pays for pyspark

        session = open_session("tests")
    yield session
    session.stop()


@pytest.fixture(scope="session")
def no_rows(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tables of a dataset without rows; to be copied, which is quicker than creating them."""
    dataset = Dataset(tmp_path_factory.mktemp("no-rows") / "dataset")
    dataset.create_tables()
    return dataset.root


@pytest.fixture(scope="session")
def upgraded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two published nights: the first release's lake, brought along; to be copied."""
    dataset = unpack_first_light(tmp_path_factory.mktemp("upgraded"))
    upgrade(dataset)
    return dataset.root


@pytest.fixture(scope="session")
def ratings_data() -> Path:
    """Folder with the real data sets (`ml-latest-small`, `goodbooks`): $RATINGS_DATA."""
    folder = Path(os.environ.get("RATINGS_DATA", ROOT.parent / "shared/data"))
    if not folder.is_dir():
        pytest.skip(f"no real data sets in {folder}; set RATINGS_DATA to the folder that has them")
    return folder


@pytest.fixture(scope="session")
def object_store() -> Iterator[str]:
    """The address of a server that speaks S3."""
    with run_server() as address:
        yield address


@pytest.fixture
def bucket(object_store: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """An empty bucket, as a URI; credentials are in the environment."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "somebody")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "s3cret")
    options = f"endpoint_override={object_store}&scheme=http&region=us-east-1"
    name = f"bucket-{uuid4().hex}"
    files, path = FileSystem.from_uri(f"s3://{name}?{options}&allow_bucket_creation=true")
    files.create_dir(path)
    return f"s3://{name}/exchange?{options}"


@pytest.fixture(scope="session")
def hdfs() -> Iterator[Hdfs]:
    """A name node and a data node."""
    from hdfs_server import run_hdfs  # only here: no other test pays for it

    with run_hdfs() as running:
        yield running


@pytest.fixture
def hdfs_folder(hdfs: Hdfs, monkeypatch: pytest.MonkeyPatch) -> str:
    """An empty folder of HDFS, as a URI; what libhdfs needs is in the environment."""
    for name, value in hdfs.environment.items():
        monkeypatch.setenv(name, value)
    return f"{hdfs.uri}/{uuid4().hex}/exchange"


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[Server]:
    """A server of Postgres, whose password is in STORE_PASSWORD."""
    from store_servers import run_postgres  # only here: no other test pays for the clients

    with run_postgres() as server, pytest.MonkeyPatch.context() as patch:
        patch.setenv("STORE_PASSWORD", server.password)
        yield server


@pytest.fixture(scope="session")
def redis_server() -> Iterator[Server]:
    """A server of Redis, likewise."""
    from store_servers import run_redis

    with run_redis() as server, pytest.MonkeyPatch.context() as patch:
        patch.setenv("STORE_PASSWORD", server.password)
        yield server


@pytest.fixture(scope="session")
def redis_cluster() -> Iterator[list[Server]]:
    """The nodes of a cluster of Redis, likewise."""
    from store_servers import run_redis_cluster

    with run_redis_cluster() as servers, pytest.MonkeyPatch.context() as patch:
        patch.setenv("STORE_PASSWORD", servers[0].password)
        yield servers
