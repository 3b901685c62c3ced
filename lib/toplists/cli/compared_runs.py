"""Two runs compared by all their lists, wherever these lie."""

from __future__ import annotations

import json
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
from toplists.reader.layouts import LAYOUT, MANIFEST, PERSONAL, release_folder
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
    kind, _, where = source.address.partition(":")
    if isinstance(source.lists, KeepsReleases):
        source.lists.publication()  # refuses what is of a newer layout
        _require((before, now), source.lists.releases(), source)
        files = [_parquet(kind, where, run_id) for run_id in (before, now)]
        if files[0] is None or files[1] is None:
            pairs = source.lists.pairs(before, now, Asked(placement, k))
            return compare_parts(((as_table(one), as_table(other)) for one, other in pairs), k)
        return compare_runs(ListPair(before=files[0], now=files[1]), k, placement)
    dataset = Dataset(Path(where).expanduser().resolve())
    _require((before, now), stored_runs(dataset), source)
    of_lake = [partition_files(dataset, RECOMMENDATIONS, run_id=run_id) for run_id in (before, now)]
    return compare_runs(ListPair(before=of_lake[0], now=of_lake[1]), k, placement)


def _parquet(kind: str, where: str, run_id: str) -> tuple[str, ...] | None:
    """The files of a release, which are quickest read by themselves; `None` unless it is Parquet on a disk here."""
    if kind != "files" or "://" in where:
        return None
    release = Path(where).expanduser().resolve() / release_folder(run_id)
    manifest = json.loads((release / MANIFEST).read_bytes())
    if (manifest.get("layout"), manifest.get("format")) != (LAYOUT, "parquet"):
        return None
    return tuple(str(release / file["path"]) for file in manifest["tables"][PERSONAL.name])


def _require(runs: Collection[str], kept: Collection[str], source: Source) -> None:
    for run_id in runs:
        if run_id not in kept:
            raise ConfigurationError(
                f"The lists of run {printable(run_id)} are not in {source.called}. Those of "
                f"{', '.join(sorted(kept)) or 'no run'} are."
            )
