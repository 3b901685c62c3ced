"""The files that all lists of a run lie in: of a lake, or of a store of files."""

from __future__ import annotations

import json
from pathlib import Path

from toplists.cli.sources import Source
from toplists.errors import ConfigurationError
from toplists.lake.dataset import Dataset, partition_files
from toplists.lake.tables import RECOMMENDATIONS
from toplists.pipeline.screen import printable
from toplists.publish.publication import stored_runs
from toplists.reader.layouts import LAYOUT, MANIFEST, PERSONAL, release_folder


def find_run_files(source: Source, run_id: str) -> tuple[str, ...]:
    """The Parquet files of the personal lists of a run, which need not be live.

    Raises:
        ConfigurationError: its lists are not there, or such a store gives lists one by one only.
    """
    kind, _, where = source.address.partition(":")
    if kind == "delta":
        dataset = Dataset(Path(where).expanduser().resolve())
        _require(run_id, stored_runs(dataset), source)
        return partition_files(dataset, RECOMMENDATIONS, run_id=run_id)
    if kind == "files" and "://" not in where:
        return _released(source, Path(where).expanduser().resolve(), run_id)
    raise ConfigurationError(
        f"Two runs are compared by all their lists, and {printable(source.called)} gives them one by one: leave out "
        "--from, or name a dataset (delta:FOLDER) or a folder of Parquet (files:PATH)."
    )


def _released(source: Source, folder: Path, run_id: str) -> tuple[str, ...]:
    manifests = folder.glob(f"{release_folder('*')}/{MANIFEST}")
    _require(run_id, {manifest.parent.name for manifest in manifests}, source)
    release = folder / release_folder(run_id)
    try:
        manifest = json.loads((release / MANIFEST).read_bytes())
    except (OSError, ValueError) as error:
        raise ConfigurationError(f"{release / MANIFEST} cannot be read: {error}.") from error
    if (manifest.get("layout"), manifest.get("format")) != (LAYOUT, "parquet"):
        raise ConfigurationError(
            f"Run {run_id} in {source.called} is not Parquet of layout {LAYOUT}, which takes another way to be "
            "read as a whole: compare the runs in the lake."
        )
    return tuple(str(release / file["path"]) for file in manifest["tables"][PERSONAL.name])


def _require(run_id: str, kept: set[str], source: Source) -> None:
    if run_id not in kept:
        raise ConfigurationError(
            f"The lists of run {printable(run_id)} are not in {source.called}. Those of "
            f"{', '.join(sorted(kept)) or 'no run'} are."
        )
