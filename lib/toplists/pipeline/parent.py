"""Ending when spark-submit ends.

A Python driver is a child of spark-submit's JVM. If that is killed, the driver would go on for a
while without a session, and hold the dataset's lease against the command that is run again.
"""

from __future__ import annotations

import os
import threading
import time

_POLL_SECONDS = 0.5
_KILLED = 137


def end_with_parent() -> None:
    """From now on, end this process at once when the one that started it is gone."""
    parent = os.getppid()

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(_POLL_SECONDS)
        # Not sys.exit: the main thread may be waiting for a JVM that will never answer. Every step
        # can be killed at any point, so nothing is left to be put in order.
        os._exit(_KILLED)

    threading.Thread(target=watch, name="end-with-parent", daemon=True).start()
