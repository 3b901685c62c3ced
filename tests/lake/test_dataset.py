"""Where a lake may lie."""

from __future__ import annotations

from pathlib import Path

import pytest

from toplists.errors import ConfigurationError
from toplists.lake.dataset import Dataset


@pytest.mark.parametrize("odd", "%#?[]^|\\")
def test_a_path_that_is_another_one_as_a_url_is_refused(tmp_path: Path, odd: str) -> None:
    with pytest.raises(ConfigurationError, match=r"contains .: .* Choose one without"):
        Dataset.open(f"{tmp_path}/a{odd}b", "shop")


def test_the_folder_that_a_relative_path_leads_to_counts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "c#").mkdir()
    monkeypatch.chdir(tmp_path / "c#")
    with pytest.raises(ConfigurationError, match="contains #"):
        Dataset.open("lake", "shop")


@pytest.mark.parametrize("plain", [" ", "ü", "+", "=", "&", "'", "(", "~"])
def test_other_characters_are_allowed(tmp_path: Path, plain: str) -> None:
    assert Dataset.open(f"{tmp_path}/a{plain}b", "shop").root == tmp_path / f"a{plain}b/shop"
