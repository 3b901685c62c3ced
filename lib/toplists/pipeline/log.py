"""The log file of one invocation: everything that a person should not have to see on the screen."""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping
from pathlib import Path

LOG_VARIABLE = "TOPLISTS_LOG"
_FORMAT = "%(asctime)sZ %(levelname)s %(name)s: %(message)s"


def log_path(environ: Mapping[str, str]) -> Path | None:
    """The invocation's log file, which spark-submit.sh names; Spark logs into the same one."""
    named = environ.get(LOG_VARIABLE, "")
    return Path(named) if named else None


def start_log(path: Path) -> logging.Handler:
    """Send Python's log records and warnings to the end of the file at `path`, in UTC.

    Returns:
        The handler that was added to the root logger.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    handler = logging.FileHandler(path, encoding="utf-8")
    formatter = logging.Formatter(_FORMAT, datefmt="%Y-%m-%dT%H:%M:%S")
    formatter.converter = time.gmtime
    handler.setFormatter(formatter)
    root = logging.getLogger()
    root.addHandler(handler)
    root.setLevel(logging.INFO)
    logging.getLogger("py4j").setLevel(logging.WARNING)  # it reports every call over the bridge
    logging.captureWarnings(True)
    return handler
