"""The report of a run: what is told of it, in which order, verdict first."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate

from toplists.evaluation.report.arrived import input_section
from toplists.evaluation.report.by_night import changes_section, nights_section
from toplists.evaluation.report.content import (
    LongTail,
    RunContent,
    SampleUser,
    ShownItem,
)
from toplists.evaluation.report.fitted import fits_table, learning_curves
from toplists.evaluation.report.measured import measured_sections
from toplists.evaluation.report.parts import (
    Bar,
    Bars,
    Cell,
    Column,
    Facts,
    Group,
    Line,
    Lines,
    Page,
    Part,
    Point,
    Prose,
    Row,
    Section,
    Table,
    Tone,
)
from toplists.evaluation.report.words import NOTHING, seconds_text, share_text
from toplists.evaluation.rules import State

_STANDINGS = {
    "live": "Live when this was written.",
    "was live": "Published, and replaced before this was written.",
    "declared bad": "Published, and declared bad before this was written.",
    "not published": "Not published when this was written.",
}
_STATES: dict[State, Tone] = {
    "passed": "good",
    "warned": "warn",
    "blocked": "bad",
    "not_judged": "plain",
}
_HEADS = (0.01, 0.2)


def run_page(content: RunContent) -> Page:
    """The report of a run."""
    headline, tone = _headline(content)
    known = f", knows every event before {content.as_of} 00:00 UTC" if content.as_of else ""
    return Page(
        title=f"{content.dataset}: run {content.run_id}",
        subtitle=f"Last worked on {content.at:%Y-%m-%d %H:%M} UTC{known}. "
        f"{_STANDINGS[content.standing]}",
        headline=headline,
        tone=tone,
        lead=_lead(content),
        sections=[
            *measured_sections(content),
            nights_section(content),
            changes_section(content),
            Section(
                "Learning curves",
                learning_curves(content.fits),
                "What a fit minimized, by iteration.",
            ),
            _long_tail(content.tail),
            Section("Rules of the gate", _rules(content)),
            Section("Checks of the lists", _checks(content)),
            input_section(content),
            Section("Where the time went", _steps(content)),
            Section(
                "Sample users",
                [_user(user) for user in content.users],
                "What they did last, newest first, beside what they are shown.",
            ),
            Section("Models", fits_table(content.fits)),
            Section("Where it comes from", [Facts(_lineage(content))]),
            Section("Configuration", _configuration(content)),
        ],
    )


def _headline(content: RunContent) -> tuple[str, Tone]:
    verdict = content.verdict
    if verdict is None:
        return "Not judged: the run was not evaluated", "plain"
    if not verdict.passed:
        count = len(verdict.reasons)
        return f"Refused, for {count} reason{'' if count == 1 else 's'}", "bad"
    if verdict.warnings:
        count = len(verdict.warnings)
        return f"Passed, with {count} warning{'' if count == 1 else 's'}", "warn"
    return "Passed", "good"


def _lead(content: RunContent) -> list[Part]:
    if content.verdict is None:
        return []
    said: list[tuple[Sequence[str], Tone]] = [
        (content.verdict.reasons, "bad"),
        (content.verdict.warnings, "warn"),
        (content.verdict.findings, "plain"),
    ]
    return [Prose(sentences, tone) for sentences, tone in said if sentences]


def _rules(content: RunContent) -> list[Part]:
    if content.verdict is None or not content.verdict.rules:
        return []
    rows = [
        Row(
            [
                Cell(str(outcome.rule.get("rule", "")), small=f"{outcome.rule.get('action', '')}s"),
                Cell(outcome.state.replace("_", " "), tone=_STATES[outcome.state]),
                Cell(outcome.sentence),
            ]
        )
        for outcome in content.verdict.rules
    ]
    columns = [Column("rule", short=True), Column("result", short=True), Column("what was found")]
    return [Table("What the run was judged by", columns, rows)]


def _long_tail(tail: LongTail | None) -> Section:
    if tail is None:
        return Section("Long tail", [])
    read = (
        f"all {tail.lists:,} lists"
        if tail.lists == tail.all_lists
        else f"{tail.lists:,} of {tail.all_lists:,} lists, evenly chosen"
    )
    plot = Lines(
        title="Share of recommendations by popularity of the item",
        description="Items are in order of how many users had to do with them. The further a line is to "
        f"the lower right, the more goes to rare items. {_places(tail)}.",
        x_label="share of items, most popular first",
        y_label="share of all",
        lines=[
            Line(
                "places in lists", [Point(p.catalogue, p.lists) for p in tail.points], marks=False
            ),
            Line(
                "interactions so far",
                [Point(p.catalogue, p.history) for p in tail.points],
                series="popularity",
                marks=False,
            ),
        ],
        share=True,
    )
    facts = Facts(
        [
            ("recommendable items", f"{tail.items:,}"),
            (
                "of which in a list",
                f"{tail.listed:,} ({share_text(_ratio(tail.listed, tail.items))})",
            ),
            ("counted in", read),
        ]
    )
    return Section("Long tail", [facts, plot])


def _places(tail: LongTail) -> str:
    """How much of all places the most popular items have."""
    points = [min(tail.points, key=lambda point: abs(point.catalogue - share)) for share in _HEADS]
    shares = " and ".join(share_text(point.lists) for point in points)
    heads = " and ".join(f"{share * 100:.0f} %" for share in _HEADS)
    return f"The most popular {heads} of items have {shares} of all places"


def _ratio(part: int, whole: int) -> float:
    return part / whole if whole else 0.0


def _checks(content: RunContent) -> list[Part]:
    if not content.checks:
        return []
    rows = [
        Row(
            [
                Cell(check.name.replace("_", " ")),
                Cell("holds", tone="good") if check.passed else Cell("fails", tone="bad"),
                Cell(check.sentence),
            ]
        )
        for check in sorted(content.checks, key=lambda check: check.passed)
    ]
    columns = [Column("check"), Column("result"), Column("what was found")]
    return [Table("What published lists must satisfy whatever model made them", columns, rows)]


def _steps(content: RunContent) -> list[Part]:
    steps = content.steps
    if not steps:
        return []
    starts = [0.0, *accumulate(step.seconds for step in steps)]
    bars = [
        Bar(step.verb, start, step.seconds, seconds_text(step.seconds), _step_tone(step.state))
        for start, step in zip(starts, steps, strict=False)
    ]
    longest = max(steps, key=lambda step: step.seconds)
    total = starts[-1]
    return [
        Bars(
            title="Seconds of each step, one after the other",
            description=f"{seconds_text(total)} in all, most of it in {longest.verb} "
            f"({share_text(longest.seconds / total if total else 0.0)}).",
            bars=bars,
        )
    ]


def _step_tone(state: str) -> Tone:
    tones: dict[str, Tone] = {"refused": "warn", "failed": "bad"}
    return tones.get(state, "plain")


def _user(user: SampleUser) -> Group:
    return Group(
        f"User {user.user_id}: {user.why}, {user.interactions:,} interactions",
        [
            _items(f"Last {len(user.history)} interactions", user.history, "day", "value"),
            _items(f"First {len(user.items)} of the list", user.items, "score", "source"),
        ],
    )


def _items(caption: str, items: Sequence[ShownItem], *notes: str) -> Table:
    rows = [
        Row(
            [
                Cell(item.title or item.item_id, small=_about(item)),
                *(Cell(note or NOTHING) for note in item.notes),
            ]
        )
        for item in items
    ]
    return Table(caption, [Column("item"), *(Column(note, short=True) for note in notes)], rows)


def _about(item: ShownItem) -> str:
    """Id and year, as far as the title does not say them."""
    parts = [item.item_id if item.title else "", str(item.year or "")]
    return ", ".join(part for part in parts if part)


def _lineage(content: RunContent) -> list[tuple[str, str]]:
    lineage = content.lineage
    parent = (
        f"{lineage.parent} ({lineage.generation} in a row)"
        if lineage.parent
        else "none: fits began from nothing"
    )
    return [
        ("run", content.run_id),
        ("parent", parent),
        (
            "loads",
            f"{len(lineage.loads):,}, the last {lineage.loads[-1]}" if lineage.loads else "0",
        ),
        ("code", lineage.code_version),
        ("configuration", lineage.configuration_hash),
        *lineage.surroundings.items(),
    ]


def _configuration(content: RunContent) -> list[Part]:
    changed = [(name, value) for name, value in content.settings.items() if name in content.changed]
    others = [pair for pair in content.settings.items() if pair[0] not in content.changed]
    parts: list[Part] = []
    if changed:
        parts.append(Facts(changed, "Not at their defaults"))
    if others:
        parts.append(Facts(others, "At their defaults"))
    return parts
