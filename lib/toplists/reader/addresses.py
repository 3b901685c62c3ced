"""Addresses of lists: their parts, and what of them may be shown."""

from __future__ import annotations

from toplists.reader.errors import AddressError
from toplists.reader.layouts import split_address


def split_or_refuse(address: str) -> tuple[str, str]:
    """What a client connects to, and the namespace.

    Raises:
        AddressError: what is behind `#` cannot be a namespace.
    """
    try:
        return split_address(address)
    except ValueError as error:
        raise AddressError(f"{without_secrets(address)}: {error}.") from None


def without_secrets(address: str) -> str:
    """An address as it may be shown: without user, password and options."""
    if "://" not in address:
        return address
    scheme, _, rest = address.partition("://")
    # Whatever stands before the last @ may be a part of a password that is not written as it should be.
    return f"{scheme}://{rest.rpartition('@')[2].partition('?')[0].partition('#')[0]}"
