"""Which run a new one starts from: its parent, in whose item vectors its fits begin.

The evaluation fit starts from the parent's evaluation fit, unless that learnt from a pair which is held
out now (see `toplists.dataset.held_out.holds_learnt`). The publication fit starts from the evaluation fit.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from functools import partial

from toplists.config.settings import Settings
from toplists.dataset.item_vectors import vectors_digest
from toplists.dataset.snapshot import SnapshotBlocks, block_folder
from toplists.dataset.stop_list import read_stop_list
from toplists.engine.alternation import Start
from toplists.engine.blocks import open_blocks
from toplists.engine.shapes import open_shape
from toplists.engine.storage import are_there, is_intact
from toplists.errors import ToplistsError
from toplists.lake.ledger import Run
from toplists.lake.pointer import read_pointer
from toplists.models.registry import can_start_warm, vectors_of
from toplists.pipeline.identity import identify_run
from toplists.pipeline.steps.fits import model_folder, model_settings, plan_fits, vector_tables
from toplists.pipeline.workplace import Workplace

_LOG = logging.getLogger(__name__)


def place_in_line(place: Workplace, as_of: date, load_ids: Sequence[str], *, cold: bool) -> Run:
    """The run over these loads: the one that was begun before, or a new one with its parent.

    Args:
        place: The workplace.
        as_of: End of what is known.
        load_ids: Every load of the dataset.
        cold: Whether to start from nothing in any case.
    """
    identify = identifying(as_of, load_ids, place.settings)
    afresh = identify()
    if cold:
        return afresh
    pointer = read_pointer(place.dataset)
    for begun in place.ledger.runs_like(afresh):
        if begun.parent not in pointer.bad_runs:
            return begun
    live = place.ledger.find_run(pointer.live.run_id) if pointer.live else None
    parent = live if live is not None and _can_be_parent(place, live, afresh) else None
    return identify(parent=parent)


def identifying(as_of: date, load_ids: Sequence[str], settings: Settings) -> Callable[..., Run]:
    """Identifies runs over these loads, and over what settings name besides, which is read once.

    What it returns takes the `parent` of a run, or nothing for one that starts afresh.

    Args:
        as_of: End of what is known.
        load_ids: Every load of the dataset.
        settings: The settings, which name a stop-list and tables of vectors.
    """
    stop_items = read_stop_list(settings.prepare)
    vectors = vectors_digest(vector_tables(settings))
    return partial(identify_run, as_of, load_ids, settings, stop_items, vectors=vectors)


def _can_be_parent(place: Workplace, parent: Run, run: Run) -> bool:
    """Whether the run can start from `parent`, which is live, and so was not declared bad.

    It was made by the same code under the same settings, and its files are still there. Of so many
    runs in a row one starts afresh, so that nothing is carried along for ever.
    """
    settings = place.settings.model
    if not can_start_warm(settings) or parent.generation + 1 >= settings.als.cold_every:
        return False
    if parent.as_of is None or run.as_of is None or parent.as_of > run.as_of:
        return False
    alike = (parent.configuration, parent.code_version) == (run.configuration, run.code_version)
    return alike and find_remains(place, parent) is not None


@dataclass(frozen=True)
class Remains:
    """What is left of a run for others to start from: its blocks, and its evaluation fit's items."""

    blocks: SnapshotBlocks
    start: Start


def find_remains(place: Workplace, parent: Run) -> Remains | None:
    """What is left of a run; `None` where any of it is gone or damaged, or cannot be reached."""
    folder = block_folder(place.dataset, parent.run_id)
    users, items = open_blocks(folder, "users"), open_blocks(folder, "items")
    fit = plan_fits(place, parent).candidate
    shape = open_shape(model_folder(place.dataset, parent, fit))
    vectors = None if shape is None else vectors_of(model_settings(parent), shape)
    if users is None or items is None or vectors is None:
        return None
    try:
        blocks_are_there = are_there(ref.path for ref in (*users.blocks, *items.blocks))
        if not blocks_are_there or not all(map(is_intact, vectors.items)):
            return None
    except ToplistsError as error:
        _LOG.warning("nothing can start from run %s: %s", parent.run_id, error)
        return None
    return Remains(SnapshotBlocks(users, items), Start(items.blocks, vectors.items))
