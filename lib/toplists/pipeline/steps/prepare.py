"""prepare: freeze what is known at `as_of` into the run's snapshot."""

from __future__ import annotations

import logging
from dataclasses import asdict, fields
from datetime import date

from toplists.dataset.arrivals import count_days, look_closer
from toplists.dataset.input_gate import InputCheck, comes_daily, judge_input
from toplists.dataset.loader import load_events
from toplists.dataset.snapshot import Snapshot, SnapshotFacts, take_snapshot
from toplists.dataset.stop_list import read_stop_list, stop_list_digest
from toplists.engine.storage import empty_folder
from toplists.errors import ConfigurationError, InputRefusedError
from toplists.lake.ledger import Outcome, Run
from toplists.pipeline.workplace import Workplace

_LOG = logging.getLogger(__name__)


def prepare(place: Workplace, run: Run) -> Outcome:
    """Judge what arrived, and make the run's snapshot and its blocks.

    Raises:
        InputRefusedError: what arrived is unusual and was not accepted, or nothing is known before the
            run's `as_of`.
        ConfigurationError: the stop-list is not the one that the run was begun with.
    """
    if run.as_of is None:
        raise ConfigurationError(f"{run.run_id} is a load, not a run: it has nothing to prepare.")
    stop_items = read_stop_list(place.settings.prepare)
    if stop_list_digest(stop_items) != run.stop_list:
        raise ConfigurationError(
            f"{place.settings.prepare.stop_items_file} has changed since run {run.run_id} was begun. "
            "Begin a new run with prepare or nightly."
        )
    checks = _judge_input(place, run, run.as_of)
    # Files of an earlier attempt belong to tables that are about to be replaced.
    empty_folder(place.dataset.work / run.run_id)
    snapshot = take_snapshot(
        place.spark,
        place.dataset,
        run.run_id,
        as_of=run.as_of,
        loads=run.loads,
        settings=place.settings.prepare,
        recommend=place.settings.recommend,
        stop_items=stop_items,
        exchange=place.settings.engine.exchange,
    )
    snapshot.blocks(place.settings.engine)
    facts = snapshot.facts
    repeated = (
        f", {facts.surplus_events:,} repeats in {facts.repeated_pairs:,} pairs "
        f"({facts.contradicted_pairs:,} with other values)"
        if facts.repeated_pairs
        else ""
    )
    new = f" ({facts.new_items:,} of them new)" if facts.new_items else ""
    return Outcome(
        detail=(
            f"{facts.interactions:,} interactions of {facts.users:,} users and {facts.items:,} items{new}, "
            f"{facts.trained:,} positive, holdout: {facts.protocol}{repeated}{_left_out(facts)}"
        ),
        facts=asdict(facts)
        | {"input": [asdict(check) for check in checks], "accepted_input": place.accept_input},
        rows_in=facts.events,
        rows_out=facts.interactions,
    )


def _judge_input(place: Workplace, run: Run, as_of: date) -> tuple[InputCheck, ...]:
    events = load_events(place.spark, place.dataset, as_of, run.loads)
    settings = place.settings.input
    arrivals = count_days(events, as_of)
    if comes_daily(arrivals, settings):
        arrivals = look_closer(arrivals, events)
    checks = judge_input(arrivals, settings)
    for check in checks:
        _LOG.info("input gate, %s: %s", check.name, check.sentence)
    failed = [check.sentence for check in checks if not check.passed]
    if failed and not place.accept_input:
        raise InputRefusedError(
            f"What arrived until {as_of} is unusual, and nothing was trained on it: "
            f"{'; '.join(failed)}. Look at the feed; if it is right, go on with --accept-input, or say "
            "what is usual in the settings input.*. What is live stays live."
        )
    return checks


def _left_out(facts: SnapshotFacts) -> str:
    """What the filters left out, as the end of a sentence."""
    counts = [
        f"{name} {count['events']:,} events of {count['users']:,} users"
        for name, count in facts.excluded.items()
    ]
    return f"; not trained on: {', '.join(counts)}" if counts else ""


def open_snapshot(place: Workplace, run: Run) -> Snapshot:
    """The snapshot that `prepare` made for the run.

    Raises:
        ConfigurationError: it was not prepared.
    """
    facts = place.ledger.facts(run.run_id, "prepare")
    if facts is None:
        raise ConfigurationError(f"Run {run.run_id} is not prepared yet. Run prepare first.")
    kept = {field.name for field in fields(SnapshotFacts)}
    known = {name: fact for name, fact in facts.items() if name in kept}
    exchange = place.settings.engine.exchange
    return Snapshot(place.spark, place.dataset, run.run_id, SnapshotFacts(**known), exchange)
