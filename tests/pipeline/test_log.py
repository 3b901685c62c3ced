from __future__ import annotations

import json
import logging
import re
import warnings
from contextlib import contextmanager

import pytest

from toplists.pipeline.log import FIELDS, Whereabouts, log_path, start_log


@contextmanager
def started(path, *arguments):
    """A started log that is stopped again."""
    root = logging.getLogger()
    level, py4j = root.level, logging.getLogger("py4j").level
    handler = start_log(path, *arguments)
    yield path
    root.removeHandler(handler)
    handler.close()
    root.setLevel(level)
    logging.getLogger("py4j").setLevel(py4j)
    logging.captureWarnings(False)


@pytest.fixture
def log(tmp_path):
    with started(tmp_path / "logs" / "nightly.log") as path:
        yield path


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


class TestJson:
    @pytest.fixture
    def where(self):
        return Whereabouts()

    @pytest.fixture
    def lines(self, tmp_path, where):
        """Reads the lines of a log that was started as JSON."""
        with started(tmp_path / "a.log", "json", where) as path:
            yield lambda: [json.loads(line) for line in path.read_text().splitlines()]

    def test_a_record_is_an_object_on_a_line_with_what_is_being_done(self, lines, where):
        where.dataset, where.run_id, where.step = "films", "run-1", "train"
        logging.getLogger("toplists.test").warning("%d of\n2\u2028", 1, extra={FIELDS: {"n": 7}})
        where.step = None
        logging.getLogger("toplists.test").info("later")
        first, second = lines()
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", first.pop("time"))
        assert first == {
            "level": "WARNING",
            "dataset": "films",
            "run_id": "run-1",
            "step": "train",
            "logger": "toplists.test",
            "message": "1 of\n2\u2028",
            "n": 7,
        }
        assert second["step"] is None

    def test_an_exception_is_in_its_line(self, lines):
        try:
            raise ZeroDivisionError("in the kernel")
        except ZeroDivisionError:
            logging.getLogger("toplists.test").exception("train failed")
        [line] = lines()
        assert line["message"] == "train failed"
        assert line["exception"].startswith("Traceback")
        assert "ZeroDivisionError: in the kernel" in line["exception"]
