"""`toplists status --max-age`: whether the live lists are as fresh as they have to be."""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from rich.console import Console
from rich.text import Text

from toplists.cli.places import Place, find_settings
from toplists.cli.publications import require_live
from toplists.cli.sources import Source
from toplists.errors import StaleError
from toplists.pipeline.screen import age_text, duration_text, printable, time_text
from toplists.pipeline.watching.report import Live, Report
from toplists.pipeline.watching.telling import tell_webhook
from toplists.reader import Publication


def require_fresh(
    places: Sequence[Place],
    arguments: argparse.Namespace,
    environ: Mapping[str, str],
    errors: Console,
    now: datetime,
) -> None:
    """See that live lists are not older than `--max-age`; where they are, the webhook is told.

    Args:
        places: The datasets to look at. Those that never published are left out, unless none of
            them ever did: then all are stale.
        arguments: `max_age`, and `env` and `set` for the settings of the webhook.
        environ: The process environment.
        errors: Where a webhook that cannot be told is named.
        now: The time that ages are counted to.

    Raises:
        StaleError: lists are older, or there are none.
    """
    watch = find_settings(arguments, environ).watch
    reasons = []
    published = [place for place in places if place.live is not None]
    for place in published or places:
        reason = _too_old(place, arguments.max_age, now)
        if reason is not None:
            reasons.append(reason)
            report = _report(place.dataset.name, place.live, reason, now)
            tell_webhook(report, watch, environ, lambda text: _warn(errors, text))
    if reasons:
        raise StaleError(" ".join(reasons))


def require_fresh_source(
    source: Source,
    arguments: argparse.Namespace,
    environ: Mapping[str, str],
    errors: Console,
    now: datetime,
) -> None:
    """See that what readers are shown somewhere is not older than `--max-age`; see `require_fresh`.

    Raises:
        StaleError: it is.
    """
    live = require_live(source)
    since, said = _made(source, live, now)
    if now - since <= arguments.max_age:
        return
    reason = (
        f"The live lists in {source.called} are too old: {said}, allowed are "
        f"{duration_text(arguments.max_age)}. Look whether ./toplists status shows a night that failed, and "
        "whether an export is behind."
    )
    watch = find_settings(arguments, environ).watch
    dataset = None if source.root is None else source.root.name
    report = _report(dataset, live, reason, now)
    tell_webhook(report, watch, environ, lambda text: _warn(errors, text))
    raise StaleError(reason)


def _made(source: Source, live: Publication, now: datetime) -> tuple[datetime, str]:
    """Since when there are such lists, and how that is said; a rollback makes old lists live, not new ones."""
    moves = [live, *(one for one in source.publications() if one.run_id == live.run_id)]
    since = min(move.published_at for move in moves)
    if any(move.action == "publish" for move in moves):
        return since, f"published {age_text(since, now)} ({time_text(since)})"
    # A store knows the last move only. The day that the lists know all before is earlier than they are.
    since = min(since, live.known_until)
    return since, (
        f"rolled back to what knows nothing since {live.as_of} 00:00 UTC, {age_text(since, now)} (when that "
        "was published the lake knows: name its --dataset)"
    )


def computed_at(place: Place) -> datetime | None:
    """When the live lists were first published: a rollback makes old lists live, not new ones."""
    live = place.live
    if live is None:
        return None
    moves = place.lists.publications()
    return min(move.published_at for move in moves if move.run_id == live.run_id)


def _too_old(place: Place, max_age: timedelta, now: datetime) -> str | None:
    since = computed_at(place)
    name = place.dataset.name
    if since is None:
        return f"Nothing is published in dataset {name} yet, so its lists are older than anything."
    if now - since <= max_age:
        return None
    return (
        f"The live lists of dataset {name} are too old: published {age_text(since, now)} "
        f"({time_text(since)}), allowed are {duration_text(max_age)}. ./toplists status --dataset "
        f"{name} says how the last runs ended."
    )


def _report(dataset: str | None, live: Publication | None, reason: str, now: datetime) -> Report:
    return Report(
        verb="status",
        event="staleness",
        exit_code=StaleError.exit_code,
        began=now,
        ended=now,
        dataset=dataset,
        run_id=live.run_id if live else None,
        reason=reason,
        live=_live(live) if live else None,
    )


def _live(live: Publication) -> Live:
    return Live(live.run_id, live.as_of, live.published_at)


def _warn(errors: Console, text: str) -> None:
    errors.print(Text.assemble(("warning: ", "bold yellow"), printable(text)))
