"""What a report says of the input: rows by load, refusals, and what the input gate said."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from toplists.evaluation.report.content import InputSentence, LoadRows, RunContent
from toplists.evaluation.report.parts import (
    Cell,
    Column,
    Facts,
    Line,
    Lines,
    Part,
    Point,
    Prose,
    Row,
    Section,
    Table,
    Tone,
)
from toplists.evaluation.report.words import share_text

_LISTED = 5


def input_section(content: RunContent) -> Section:
    """What the run is over."""
    parts: list[Part] = []
    arrivals = content.arrivals
    if arrivals is not None:
        parts += _sentences(arrivals.sentences)
        parts.append(_table([*arrivals.loads[-_LISTED:], arrivals.total]))
    if content.sizes:
        sizes = [(name, f"{count:,}") for name, count in content.sizes.items()]
        parts.append(Facts(sizes, "What is known"))
    if arrivals is not None:
        parts += _refused(arrivals.loads)
        parts += _reasons(arrivals.reasons)
    return Section("Input", parts)


def _sentences(sentences: Sequence[InputSentence]) -> list[Part]:
    told: dict[Tone, list[str]] = {"bad": [], "good": [], "plain": []}
    for one in sentences:
        told["bad" if not one.passed else "good" if one.judged else "plain"].append(one.sentence)
    return [Prose(some, tone) for tone, some in told.items() if some]


def _table(loads: Sequence[LoadRows]) -> Table:
    rows = [
        Row(
            [
                Cell(load.name),
                Cell(f"{load.rows:,}"),
                Cell(f"{load.accepted:,}"),
                Cell(f"{load.duplicates:,}"),
                Cell(f"{load.corrections:,}"),
                Cell(f"{load.rejected:,}", small=share_text(load.rejected_share)),
            ]
        )
        for load in loads
    ]
    names = ("rows", "new events", "repeats", "corrections", "refused")
    columns = [Column("load"), *(Column(name, numeric=True) for name in names)]
    return Table("The last loads, and all of them", columns, rows)


def _refused(loads: Sequence[LoadRows]) -> list[Part]:
    if len(loads) < 2:
        return []
    worst = max(loads, key=lambda load: load.rejected_share)
    return [
        Lines(
            title="Share of rows that were refused, by load",
            description=f"The last {len(loads)} loads; most in that of {worst.name}: "
            f"{share_text(worst.rejected_share)}.",
            x_label="load, by the day it was taken in",
            y_label="share",
            lines=[
                Line(
                    "refused",
                    [Point(float(place), load.rejected_share) for place, load in enumerate(loads)],
                )
            ],
            x_names=[load.name for load in loads],
        )
    ]


def _reasons(reasons: Mapping[str, int]) -> list[Part]:
    if not reasons:
        return []
    rows = [
        Row([Cell(code), Cell(f"{count:,}")])
        for code, count in sorted(reasons.items(), key=lambda one: (-one[1], one[0]))
    ]
    columns = [Column("reason"), Column("rows", numeric=True)]
    return [Table("Refused rows, by reason", columns, rows)]
