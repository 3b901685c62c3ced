"""Whole releases in files: their lists in order of users, read from the beginning."""

from __future__ import annotations

import gzip
import json
import math
import zlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from heapq import merge
from itertools import chain, pairwise
from operator import itemgetter
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from pyarrow.fs import FileSelector, FileType

from toplists.reader.errors import ListsUnavailableError
from toplists.reader.folders import Folder
from toplists.reader.layouts import LAYOUT, MANIFEST, PERSONAL, release_folder
from toplists.reader.releases import Asked, Pair, UserItems, side_by_side

_Manifest = Mapping[str, Any]


def kept_in(folder: Folder) -> list[str]:
    """Names of the releases that have a manifest."""
    home = release_folder("").rstrip("/")
    selector = FileSelector(f"{folder.path}/{home}", allow_not_found=True)
    with _readable(folder):
        names = [info.base_name for info in folder.files.get_file_info(selector)]
        places = [f"{folder.path}/{release_folder(name)}/{MANIFEST}" for name in names]
        found = folder.files.get_file_info(places)
    return sorted(
        name for name, info in zip(names, found, strict=True) if info.type is FileType.File
    )


def parquet_in(folder: Folder, release: str) -> tuple[str, ...] | None:
    """The files of a release's personal lists; `None` unless they are Parquet in a folder here."""
    if not folder.is_here:
        return None
    with _readable(folder):
        manifest = _manifest_of(folder, release)
        if manifest["format"] != "parquet":
            return None
        home = f"{folder.path}/{release_folder(release)}"
        return tuple(f"{home}/{file['path']}" for file in manifest["tables"][PERSONAL.name])


def pairs_in(folder: Folder, before: str, now: str, asked: Asked) -> Iterator[Pair]:
    """See `KeepsReleases.pairs`."""
    with _readable(folder):
        manifests = [_manifest_of(folder, release) for release in (before, now)]
        # Where both are cut by a hash, users of the same rest are in shards of the same rest.
        groups = math.gcd(*(manifest["shards"] or 1 for manifest in manifests))
        for group in range(groups):
            sides = [
                _in_order(folder, release, manifest, asked, group, groups)
                for release, manifest in zip((before, now), manifests, strict=True)
            ]
            yield from side_by_side(*sides)


@contextmanager
def _readable(folder: Folder) -> Iterator[None]:
    try:
        yield
    except (OSError, EOFError, ValueError, zlib.error, pa.ArrowException) as error:
        raise folder.unavailable(error) from error


def _manifest_of(folder: Folder, release: str) -> _Manifest:
    manifest: _Manifest = json.loads(folder.read(f"{release_folder(release)}/{MANIFEST}"))
    if manifest.get("layout") != LAYOUT:
        raise ListsUnavailableError(
            f"{folder.shown} cannot be read: the manifest of {release} is not of layout {LAYOUT}."
        )
    return manifest


def _in_order(
    folder: Folder, release: str, manifest: _Manifest, asked: Asked, group: int, groups: int
) -> Iterator[UserItems]:
    """The lists of a group of users, in order of users."""
    home = f"{folder.path}/{release_folder(release)}"
    read = _lines if manifest["format"] == "jsonl" else _rows
    by_shard: dict[int, list[str]] = {}
    for file in sorted(manifest["tables"][PERSONAL.name], key=itemgetter("first")):
        shard = file["shard"] or 0
        if shard % groups == group:
            by_shard.setdefault(shard, []).append(f"{home}/{file['path']}")
    # The files of a shard are of one range of users after the other.
    shards = [
        chain.from_iterable(read(folder, path, asked) for path in of) for of in by_shard.values()
    ]
    return merge(*shards, key=itemgetter(0))


def _lines(folder: Folder, path: str, asked: Asked) -> Iterator[UserItems]:
    with folder.open_file(path) as packed, gzip.open(packed) as lines:
        for line in lines:
            row = json.loads(line)
            if row["placement"] == asked.placement:
                items = [item["item_id"] for item in row["items"][: asked.places]]
                yield row[PERSONAL.key], items


def _rows(folder: Folder, path: str, asked: Asked) -> Iterator[UserItems]:
    with folder.open_file(path) as source:
        columns = [PERSONAL.key, "placement", "items"]
        for batch in pq.ParquetFile(source).iter_batches(1_000, columns=columns):
            keys, placements = (batch[name].to_pylist() for name in columns[:2])
            for key, placement, items in zip(keys, placements, _items_of(batch), strict=True):
                if placement == asked.placement:
                    yield key, items[: asked.places]


def _items_of(batch: pa.RecordBatch) -> Iterator[Sequence[str]]:
    lists = batch["items"]
    ids = lists.values.field("item_id").to_pylist()
    offsets = lists.offsets.to_pylist()
    for begin, end in pairwise(offsets):
        yield ids[begin:end]
