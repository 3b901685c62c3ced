"""Where stores keep what: the names, keys and records that an export writes and the reader reads.

`docs/stores.md` explains each layout to applications that use neither. No layout changes without a new
number.
"""

from __future__ import annotations

import json
import re
import zlib
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import date, datetime

from toplists.reader.records import Publication

LAYOUT = 1
"""Version of everything here."""

DEFAULT_NAMESPACE = "toplists"
NAMESPACE = re.compile(r"[a-z0-9][a-z0-9._-]{0,49}")
"""What a namespace looks like: a schema of Postgres, the beginning of every key of Redis."""

ROWS_PER_GROUP = 1_000
"""Rows in a row group of a Parquet file: a look-up decodes a whole one."""


@dataclass(frozen=True)
class ListTable:
    """One kind of lists: the name of its table or view, the column that is its key, its letter in keys."""

    name: str
    key: str
    letter: str


PERSONAL = ListTable("recommendations", "user_id", "u")
SIMILAR = ListTable("similar_items", "item_id", "s")
POPULAR = ListTable("popular_items", "segment", "p")
LIST_TABLES = (PERSONAL, SIMILAR, POPULAR)


@dataclass(frozen=True)
class LiveRelease:
    """What a store says of the release that its readers see.

    `expires_at` is when its lists disappear by themselves, where they do (Redis); `buckets` into how many
    hashes the lists of each table are spread, by its name (Redis, too).
    """

    dataset: str
    release: str
    publication: Publication
    activated_at: datetime
    expires_at: datetime | None = None
    buckets: Mapping[str, int] = field(default_factory=dict)

    def to_json(self) -> str:
        """As `live_from_json` reads it."""
        return json.dumps({"layout": LAYOUT, **asdict(self)}, default=_iso, indent=2)


def live_from_json(text: str | bytes) -> LiveRelease:
    """The record that `LiveRelease.to_json` made.

    Raises:
        ValueError: it is none, or of a layout that this release does not know.
    """
    found = json.loads(text)
    if not isinstance(found, dict) or found.get("layout") != LAYOUT:
        raise ValueError(f"no record of layout {LAYOUT}")
    expires = found["expires_at"]
    return LiveRelease(
        dataset=found["dataset"],
        release=found["release"],
        publication=publication_of(found["publication"]),
        activated_at=datetime.fromisoformat(found["activated_at"]),
        expires_at=None if expires is None else datetime.fromisoformat(expires),
        buckets=found["buckets"],
    )


def publication_of(fields: dict[str, object]) -> Publication:
    """A publication out of JSON, where days and times are text."""
    return Publication(
        **fields  # type: ignore[arg-type] # whoever wrote them had a publication
        | {
            "as_of": date.fromisoformat(str(fields["as_of"])),
            "published_at": datetime.fromisoformat(str(fields["published_at"])),
        }
    )


def split_address(address: str) -> tuple[str, str]:
    """What a client of the store connects to, and the namespace, which is behind `#` if it is given.

    Raises:
        ValueError: what is behind `#` cannot be a namespace.
    """
    where, _, namespace = address.partition("#")
    namespace = namespace or DEFAULT_NAMESPACE
    if not NAMESPACE.fullmatch(namespace):
        raise ValueError(
            f"{namespace!r} cannot be a namespace: use up to 50 lower-case letters, digits, '.', '_' and '-', "
            "beginning with a letter or digit"
        )
    return where, namespace


# Redis


def live_key(namespace: str) -> str:
    """The key of the record of the live release, as JSON."""
    return f"{namespace}:live"


def releases_key(namespace: str) -> str:
    """The key of the set of all releases' names."""
    return f"{namespace}:releases"


def release_key(namespace: str, release: str) -> str:
    """The key of what is known of a release, as JSON."""
    return f"{namespace}:release:{release}"


def bucket_key(namespace: str, release: str, table: ListTable, bucket: int) -> str:
    """The key of a hash of lists, packed; `bucket_of` says in which a list is, `field_of` under which field.

    What is in braces decides where a cluster keeps it: the same bucket of two releases lies in one place, so
    that one can be copied to the other.
    """
    return f"{namespace}:{release}:{{{table.letter}:{bucket}}}"


def bucket_of(key: str, buckets: int) -> int:
    """The bucket of an id, out of so many."""
    return zlib.crc32(key.encode()) % buckets


def field_of(key: str, placement: str) -> str:
    """The field of a list in its bucket."""
    return f"{placement}:{key}"


# Files

CURRENT = "current.json"
"""The file of the live release's record, and of where its manifest is; replaced as a whole."""
MANIFEST = "manifest.json"


def release_folder(release: str) -> str:
    """The folder of a release, in that of the store."""
    return f"releases/{release}"


def shard_of(key: str, shards: int) -> int:
    """The shard that JSON lines of an id are in."""
    return bucket_of(key, shards)


# Postgres

LIVE_TABLE = "live"
"""The table whose only row says which release the views show."""
RELEASES_TABLE = "releases"


def release_table(table: ListTable, release: str) -> str:
    """The table of a release; readers use the view that is called as the published table."""
    return f"{table.name}_{release.replace('-', '_')}"


def _iso(value: date) -> str:
    """A day or a time: what else a record holds is JSON already."""
    return value.isoformat()
