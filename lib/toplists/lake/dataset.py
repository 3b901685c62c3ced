"""A dataset: one world of ids with its own tables, pointer and lease, in one folder of the lake."""

from __future__ import annotations

import json
import os
import re
import shutil
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote

from deltalake import DeltaTable, Schema
from deltalake.exceptions import DeltaError

from toplists.errors import ConfigurationError
from toplists.lake.failpoints import written
from toplists.lake.schema import Table
from toplists.lake.tables import RUNS, TABLES
from toplists.lake.version import mark_present

WORK = "work"
"""The folder of a dataset that has a folder for each run's files that are no tables."""

_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,99}")
# delta-rs loses or escapes them on the way from a path to a URL and back.
_SPECIAL = "%#?[]^|\\"


@dataclass(frozen=True)
class Dataset:
    """Where one dataset lies.

    `root` is an absolute folder that the driver and every executor see under the same path (a local
    disk, or a shared mount). Tables are folders in it; `work` holds the files that tasks exchange,
    outside every table so that VACUUM never touches them.
    """

    root: Path

    @classmethod
    def open(cls, lake_root: str, name: str) -> Dataset:
        """The dataset `name` under `lake_root`, whether it exists yet or not.

        Raises:
            ConfigurationError: `lake_root` is not a file path, or `name` not a usable folder name.
        """
        if "://" in lake_root and not lake_root.startswith("file://"):
            raise ConfigurationError(
                f"lake.root = {lake_root} is not a folder: this release keeps a lake on a local disk "
                "or a mount that all machines share. Set lake.root to such a folder."
            )
        folder = _folder(lake_root)
        if odd := set(_SPECIAL) & set(str(folder)):
            raise ConfigurationError(
                f"lake.root = {lake_root} is the folder {folder}, which contains {' and '.join(sorted(odd))}: "
                f"Delta readers take that for part of a URL. Choose one without any of {' '.join(_SPECIAL)}"
            )
        if not _NAME.fullmatch(name):
            raise ConfigurationError(
                f"{name!r} is not a dataset name: use lower-case letters, digits, '.', '_' and '-', "
                "beginning with a letter or digit."
            )
        return cls(folder / name)

    @property
    def name(self) -> str:
        """Name of the dataset: the folder's."""
        return self.root.name

    @property
    def work(self) -> Path:
        """Folder for files that tasks exchange, one sub-folder per run."""
        return self.root / WORK

    @property
    def outcomes(self) -> Path:
        """Folder for how each verb ended last, one file per verb."""
        return self.root / "outcomes"

    @property
    def reports(self) -> Path:
        """Folder for reports, one sub-folder for each run, comparison or study."""
        return self.root / "reports"

    @property
    def studies(self) -> Path:
        """Folder for what searches for settings came to, one sub-folder for each."""
        return self.root / "studies"

    def path(self, table: Table) -> str:
        """Where `table` lies."""
        return str(self.root / table.name)

    def has(self, table: Table) -> bool:
        """Whether `table` was created."""
        return DeltaTable.is_deltatable(self.path(table))

    def exists(self) -> bool:
        """Whether anything was ever begun in it."""
        return self.has(RUNS)

    def create_tables(self) -> None:
        """Create the tables that are missing, each with its comments and CHECK constraints.

        delta-rs needs milliseconds per table where Spark needs a second; both write the same log.
        """
        self.root.mkdir(parents=True, exist_ok=True)
        missing = [table for table in TABLES if not self.has(table)]
        if len(missing) == len(TABLES):
            mark_present(self.root)  # first: a table without a mark is one of the first light
        with ThreadPoolExecutor() as pool:
            list(pool.map(lambda table: create_table(self.root / table.name, table), missing))


def create_table(path: Path, table: Table) -> None:
    """Create one empty Delta table at `path`, readable by every reader (reader version 1).

    It is there with its constraints, which take a second commit, or not at all.
    """
    draft = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    with written(f"draft {table.name}"):
        shutil.rmtree(draft, ignore_errors=True)
        created = DeltaTable.create(
            str(draft),
            schema=Schema.from_json(json.dumps(table.schema_json)),
            name=table.name,
            description=table.purpose,
            partition_by=list(table.partition_by) or None,
        )
        if table.constraints:
            created.alter.add_constraint(dict(table.constraints))
    with written(f"create {table.name}"):
        draft.replace(path)


def partition_files(dataset: Dataset, table: Table, **partition: str) -> tuple[str, ...]:
    """The Parquet files of the partition of `table` whose columns have the given values."""
    wanted = [(column, "=", value) for column, value in partition.items()]
    opened = DeltaTable(dataset.path(table))
    return _paths(opened.file_uris(file_pruning_predicate=wanted))


def files_of_version(dataset: Dataset, table: Table, version: int | None) -> tuple[str, ...]:
    """The Parquet files of a version of `table`; those of the last one where that is gone, or `None`."""
    if version is not None:
        try:
            files = _paths(DeltaTable(dataset.path(table), version=version).file_uris())
        except DeltaError:  # its log was cleaned up
            files = None
        if files is not None and all(Path(file).exists() for file in files):
            return files
    return partition_files(dataset, table)


def _paths(uris: Iterable[str]) -> tuple[str, ...]:
    return tuple(sorted(unquote(uri).removeprefix("file://") for uri in uris))


def _folder(lake_root: str) -> Path:
    return Path(lake_root.removeprefix("file://")).expanduser().resolve()


def list_datasets(lake_root: str) -> list[Dataset]:
    """Every dataset under `lake_root`, by name; none where the folder does not exist."""
    root = _folder(lake_root)
    if not root.is_dir():
        return []
    datasets = map(Dataset, sorted(root.iterdir()))
    return [dataset for dataset in datasets if dataset.exists()]
