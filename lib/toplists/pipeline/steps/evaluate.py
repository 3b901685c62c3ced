"""evaluate: measure the candidate against popularity and what is live, check the lists, decide."""

from __future__ import annotations

import json
from collections.abc import Collection, Sequence
from dataclasses import asdict
from itertools import chain

from toplists.dataset.snapshot import Snapshot
from toplists.errors import ConfigurationError, GateRefusedError
from toplists.evaluation.comparison import LIVE, POPULARITY, Figure
from toplists.evaluation.comparison import to_rows as figure_rows
from toplists.evaluation.gate import Verdict, decide
from toplists.evaluation.list_checks import CheckResult, ListCounts, LiveUsers, check_lists
from toplists.evaluation.list_checks import to_rows as check_rows
from toplists.evaluation.list_counts import ListFiles, count_lists
from toplists.evaluation.user_ranges import UserRange, cut_users
from toplists.lake.bookkeeping import replace_rows
from toplists.lake.dataset import partition_files
from toplists.lake.ledger import Outcome, Run
from toplists.lake.pointer import read_pointer
from toplists.lake.tables import (
    INTERACTIONS,
    METRICS,
    RECOMMENDATIONS,
    SNAPSHOT_ITEMS,
    SNAPSHOT_USERS,
)
from toplists.pipeline.judgement import Contender, judge_night
from toplists.pipeline.live_comparison import compare_with_live
from toplists.pipeline.nights import earlier_nights
from toplists.pipeline.steps.fits import (
    FitPlan,
    changed_preparation,
    open_fallback,
    open_fit,
    plan_fits,
)
from toplists.pipeline.steps.prepare import open_snapshot
from toplists.pipeline.steps.train import fit_missing
from toplists.pipeline.workplace import Workplace


def evaluate(place: Workplace, run: Run) -> Outcome:
    """Write the run's figures and the gate's verdict.

    Raises:
        ConfigurationError: models or lists are missing.
    """
    if place.ledger.facts(run.run_id, "recommend") is None:
        raise ConfigurationError(f"Run {run.run_id} has no lists yet. Run recommend first.")
    snapshot = open_snapshot(place, run)
    plan = plan_fits(place, run)
    # Another configuration may have become live since `train`.
    failed = fit_missing(place, run, snapshot, plan)
    live = read_pointer(place.dataset).live
    figures = _measure(place, run, snapshot, plan, failed)
    ranges = cut_users(place.spark, snapshot.files(SNAPSHOT_USERS), snapshot.facts.users)
    counts = _count(place, run, snapshot, ranges)
    checks = _check(place, run, counts, plan)
    compared = compare_with_live(place, snapshot, live, ranges) if live is not None else {}
    rows = [
        *figure_rows(figures, run.run_id, snapshot.facts.protocol),
        *(row for how, some in compared.items() for row in figure_rows(some, run.run_id, how)),
        *check_rows(checks, run.run_id),
    ]
    replace_rows(place.dataset, METRICS, rows, where=f"run_id = '{run.run_id}'")
    verdict = decide(
        [*figures, *chain(*compared.values())],
        checks,
        place.settings.gate,
        has_live=live is not None,
        changed=changed_preparation(place, run),
        unreadable=plan.live_is_unreadable,
        failed=failed,
        earlier=earlier_nights(
            place.dataset, run, snapshot.facts.protocol, place.settings.gate.rules
        ),
    )
    users = max((figure.users for figure in figures), default=0)
    return Outcome(
        detail=f"{plan.candidate.model.name} on {users:,} held-out users: "
        + ("passed" if verdict.passed else "refused"),
        facts={
            "verdict": json.loads(verdict.to_json()),
            "candidate": plan.candidate.model.name,
            "trained_users": counts.trained,
            "checks": [asdict(check) for check in checks],
        },
        rows_in=users,
        rows_out=len(rows),
    )


def refusal(place: Workplace, run: Run, reasons: Sequence[str]) -> GateRefusedError:
    """The gate's refusal, in its own words."""
    return GateRefusedError(
        f"The gate refused run {run.run_id}: {'; '.join(reasons)}. The live lists are "
        f"untouched. ./toplists report --dataset {place.dataset.name} shows the figures; correct the input "
        "or the configuration and run again."
    )


def stored_verdict(place: Workplace, run: Run) -> Verdict | None:
    """What the gate decided about the run; `None` before it was evaluated."""
    facts = place.ledger.facts(run.run_id, "evaluate", states=("done", "refused"))
    return None if facts is None else Verdict.from_json(json.dumps(facts["verdict"]))


def _measure(
    place: Workplace, run: Run, snapshot: Snapshot, plan: FitPlan, failed: Collection[str]
) -> list[Figure]:
    fits = {plan.candidate.model.name: plan.candidate}
    fits.setdefault(POPULARITY, plan.popularity)
    if plan.live is not None:
        fits[LIVE] = plan.live
    fits |= {name: fit for name, fit in plan.contenders.items() if name not in failed}
    contenders = {
        name: Contender(open_fit(place, run, snapshot, fit), fit.learns_values)
        for name, fit in fits.items()
    }
    fallback = open_fallback(place, run, snapshot, plan.judged_fallback)
    return judge_night(place, snapshot, contenders, fallback, seed=plan.candidate.seed)


def _count(
    place: Workplace, run: Run, snapshot: Snapshot, ranges: Sequence[UserRange]
) -> ListCounts:
    return count_lists(
        place.spark,
        ListFiles(
            lists=partition_files(place.dataset, RECOMMENDATIONS, run_id=run.run_id),
            users=snapshot.files(SNAPSHOT_USERS),
            interactions=snapshot.files(INTERACTIONS),
            items=snapshot.files(SNAPSHOT_ITEMS),
        ),
        ranges,
        n=place.settings.recommend.n,
        catalogue=snapshot.facts.listable_items,
    )


def _check(place: Workplace, run: Run, counts: ListCounts, plan: FitPlan) -> list[CheckResult]:
    live = read_pointer(place.dataset).live
    before = None
    # An older as_of, put live by force, may well have fewer users.
    if live is not None and run.as_of is not None and live.as_of <= run.as_of:
        prepared, judged = (
            place.ledger.facts(live.run_id, step) or {} for step in ("prepare", "evaluate")
        )
        before = LiveUsers(prepared.get("eligible"), judged.get("trained_users"))
    return check_lists(
        counts,
        place.settings.gate,
        n=place.settings.recommend.n,
        live=before,
        expect_personal=plan.candidate.is_personal,
    )
