"""What the tests of stores share."""

from __future__ import annotations

import pytest
from store_servers import PASSWORD


@pytest.fixture(autouse=True)
def store_password(monkeypatch: pytest.MonkeyPatch) -> None:
    """What stores name as their secret."""
    monkeypatch.setenv("STORE_PASSWORD", PASSWORD)
