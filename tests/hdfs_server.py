"""A real HDFS of one name node and one data node, and the libhdfs by which pyarrow talks to it; no root needed.

Both are made on first use: Hadoop's servers come as one jar that runs with the jars of pip's Spark, libhdfs is compiled
from its sources.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from operators import ROOT
from store_servers import Server, free_port

_HERE = Path(__file__).resolve().parent / "hdfs"
_LOCKS = (_HERE / "jars.lock", _HERE / "Cargo.lock")
_INSTALLED = (
    _HERE
    / ".installed"
    / hashlib.sha256(b"".join(lock.read_bytes() for lock in _LOCKS)).hexdigest()[:12]
)
_OUR_FAULT = ("its hash differs", "--locked")  # and not that of a machine without what it takes
_SECONDS = 120
_SMALL = ("-Xmx256m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1")
_NODES = ("namenode.NameNode", "datanode.DataNode")


@dataclass(frozen=True)
class Hdfs:
    """A running HDFS, and the environment in which pyarrow reaches it."""

    name_node: Server
    data_node: Server
    web: int
    environment: Mapping[str, str]

    @property
    def uri(self) -> str:
        """Its root."""
        return f"hdfs://127.0.0.1:{self.name_node.port}"

    def start(self) -> None:
        """Start both nodes, and wait until files can be written."""
        self.name_node.start()
        self.data_node.start()
        deadline = time.monotonic() + _SECONDS
        while not self._is_up():
            for node in (self.name_node, self.data_node):
                assert node.process is not None
                assert node.process.poll() is None, node.log()
                assert time.monotonic() < deadline, node.log()
            time.sleep(0.1)

    def end(self) -> None:
        """Kill both nodes; what was written stays."""
        self.data_node.end(signal.SIGKILL)
        self.name_node.end(signal.SIGKILL)

    def _is_up(self) -> bool:
        state = (
            f"http://127.0.0.1:{self.web}/jmx?qry=Hadoop:service=NameNode,name=FSNamesystemState"
        )
        try:
            with urllib.request.urlopen(state, timeout=5) as answer:
                (found,) = json.load(answer)["beans"]
        except (OSError, ValueError):  # not yet
            return False
        return found["NumLiveDataNodes"] == 1 and found["FSState"] == "Operational"


@contextmanager
def run_hdfs() -> Iterator[Hdfs]:
    """Run it, making what it needs on first use; the test is skipped where that cannot be had."""
    java = _java_home()
    _install(java)
    spark = Path(sys.prefix, "spark", "jars").resolve()
    start = [str(java / "bin/java"), *_SMALL, "-cp", f"{_INSTALLED}/*:{spark}/*"]
    environment = {
        "JAVA_HOME": str(java),
        "ARROW_LIBHDFS_DIR": str(_INSTALLED),
        "CLASSPATH": ":".join(map(str, sorted(spark.glob("*.jar")))),
    }
    with tempfile.TemporaryDirectory(prefix="hdfs-", dir="/tmp") as name:
        folder, port, web = Path(name), free_port(), free_port()
        options = _options(folder, port, web)
        name_node, data_node = (_node(start, role, options, folder, port) for role in _NODES)
        format_it = [*name_node.command, "-format", "-nonInteractive"]
        subprocess.run(format_it, check=True, capture_output=True)
        hdfs = Hdfs(name_node, data_node, web, environment)
        try:
            hdfs.start()
            yield hdfs
        finally:
            hdfs.end()


def _options(folder: Path, port: int, web: int) -> list[str]:
    settings = {
        "fs.defaultFS": f"hdfs://127.0.0.1:{port}",
        "dfs.namenode.http-address": f"127.0.0.1:{web}",
        "dfs.namenode.name.dir": f"file://{folder}/names",
        "dfs.namenode.safemode.extension": "0",
        "dfs.datanode.data.dir": f"file://{folder}/blocks",
        **{f"dfs.datanode.{of}address": "127.0.0.1:0" for of in ("", "http.", "ipc.")},
    }
    return [word for key, value in settings.items() for word in ("-D", f"{key}={value}")]


def _node(start: list[str], role: str, options: list[str], folder: Path, port: int) -> Server:
    home = folder / role
    home.mkdir()
    return Server([*start, f"org.apache.hadoop.hdfs.server.{role}", *options], home, port)


def _java_home() -> Path:
    """Of a JDK: one with the headers of JNI."""
    found = shutil.which("java")
    homes = [os.environ.get("JAVA_HOME"), found and Path(found).resolve().parents[1]]
    for home in homes:
        if home and Path(home, "include", "jni.h").is_file():
            return Path(home)
    pytest.skip("no HDFS: libhdfs is compiled with a JDK, and Java here has no include/jni.h")


def _install(java: Path) -> None:
    _INSTALLED.mkdir(parents=True, exist_ok=True)
    with (_HERE / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        fetch = [ROOT / "conf/fetch_jars.py", _HERE / "jars.lock", _INSTALLED]
        _run_or_skip([sys.executable, *map(str, fetch)])
        library = _INSTALLED / "libhdfs.so"
        if not library.exists():
            draft = library.with_suffix(".tmp")
            _compile(_sources(), java, draft)
            draft.rename(library)


def _sources() -> Path:
    """The folder of libhdfs's sources, as cargo unpacks them."""
    manifest = str(_HERE / "Cargo.toml")
    command = [
        "cargo",
        "metadata",
        "--locked",
        "--format-version",
        "1",
        "--manifest-path",
        manifest,
    ]
    packages = json.loads(_run_or_skip(command))["packages"]
    (found,) = (one["manifest_path"] for one in packages if one["name"] == "hdfs-sys")
    return Path(found).parent / "libhdfs"


def _compile(sources: Path, java: Path, library: Path) -> None:
    """As Hadoop's own build does; who loads it has loaded libjvm before."""
    if shutil.which("cc") is None:
        pytest.skip("no HDFS: libhdfs is compiled with cc, which is not here")
    home = sources / "hdfs_3_3"
    headers = [sources, home, home / "include", home / "os", home / "os/posix"]
    headers += [java / "include", java / "include/linux"]
    command = ["cc", "-shared", "-fPIC", "-O2", "-w", "-fcommon", *(f"-I{one}" for one in headers)]
    code = sorted([*home.glob("*.c"), *home.glob("os/posix/*.c")])
    links = [f"-L{java / 'lib/server'}", "-ljvm", "-lpthread", "-ldl"]
    subprocess.run([*command, *map(str, code), *links, "-o", str(library)], check=True)


def _run_or_skip(command: list[str]) -> str:
    try:
        ran = subprocess.run(command, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        pytest.skip(f"no HDFS: what it needs is made with {command[0]}, which is not here")
    assert not (ran.returncode and any(words in ran.stderr for words in _OUR_FAULT)), ran.stderr
    if ran.returncode:
        pytest.skip(f"no HDFS: {' '.join(command[:3])} … said {ran.stderr.strip()[-600:]}")
    return ran.stdout
