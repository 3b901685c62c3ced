"""The list of all models."""

from __future__ import annotations

from pathlib import Path
from typing import get_args

from toplists.config.model import ModelName, ModelSettings
from toplists.models.models_page import render_models, settings_of
from toplists.models.registry import MODELS

ROOT = Path(__file__).resolve().parents[2]


def test_the_committed_page_is_current() -> None:
    committed = (ROOT / "docs/models.md").read_text(encoding="utf-8")
    assert committed == render_models(), (
        "docs/models.md is out of date; the docstring of toplists.models.models_page says how to write it"
    )


def test_whatever_can_be_chosen_or_set_is_in_the_registry() -> None:
    assert set(get_args(ModelName)) == MODELS.keys()
    assert ModelSettings.model_fields.keys() - {"name", "seed"} <= MODELS.keys()


def test_what_can_be_tuned_is_a_setting() -> None:
    for definition in MODELS.values():
        settings = {setting.key.rpartition(".")[2] for setting in settings_of(definition)}
        if definition.space is not None:
            assert definition.space(ModelSettings()).dimensions.keys() <= settings
