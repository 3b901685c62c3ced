"""Opening lists by an address, with the packages that it takes."""

from __future__ import annotations

from urllib.parse import urlsplit

from toplists.reader.errors import AddressError, ListsUnavailableError
from toplists.reader.lists import Lists

_FORMS = "delta:FOLDER"


def open(address: str) -> Lists:  # noqa: A001 - called as `reader.open`
    """The published lists at `address`, whether anything was published there yet or not.

    What is published later is followed. Open them in the process that reads: connections do not survive a
    fork.

    Args:
        address: `delta:` and the folder of a dataset.

    Raises:
        AddressError: there are no lists of such a kind.
        ListsUnavailableError: a package is not installed.
    """
    kind, colon, place = address.partition(":")
    try:
        if colon and place and kind == "delta":
            from toplists.reader.delta import open_delta

            return open_delta(place)
    except ModuleNotFoundError as error:
        raise ListsUnavailableError(
            f"Reading from {kind}: takes the package {error.name}, which is not installed here: "
            f"pip install {error.name}."
        ) from error
    raise AddressError(f"{kind!r} is no kind of lists that can be opened: write {_FORMS}.")


def without_secrets(address: str) -> str:
    """An address as it may be shown: without user, password and options."""
    if "://" not in address:
        return address
    parts = urlsplit(address)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"
