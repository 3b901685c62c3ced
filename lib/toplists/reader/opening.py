"""Opening lists by an address, with the packages that it takes."""

from __future__ import annotations

from toplists.reader.errors import AddressError, ListsUnavailableError
from toplists.reader.lists import Lists

_PACKAGES = {"psycopg": "psycopg[binary]"}


def open(address: str, *, password: str | None = None) -> Lists:  # noqa: A001 - called as `reader.open`
    """The published lists at `address`, whether anything was published there yet or not.

    What is published later is followed. Open them in the process that reads: connections do not survive a
    fork.

    Args:
        address: `delta:FOLDER` with the folder of a dataset, `postgresql://…`, `redis://…` (`rediss://…` with TLS,
            `redis+cluster://…` of a cluster), or `files:` and a path or a URI. See `docs/stores.md`.
        password: Of a server, where it does not stand in the address.

    Raises:
        AddressError: there are no lists of such a kind, it cannot be understood, or they take no password.
        ListsUnavailableError: a package is not installed.
    """
    kind, colon, place = address.partition(":")
    try:
        lists = _open(kind, place, address, password) if colon and place else None
    except ModuleNotFoundError as error:
        module = (error.name or "").partition(".")[0]
        package = _PACKAGES.get(module, module)
        raise ListsUnavailableError(
            f"Reading from {kind}: takes the package {module}, which is not installed here: "
            f"pip install '{package}'."
        ) from error
    if lists is None:
        raise AddressError(
            f"{kind!r} is no kind of lists that can be opened: write delta:FOLDER, "
            "postgresql://USER@HOST:PORT/DATABASE, redis://HOST:PORT/DB or files:PATH."
        )
    return lists


def _open(kind: str, place: str, address: str, password: str | None) -> Lists | None:
    if password is not None and kind in ("delta", "files"):
        raise AddressError(f"{kind}: takes no password.")
    match kind:
        case "delta":
            from toplists.reader.delta import open_delta

            return open_delta(place)
        case "files":
            from toplists.reader.files import open_files

            return open_files(place)
        case "postgresql" | "postgres":
            from toplists.reader.postgres import open_postgres

            return open_postgres(address, password)
        case "redis" | "rediss" | "redis+cluster" | "rediss+cluster":
            from toplists.reader.redis import open_redis

            return open_redis(address, password)
    return None
