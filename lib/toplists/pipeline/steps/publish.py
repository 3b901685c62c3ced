"""publish: make the run live, if the gate has passed it, and prune what is beyond retention."""

from __future__ import annotations

from datetime import datetime

from toplists.dataset.loader import known_before
from toplists.errors import ConfigurationError
from toplists.lake.bookkeeping import read_rows
from toplists.lake.dataset import Dataset
from toplists.lake.ledger import Outcome, Run
from toplists.lake.pointer import read_pointer
from toplists.lake.tables import LOADS
from toplists.pipeline.screen import age_text
from toplists.pipeline.steps.evaluate import refusal, stored_verdict
from toplists.pipeline.workplace import Workplace
from toplists.publish.publication import publish as publish_run
from toplists.publish.retention import prune


def publish(place: Workplace, run: Run, *, force: bool = False) -> Outcome:
    """Flip the pointer to the run.

    Raises:
        ConfigurationError: the run was not evaluated.
        GateRefusedError: the gate refused it.
        ConfigurationError: or something newer is live, and `force` is not given.
    """
    verdict = stored_verdict(place, run)
    if verdict is None:
        raise ConfigurationError(f"Run {run.run_id} is not evaluated yet. Run evaluate first.")
    if not verdict.passed:
        raise refusal(place, run, verdict.reasons)
    publication = publish_run(
        place.dataset,
        run,
        place.lease,
        now=place.clock(),
        force=force,
    )
    removed = prune(
        place.dataset, read_pointer(place.dataset), keep_runs=place.settings.publish.keep_runs
    )
    newest = newest_event(place.dataset, run)
    published = publication.published_at
    return Outcome(
        detail=f"live: {publication.run_id}"
        + (f", its newest event was {age_text(newest, published)}" if newest else ""),
        facts={
            "sequence": publication.sequence,
            "pruned": removed,
            "responsiveness_seconds": (published - newest).total_seconds() if newest else None,
        },
    )


def newest_event(dataset: Dataset, run: Run) -> datetime | None:
    """When the newest event happened that the run knows; `None` where no event has a time.

    From then to its publication is how long an event takes, at best, until lists reflect it. Where events
    from `as_of` on were loaded, too, the newest one known is taken to lie just before that.
    """
    times = [
        load["newest_event_time"]
        for load in read_rows(dataset, LOADS)
        if load["load_id"] in run.loads and load["newest_event_time"] is not None
    ]
    if not times or run.as_of is None:
        return None
    newest: datetime = min(max(times), known_before(run.as_of))
    return newest
