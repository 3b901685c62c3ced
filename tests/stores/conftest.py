"""Servers that the tests of stores share."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from stores.servers import PASSWORD, Server, run_postgres, run_redis


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[Server]:
    with run_postgres() as server:
        yield server


@pytest.fixture(scope="session")
def redis_server() -> Iterator[Server]:
    with run_redis() as server:
        yield server


@pytest.fixture(autouse=True)
def password(monkeypatch: pytest.MonkeyPatch) -> None:
    """What stores name as their secret."""
    monkeypatch.setenv("STORE_PASSWORD", PASSWORD)
