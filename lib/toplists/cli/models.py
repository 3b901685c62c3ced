"""`toplists models`: the models there are, or all that is to be known of one."""

from __future__ import annotations

from collections.abc import Sequence
from difflib import get_close_matches
from pathlib import Path

from rich.console import Console
from rich.table import Table
from rich.text import Text

from toplists.cli.config import print_settings
from toplists.config.layers import SettingLine, describe_settings, resolve_settings
from toplists.errors import ConfigurationError
from toplists.models.definition import Definition
from toplists.models.models_page import LEARNS_FROM, settings_of, tunable
from toplists.models.registry import MODELS


def show_models(
    console: Console, name: str | None, conf: Path, env: str, overrides: Sequence[str]
) -> None:
    """Print all models, a line each, or what is to be known of one.

    Args:
        console: Where to.
        name: The model; `None` = all.
        conf: Folder of the settings.
        env: Name of the environment whose settings are shown.
        overrides: `key=value` arguments of `--set`.

    Raises:
        ConfigurationError: there is no such model.
    """
    if name is None:
        _show_all(console)
        return
    if name not in MODELS:
        nearest = get_close_matches(name, MODELS, 1)
        meant = f"Did you mean {nearest[0]}?" if nearest else "./toplists models lists them."
        raise ConfigurationError(f"There is no model {name!r}. {meant}")
    _show_one(console, MODELS[name], describe_settings(resolve_settings(conf, env, overrides)))


def _show_all(console: Console) -> None:
    table = Table.grid(padding=(0, 2))
    table.add_row("model", "learns from", "", style="bold")
    for one in MODELS.values():
        table.add_row(Text(one.name, style="cyan"), one.feedback, one.summary)
    console.print(table)
    console.print("\n./toplists models NAME tells more; --set model.name=NAME chooses one.")


def _show_one(console: Console, definition: Definition, lines: Sequence[SettingLine]) -> None:
    console.print(Text(definition.name, style="bold cyan"))
    console.print(definition.summary)
    facts = {
        "learns from": LEARNS_FROM[definition.feedback],
        "ends in": definition.shape_name,
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
