"""Settings of stores: what is refused, and that no secret is shown on the way."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from toplists.config.layers import describe_settings, resolve_settings
from toplists.errors import ConfigurationError

POSTGRES = {"kind": "postgres", "name": "main", "address": "postgresql://me@db/shop#{dataset}"}
REDIS = {"kind": "redis", "name": "cache", "address": "redis://cache:6379/0"}
FILES = {"kind": "files", "name": "lists", "address": "files:/srv/lists"}


@pytest.fixture
def conf(tmp_path: Path) -> Path:
    for name in ("base", "local"):
        (tmp_path / f"{name}.yaml").touch()
    return tmp_path


def resolve(conf: Path, *stores: dict[str, Any]) -> Any:
    return resolve_settings(conf, "local", [f"publish.stores={json.dumps(stores)}"])


def test_stores_are_of_several_kinds(conf: Path) -> None:
    secret = POSTGRES | {"secret": "env:SHOP_PASSWORD"}
    resolved = resolve(conf, secret, REDIS, FILES | {"format": "jsonl", "shards": 4})
    postgres, redis, files = resolved.settings.publish.stores
    assert (postgres.secret, redis.expire_days, files.shards) == ("env:SHOP_PASSWORD", 14.0, 4)
    shown = {line.key: line.value for line in describe_settings(resolved)}
    assert json.loads(shown["publish.stores"])[0] == secret


@pytest.mark.parametrize(
    ("store", "why"),
    [
        (POSTGRES | {"kind": "mysql"}, "postgres | redis | files"),
        (POSTGRES | {"address": "mysql://db/shop"}, "begins with postgresql://"),
        (FILES | {"address": "/srv/lists"}, "begins with files:"),
        (FILES | {"address": "files:s3a://bucket/lists"}, "what Spark calls s3a:// is s3:// here"),
        (FILES | {"address": "files:ftp://host/lists"}, "a URI of file://, s3://"),
        (REDIS | {"address": "redis://cache#Shop"}, "a namespace"),
        (REDIS | {"name": "The Cache"}, "name"),
        (REDIS | {"expire_days": 0}, "greater than 0"),
        (POSTGRES | {"shards": 3}, "there is no such field"),
    ],
)
def test_what_no_store_can_be(conf: Path, store: dict[str, Any], why: str) -> None:
    with pytest.raises(ConfigurationError) as error:
        resolve(conf, store)
    assert why in str(error.value)


def test_each_store_has_a_name_of_its_own(conf: Path) -> None:
    with pytest.raises(ConfigurationError, match="two stores are called main"):
        resolve(conf, POSTGRES, REDIS | {"name": "main"})


@pytest.mark.parametrize(
    "store",
    [
        POSTGRES | {"address": "postgresql://me:hunter2@db/shop"},
        POSTGRES | {"address": "postgresql://me:hun/ter2@db/shop"},
        POSTGRES | {"address": "postgresql://db/shop?password=hunter2"},
        REDIS | {"address": "redis://:hunter2@cache"},
        FILES | {"address": "files:s3://key:hunter2@bucket/lists"},
        FILES | {"address": "files:s3://bucket?secret_key=hunter2"},
        POSTGRES | {"secret": "hunter2"},
        # and where something else is wrong as well
        {"kind": "mysql", "name": "x", "address": "mysql://me:hunter2@db/shop"},
        REDIS | {"secret": "hunter2", "expire_days": -1},
        POSTGRES | {"address": "postgresql://me:hunter2@db/shop", "more": 1},
    ],
)
def test_a_secret_is_refused_and_not_shown(conf: Path, store: dict[str, Any]) -> None:
    with pytest.raises(ConfigurationError) as error:
        resolve(conf, store)
    assert "ter2" not in str(error.value)


def test_where_a_key_lies_is_no_secret(conf: Path) -> None:
    address = "postgresql://db/shop?sslmode=verify-full&sslkey=/etc/toplists/key.pem"
    (store,) = resolve(conf, POSTGRES | {"address": address}).settings.publish.stores
    assert store.address == address
