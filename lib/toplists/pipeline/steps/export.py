"""export: the live run in every configured store, one after the other."""

from __future__ import annotations

import logging
from collections.abc import Collection
from dataclasses import asdict

from toplists.errors import ConfigurationError, StoreError
from toplists.lake.ledger import Outcome, Run
from toplists.lake.pointer import Publication, read_pointer
from toplists.pipeline.console import Narrator
from toplists.pipeline.failure import reason_of
from toplists.pipeline.recording import record
from toplists.pipeline.workplace import Workplace
from toplists.publish.stores.load import Brought, Loading, bring, is_shown
from toplists.publish.stores.opening import open_store
from toplists.publish.stores.store import Store

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
        ConfigurationError: no store is configured, one cannot be by its address, or nothing is published.
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
            loading = Loading(
                *(place.dataset, place.settings.publish, lambda: place.spark, place.clock),
                warn=narrator.warning,
            )
            return _export(loading, stores, live, resume=resume)

        outcome = record(place.ledger, run, "export", export, lambda done: _behind(done, run))
        step.detail(outcome.detail)


def open_stores(place: Workplace) -> dict[str, Store]:
    """The configured stores, by name; nothing is connected to yet.

    Raises:
        ConfigurationError: an address does not serve for this dataset.
    """
    return {one.name: open_store(one, place.dataset.name) for one in place.settings.publish.stores}


def stores_behind(place: Workplace, live: Publication) -> list[str]:
    """Names of the stores that do not show what is live in Delta, or do not say so."""
    behind = []
    for name, store in open_stores(place).items():
        try:
            shown = is_shown(store.live(), place.dataset.name, live)
        except StoreError as error:
            _LOG.warning("store %s does not say what it shows: %s", name, error)
            shown = False
        if not shown:
            behind.append(name)
    return behind


def _chosen(place: Workplace, only: Collection[str]) -> list[Store]:
    configured = open_stores(place)
    if not configured:
        raise ConfigurationError("publish.stores names no store to export to.")
    unknown = sorted(set(only) - set(configured))
    if unknown:
        raise ConfigurationError(
            f"publish.stores names no store {', '.join(unknown)}; it names {', '.join(configured)}."
        )
    return [store for name, store in configured.items() if not only or name in only]


def _export(loading: Loading, stores: list[Store], live: Publication, *, resume: bool) -> Outcome:
    brought: dict[str, Brought] = {}
    failed: dict[str, str] = {}
    for store in stores:
        try:
            brought[store.name] = bring(loading, store, live, resume=resume)
        except Exception as error:  # the others shall have tonight's lists all the same
            _LOG.exception("store %s is behind", store.name)
            failed[store.name] = reason_of(error)
    said = [f"{name}: {one}" for name, one in brought.items()]
    return Outcome(
        detail="; ".join([*said, *(f"{name}: behind" for name in failed)]),
        facts={
            "stores": {name: asdict(one) for name, one in brought.items()},
            "behind": failed,
        },
        # Lists of the run, not of it in every store; those of each are in the facts.
        rows_out=max((one.sent + one.copied for one in brought.values()), default=0),
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
