"""The stop-list: items that are neither trained on nor recommended."""

from __future__ import annotations

import hashlib
from collections.abc import Collection
from pathlib import Path

from toplists.config.prepare import PrepareSettings
from toplists.errors import ConfigurationError


def read_stop_list(settings: PrepareSettings) -> frozenset[str]:
    """The items of `stop_items`, and of the lines of `stop_items_file`.

    Raises:
        ConfigurationError: there is no such file, or it is not UTF-8.
    """
    if settings.stop_items_file is None:
        return frozenset(settings.stop_items)
    path = Path(settings.stop_items_file)
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(
            f"prepare.stop_items_file = {path} cannot be read: {error}. Name a UTF-8 file with one "
            "item id per line, or set it to null."
        ) from error
    return frozenset(settings.stop_items) | {line.strip() for line in lines} - {""}


def stop_list_digest(stop_items: Collection[str]) -> str:
    """A hash of the items, whatever their order."""
    return hashlib.sha256("\n".join(sorted(stop_items)).encode()).hexdigest()
