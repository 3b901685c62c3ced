"""conf/base.yaml is the reference of every setting: it must say what settings.py says."""

from __future__ import annotations

from pathlib import Path

import pytest

from toplists.config.catalogue import SettingDefinition, list_sections, list_settings
from toplists.config.settings import Settings
from toplists.config.sources import Entry, read_file

CONF = Path(__file__).parents[2] / "conf"
DEFINITIONS = list(list_settings(Settings))


@pytest.fixture(scope="module")
def entries() -> dict[str, Entry]:
    groups = frozenset(list_sections(Settings))
    return {entry.key: entry for entry in read_file(CONF / "base.yaml", groups)}


def test_it_has_every_setting_in_the_order_of_definition(entries: dict[str, Entry]) -> None:
    assert list(entries) == [definition.key for definition in DEFINITIONS]


@pytest.mark.parametrize("definition", DEFINITIONS, ids=lambda definition: definition.key)
def test_it_gives_the_default_below_its_meaning(
    entries: dict[str, Entry], definition: SettingDefinition
) -> None:
    entry = entries[definition.key]
    line = int(entry.origin.rpartition(":")[2])
    comment = (CONF / "base.yaml").read_text().splitlines()[line - 2].strip()
    assert entry.value == definition.default
    assert comment == f"# {definition.meaning} ({definition.allowed})"


@pytest.mark.parametrize("definition", DEFINITIONS, ids=lambda definition: definition.key)
def test_every_setting_says_what_it_means_and_takes(definition: SettingDefinition) -> None:
    assert definition.meaning.endswith(".")
    assert "\n" not in definition.meaning
    # A kind of value that the catalogue has no words for shows as a Python type.
    assert not any(mark in definition.allowed for mark in ("[", "<", "typing", "class"))
