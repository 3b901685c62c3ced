"""Invariants of what is kept: nothing of runs that are gone. What is left over waits for `maintain`."""

from __future__ import annotations

from functools import partial

from toplists.lake.ledger import run_of
from toplists.lake.tables import MODELS
from toplists.pipeline.invariants.finding import Evidence, Invariant
from toplists.pipeline.invariants.lake_view import LakeView
from toplists.publish.leftovers import find_drafts, find_old_reports, find_work_folders
from toplists.publish.retention import Pruning, plan_pruning


def _plan(view: LakeView) -> Pruning:
    return plan_pruning(view.dataset, view.pointer, keep_runs=view.keep_runs)


def _look_at_runs(view: LakeView) -> Evidence:
    plan = _plan(view)
    return Evidence(
        f"{len(plan.kept) + len(plan.runs):,} runs, of which {len(plan.kept):,} are kept",
        [f"run {run_id} is beyond publish.keep_runs" for run_id in plan.runs],
    )


def _look_at_models(view: LakeView) -> Evidence:
    plan = _plan(view)
    gone = set(plan.runs)
    faults = [
        f"model {model_id} is of a run that is gone"
        for model_id in plan.models
        if run_of(model_id) not in gone
    ]
    if view.has(MODELS):
        faults += [
            f"the registry of models has fits of run {run_id}, which is gone"
            for run_id in plan.fits
            if run_id not in gone
        ]
    return Evidence(f"{len(plan.kept):,} runs", faults)


def _look_at_files(view: LakeView) -> Evidence:
    plan = _plan(view)
    folders = find_work_folders(view.dataset, wanted={*plan.kept, *plan.runs})
    faults = [f"work folder {folder.name} is of no run" for folder in folders]
    reports = find_old_reports(view.dataset, wanted={*plan.kept, *plan.runs})
    faults += [f"{folder.parent.name}/{folder.name} is of no run" for folder in reports]
    faults += [f"{draft.name} was never moved in place" for draft in find_drafts(view.dataset)]
    return Evidence(f"{len(plan.kept):,} runs", faults)


_waiting = partial(Invariant, remedy="./spark-submit.sh maintain removes it.", level="warning")

INVARIANTS = (
    _waiting(
        name="retention",
        sentence="No run is stored beyond publish.keep_runs.",
        look=_look_at_runs,
    ),
    _waiting(
        name="orphaned-models",
        sentence="Every stored model is of a stored run.",
        look=_look_at_models,
    ),
    _waiting(
        name="orphaned-files",
        sentence="There are no work folders or reports of runs that are gone, and no drafts.",
        look=_look_at_files,
    ),
)
