"""How a process of ours ends."""

from __future__ import annotations

import logging
import os
import sys
import threading
import time
from typing import NoReturn

_POLL_SECONDS = 0.5
_KILLED = 137


def end_with_parent() -> None:
    """From now on, end this process at once when the one that started it is gone.

    A Python driver is a child of spark-submit's JVM. If that is killed, the driver would go on for a
    while without a session, and hold the dataset's lease against the command that is run again.
    """
    parent = os.getppid()

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(_POLL_SECONDS)
        # Not sys.exit: the main thread may be waiting for a JVM that will never answer. Every step
        # can be killed at any point, so nothing is left to be put in order.
        os._exit(_KILLED)

    threading.Thread(target=watch, name="end-with-parent", daemon=True).start()


def leave(code: int) -> NoReturn:
    """End this process with the exit code `code`, after everything was written out.

    The threads of the native libraries (delta-rs, Arrow) may still run when an interpreter that ends
    in the ordinary way takes their libraries down; now and then that aborts the process, and a job
    that succeeded would exit with 134.
    """
    logging.shutdown()
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except BrokenPipeError:  # the reader, such as `head`, has seen enough
            continue
    os._exit(code)
