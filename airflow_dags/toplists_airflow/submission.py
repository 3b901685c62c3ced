"""How the jobs of an environment are submitted: what `spark-submit.sh --env NAME` would pass on."""

from __future__ import annotations

import math
import os
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from toplists.config.layers import find_conf, resolve_settings
from toplists.config.settings import Settings
from toplists.errors import ConfigurationError
from toplists_airflow import ROOT
from toplists_airflow.memory import require_within

ENVIRONMENT_VARIABLE = "TOPLISTS_ENV"


@dataclass(frozen=True)
class Submission:
    """An environment of `conf/`, as options of spark-submit.

    Attributes:
        settings: What the jobs read.
        properties_file: Spark's properties.
        jars: Those of Delta, where executors need them; else empty.
        driver_class_path: The same, where the driver does all the work.
        results: Folder for how each job ended.
        logs: Folder for the log of each job.
    """

    settings: Settings
    properties_file: str
    jars: str
    driver_class_path: str
    results: str
    logs: str

    @property
    def dataset(self) -> str:
        """Dataset of the nights."""
        return self.settings.airflow.dataset

    @property
    def source(self) -> str:
        """What a night takes in; empty = the sample."""
        return self.settings.airflow.source or ""

    @property
    def max_age(self) -> str:
        """How old live lists may be, as `./toplists status --max-age` takes it."""
        return f"{math.ceil(self.settings.airflow.max_age_hours * 60)}m"

    @property
    def exports(self) -> bool:
        """Whether there are stores to export to."""
        return bool(self.settings.publish.stores)


@cache
def submission(environment: str) -> Submission:
    """How the jobs of an environment are submitted.

    Raises:
        ConfigurationError: there is no such environment, its settings cannot be used, or it asks for
            more memory than it may.
    """
    settings = resolve_settings(find_conf(os.environ), environment).settings
    properties = ROOT / "conf" / "spark" / f"{environment}.conf"
    if not properties.is_file():
        raise ConfigurationError(
            f"There is no file {properties}. Copy one of the examples beside it, such as yarn.conf.example."
        )
    found = read_properties(properties)
    require_within(found, settings.airflow.memory_limit_gb, str(properties))
    is_local = found.get("spark.master", "local").startswith("local")
    jars = delta_jars()
    logs = Path(os.environ.get("TOPLISTS_LOGS") or ROOT / "logs") / "airflow"
    return Submission(
        settings=settings,
        properties_file=str(properties),
        jars="" if is_local else ",".join(jars),
        driver_class_path=":".join(jars) if is_local else "",
        results=settings.airflow.results or str(logs),
        logs=str(logs),
    )


def default_environment() -> str:
    """The environment of the deployment, which the DAGs are made from."""
    return os.environ.get(ENVIRONMENT_VARIABLE) or "local"


def environments() -> list[str]:
    """Those that have both settings and Spark's properties."""
    conf = find_conf(os.environ)
    spark = {path.stem for path in (ROOT / "conf" / "spark").glob("*.conf")}
    return sorted(path.stem for path in conf.glob("*.yaml") if path.stem in spark)


def read_properties(path: Path) -> Mapping[str, str]:
    """Spark's properties: a name and a value per line, `#` before comments."""
    lines = (line.strip() for line in path.read_text().splitlines())
    pairs = (line.split(None, 1) for line in lines if line and not line.startswith("#"))
    return {pair[0]: pair[1].strip() for pair in pairs if len(pair) == 2}


def delta_jars() -> list[str]:
    """Where the jars lie that `spark-submit.sh --setup` fetches."""
    lines = (ROOT / "conf" / "delta-jars.lock").read_text().splitlines()
    paths = (line.split()[1] for line in lines if line and not line.startswith("#"))
    return [str(ROOT / ".jars" / Path(path).name) for path in paths]
