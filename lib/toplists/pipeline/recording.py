"""Keeping the ledger around a step."""

from __future__ import annotations

from collections.abc import Callable

from toplists.errors import GateRefusedError, InputRefusedError, ToplistsError
from toplists.lake.ledger import Ledger, Outcome, Run


def record(
    ledger: Ledger,
    run: Run,
    step: str,
    action: Callable[[], Outcome],
    refuse: Callable[[Outcome], ToplistsError | None] = lambda _: None,
) -> Outcome:
    """Do `action` as an attempt at `step` of `run`, and record how it ended.

    Args:
        ledger: Where to.
        run: The run.
        step: The verb.
        action: What the step does.
        refuse: Whether the outcome amounts to a refusal, or a failure; its facts are recorded then too.

    Raises:
        ToplistsError: `refuse` said so.
        Exception: whatever `action` raises.
    """
    attempt = ledger.begin(run, step)
    try:
        outcome = action()
    except (GateRefusedError, InputRefusedError) as refusal:
        ledger.refuse(attempt, str(refusal), {})
        raise
    except BaseException as error:
        ledger.fail(attempt, f"{type(error).__name__}: {error}".partition("\n")[0])
        raise
    refused = refuse(outcome)
    if refused is not None:
        end = ledger.refuse if isinstance(refused, GateRefusedError) else ledger.fail
        end(attempt, str(refused), {"detail": outcome.detail, **outcome.facts})
        raise refused
    ledger.finish(attempt, outcome)
    return outcome
