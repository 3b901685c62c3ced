"""What a report says of the fits of a run."""

from __future__ import annotations

from collections.abc import Sequence

from toplists.evaluation.report.content import FitFacts
from toplists.evaluation.report.parts import (
    Cell,
    Column,
    Group,
    Line,
    Lines,
    Part,
    Point,
    Row,
    Table,
)
from toplists.evaluation.report.words import number_text, seconds_text


def learning_curves(fits: Sequence[FitFacts]) -> list[Part]:
    """What each fit minimized, after every iteration, where there were several."""
    plots = [
        Lines(
            title=f"{fit.role}, {_part_name(fit.part)}",
            description=f"{fit.model} on {fit.interactions:,} interactions: from "
            f"{number_text(fit.objective[0])} to {number_text(fit.objective[-1])} "
            f"in {len(fit.objective)} iterations.",
            x_label="iteration",
            y_label="objective",
            lines=[
                Line(
                    fit.model,
                    [Point(float(number), y) for number, y in enumerate(fit.objective, start=1)],
                )
            ],
        )
        for fit in fits
        if len(fit.objective) > 1
    ]
    return [Group("", plots)] if plots else []


def _part_name(part: str) -> str:
    return {"train": "on the training part", "all": "on everything"}.get(part, part)


def fits_table(fits: Sequence[FitFacts]) -> list[Part]:
    """What was fitted, to how much, and how long that took."""
    if not fits:
        return []
    rows = [
        Row(
            [
                Cell(fit.role, small=_part_name(fit.part)),
                Cell(fit.model),
                Cell(fit.shape.replace("_", " ")),
                Cell(f"{fit.interactions:,}"),
                Cell(seconds_text(fit.seconds)),
            ]
        )
        for fit in fits
    ]
    columns = [
        Column("for"),
        Column("model"),
        Column("fitted into"),
        Column("interactions", numeric=True),
        Column("time", numeric=True),
    ]
    return [Table("Every fit of the run", columns, rows)]
