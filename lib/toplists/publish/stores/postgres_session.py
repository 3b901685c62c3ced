"""Connections to Postgres, and what went wrong with one in a sentence."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TypeAlias

import psycopg
from psycopg import errors
from psycopg.rows import DictRow, dict_row

from toplists.errors import StoreError
from toplists.publish.stores.secrets import Secret

Cursor: TypeAlias = psycopg.Cursor[DictRow]

_CONNECT_SECONDS = 10
# A task whose machine is gone must not keep a part to itself for ever: neither in a pause between statements, nor
# in the middle of a COPY, where the server waits for what never comes. A minute of silence, and six questions.
_IDLE_SECONDS, _INTERVAL_SECONDS, _PROBES = 60, 10, 6
_ALONE = f"""
    SET idle_in_transaction_session_timeout = '10min';
    SET tcp_keepalives_idle = {_IDLE_SECONDS};
    SET tcp_keepalives_interval = {_INTERVAL_SECONDS};
    SET tcp_keepalives_count = {_PROBES}
"""
_REFUSED_LOGIN = ("password authentication failed", "no password supplied", "no pg_hba.conf entry")


@contextmanager
def open_session(uri: str, secret: Secret) -> Iterator[Cursor]:
    """A transaction on a connection of its own; committed at the end, rolled back by an error."""
    with psycopg.connect(
        uri,
        password=secret.read(),
        connect_timeout=_CONNECT_SECONDS,
        keepalives_idle=_IDLE_SECONDS,
        keepalives_interval=_INTERVAL_SECONDS,
        keepalives_count=_PROBES,
        application_name="toplists export",
        row_factory=dict_row,
        prepare_threshold=None,  # statements are run once, perhaps through a pooler
    ) as connection:
        connection.execute(_ALONE)
        with connection.cursor() as cursor:
            yield cursor


@contextmanager
def in_a_sentence() -> Iterator[None]:
    """Turns what the client raises into a `StoreError`; that a lock is not to be had comes through.

    Raises:
        StoreError: what is wrong, and what to do.
    """
    try:
        yield
    except (errors.LockNotAvailable, errors.DeadlockDetected):
        raise
    except psycopg.Error as error:
        raise StoreError(_sentence(error)) from error


def _sentence(error: psycopg.Error) -> str:
    said = (error.diag.message_primary or str(error).strip().partition("\n")[0]).rstrip(".")
    match error:
        case errors.InsufficientPrivilege():
            return f"{said}. Grant it to the user of the address, or make that one the owner."
        case errors.DiskFull():
            return f"the disk of the server is full ({said}). Free space there."
        case errors.InvalidPassword() | errors.InvalidAuthorizationSpecification():
            return f"{said}. Correct the user in the address, or what `secret` names."
        case errors.InvalidCatalogName():
            return f"{said}. Create it, or correct the address."
        case errors.UniqueViolation():
            return f"the lists have a key twice ({said})."
        case errors.AdminShutdown() | errors.CrashShutdown() | errors.CannotConnectNow():
            return f"the server was shut down ({said}). Start it again."
    if any(text in str(error) for text in _REFUSED_LOGIN):
        return f"{_reason(error)}. Correct the user in the address, or what `secret` names."
    if isinstance(error, psycopg.OperationalError) and error.sqlstate is None:
        return f"{_reason(error)}. Look whether the server runs, and whether the address is right."
    return f"{said}."


def _reason(error: psycopg.Error) -> str:
    """What libpq says, on one line."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return " ".join(lines[:2]).rstrip(".?") if lines else type(error).__name__
