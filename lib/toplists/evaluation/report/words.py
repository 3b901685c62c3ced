"""Numbers and differences in words."""

from __future__ import annotations

import math

from toplists.engine.kernels.metric_kind import Better
from toplists.engine.kernels.metrics import ALL_KINDS
from toplists.evaluation.report.content import Figure
from toplists.evaluation.report.parts import Tone

_SHOWN = "\u200c\u200d"  # joiners: letters of some scripts, and parts of one emoji, need them
_ELLIPSIS = "…"
NOTHING = "–"


def number_text(value: float | None) -> str:
    """A figure with four significant decimals at most: `0.0627`, `12.34`, `1,234`."""
    if value is None or not math.isfinite(value):
        return NOTHING
    size = abs(value)
    places = 4 if size < 1 else 3 if size < 10 else 2 if size < 100 else 1 if size < 1000 else 0
    return f"{value:,.{places}f}"


def signed_text(value: float | None) -> str:
    """A difference, with its sign in any case."""
    if value is None or not math.isfinite(value):
        return NOTHING
    return f"+{number_text(value)}" if value >= 0 else f"−{number_text(-value)}"


def interval_text(figure: Figure, *, signed: bool = False) -> str:
    """`0.0500 to 0.0700`; nothing where there is no interval."""
    if figure.interval is None:
        return ""
    low, high = map(signed_text if signed else number_text, figure.interval)
    return f"{low} to {high}"


def share_text(share: float) -> str:
    """`12.3 %`."""
    return f"{share * 100:.1f} %"


def seconds_text(seconds: float | None) -> str:
    """`12.3 s`."""
    return NOTHING if seconds is None else f"{seconds:,.1f} s"


def better_end(metric: str) -> Better:
    """Whether larger figures of a metric are better; neither where nobody knows it."""
    kind = ALL_KINDS.get(metric.partition("@")[0])
    return "neither" if kind is None else kind.better


def difference_words(difference: Figure) -> tuple[str, Tone]:
    """Whether the subject is better, as far as the interval of the difference says.

    Of a metric that is good at neither end, such as the share of rare items, only whether it is higher or lower.
    """
    if difference.interval is None:
        return "not tested", "plain"
    low, high = difference.interval
    if low <= 0 <= high:
        return "no real difference", "plain"
    better = better_end(difference.metric)
    if better == "neither":
        return "higher" if low > 0 else "lower", "plain"
    return ("better", "good") if (low > 0) == (better == "larger") else ("worse", "bad")


def shortened(text: str, length: int) -> str:
    """The text, cut to `length` characters."""
    return text if len(text) <= length else text[: length - 1] + _ELLIPSIS


def visible(text: str) -> str:
    """The text on one line, without characters that hide, or turn the direction of what follows."""
    return "".join(
        character
        if character.isprintable() or character in _SHOWN
        else " "
        if character.isspace()
        else "\ufffd"
        for character in text
    )
