"""Checking a dataset: every invariant, one after the other. Needs no JVM and bounded memory."""

from __future__ import annotations

from toplists.config.publish import PublishSettings
from toplists.lake.dataset import Dataset
from toplists.lake.version import require_not_newer
from toplists.pipeline.invariants import leftovers, lists, loads, publications, snapshots, tables
from toplists.pipeline.invariants.finding import Finding, find
from toplists.pipeline.invariants.lake_view import LakeView

INVARIANTS = (
    *tables.INVARIANTS,
    *loads.INVARIANTS,
    *snapshots.INVARIANTS,
    *publications.INVARIANTS,
    *lists.INVARIANTS,
    *leftovers.INVARIANTS,
)


def check_dataset(
    dataset: Dataset, *, keep_runs: int = PublishSettings().keep_runs, deep: bool = True
) -> list[Finding]:
    """What holds in `dataset`, and what does not; nothing is changed.

    Args:
        dataset: The dataset; nobody should write to it meanwhile.
        keep_runs: `publish.keep_runs`: what retention keeps.
        deep: Look at every stored run and pass over all events, instead of at the live run only.

    Raises:
        ConfigurationError: it is of a later release.
    """
    require_not_newer(dataset.root)
    view = LakeView(dataset, keep_runs=keep_runs, deep=deep)
    return [find(one, view) for one in INVARIANTS if deep or not one.deep]
