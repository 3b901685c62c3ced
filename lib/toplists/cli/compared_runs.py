"""Two runs compared by all their lists, wherever these lie."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

from toplists.cli.sources import Source
from toplists.errors import ConfigurationError
from toplists.evaluation.list_change import ListPair
from toplists.evaluation.run_difference import (
    RunDifference,
    as_table,
    compare_parts,
    compare_runs,
)
from toplists.lake.dataset import Dataset, partition_files
from toplists.lake.tables import RECOMMENDATIONS
from toplists.pipeline.screen import printable
from toplists.publish.publication import stored_runs
from toplists.reader.files import FileLists
from toplists.reader.releases import Asked, KeepsReleases


def compare_lists_of(
    source: Source, before: str, now: str, *, k: int, placement: str
) -> RunDifference:
    """Compare the personal lists of two runs, which need not be live.

    Args:
        source: Where the lists lie.
        before: The earlier run.
        now: The later run.
        k: How many places count.
        placement: Which lists.

    Raises:
        ConfigurationError: the lists of a run are not there.
        ListsUnavailableError: they cannot be read.
    """
    lists = source.lists
    if isinstance(lists, KeepsReleases):
        lists.publication()  # refuses what is of a newer layout
        _require((before, now), lists.releases(), source)
        files = _parquet(lists, before, now)
        if files is not None:
            return compare_runs(files, k, placement)
        pairs = lists.pairs(before, now, Asked(placement, k))
        return compare_parts(((as_table(one), as_table(other)) for one, other in pairs), k)
    dataset = Dataset(Path(source.address.removeprefix("delta:")).expanduser().resolve())
    _require((before, now), stored_runs(dataset), source)
    of_lake = [partition_files(dataset, RECOMMENDATIONS, run_id=run_id) for run_id in (before, now)]
    return compare_runs(ListPair(before=of_lake[0], now=of_lake[1]), k, placement)


def _parquet(lists: KeepsReleases, before: str, now: str) -> ListPair | None:
    """The files of two releases, which are quickest read by themselves; `None` unless both are such."""
    if not isinstance(lists, FileLists):
        return None
    files = [lists.parquet_here(run_id) for run_id in (before, now)]
    if files[0] is None or files[1] is None:
        return None
    return ListPair(before=files[0], now=files[1])


def _require(runs: Collection[str], kept: Collection[str], source: Source) -> None:
    for run_id in runs:
        if run_id not in kept:
            raise ConfigurationError(
                f"The lists of run {printable(run_id)} are not in {source.called}. Those of "
                f"{', '.join(sorted(kept)) or 'no run'} are."
            )
