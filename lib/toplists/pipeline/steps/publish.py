"""publish: make the run live, if the gate has passed it, and prune what is beyond retention."""

from __future__ import annotations

from toplists.errors import ConfigurationError
from toplists.lake.ledger import Outcome, Run
from toplists.lake.pointer import read_pointer
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
    return Outcome(
        detail=f"live: {publication.run_id}",
        facts={"sequence": publication.sequence, "pruned": removed},
    )
