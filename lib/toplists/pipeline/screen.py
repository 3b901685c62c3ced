"""What is written for a person to read: the console, safe text, and numbers in words."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from typing import TextIO, cast

from rich.console import Console
from rich.text import Text

_PLAIN_WIDTH = 80
_PADDING = re.compile(r" +\n")
_JOINER = "\u200d"  # holds the parts of one emoji together
_AGES = (
    (timedelta(days=1), "day"),
    (timedelta(hours=1), "hour"),
    (timedelta(minutes=1), "minute"),
)


def open_console(
    stream: TextIO, environ: Mapping[str, str], *, plain_width: int = _PLAIN_WIDTH
) -> Console:
    """A console that prints text as it is: no markup, no emoji codes, no guessing at colours.

    Args:
        stream: Where to write.
        environ: The process environment. `TOPLISTS_TERMINAL=1` says that the stream ends in a
            terminal although another process carries it there; `COLUMNS` says how wide it is.
        plain_width: Width where there is no terminal and no `COLUMNS`.
    """
    if isinstance(stream, io.TextIOWrapper):
        stream.reconfigure(errors="backslashreplace")  # a terminal without Unicode stays usable
    terminal = environ.get("TOPLISTS_TERMINAL") == "1" or stream.isatty()
    columns = environ.get("COLUMNS", "")
    width = int(columns) if columns.isdecimal() and int(columns) > 0 else None
    return Console(
        file=stream if terminal else cast("TextIO", _WithoutPadding(stream)),
        force_terminal=terminal,
        width=width or (None if terminal else plain_width),
        markup=False,
        emoji=False,
        highlight=False,
        _environ=environ,
    )


class _WithoutPadding(io.TextIOBase):
    """Lines without the spaces at their ends, which fill a table's last column."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    @property
    def encoding(self) -> str:  # type: ignore[override]  # rich reads it: what cannot be shown is replaced
        return self._stream.encoding

    def write(self, text: str) -> int:
        self._stream.write(_PADDING.sub("\n", text))
        return len(text)

    def flush(self) -> None:
        self._stream.flush()


def printable(text: str) -> str:
    r"""`text` without anything that moves the cursor or hides: such characters become `\x1b`."""
    return "".join(_visible(text))


def _visible(text: str) -> Iterator[str]:
    for character in text:
        if character.isprintable() or character == _JOINER:
            yield character
        else:
            yield character.encode("unicode_escape").decode("ascii")


def fitted(text: Text, console: Console) -> Text:
    """The text, cut to the width of the console; whole where that is no terminal."""
    if console.is_terminal:
        text = text.copy()
        text.truncate(console.width, overflow="ellipsis")
    return text


def seconds_text(seconds: float) -> str:
    """A duration: `7.4 s`, `3 min 05 s`, `2 h 10 min`."""
    if round(seconds, 1) < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest:02d} s"
    return f"{minutes // 60} h {minutes % 60:02d} min"


def duration_text(duration: timedelta) -> str:
    """A whole number of minutes, hours or days: `26 hours`, `2 days`."""
    for unit, name in _AGES:
        if duration % unit == timedelta():
            return _counted(duration // unit, name)
    return seconds_text(duration.total_seconds())


def age_text(since: datetime, now: datetime) -> str:
    """How long ago `since` was: `just now`, `5 minutes ago`, `2 days ago`."""
    age = now - since
    for unit, name in _AGES:
        if age >= unit:
            return f"{_counted(age // unit, name)} ago"
    return "just now"


def _counted(count: int, name: str) -> str:
    return f"{count} {name}{'' if count == 1 else 's'}"


def time_text(moment: datetime) -> str:
    """A moment in UTC, to the minute."""
    return f"{moment:%Y-%m-%d %H:%M} UTC"
