"""How long the last nights took, as a small chart: one bar per run, in parts for its steps."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Console
from rich.text import Text

from toplists.lake.attempts import Night
from toplists.pipeline.screen import seconds_text

_PLAIN_WIDTH = 80
_MOST_BAR = 60
# Neighbours differ in colour; without colours, in letter.
_STYLES = ("blue", "cyan", "green", "yellow", "magenta", "red")


def print_chart(console: Console, nights: Sequence[Night], indent: int) -> None:
    """Print a bar for each run, as long as its seconds; then which part is which step."""
    longest = max((night.seconds for night in nights), default=0.0)
    if not longest:
        return
    verbs = list(dict.fromkeys(verb for night in nights for verb in night.steps))
    id_width = max(len(night.run_id) for night in nights)
    label_width = max(len(seconds_text(night.seconds)) for night in nights)
    width = console.width if console.is_terminal else min(console.width, _PLAIN_WIDTH)
    room = min(width - indent - id_width - label_width - 4, _MOST_BAR)
    for night in nights:
        line = Text(" " * indent + f"{night.run_id:<{id_width}}  ")
        line.append(f"{seconds_text(night.seconds):>{label_width}}", style="dim")
        if room > 0:
            line.append("  ").append_text(_bar(console, night, verbs, room / longest))
        console.print(line, soft_wrap=True)
    if room <= 0:
        return
    parts = [Text.assemble((_mark(console, v, verbs), _style(v, verbs)), f" {v}") for v in verbs]
    for line in Text("  ").join(parts).wrap(console, width - indent):
        console.print(Text(" " * indent).append_text(line))


def _bar(console: Console, night: Night, verbs: Sequence[str], per_second: float) -> Text:
    """The bar of a run; borders are rounded, not lengths, so that the whole is right."""
    bar, until, drawn = Text(), 0.0, 0
    for verb, seconds in night.steps.items():
        until += seconds
        end = round(until * per_second)
        bar.append(_mark(console, verb, verbs) * (end - drawn), style=_style(verb, verbs))
        drawn = end
    return bar


def _mark(console: Console, verb: str, verbs: Sequence[str]) -> str:
    if console.is_terminal:
        return "█"
    return "#=+*-o"[verbs.index(verb) % 6]


def _style(verb: str, verbs: Sequence[str]) -> str:
    return _STYLES[verbs.index(verb) % len(_STYLES)]
