"""Lists read from files, as `docs/stores.md` lays them out: no server either, and no lake."""

from __future__ import annotations

import gzip
import json
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from time import monotonic
from typing import Any

import pyarrow as pa

from toplists.reader.errors import ListsUnavailableError, SnapshotGoneError
from toplists.reader.file_releases import kept_in, pairs_in, parquet_in
from toplists.reader.folders import Folder
from toplists.reader.following import Following
from toplists.reader.keyed_files import KeyedFile, KeyedFiles
from toplists.reader.layouts import (
    CURRENT,
    LAYOUT,
    LIST_TABLES,
    POPULAR,
    SIMILAR,
    ListTable,
    live_from_json,
    shard_of,
)
from toplists.reader.list_rows import COLUMNS, list_of
from toplists.reader.lists import Lists, own_or_popular
from toplists.reader.records import Publication, RecommendationList, RecommendedItem
from toplists.reader.releases import Asked, KeepsReleases, Pair

_LOOK_SECONDS = 1.0
"""How long what is live is taken for granted, where to look takes a request to another machine."""


def open_files(place: str) -> FileLists:
    """The lists in a folder: a path, or a URI such as `s3://BUCKET/PREFIX`.

    Raises:
        AddressError: there is no such kind of file system.
    """
    return FileLists(place)


class FileLists(Lists, KeepsReleases):
    """What `Lists` promises. A new release is seen at once in a folder here, elsewhere after a second."""

    def __init__(self, place: str) -> None:
        """See `open_files`."""
        self._folder = Folder.open(place)
        self._looked = float("-inf")
        self._record: bytes | None = None
        self._live = Following(
            self._look, lambda record: _Release(self._folder, record), self._look_anew
        )

    def publication(self) -> Publication | None:
        """See `Lists`."""
        return self._live.read(lambda release: release.publication)

    def user(
        self, user_id: str, placement: str = "default", segment: str = "all"
    ) -> RecommendationList | None:
        """See `Lists`."""

        def find(release: _Release) -> RecommendationList | None:
            of_placement = partial(release.find, placement=placement)
            return own_or_popular(of_placement, user_id, segment)

        return self._live.read(find)

    def similar(self, item_id: str, placement: str = "default") -> RecommendationList | None:
        """See `Lists`."""
        return self._live.read(lambda release: release.find(SIMILAR, item_id, placement))

    def popular(
        self, segment: str = "all", placement: str = "default"
    ) -> RecommendationList | None:
        """See `Lists`."""
        return self._live.read(lambda release: release.find(POPULAR, segment, placement))

    def releases(self) -> list[str]:
        """See `KeepsReleases`."""
        return kept_in(self._folder)

    def pairs(self, before: str, now: str, asked: Asked) -> Iterator[Pair]:
        """See `KeepsReleases`."""
        return pairs_in(self._folder, before, now, asked)

    def parquet_here(self, release: str) -> tuple[str, ...] | None:
        """Where the personal lists of a release lie, if that is Parquet in a folder here; else `None`.

        Raises:
            ListsUnavailableError: its manifest cannot be read.
        """
        return parquet_in(self._folder, release)

    def close(self) -> None:
        """See `Lists`."""
        self._live.forget()

    def _look(self) -> bytes | None:
        if self._folder.is_here or monotonic() - self._looked >= _LOOK_SECONDS:
            return self._look_anew()
        return self._record

    def _look_anew(self) -> bytes | None:
        self._looked = monotonic()
        try:
            self._record = self._folder.read_replaced(CURRENT)
        except FileNotFoundError:
            self._record = None
        except (OSError, pa.ArrowException) as error:
            raise self._folder.unavailable(error) from error
        return self._record


class _Release:
    """The release that a record names, by its manifest."""

    def __init__(self, folder: Folder, record: bytes) -> None:
        self._folder = folder
        try:
            self.publication = live_from_json(record).publication
        except ValueError as error:
            raise ListsUnavailableError(
                f"{folder.shown} cannot be read: {CURRENT} is {error}. Update this reader to the release "
                "that exports."
            ) from error
        place = str(json.loads(record)["manifest"])
        manifest = self._load(place)
        inside = f"{folder.path}/{place.rpartition('/')[0]}"
        self._find = {table: _finder(folder, inside, table, manifest) for table in LIST_TABLES}

    def find(self, table: ListTable, key: str, placement: str) -> RecommendationList | None:
        """A list; `None` if there is none."""
        key.encode("utf-8")
        return self._find[table](key, placement, self.publication)

    def _load(self, place: str) -> Mapping[str, Any]:
        try:
            manifest: Mapping[str, Any] = json.loads(self._folder.read(place))
        except (OSError, ValueError, pa.ArrowException) as error:
            raise SnapshotGoneError(f"{self._folder.shown}: {error}") from error
        if manifest.get("layout") != LAYOUT:
            raise ListsUnavailableError(
                f"{self._folder.shown} cannot be read: its manifest is not of layout {LAYOUT}."
            )
        return manifest


_Finder = Callable[[str, str, Publication], RecommendationList | None]


def _finder(folder: Folder, inside: str, table: ListTable, manifest: Mapping[str, Any]) -> _Finder:
    """What finds the lists of a table."""
    files: Sequence[Mapping[str, Any]] = manifest["tables"][table.name]
    if manifest["format"] == "jsonl":
        return _LinesFinder(folder, inside, table, files, int(manifest["shards"]))
    keyed = [KeyedFile(f"{inside}/{one['path']}", one["first"], one["last"]) for one in files]
    rows = KeyedFiles(keyed, table.key, folder.open_file)

    def find(key: str, placement: str, live: Publication) -> RecommendationList | None:
        row = rows.find(key, COLUMNS, {"placement": placement})
        return None if row is None else list_of(row, live.run_id, live.as_of)

    return find


@dataclass(frozen=True)
class _LinesFinder:
    """Finds lists in gzipped JSON lines, which takes reading a shard from its beginning."""

    folder: Folder
    inside: str
    table: ListTable
    files: Sequence[Mapping[str, Any]]
    shards: int

    def __call__(self, key: str, placement: str, live: Publication) -> RecommendationList | None:
        shard = shard_of(key, self.shards)
        for file in self.files:
            if file["shard"] == shard and file["first"] <= key <= file["last"]:
                for row in self._rows_with(f"{self.inside}/{file['path']}", key):
                    if row[self.table.key] == key and row["placement"] == placement:
                        return _list_of(row, live)
        return None

    def _rows_with(self, path: str, key: str) -> Iterator[Mapping[str, Any]]:
        """The rows of a file in which the key stands anywhere."""
        wanted = json.dumps(key, ensure_ascii=False).encode()
        try:
            with self.folder.open_file(path) as packed, gzip.open(packed) as lines:
                for line in lines:
                    if wanted in line:
                        yield json.loads(line)
        except (OSError, EOFError, ValueError, zlib.error, pa.ArrowException) as error:
            raise SnapshotGoneError(f"{path}: {error}") from error


def _list_of(row: Mapping[str, Any], live: Publication) -> RecommendationList:
    items = tuple(RecommendedItem(**item) for item in row["items"])
    return RecommendationList(live.run_id, items, row["short_reason"], live.as_of)
