"""tune: the best settings of a model, and what they gain over the present ones.

Input: a dataset with events. Output: rows in `metrics` and `user_metrics` under an id of their own, a table, a report, and
the best settings as a file for `--overlay`; nothing that is published changes. What is done already is not
repeated.
"""

from __future__ import annotations

from argparse import ArgumentTypeError, Namespace
from typing import get_args

from toplists.models.search import Method
from toplists.pipeline.command import add_as_of, add_protocol, job_parser, run_job
from toplists.pipeline.comparing import deciding_metric
from toplists.pipeline.console import Narrator
from toplists.pipeline.constraints import parse_constraint
from toplists.pipeline.process import leave
from toplists.pipeline.reporting.studies import write_study
from toplists.pipeline.searching import plan_search
from toplists.pipeline.tuning import TuneOptions, tune_model
from toplists.pipeline.tuning_tables import findings, outs_of, trials_of
from toplists.pipeline.workplace import Workplace


def count(text: str) -> int:
    """How many trials an argument asks for."""
    if not text.isdecimal() or int(text) < 1:
        raise ArgumentTypeError(f"{text!r} is not a number of trials from 1 on")
    return int(text)


def work(place: Workplace, narrator: Narrator, arguments: Namespace) -> None:
    """Tune the model, and show the best trials and what they gain."""
    search = plan_search(
        place.settings,
        arguments.model or place.settings.model.name,
        arguments.trials,
        arguments.search,
        deciding_metric(place.settings.evaluate, arguments.by),
        [parse_constraint(text) for text in arguments.constraint],
    )
    study = tune_model(place, narrator, TuneOptions(search, arguments.protocol, arguments.as_of))
    narrator.table(trials_of(study))
    out = outs_of(study)
    if out is not None:
        narrator.table(out)
    for sentence in findings(study):
        narrator.note(sentence)
    report = write_study(
        place.dataset, study, at=place.clock(), confidence=place.settings.gate.confidence
    )
    narrator.note(f"Report: {report}")


if __name__ == "__main__":
    parser = job_parser("tune", "The best settings of a model, and what they gain.")
    parser.add_argument(
        "--model", metavar="M", help="./toplists models lists them (default: model.name)"
    )
    parser.add_argument(
        "--trials",
        type=count,
        default=60,
        metavar="N",
        help="settings to try, the present ones among them (default: 60)",
    )
    parser.add_argument(
        "--search",
        choices=get_args(Method),
        help="default: halving for models whose fits can go on from others, else random",
    )
    parser.add_argument(
        "--constraint",
        action="append",
        default=[],
        metavar="LIMIT",
        help="what trials must keep, such as 'coverage@10>=0.2' or 'fit_seconds<=30'; repeatable",
    )
    add_protocol(parser)
    add_as_of(parser, "the day after the newest event")
    parser.add_argument(
        "--by",
        metavar="METRIC",
        help="one of evaluate.metrics that decides (default: ndcg@10)",
    )
    leave(run_job(parser, work))
