"""Settings of publication: what is kept, and the stores that the lists are brought to."""

from __future__ import annotations

import re
from typing import Annotated, Literal, TypeAlias

from pydantic import AfterValidator, Field, field_validator
from pydantic_core import PydanticCustomError

from toplists.config.addresses import holds_secret
from toplists.config.section import UNSHOWN, Section

_NAMESPACE = re.compile(r"([a-z0-9]|\{dataset\})([a-z0-9._-]|\{dataset\})*")

_FILE_SYSTEMS = ("file", "s3", "gs", "gcs", "abfs", "abfss", "hdfs", "viewfs")
"""Of which pyarrow opens URIs."""

StoreName: TypeAlias = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_-]{0,39}$")]


def _checked(address: str, *schemes: str) -> str:
    """The address, if it is of one of `schemes`, and holds no secret."""
    if holds_secret(address.removeprefix("files:")):
        raise PydanticCustomError(
            UNSHOWN,
            "its address holds a password or key, which belongs into a variable or file that `secret` names, "
            "as env:NAME or file:PATH",
        )
    if not address.startswith(schemes):
        raise ValueError(f"an address of this kind begins with {' or '.join(schemes)}")
    _, hash_sign, namespace = address.partition("#")
    if hash_sign and not _NAMESPACE.fullmatch(namespace):
        raise ValueError(
            "what is behind # is a namespace: lower-case letters, digits, '.', '_' and '-', or {dataset}"
        )
    return address


def _reference(secret: str | None) -> str | None:
    if secret is not None and not re.fullmatch(r"(env|file):.+", secret):
        raise PydanticCustomError(
            UNSHOWN, "`secret` says where the password is, as env:NAME or file:PATH"
        )
    return secret


Reference: TypeAlias = Annotated[str | None, AfterValidator(_reference)]
"""Where a password is, as `env:NAME` or `file:PATH`."""


class PostgresSettings(Section):
    """A database of Postgres."""

    kind: Literal["postgres"]
    name: StoreName
    address: str
    secret: Reference = None

    @field_validator("address")
    @classmethod
    def _of_postgres(cls, address: str) -> str:
        return _checked(address, "postgresql://", "postgres://")


class RedisSettings(Section):
    """A server or cluster of Redis; `expire_days` is how long a release lives."""

    kind: Literal["redis"]
    name: StoreName
    address: str
    secret: Reference = None
    expire_days: Annotated[float, Field(gt=0.0, le=366.0)] = 14.0

    @field_validator("address")
    @classmethod
    def _of_redis(cls, address: str) -> str:
        return _checked(address, "redis://", "rediss://", "redis+cluster://", "rediss+cluster://")


class FilesSettings(Section):
    """A folder of files; JSON lines are cut into `shards` by id."""

    kind: Literal["files"]
    name: StoreName
    address: str
    format: Literal["parquet", "jsonl"] = "parquet"
    shards: Annotated[int, Field(ge=1, le=1024)] = 16

    @field_validator("address")
    @classmethod
    def _of_files(cls, address: str) -> str:
        _checked(address, "files:")
        scheme, is_uri, _ = address.removeprefix("files:").partition("://")
        if is_uri and scheme not in _FILE_SYSTEMS:
            raise ValueError(
                f"files: is followed by a folder or a URI of {', '.join(f'{one}://' for one in _FILE_SYSTEMS)}; what "
                "Spark calls s3a:// is s3:// here"
            )
        return address


StoreSettings: TypeAlias = Annotated[
    PostgresSettings | RedisSettings | FilesSettings, Field(discriminator="kind")
]


class PublishSettings(Section):
    keep_runs: int = Field(5, ge=2, description="Published runs kept for rollback.")
    stores: tuple[StoreSettings, ...] = Field(
        (), description="Where `export` brings the lists, in turn; the operator's guide says how."
    )
    keep_releases: int = Field(
        2, ge=2, description="Complete releases that each store keeps, the live one among them."
    )
    score_tolerance: float = Field(
        0.01,
        ge=0.0,
        description="A list is not sent again if only scores change, by less than this share of the largest.",
    )
    full_load_every: int = Field(
        30, ge=1, description="Every so many exports send all lists; those between, what changed."
    )

    @field_validator("stores")
    @classmethod
    def _no_name_twice(cls, stores: tuple[StoreSettings, ...]) -> tuple[StoreSettings, ...]:
        names = [store.name for store in stores]
        for name in names:
            if names.count(name) > 1:
                raise ValueError(f"two stores are called {name}: give each a name of its own")
        return stores
