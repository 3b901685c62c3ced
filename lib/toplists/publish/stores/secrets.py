"""Passwords of stores: read where a connection is opened, kept nowhere."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from toplists.errors import StoreError


@dataclass(frozen=True)
class Secret:
    """Where a password is: `env:NAME`, `file:PATH`, or `None` where none is needed or the client finds it."""

    reference: str | None = None

    def read(self) -> str | None:
        """The password, of the environment or the disk of the process that asks.

        Raises:
            StoreError: there is no such variable or file.
        """
        if self.reference is None:
            return None
        kind, _, name = self.reference.partition(":")
        if kind == "env":
            found = os.environ.get(name)
            if not found:
                raise StoreError(
                    f"the variable {name}, which `secret` names, is not set. Set it for the driver and the executors."
                )
            return found
        try:
            return Path(name).read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError) as error:
            raise StoreError(
                f"the file {name}, which `secret` names, cannot be read ({type(error).__name__}). Driver and "
                "executors need it under the same path."
            ) from error
