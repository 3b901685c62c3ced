"""What a person is told of an early end."""

from __future__ import annotations

import errno
import os

import pytest

from toplists.errors import InputRefusedError
from toplists.pipeline.failure import failure_text


def test_our_own_errors_speak_for_themselves() -> None:
    assert failure_text(InputRefusedError("Column x is missing.")) == "Column x is missing."


def test_errors_of_ours_that_a_task_raised_speak_for_themselves() -> None:
    # As Spark tells of them.
    told = (
        "Job aborted.\nTraceback …\ntoplists.errors.ToplistsError: x is damaged.\n\tat org.apache"
    )
    assert failure_text(RuntimeError(told)) == "x is damaged."


@pytest.mark.parametrize(
    "error",
    [
        OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)),
        # As Spark tells of a task's.
        RuntimeError("Job aborted: Traceback …\nOSError: [Errno 28] No space left on device"),
    ],
)
def test_a_full_disk_is_named_with_its_remedy(error: Exception) -> None:
    text = failure_text(error)
    assert "no space left" in text
    assert "repeat the command" in text


def test_anything_else_is_named_as_it_is() -> None:
    said = failure_text(KeyError("x"))
    assert said == "Something unforeseen happened: KeyError: 'x'"
