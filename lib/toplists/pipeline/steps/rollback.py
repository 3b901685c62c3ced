"""rollback: the publication before is live again."""

from __future__ import annotations

from toplists.errors import ConfigurationError
from toplists.lake.ledger import Outcome
from toplists.lake.pointer import read_pointer
from toplists.pipeline.console import Narrator
from toplists.pipeline.recording import record
from toplists.pipeline.steps.export import export_step
from toplists.pipeline.workplace import Workplace
from toplists.publish.publication import rollback


def rollback_step(place: Workplace, narrator: Narrator, *, to: str | None, mark_bad: bool) -> None:
    """Make run `to`, or the one published before, live again, in the stores, too.

    Raises:
        ConfigurationError: there is no such run, or none to go back to.
        StoreError: it is live in Delta, but not in every store.
    """
    live = read_pointer(place.dataset).live
    run = place.ledger.find_run(live.run_id) if live else None
    if run is None:
        raise ConfigurationError(
            f"Nothing was ever published in dataset {place.dataset.name}, so there is nothing to "
            "roll back."
        )

    def flip() -> Outcome:
        publication = rollback(
            place.dataset, place.lease, now=place.clock(), to=to, mark_bad=mark_bad
        )
        bad = f"; {publication.bad_run_id} is declared bad" if publication.bad_run_id else ""
        return Outcome(
            detail=f"live: {publication.run_id}, before: {publication.previous_run_id}{bad}",
            facts={"sequence": publication.sequence},
        )

    total = 1 + bool(place.settings.publish.stores)
    with narrator.step(1, total, "rollback") as step:
        step.detail(record(place.ledger, run, "rollback", flip).detail)
    if total > 1:
        export_step(place, narrator, total, total, resume=True)
