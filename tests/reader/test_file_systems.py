"""File systems by their URIs: what HDFS would do to the process, and how it says that something is missing."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from toplists import reader
from toplists.reader.file_systems import delete_file, open_file, open_file_system, open_stream
from toplists.reader.folders import Folder


def python(code: str, **environment: str) -> subprocess.CompletedProcess[str]:
    given = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), **environment}
    command = [sys.executable, "-c", code]
    return subprocess.run(command, env=given, capture_output=True, text=True, check=False)


@pytest.mark.parametrize("given", ["", "-Xmx64m", "-Xrs -Xss1m"])
def test_ctrl_c_remains_an_exception_beside_the_jvm_of_hdfs(given: str, hdfs_folder: str) -> None:
    code = f"""
import os, signal, time
from toplists.reader.file_systems import open_file_system
open_file_system({hdfs_folder!r})
try:
    os.kill(os.getpid(), signal.SIGINT)
    time.sleep(60)
except KeyboardInterrupt:
    print("interrupted,", os.environ["LIBHDFS_OPTS"])
"""
    ended = python(code, LIBHDFS_OPTS=given)
    assert ended.returncode == 0, ended.stderr
    assert ended.stdout == f"interrupted, -Xrs -Xmx256m {given}".rstrip() + "\n"


@pytest.mark.process
def test_what_hdfs_needs_is_named_where_it_is_missing(tmp_path: Path) -> None:
    code = """
from toplists import reader
try:
    reader.open("files:hdfs://127.0.0.1:1/lists")
except reader.AddressError as error:
    print(error)
"""
    nothing = {"JAVA_HOME": str(tmp_path), "ARROW_LIBHDFS_DIR": str(tmp_path), "HADOOP_HOME": ""}
    ended = python(code, **nothing)
    assert "hdfs://127.0.0.1:1/lists cannot be opened: Unable to load lib" in ended.stdout
    assert "See that JAVA_HOME, ARROW_LIBHDFS_DIR (the folder of libhdfs.so) and" in ended.stdout


def test_what_hdfs_lacks_is_missing_in_silence(
    hdfs_folder: str, capfd: pytest.CaptureFixture[str]
) -> None:
    files, path = open_file_system(hdfs_folder)
    for take in (open_stream, open_file, delete_file):
        with pytest.raises(FileNotFoundError):
            take(files, f"{path}/nothing")
    assert reader.open(f"files:{hdfs_folder}").publication() is None
    assert capfd.readouterr() == ("", "")


def test_a_file_that_is_being_replaced_is_looked_for_again(
    hdfs_folder: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    files, path = open_file_system(hdfs_folder)

    def comes(seconds: float) -> None:
        with files.open_output_stream(f"{path}/current.json") as stream:
            stream.write(b"new")

    monkeypatch.setattr("toplists.reader.folders.sleep", comes)
    assert Folder.open(hdfs_folder).read_replaced("current.json") == b"new"
