"""A narration for machines: each thing told is one log record, and one JSON object on one line."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

from toplists.pipeline.failure import exit_code_of, failure_text
from toplists.pipeline.log import FIELDS, JsonFormatter, Whereabouts
from toplists.pipeline.narration import Ending, Narrator, StepNarration
from toplists.pipeline.summary import RunSummary, TextTable

_LOG = logging.getLogger("toplists.narration")
_LEVELS: dict[Ending, int] = {"done": logging.INFO}


class JsonDisplay:
    """Tells a narration to a logger, whose records go to the log file and to the screen."""

    def __init__(self, logger: logging.Logger) -> None:
        """Tell it to `logger`."""
        self._logger = logger

    @contextmanager
    def alive(self, step: StepNarration) -> Iterator[None]:
        """Say that the step begins."""
        self._tell(logging.INFO, f"{step.verb} begins", state="running")
        yield

    def ended(self, step: StepNarration, ending: Ending) -> None:
        """Say how it ended, and after how many seconds."""
        level = _LEVELS.get(ending, logging.ERROR)
        self._tell(level, f"{step.verb}: {step.said}", state=ending, seconds=round(step.seconds, 3))

    def note(self, text: str) -> None:
        """Something worth knowing, at level INFO."""
        self._tell(logging.INFO, text)

    def warning(self, text: str) -> None:
        """Something to look into, at level WARNING."""
        self._tell(logging.WARNING, text)

    def table(self, table: TextTable) -> None:
        """Each row as fields of a line."""
        for row in table.rows:
            cells = dict(zip(table.columns, row, strict=True))
            self._tell(logging.INFO, table.title, row=cells)

    def summary(self, summary: RunSummary) -> None:
        """What the run came to, as fields of one line."""
        self._tell(
            logging.INFO,
            summary.live,
            as_of=summary.as_of,
            rows_in=summary.rows_in,
            rejected=summary.rejected,
            users=summary.users,
            items=summary.items,
            metrics={line.metric: line.model for line in summary.metrics},
            seconds_per_step={step.verb: round(step.seconds, 3) for step in summary.steps},
        )

    def failure(self, error: BaseException, log: Path | None) -> None:
        """Why the command ended early; the log file has the stack trace."""
        self._tell(logging.ERROR, failure_text(error), exit_code=exit_code_of(error), log=log)

    def _tell(self, level: int, message: str, **fields: object) -> None:
        self._logger.log(level, "%s", message, extra={FIELDS: fields})


def open_json_narrator(out: TextIO, where: Whereabouts) -> Narrator:
    """The narrator of a command that writes JSON lines to `out` and to its log."""
    handler = logging.StreamHandler(out)
    handler.setFormatter(JsonFormatter(where))
    _LOG.handlers = [handler]
    _LOG.setLevel(logging.INFO)
    return Narrator(JsonDisplay(_LOG), where)
