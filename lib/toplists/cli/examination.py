"""The examinations of `toplists doctor`: what is needed, whether it is there, and the remedy if not."""

from __future__ import annotations

import platform
import re
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

from toplists.config.operation import WatchSettings
from toplists.errors import ConfigurationError, ToplistsError
from toplists.lake.dataset import list_datasets
from toplists.lake.lease import describe_holder
from toplists.lake.version import LAKE_VERSION, present_version, read_version
from toplists.pipeline.shared_folder import try_exchange
from toplists.pipeline.watching import surroundings
from toplists.pipeline.watching.webhook import WebhookError, resolve_url

_LOCK = surroundings.ROOT / "requirements.lock"
_SETUP = "Run ./spark-submit.sh --setup."
_LEAST_JAVA = 17
_LEAST_DISK_GIB = 5.0
_UNITS = {"m": 2.0**-10, "g": 1.0, "t": 2.0**10}  # GiB


@dataclass(frozen=True)
class Finding:
    """One thing examined: what was found and, where that is a fault, its remedy."""

    subject: str
    said: str
    remedy: str | None = None

    @property
    def well(self) -> bool:
        """Whether there is no fault."""
        return self.remedy is None


def examine_machine(environ: Mapping[str, str], spark_conf: Path) -> Iterator[Finding]:
    """Java, Python's packages, jars, cores and memory.

    Args:
        environ: The process environment.
        spark_conf: Spark's settings in the environment in use.
    """
    yield _java(surroundings.java_version(environ))
    facts = {name: surroundings.package_version(name) for name in surroundings.PACKAGES}
    yield Finding("Python", platform.python_version())
    yield Finding("Spark", facts["pyspark"] or "none")
    yield Finding("Delta", f"{facts['delta-spark']}, deltalake {facts['deltalake']}")
    yield examine_packages(_LOCK)
    yield examine_jars()
    yield Finding("Cores", str(surroundings.count_cores()))
    yield examine_memory(surroundings.memory_gib(), spark_conf)


def _java(found: str | None) -> Finding:
    major = re.match(r"\d+", found or "")
    if found is not None and major is not None and int(major[0]) >= _LEAST_JAVA:
        return Finding("Java", found)
    return Finding(
        "Java",
        f"{found}, and Spark needs {_LEAST_JAVA} or newer" if found else "none runs",
        "Install Java 17 or newer (Debian, Ubuntu: sudo apt install openjdk-17-jre-headless), and "
        "set JAVA_HOME to its folder where it is not on the PATH.",
    )


def examine_packages(lock: Path) -> Finding:
    """Whether every package is installed in the version that `lock` names."""
    wanted: dict[str, set[str]] = {}
    conditional = set()
    for line in lock.read_text(encoding="utf-8").splitlines():
        if found := re.match(r"([A-Za-z0-9._-]+)==([^ ;\\]+)( *;)?", line):
            wanted.setdefault(found[1], set()).add(found[2])
            if found[3]:  # only for some versions of Python, or systems
                conditional.add(found[1])
    wrong = []
    for name, versions in wanted.items():
        installed = surroundings.package_version(name)
        if installed not in versions and not (installed is None and name in conditional):
            wrong.append(f"{name} {installed or 'is missing'}")
    if not wrong:
        return Finding("Packages", f"{len(wanted)}, as in {lock.name}")
    return Finding("Packages", f"not as in {lock.name}: {', '.join(wrong)}", _SETUP)


def examine_jars() -> Finding:
    """Whether every Delta jar is there, and is the one that its lock names."""
    jars = list(surroundings.locked_jars())
    digests = {jar: surroundings.digest_of(jar) for jar, _ in jars}
    missing = [jar.name for jar, _ in jars if digests[jar] is None]
    changed = [jar for jar, digest in jars if digests[jar] not in (None, digest)]
    if changed:
        names = " ".join(jar.name for jar in changed)
        return Finding(
            "Jars",
            f"not as in {surroundings.JARS_LOCK.name}: {names}",
            f"Delete them from {surroundings.JARS}. {_SETUP}",
        )
    if missing:
        return Finding("Jars", f"missing: {' '.join(missing)}", _SETUP)
    return Finding("Jars", f"{len(jars)}, as in {surroundings.JARS_LOCK.name}")


