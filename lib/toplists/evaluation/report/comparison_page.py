"""The report of a comparison of models: one row each, the best first, failed ones last."""

from __future__ import annotations

from collections.abc import Sequence

from toplists.evaluation.report.content import ComparedModel, Comparison
from toplists.evaluation.report.intervals import interval_row, interval_words
from toplists.evaluation.report.parts import (
    Cell,
    Column,
    Group,
    Intervals,
    Page,
    Part,
    Prose,
    Row,
    Section,
    Table,
)
from toplists.evaluation.report.words import (
    NOTHING,
    better_end,
    interval_text,
    number_text,
    seconds_text,
)


def comparison_page(comparison: Comparison) -> Page:
    """The report of a comparison."""
    models = _ordered(comparison)
    failed = sum(model.failure is not None for model in models)
    winner = models[0] if models and models[0].failure is None else None
    headline = (
        f"{winner.name} has the best {comparison.deciding}" if winner else "No model was measured"
    )
    if failed:
        headline += f"; {failed} of {len(models)} models failed"
    return Page(
        title=f"{comparison.dataset}: comparison of {len(models)} models",
        subtitle=f"{comparison.comparison_id}, finished {comparison.at:%Y-%m-%d %H:%M} UTC, "
        f"protocol {comparison.protocol}",
        headline=headline,
        tone="bad" if winner is None else "warn" if failed else "plain",
        lead=[Prose(comparison.findings)] if comparison.findings else [],
        sections=[comparison_section(comparison), _samples(comparison, models)],
    )


def comparison_section(comparison: Comparison) -> Section:
    """Models x metrics with intervals, the best of each marked, and a plot of the deciding one."""
    models = _ordered(comparison)
    measured = [model for model in models if model.failure is None]
    best = {metric: _best(measured, metric) for metric in comparison.metrics}
    columns = [
        Column("model"),
        *(Column(metric, numeric=True) for metric in comparison.metrics),
        Column("fit", numeric=True),
        Column("score", numeric=True),
        Column("peak memory", numeric=True),
    ]
    rows = [
        Row([Cell(model.name)], instead=f"failed: {model.failure}")
        if model.failure is not None
        else _row(model, comparison.metrics, best)
        for model in models
    ]
    parts: list[Part] = [Table("Models by metric, with intervals; ★ is the best", columns, rows)]
    deciding = [
        (model.name, model.figures[comparison.deciding])
        for model in measured
        if comparison.deciding in model.figures
    ]
    if deciding:
        plot = Intervals(
            title=comparison.deciding,
            description=interval_words(deciding),
            rows=[interval_row(name, figure, "other") for name, figure in deciding],
        )
        parts.append(plot)
    intro = (
        f"All on the same users, {comparison.protocol}. Intervals cover {comparison.confidence * 100:g} %; "
        "whether two models differ, say the paired tests, not the overlap of their intervals."
    )
    return Section("Models", parts, intro)


def _ordered(comparison: Comparison) -> list[ComparedModel]:
    sign = 1.0 if better_end(comparison.deciding) == "smaller" else -1.0

    def place(model: ComparedModel) -> tuple[bool, float, str]:
        figure = model.figures.get(comparison.deciding)
        return model.failure is not None, sign * figure.value if figure else 0.0, model.name

    return sorted(comparison.models, key=place)


def _best(models: Sequence[ComparedModel], metric: str) -> float | None:
    """The best figure; `None` where there is none, or neither end is better."""
    values = [model.figures[metric].value for model in models if metric in model.figures]
    better = better_end(metric)
    if not values or better == "neither":
        return None
    return max(values) if better == "larger" else min(values)


def _row(model: ComparedModel, metrics: Sequence[str], best: dict[str, float | None]) -> Row:
    cells = [Cell(model.name)]
    for metric in metrics:
        figure = model.figures.get(metric)
        cells.append(
            Cell(NOTHING)
            if figure is None
            else Cell(
                number_text(figure.value),
                small=interval_text(figure),
                best=figure.value == best[metric],
            )
        )
    memory = NOTHING if model.peak_mib is None else f"{model.peak_mib:,.0f} MiB"
    costs = (seconds_text(model.fit_seconds), seconds_text(model.score_seconds), memory)
    return Row([*cells, *map(Cell, costs)])


def _samples(comparison: Comparison, models: Sequence[ComparedModel]) -> Section:
    tables = [
        Table(
            model.name,
            [Column("#", numeric=True, short=True), Column("item")],
            [
                Row([Cell(str(place)), Cell(item.title or item.item_id, small=item.item_id)])
                for place, item in enumerate(model.sample, start=1)
            ],
        )
        for model in models
        if model.sample
    ]
    if not tables:
        return Section("Sample lists", [])
    return Section("Sample lists", [Group(f"User {comparison.sample_user}", tables)])
