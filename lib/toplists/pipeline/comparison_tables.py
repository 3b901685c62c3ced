"""A comparison as a person sees it: a row per model, and each one's list for a chosen user."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from toplists.lake.bookkeeping import read_rows
from toplists.lake.dataset import Dataset
from toplists.lake.ledger import run_of
from toplists.lake.tables import ITEMS, SNAPSHOT_ITEMS, USER_METRICS
from toplists.pipeline.comparing import Comparison, Row
from toplists.pipeline.summary import TextTable

_SHOWN = 5
_GIB = 1 << 30


def standings_of(comparison: Comparison) -> TextTable:
    """A row per model, from the best to the worst: the metric that decides, and what it took."""
    return TextTable(
        title=f"{comparison.protocol}, by {comparison.deciding}",
        columns=(
            *("model", "against the best", comparison.deciding),
            f"{comparison.confidence * 100:g} %",
            *("fit s", "score s", "GiB"),
        ),
        rows=[_standing(row, comparison.deciding) for row in comparison.rows],
        left=2,
    )


def metrics_of(comparison: Comparison) -> TextTable:
    """A row per metric, a column per model that did not fail."""
    rows = [row for row in comparison.rows if row.failure is None]
    return TextTable(
        title="All metrics",
        columns=("", *(row.name for row in rows)),
        rows=[[metric, *(_figure(row, metric) for row in rows)] for metric in comparison.metrics],
    )


def _standing(row: Row, deciding: str) -> list[str]:
    own, costs = row.figures.get(deciding), ["–"] * 3
    interval = f"{own.low:.4f} to {own.high:.4f}" if own else "–"
    if row.cost is not None:
        peak = row.cost.peak_bytes
        costs = [f"{row.cost.fit_seconds:.1f}", f"{row.cost.score_seconds:.1f}"]
        costs.append("–" if peak is None else f"{peak / _GIB:.1f}")
    return [row.name, _against(row), _figure(row, deciding), interval, *costs]


def _against(row: Row) -> str:
    if row.failure is not None:
        return f"failed: {row.failure}"
    if row.standing is None:
        return "not measured"
    behind = row.standing.behind
    return row.standing.verdict + ("" if behind is None else f" ({-behind.value:+.4f})")


def _figure(row: Row, metric: str) -> str:
    figure = row.figures.get(metric)
    return "–" if figure is None else f"{figure.value:.4f}"


@dataclass(frozen=True)
class Sample:
    """The first items of each model's list for one user: item id and title, best first."""

    user_id: str
    lists: Mapping[str, Sequence[tuple[str, str | None]]]


def find_sample(dataset: Dataset, comparison: Comparison, user_id: str) -> Sample | None:
    """The lists of a user; `None` if the user is not judged."""
    rows = read_rows(dataset, USER_METRICS, run_id=comparison.comparison_id, user_id=user_id)
    lists = {row["subject"]: row["items"][:_SHOWN] for row in rows}
    if not lists:
        return None
    ids = _ids(
        dataset, run_of(comparison.comparison_id), {i for own in lists.values() for i in own}
    )
    titles = {
        item_id: row["title"]
        for item_id in ids.values()
        for row in read_rows(dataset, ITEMS, item_id=item_id)
    }
    named = [row.name for row in comparison.rows if row.name in lists]
    return Sample(
        user_id,
        {name: [(ids[one], titles.get(ids[one])) for one in lists[name]] for name in named},
    )


def lists_of(sample: Sample) -> TextTable:
    """A row per model, with the titles of what it lists first."""
    rows = [
        [name, " · ".join(title or item_id for item_id, title in own)]
        for name, own in sample.lists.items()
    ]
    return TextTable(f"First items for user {sample.user_id}", ("model", "list"), rows, left=2)


def _ids(dataset: Dataset, run_id: str, positions: set[int]) -> dict[int, str]:
    """The ids of items by their position in the snapshot."""
    rows = read_rows(dataset, SNAPSHOT_ITEMS, run_id=run_id)
    return {row["item_pos"]: row["item_id"] for row in rows if row["item_pos"] in positions}
