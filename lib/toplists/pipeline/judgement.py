"""How contenders are judged: rows of users into the lake, sums out of them, figures out of those."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from math import nan

from deltalake import DeltaTable

from toplists.dataset.snapshot import Snapshot
from toplists.engine.blocks import BlockSet
from toplists.engine.kernels.metric_kind import Scale, asked, depth_of
from toplists.engine.kernels.metrics_exposure import EXPOSURE_KINDS, exposure_figure
from toplists.engine.shapes import Shape
from toplists.engine.table_files import replace_part_by_tasks
from toplists.evaluation.aggregation import EVERYBODY, Aggregation, Judged, Subject, Totals
from toplists.evaluation.comparison import Added, Figure, compare
from toplists.evaluation.judging import Judging
from toplists.evaluation.measuring import Measuring, predicts_only
from toplists.evaluation.slices import Attribute, Slices, largest_values, thirds
from toplists.evaluation.traits import Traits, survey_traits
from toplists.lake.bookkeeping import delete_rows
from toplists.lake.dataset import Dataset, partition_files
from toplists.lake.frames import read_frame
from toplists.lake.tables import ITEMS, SNAPSHOT_USERS, USER_METRICS, USERS
from toplists.pipeline.workplace import Workplace
from toplists.ranking.fallback import Fallback

HOLDOUT = "holdout"
"""The fold of a night: there is one."""


@dataclass(frozen=True)
class Contender:
    """A fitted model that is judged; `predicts_values` says whether its scores are values."""

    shape: Shape
    predicts_values: bool


def judge_night(
    place: Workplace,
    snapshot: Snapshot,
    contenders: Mapping[str, Contender],
    fallback: Fallback,
    *,
    seed: int,
) -> list[Figure]:
    """Judge contenders on what the snapshot holds out; the first is the candidate.

    Their rows go into `user_metrics`.
    """
    settings = place.settings
    blocks = snapshot.blocks(settings.engine)
    traits = survey_traits(place.spark, blocks.users, blocks.items, snapshot.catalogue)
    metrics = settings.evaluate.metrics
    judging = Judging(blocks.users, fallback, depth_of(metrics), settings.engine.tile_bytes)
    _forget_others(place.dataset, snapshot.run_id, contenders)
    slices, subjects = plan_slices(place, snapshot, traits, snapshot.facts.end_of("train")), []
    for name, contender in contenders.items():
        part = {"run_id": snapshot.run_id, "subject": name, "fold": HOLDOUT}
        measuring = measuring_of(contender, metrics, traits, blocks.users)
        write_outcomes(place, contender, judging, measuring, part)
        files = partition_files(place.dataset, USER_METRICS, **part)
        subjects.append(Subject(name, (Judged(files, measuring, slices),)))
    totals = add_up(place, subjects, [traits.scale], metrics, seed)
    return figures_of(place, totals, metrics)


def measuring_of(
    contender: Contender, metrics: Sequence[str], traits: Traits, users: BlockSet
) -> Measuring:
    """What is measured of each user: errors of predictions only of who predicts values."""
    of_users, _ = split_metrics(metrics)
    chosen = (one for one in of_users if contender.predicts_values or not predicts_only(one))
    return Measuring(tuple(chosen), traits, users)


def write_outcomes(
    place: Workplace,
    contender: Contender,
    judging: Judging,
    measuring: Measuring,
    part: Mapping[str, str],
) -> None:
    """Judge a contender, and replace its part of `user_metrics` by what comes of it."""
    rows = judging.judge(contender.shape, measuring)
    replace_part_by_tasks(place.spark, rows, place.dataset, USER_METRICS, **part)


def add_up(
    place: Workplace,
    subjects: Sequence[Subject],
    scales: Sequence[Scale],
    metrics: Sequence[str],
    seed: int,
) -> dict[str, Totals]:
    """What users add up to, by the name of the subject.

    Args:
        place: The workplace.
        subjects: Who was judged, and where their rows are.
        scales: What bounds figures in each fold.
        metrics: What is measured.
        seed: Decides the resamples.
    """
    # What bounds figures in every fold, so that they can be added up.
    scale = Scale(*map(max, zip(*scales, strict=True)))
    cutoffs = tuple({asked(metric).cutoff for metric in split_metrics(metrics)[1]})
    aggregation = Aggregation(scale, cutoffs, place.settings.gate.resamples, seed)
    return aggregation.add_up(place.spark, subjects)


def _forget_others(dataset: Dataset, run_id: str, contenders: Collection[str]) -> None:
    """Remove the rows of who was a contender when the run was judged before, and is none now."""
    for part in DeltaTable(dataset.path(USER_METRICS)).partitions():
        if part["run_id"] == run_id and part["subject"] not in contenders:
            where = f"run_id = '{run_id}' AND subject = '{part['subject']}'"
            delete_rows(dataset, USER_METRICS, where=where)


def split_metrics(metrics: Sequence[str]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The metrics that users have, each for itself, and those of all lists together."""
    together = [metric for metric in metrics if asked(metric).kind in EXPOSURE_KINDS]
    return tuple(metric for metric in metrics if metric not in together), tuple(together)


def figures_of(
    place: Workplace, totals: Mapping[str, Totals], metrics: Sequence[str]
) -> list[Figure]:
    """The figures of contenders and how the first differs from the others, in every slice.

    Those that all lists have together have no interval.
    """
    _, of_all = split_metrics(metrics)
    confidence, min_users = place.settings.gate.confidence, place.settings.evaluate.min_slice_users
    names = dict.fromkeys(part for one in totals.values() for part in sorted(one.slices))
    figures = []
    for part in names:
        added = {
            name: Added(one.metrics, one.slices[part], one.bounds)
            for name, one in totals.items()
            if part in one.slices
        }
        least = 1 if part == EVERYBODY else min_users
        figures += compare(added, confidence, part=part, min_users=least)
    for name, one in totals.items():
        users = int(one.slices[EVERYBODY].users.max(initial=0))
        for metric in of_all if users else ():
            of_folds = one.exposures[asked(metric).cutoff]
            # Each fold has lists of its own: together they would cover more than any of them.
            value = sum(exposure_figure(metric, counts) for counts in of_folds) / len(of_folds)
            figures.append(Figure(name, metric, "", value, nan, nan, users))
    return figures


def plan_slices(place: Workplace, snapshot: Snapshot, traits: Traits, end: datetime) -> Slices:
    """The slices that the settings name, with what tasks need to cut them."""
    asked = place.settings.evaluate.slices
    attributes: dict[str, list[Attribute]] = {"user": [], "item": []}
    for name in asked:
        kind, _, attribute = name.partition(":")
        if attribute:
            table = USERS if kind == "user" else ITEMS
            rows = read_frame(place.spark, place.dataset, table)
            values = largest_values(rows, attribute, f"{kind}_id")
            attributes[kind].append(Attribute(attribute, values))
    return Slices(
        names=tuple(name for name in asked if ":" not in name),
        active_from=thirds(traits.activity),
        end=end,
        snapshot_users=snapshot.files(SNAPSHOT_USERS),
        of_users=tuple(attributes["user"]),
        users=partition_files(place.dataset, USERS),
        of_items=tuple(attributes["item"]),
        catalogue=traits.catalogue,
        items=traits.items,
    )
