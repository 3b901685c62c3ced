"""compare: several models side by side, on the same folds, users and candidates.

Input: a dataset with events. Output: rows in `metrics` and `user_metrics` under an id of their own, and a table;
nothing that is published changes. What is done already is not repeated.
"""

from __future__ import annotations

from argparse import Namespace

from toplists.errors import ToplistsError
from toplists.pipeline.command import add_as_of, add_protocol, job_parser, run_job
from toplists.pipeline.comparing import CompareOptions, compare_models, deciding_metric
from toplists.pipeline.comparison_tables import (
    find_sample,
    lists_of,
    metrics_of,
    standings_of,
)
from toplists.pipeline.console import Narrator
from toplists.pipeline.entrants import parse_entrants
from toplists.pipeline.process import leave
from toplists.pipeline.reporting.comparisons import write_comparison
from toplists.pipeline.workplace import Workplace


def work(place: Workplace, narrator: Narrator, arguments: Namespace) -> None:
    """Compare the models, and show a row for each."""
    entrants = tuple(parse_entrants(arguments.models, place.settings))
    deciding = deciding_metric(place.settings.evaluate, arguments.by)
    options = CompareOptions(entrants, arguments.protocol, deciding, arguments.as_of)
    comparison = compare_models(place, narrator, options)
    narrator.table(standings_of(comparison))
    narrator.table(metrics_of(comparison))
    sample = None
    if arguments.user is not None:
        sample = find_sample(place.dataset, comparison, arguments.user)
        if sample is None:
            narrator.warning(f"User {arguments.user} is not judged in this comparison.")
        else:
            narrator.table(lists_of(sample))
    report = write_comparison(place.dataset, comparison, sample, at=place.clock())
    narrator.note(f"Report: {report}")
    if all(row.failure is not None for row in comparison.rows):
        raise ToplistsError("Every model failed; the table says why, the log has the details.")


if __name__ == "__main__":
    parser = job_parser("compare", "Several models side by side, on the same users and candidates.")
    parser.add_argument(
        "--models",
        required=True,
        metavar="M,M[KEY=VALUE],…",
        help="./toplists models lists them; settings of a model's own in brackets, as in als[rank=64; alpha=5]",
    )
    add_protocol(parser)
    add_as_of(parser, "the day after the newest event")
    parser.add_argument(
        "--by",
        metavar="METRIC",
        help="one of evaluate.metrics that puts models in order (default: ndcg@10)",
    )
    parser.add_argument("--user", metavar="ID", help="show every model's list for this user, too")
    leave(run_job(parser, work))
