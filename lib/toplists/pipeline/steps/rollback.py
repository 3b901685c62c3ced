"""rollback: the publication before is live again."""

from __future__ import annotations

from toplists.errors import ConfigurationError
from toplists.lake.ledger import Outcome
from toplists.lake.pointer import Publication, read_pointer
from toplists.pipeline.console import Narrator
from toplists.pipeline.recording import record
from toplists.pipeline.steps.export import export_step, open_stores, stores_behind
from toplists.pipeline.workplace import Workplace
from toplists.publish.publication import rollback


def rollback_step(place: Workplace, narrator: Narrator, *, to: str | None, mark_bad: bool) -> None:
    """Make run `to`, or the one published before, live again, in the stores, too.

    Where the last rollback has not reached all stores, the same again brings it there, and goes back no further:
    schedulers repeat what failed.

    Raises:
        ConfigurationError: there is no such run, or none to go back to; a store cannot be by its address.
        StoreError: it is live in Delta, but not in every store.
    """
    live = read_pointer(place.dataset).live
    run = place.ledger.find_run(live.run_id) if live else None
    if live is None or run is None:
        raise ConfigurationError(
            f"Nothing was ever published in dataset {place.dataset.name}, so there is nothing to "
            "roll back."
        )

    open_stores(place)  # an address that does not do is said before anything moves
    behind = stores_behind(place, live) if _is_repeated(live, to, mark_bad=mark_bad) else []
    if behind:
        narrator.note(
            f"Run {live.run_id} is live since the last rollback, which has not reached {', '.join(behind)}: it is "
            "brought there, and nothing is rolled back further. --to RUN chooses another run."
        )
        export_step(place, narrator, resume=True)
        return

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


def _is_repeated(live: Publication, to: str | None, *, mark_bad: bool) -> bool:
    """Whether a rollback asks for what the last movement of the pointer did already."""
    marked = live.bad_run_id is not None or not mark_bad
    return live.action == "rollback" and to in (None, live.run_id) and marked
