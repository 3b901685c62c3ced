"""The report of a search for settings: what it gained, the test, the best trials, and why others are out."""

from __future__ import annotations

from dataclasses import replace

from toplists.evaluation.report.comparison_page import comparison_section
from toplists.evaluation.report.content import Study
from toplists.evaluation.report.parts import (
    Cell,
    Column,
    Facts,
    Page,
    Part,
    Prose,
    Row,
    Section,
    Table,
)


def study_page(study: Study) -> Page:
    """The report of a study."""
    trials = study.trials
    lead: list[Part] = [Prose(study.findings)] if study.findings else []
    if study.best:
        lead.append(Facts([*study.best.items()], "Best settings"))
    sections = [replace(comparison_section(trials), title="Best trials")]
    if study.test.models:
        sections.insert(0, replace(comparison_section(study.test), title="Test"))
    return Page(
        title=f"{trials.dataset}: {study.tried} trials of {study.model}",
        subtitle=f"{trials.comparison_id}, finished {trials.at:%Y-%m-%d %H:%M} UTC, "
        f"protocol {study.test.protocol}",
        headline=study.verdict,
        tone="good" if study.gained else "plain" if study.test.models else "warn",
        lead=lead,
        sections=[*sections, _out(study)],
    )


def _out(study: Study) -> Section:
    if not study.out:
        return Section("Out", [])
    table = Table(
        "Trials that cannot be the best",
        [Column("why"), Column("trials", numeric=True)],
        [Row([Cell(reason), Cell(str(count))]) for reason, count in study.out],
    )
    return Section("Out", [table])
