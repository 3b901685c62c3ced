"""How a command ended, as plain data: what the result file, Prometheus and the webhook are made of."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import date, datetime
from typing import Literal, TypeAlias

Event: TypeAlias = Literal["success", "refusal", "failure", "staleness"]

SCHEMA_VERSION = 1
_REFUSED = (3, 5)


@dataclass(frozen=True)
class Live:
    """What readers see: the run, its `as_of`, and since when."""

    run_id: str
    as_of: date
    published_at: datetime


@dataclass(frozen=True)
class Report:
    """How one command ended.

    Attributes:
        verb: The command, such as `nightly`.
        event: What kind of end it was.
        exit_code: Its exit code.
        began: When it began, UTC.
        ended: When it ended, UTC.
        dataset: The dataset; `None` where it ended before one was chosen.
        run_id: The run it worked on, if any.
        reason: Why it did not succeed, as a person was told.
        verdict: What the gate decided about the run, `passed` or `refused`.
        live: What was live when it ended.
        rows_in: Rows that it took in; `None` where it took in nothing.
        rejected: Rows of them that were refused.
        users: Users of the run with a list.
        items: Items of the run that can be recommended.
        metrics: Metric → the model's figure on the holdout, beside `popularity` and `live`.
        steps: Seconds of each step that it finished, in order.
    """

    verb: str
    event: Event
    exit_code: int
    began: datetime
    ended: datetime
    dataset: str | None = None
    run_id: str | None = None
    reason: str | None = None
    verdict: Literal["passed", "refused"] | None = None
    live: Live | None = None
    rows_in: int | None = None
    rejected: int | None = None
    users: int | None = None
    items: int | None = None
    metrics: Mapping[str, Mapping[str, float | None]] = field(default_factory=dict)
    steps: Mapping[str, float] = field(default_factory=dict)

    @property
    def seconds(self) -> float:
        """Wall time of the command."""
        return (self.ended - self.began).total_seconds()


def event_of(exit_code: int) -> Event:
    """What kind of end an exit code is."""
    if exit_code == 0:
        return "success"
    return "refusal" if exit_code in _REFUSED else "failure"


def to_json(report: Report) -> str:
    """The report as one JSON object that every parser takes: no NaN, times as ISO 8601."""
    content = {
        "schema_version": SCHEMA_VERSION,
        **asdict(report),
        "seconds": report.seconds,
    }
    return json.dumps(_strict(content), indent=2, allow_nan=False) + "\n"


def _strict(value: object) -> object:
    if isinstance(value, Mapping):
        return {key: _strict(inner) for key, inner in value.items()}
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value.isoformat() if isinstance(value, date) else value
