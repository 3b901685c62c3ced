"""prepare: freeze what is known at `as_of` into the run's snapshot."""

from __future__ import annotations

import shutil
from dataclasses import asdict

from toplists.dataset.snapshot import Snapshot, SnapshotFacts, take_snapshot
from toplists.errors import ConfigurationError
from toplists.lake.failpoints import written
from toplists.lake.ledger import Outcome, Run
from toplists.pipeline.workplace import Workplace


def prepare(place: Workplace, run: Run) -> Outcome:
    """Make the run's snapshot and its blocks.

    Raises:
        InputRefusedError: nothing is known before the run's `as_of`.
    """
    if run.as_of is None:
        raise ConfigurationError(f"{run.run_id} is a load, not a run: it has nothing to prepare.")
    # Files of an earlier attempt belong to tables that are about to be replaced.
    with written("removal of a work folder"):
        shutil.rmtree(place.dataset.work / run.run_id, ignore_errors=True)
    snapshot = take_snapshot(
        place.spark,
        place.dataset,
        run.run_id,
        as_of=run.as_of,
        loads=run.loads,
        settings=place.settings.prepare,
        active_days=place.settings.recommend.active_days,
    )
    snapshot.blocks(place.settings.engine.block_entries)
    facts = snapshot.facts
    repeated = (
        f", {facts.surplus_events:,} repeats in {facts.repeated_pairs:,} pairs "
        f"({facts.contradicted_pairs:,} with other values)"
        if facts.repeated_pairs
        else ""
    )
    return Outcome(
        detail=(
            f"{facts.interactions:,} interactions of {facts.users:,} users and {facts.items:,} items, "
            f"{facts.trained:,} positive, holdout: {facts.protocol}{repeated}"
        ),
        facts=asdict(facts),
        rows_in=facts.events,
        rows_out=facts.interactions,
    )


def open_snapshot(place: Workplace, run: Run) -> Snapshot:
    """The snapshot that `prepare` made for the run.

    Raises:
        ConfigurationError: it was not prepared.
    """
    facts = place.ledger.facts(run.run_id, "prepare")
    if facts is None:
        raise ConfigurationError(f"Run {run.run_id} is not prepared yet. Run prepare first.")
    del facts["detail"]
    return Snapshot(place.spark, place.dataset, run.run_id, SnapshotFacts(**facts))
