"""Where a lake may lie."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from deltalake import DeltaTable

from toplists.errors import ConfigurationError
from toplists.lake.bookkeeping import append_rows, delete_rows
from toplists.lake.dataset import Dataset, files_of_version, partition_files
from toplists.lake.tables import ITEMS


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


def test_files_are_those_of_a_version_as_long_as_they_are_there(
    no_rows: Path, tmp_path: Path
) -> None:
    dataset = Dataset(shutil.copytree(no_rows, tmp_path / "shop"))
    entry = {"item_id": "a", "genres": [], "attributes": {}, "load_id": "l"}
    append_rows(dataset, ITEMS, [entry])
    version = DeltaTable(dataset.path(ITEMS)).version()
    before = files_of_version(dataset, ITEMS, version)
    delete_rows(dataset, ITEMS, where="item_id = 'a'")
    append_rows(dataset, ITEMS, [entry | {"item_id": "b"}])
    assert files_of_version(dataset, ITEMS, version) == before
    present = partition_files(dataset, ITEMS)
    assert files_of_version(dataset, ITEMS, None) == present != before
    Path(before[0]).unlink()  # as vacuuming does
    assert files_of_version(dataset, ITEMS, version) == present
    assert files_of_version(dataset, ITEMS, 10_000) == present