def examine_memory(available: float, spark_conf: Path) -> Finding:
    """Whether there is memory (in GiB) for the driver and as much again for the Python workers."""
    driver = _driver_memory(spark_conf)
    said = f"{available:.1f} GiB, of which {driver:g} for Spark's driver"
    if 2 * driver <= available:
        return Finding("Memory", said)
    return Finding(
        "Memory",
        said,
        f"Set spark.driver.memory in {spark_conf} to half of the memory at most; Python's workers "
        "need the rest.",
    )


def _driver_memory(spark_conf: Path) -> float:
    text = spark_conf.read_text(encoding="utf-8") if spark_conf.is_file() else ""
    found = re.search(r"(?mi)^spark\.driver\.memory\s+(\d+)([mgt])", text)
    return int(found[1]) * _UNITS[found[2].lower()] if found else 1.0


def examine_storage(root: Path) -> Iterator[Finding]:
    """Whether the lake's folder can be reached and written, and has room."""
    folder = surroundings.nearest_existing(root)
    there = root.expanduser().resolve()
    said = str(there) if folder == there else f"{there}, which the first command makes"
    try:
        with tempfile.TemporaryFile(dir=folder) as probe:
            probe.write(b"toplists doctor")
    except OSError as error:
        yield Finding(
            "Lake",
            f"{there} cannot be written: {error.strerror}",
            "Mount it, or let this user write there, or set lake.root to another folder.",
        )
        return
    yield Finding("Lake", said)
    free = surroundings.disk_free_gib(folder)
    yield Finding(
        "Disk",
        f"{free:,.1f} GiB free",
        None
        if free >= _LEAST_DISK_GIB
        else f"Make room: below {_LEAST_DISK_GIB:g} GiB a night may not end. Fewer runs are kept with "
        "publish.keep_runs.",
    )


def examine_exchange(uri: str | None) -> Iterator[Finding]:
    """Whether this machine can use the storage that tasks exchange files through, if there is one."""
    if uri is None:
        return
    try:
        try_exchange(uri, f"doctor-{uuid4().hex[:16]}").remove()
    except ToplistsError as error:
        yield Finding("Exchange", f"{error}", "Correct engine.exchange, or what it names.")
    else:
        yield Finding("Exchange", uri)


def examine_versions(lake_root: str) -> Iterator[Finding]:
    """Whether this release can write each dataset."""
    for dataset in list_datasets(lake_root):
        found = read_version(dataset.root)
        said = f"{dataset.name}: lake version {found.number}"
        if found.number > LAKE_VERSION:
            yield Finding(
                "Version",
                f"{said}, and this release knows versions up to {LAKE_VERSION}",
                "Use the release that wrote it, or a later one.",
            )
        elif found != present_version():
            yield Finding(
                "Version",
                f"{said} with older tables",
                f"Run ./spark-submit.sh upgrade --dataset {dataset.name}.",
            )
        else:
            yield Finding("Version", said)


def examine_leases(lake_root: str) -> Iterator[Finding]:
    """Whether somebody writes a dataset at the moment."""
    for dataset in list_datasets(lake_root):
        holder = describe_holder(dataset)
        yield Finding(
            "Lease",
            f"{dataset.name}: {f'held by {holder}' if holder else 'free'}",
            f"Wait for it to end, or end process {holder}." if holder else None,
        )


def examine_watch(watch: WatchSettings, environ: Mapping[str, str]) -> Iterator[Finding]:
    """Whether those who watch can be told; those that are not set up are left out."""
    if watch.prometheus_file is not None:
        folder = Path(watch.prometheus_file).expanduser().parent
        yield Finding(
            "Prometheus",
            watch.prometheus_file,
            None if folder.is_dir() else f"Create the folder {folder}, or set another file.",
        )
    if watch.webhook is not None:
        try:
            resolve_url(watch.webhook, environ)
        except WebhookError as error:
            yield Finding("Webhook", f"{error}", "Correct watch.webhook, or set the variable.")
        else:
            yield Finding("Webhook", "set")


def examine_settings(error: ConfigurationError | None, env: str) -> Finding:
    """Whether the settings of the environment can be followed."""
    if error is None:
        return Finding("Settings", f"of environment {env}")
    return Finding("Settings", f"{error}", "Correct the setting; ./toplists config lists them all.")
