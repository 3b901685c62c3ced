"""How contenders are judged: rows of users into the lake, sums out of them, figures out of those."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from math import nan

from deltalake import DeltaTable

from toplists.dataset.snapshot import Snapshot
from toplists.engine.kernels.metric_kind import asked, depth_of
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
    blocks = snapshot.blocks(settings.engine.block_entries)
    catalogue = partition_files(place.dataset, ITEMS)
    traits = survey_traits(place.spark, blocks.users, blocks.items, catalogue)
    of_users, of_all = split_metrics(settings.evaluate.metrics)
    judging = Judging(
        blocks.users, fallback, depth_of(settings.evaluate.metrics), settings.engine.tile_bytes
    )
    _forget_others(place.dataset, snapshot.run_id, contenders)
    slices, subjects = plan_slices(place, snapshot, traits, snapshot.facts.end_of("train")), []
    for name, contender in contenders.items():
        chosen = (one for one in of_users if contender.predicts_values or not predicts_only(one))
        measuring = Measuring(tuple(chosen), traits, blocks.users)
        part = {"run_id": snapshot.run_id, "subject": name, "fold": HOLDOUT}
        rows = judging.judge(contender.shape, measuring)
        replace_part_by_tasks(place.spark, rows, place.dataset, USER_METRICS, **part)
        files = partition_files(place.dataset, USER_METRICS, **part)
        subjects.append(Subject(name, (Judged(files, measuring, slices),)))
    cutoffs = tuple({asked(metric).cutoff for metric in of_all})
    aggregation = Aggregation(traits.scale, cutoffs, settings.gate.resamples, seed)
    return figures_of(place, aggregation.add_up(place.spark, subjects), of_all)


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
    place: Workplace, totals: Mapping[str, Totals], of_all: Sequence[str]
) -> list[Figure]:
    """The figures of contenders and how the first differs from the others, in every slice.

    Those of `of_all`, which lists have together, have no interval.
    """
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
