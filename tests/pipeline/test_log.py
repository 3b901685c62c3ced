from __future__ import annotations

import logging
import re
import warnings

import pytest

from toplists.pipeline.log import log_path, start_log


@pytest.fixture
def log(tmp_path):
    """A started log that is stopped again."""
    path = tmp_path / "logs" / "nightly.log"
    root = logging.getLogger()
    level, py4j = root.level, logging.getLogger("py4j").level
    handler = start_log(path)
    yield path
    root.removeHandler(handler)
    handler.close()
    root.setLevel(level)
    logging.getLogger("py4j").setLevel(py4j)
    logging.captureWarnings(False)


def test_records_go_to_the_file_with_their_time_in_utc(log):
    logging.getLogger("toplists.test").info("ingest begins")
    assert re.fullmatch(
        r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ INFO toplists\.test: ingest begins\n", log.read_text()
    )


def test_stack_traces_are_in_the_file(log):
    try:
        raise ZeroDivisionError("in the kernel")
    except ZeroDivisionError:
        logging.getLogger("toplists.test").exception("train failed")
    assert "Traceback (most recent call last)" in log.read_text()
    assert "ZeroDivisionError: in the kernel" in log.read_text()


def test_warnings_go_to_the_file(log):
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        logging.captureWarnings(True)
        warnings.warn("something is old", stacklevel=1)
        logging.captureWarnings(False)
    assert "something is old" in log.read_text()


def test_the_bridge_to_the_jvm_does_not_fill_the_file(log):
    logging.getLogger("py4j.clientserver").info("Command to send: c")
    assert log.read_text() == ""


def test_an_existing_log_is_continued(log):
    log.write_text("by spark-submit.sh\n")
    logging.getLogger("toplists.test").info("more")
    assert log.read_text().startswith("by spark-submit.sh\n")


@pytest.mark.parametrize("environ", [{}, {"TOPLISTS_LOG": ""}])
def test_no_log_was_named(environ):
    assert log_path(environ) is None


def test_the_log_that_was_named():
    assert str(log_path({"TOPLISTS_LOG": "/logs/a.log"})) == "/logs/a.log"
