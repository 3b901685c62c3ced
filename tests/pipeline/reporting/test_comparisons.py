"""What is said of differences between models."""

from __future__ import annotations

import pytest

from toplists.pipeline.reporting.comparisons import p_text


@pytest.mark.parametrize(
    ("p", "said"),
    [
        (1.0, "p = 1"),
        (0.0312, "p = 0.031"),
        (1e-6, "p = 1e-06"),
        (1e-7, "p < 1e-06"),
        (0.0, "p < 1e-06"),
    ],
)
def test_p_values_in_words(p: float, said: str) -> None:
    assert p_text(p) == said
