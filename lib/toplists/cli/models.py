"""`toplists models`: the models there are, or all that is to be known of one."""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from dataclasses import asdict
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from toplists.cli.config import print_settings
from toplists.config.layers import SettingLine, describe_settings, resolve_settings
from toplists.errors import ConfigurationError
from toplists.models.definition import Definition
from toplists.models.models_page import LEARNS_FROM, settings_of, tunable
from toplists.models.registry import MODELS


def show_models(console: Console, arguments: argparse.Namespace, conf: Path) -> None:
    """Print all models in short, or what is to be known of one or all of them.

    Args:
        console: Where to.
        arguments: Of the command: `name` of the model or `None`, `all`, `json`, and `env` and `set` for what
            its settings are.
        conf: Folder of the settings.

    Raises:
        ConfigurationError: there is no such model.
    """
    name = arguments.name
    if name is not None and name not in MODELS:
        nearest = get_close_matches(name, MODELS, 1)
        meant = f"Did you mean {nearest[0]}?" if nearest else "./toplists models lists them."
        raise ConfigurationError(f"There is no model {name!r}. {meant}")
    chosen = [*MODELS.values()] if name is None else [MODELS[name]]
    if arguments.json:
        console.print(json.dumps([_facts(one) for one in chosen], indent=2), soft_wrap=True)
    elif name is None and not arguments.all:
        _show_overview(console, chosen)
    else:
        lines = describe_settings(resolve_settings(conf, arguments.env, arguments.set))
        for one in chosen:
            _show(console, one, lines)


def _facts(definition: Definition) -> dict[str, Any]:
    """All that is to be known of a model, by default settings."""
    return {
        "name": definition.name,
        "summary": definition.summary,
        "learns_from": definition.feedback,
        "ends_in": definition.shape_name,
        "scores_new_items": definition.scores_new_items,
        "memory": definition.memory,
        "time": definition.time,
        "source": definition.reference,
        "tuned": list(tunable(definition)),
        "settings": [asdict(setting) for setting in settings_of(definition)],
    }


def _show_overview(console: Console, definitions: Sequence[Definition]) -> None:
    table = Table.grid(padding=(0, 2), pad_edge=False)
    table.add_row("model", "learns from", "ends in", "", style="bold")
    for one in definitions:
        table.add_row(Text(one.name, style="cyan"), one.feedback, one.shape_name, one.summary)
    console.print(table)
    console.print(
        "\n./toplists models NAME tells what one costs and takes, --all tells it of all; "
        "--set model.name=NAME chooses one."
    )


def _show(console: Console, definition: Definition, lines: Sequence[SettingLine]) -> None:
    console.print(Text(definition.name, style="bold cyan"))
    console.print(definition.summary)
    facts = {
        "learns from": LEARNS_FROM[definition.feedback],
        "ends in": definition.shape_name,
        "new items": "listed as well" if definition.scores_new_items else "",
        "memory of a task": definition.memory,
        "time of a fit": definition.time,
        "source": definition.reference,
        "tuned": ", ".join(tunable(definition)),
    }
    table = Table.grid(padding=(0, 2))
    for what, said in facts.items():
        if said:
            table.add_row(Text(what, style="dim"), said)
    console.print(table)
    keys = {setting.key for setting in settings_of(definition)}
    console.print()
    print_settings(console, (line for line in lines if line.key in keys))
