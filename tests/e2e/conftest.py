"""Jobs as an operator runs them: ./spark-submit.sh in a process of its own."""

from __future__ import annotations

from pathlib import Path

import pytest
from operators import Operator


@pytest.fixture
def operator(tmp_path: Path) -> Operator:
    """An operator with an empty lake."""
    return Operator(tmp_path / "lake")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Everything here starts a JVM."""
    here = Path(__file__).parent
    for item in items:
        if here in item.path.parents:
            item.add_marker(pytest.mark.e2e)
