"""export: the live run in every configured store, one after the other."""

from __future__ import annotations

import logging
from collections.abc import Collection
from dataclasses import asdict

from toplists.config.publish import StoreSettings
from toplists.errors import ConfigurationError, StoreError
from toplists.lake.ledger import Outcome, Run
from toplists.lake.pointer import Publication, read_pointer
from toplists.pipeline.console import Narrator
from toplists.pipeline.failure import reason_of
from toplists.pipeline.recording import record
from toplists.pipeline.workplace import Workplace
from toplists.publish.stores.load import Brought, Loading, bring
from toplists.publish.stores.opening import open_store

_LOG = logging.getLogger(__name__)


def export_step(
    place: Workplace,
    narrator: Narrator,
    number: int = 1,
    total: int = 1,
    *,
    resume: bool,
    only: Collection[str] = (),
) -> None:
    """Bring what is live to the stores, as step `number` of `total`.

    Args:
        place: The workplace.
        narrator: Who is told.
        number: Which step it is.
        total: Of how many.
        resume: Go on with what an earlier attempt has loaded.
        only: Names of the stores; empty = all.

    Raises:
        ConfigurationError: no store is configured, or nothing is published.
        StoreError: stores are behind; the others were brought up to date.
    """
    stores = _chosen(place, only)
    live = read_pointer(place.dataset).live
    run = place.ledger.find_run(live.run_id) if live else None
    if live is None or run is None:
        raise ConfigurationError(
            f"Nothing was ever published in dataset {place.dataset.name}, so there is nothing to export."
        )
    narrator.about(run.run_id)
    with narrator.step(number, total, "export") as step:
        step.detail(f"run {run.run_id}")

        def export() -> Outcome:
            return _export(place, stores, live, resume=resume)

        outcome = record(place.ledger, run, "export", export, lambda done: _behind(done, run))
        step.detail(outcome.detail)


def _chosen(place: Workplace, only: Collection[str]) -> list[StoreSettings]:
    configured = {store.name: store for store in place.settings.publish.stores}
    if not configured:
        raise ConfigurationError("publish.stores names no store to export to.")
    unknown = sorted(set(only) - set(configured))
    if unknown:
        raise ConfigurationError(
            f"publish.stores names no store {', '.join(unknown)}; it names {', '.join(configured)}."
        )
    return [store for name, store in configured.items() if not only or name in only]


def _export(
    place: Workplace, stores: list[StoreSettings], live: Publication, *, resume: bool
) -> Outcome:
    loading = Loading(place.dataset, place.settings.publish, lambda: place.spark, place.clock)
    brought: dict[str, Brought] = {}
    failed: dict[str, str] = {}
    for settings in stores:
        try:
            store = open_store(settings, place.dataset.name)
            brought[settings.name] = bring(loading, store, live, resume=resume)
        except Exception as error:  # the others shall have tonight's lists all the same
            _LOG.exception("store %s is behind", settings.name)
            failed[settings.name] = reason_of(error)
    said = [f"{name}: {one}" for name, one in brought.items()]
    return Outcome(
        detail="; ".join([*said, *(f"{name}: behind" for name in failed)]),
        facts={
            "stores": {name: asdict(one) for name, one in brought.items()},
            "behind": failed,
        },
        rows_out=sum(one.sent + one.copied for one in brought.values()),
    )


def _behind(outcome: Outcome, run: Run) -> StoreError | None:
    """What to say of stores that are behind, if any is."""
    failed: dict[str, str] = outcome.facts["behind"]
    if not failed:
        return None
    reasons = " ".join(f"Store {name} is behind: {_ended(why)}" for name, why in failed.items())
    there = ", ".join(outcome.facts["stores"])
    return StoreError(
        f"Run {run.run_id} is live in Delta{f' and in {there}' if there else ''}. {reasons} What was live there "
        "before stays live. Put it right, then ./spark-submit.sh export --resume brings what is missing."
    )


def _ended(sentence: str) -> str:
    return sentence if sentence.endswith((".", "!", "?")) else f"{sentence}."
