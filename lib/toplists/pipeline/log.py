"""The log of one invocation: everything that a person should not have to see on the screen.

As text, or as one JSON object per line for machines that collect logs. The narration joins the log
where it is JSON; see `toplists.pipeline.json_display`.
"""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal, TypeAlias

LogFormat: TypeAlias = Literal["text", "json"]

LOG_VARIABLE = "TOPLISTS_LOG"
FIELDS = "fields"
"""Attribute of a log record that holds further fields of its JSON line."""

_FORMAT = "%(asctime)sZ %(levelname)s %(name)s: %(message)s"


@dataclass
class Whereabouts:
    """What a command is doing at the moment; every JSON line says it. Changed as it goes on."""

    dataset: str | None = None
    run_id: str | None = None
    step: str | None = None


class JsonFormatter(logging.Formatter):
    """One JSON object per record: time, level, dataset, run_id, step, logger, message, exception."""

    def __init__(self, where: Whereabouts) -> None:
        """Describe records by what `where` says when they are formatted."""
        super().__init__()
        self._where = where

    def format(self, record: logging.LogRecord) -> str:
        """The record as one line."""
        moment = datetime.fromtimestamp(record.created, UTC)
        line = {
            "time": moment.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            "level": record.levelname,
            "dataset": self._where.dataset,
            "run_id": self._where.run_id,
            "step": self._where.step,
            "logger": record.name,
            "message": record.getMessage(),
            **getattr(record, FIELDS, {}),
        }
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        # ASCII: no control or line-separating character of the data reaches the reader of the log.
        return json.dumps(line, default=str)


def log_path(environ: Mapping[str, str]) -> Path | None:
    """The invocation's log file, which spark-submit.sh names; Spark logs into the same one."""
    named = environ.get(LOG_VARIABLE, "")
    return Path(named) if named else None


def start_log(
    path: Path, log_format: LogFormat = "text", where: Whereabouts | None = None
) -> logging.Handler:
    """Send Python's log records and warnings to the end of the file at `path`, in UTC.

    Args:
        path: The log file.
        log_format: How records are written.
        where: What JSON lines say of the command's whereabouts.

    Returns:
        The handler that was added to the root logger.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    handler = logging.FileHandler(path, encoding="utf-8")
    handler.setFormatter(
        _text_formatter() if log_format == "text" else JsonFormatter(where or Whereabouts())
    )
    root = logging.getLogger()
    root.addHandler(handler)
    root.setLevel(logging.INFO)
    logging.getLogger("py4j").setLevel(logging.WARNING)  # it reports every call over the bridge
    logging.captureWarnings(True)
    return handler


def _text_formatter() -> logging.Formatter:
    formatter = logging.Formatter(_FORMAT, datefmt="%Y-%m-%dT%H:%M:%S")
    formatter.converter = time.gmtime
    return formatter
