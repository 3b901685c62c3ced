"""`toplists backfill`: what a backfill of days would do and take. It writes nothing."""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict
from datetime import date

from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from toplists.config.settings import Settings
from toplists.lake.dataset import Dataset
from toplists.pipeline.backfilling import Backfill, Day, plan_backfill
from toplists.pipeline.screen import printable, seconds_text

_MIB = 2**20


def show_backfill(
    console: Console, dataset: Dataset, settings: Settings, arguments: argparse.Namespace
) -> None:
    """Print the plan for the days `arguments.first` to `arguments.last`.

    Raises:
        ConfigurationError: there is no such range, or nothing was ever loaded.
    """
    plan = plan_backfill(
        dataset,
        settings,
        arguments.first,
        arguments.last,
        move_pointer=arguments.move_pointer,
        again=arguments.again,
    )
    if arguments.json:
        console.print(_as_json(dataset, plan), soft_wrap=True)
        return
    range_ = f"{arguments.first} to {arguments.last}, oldest first"
    console.print(Text.assemble((f"Backfill of {dataset.name}", "bold cyan"), f"  {range_}"))
    console.print(Padding(_table(plan), (0, 0, 0, 2), expand=False))
    console.print()
    for sentence in _sentences(plan):
        console.print(sentence)


def _as_json(dataset: Dataset, plan: Backfill) -> str:
    said = {
        "dataset": dataset.name,
        **asdict(plan),
        "live": plan.live.run_id if plan.live else None,
        "computed": plan.computed,
        "seconds": plan.seconds,
        "sentences": _sentences(plan),
    }
    return json.dumps(said, default=_day, indent=2)


def _day(value: object) -> str:
    if isinstance(value, date):
        return value.isoformat()
    raise TypeError(f"no JSON for {type(value).__name__}")


def _table(plan: Backfill) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="dim")
    for heading in ("as of", "run"):
        table.add_column(heading, no_wrap=True)
    table.add_column("what is there", overflow="fold")
    table.add_column("to do", overflow="fold")
    table.add_column("about", justify="right", no_wrap=True)
    for day in plan.days:
        table.add_row(
            str(day.as_of),
            printable(day.run_id or "-"),
            _standing(day),
            ", ".join(day.remaining) or "nothing",
            _time(day.seconds) if day.remaining else "",
            style="bold" if day.remaining else None,
        )
    return table


def _standing(day: Day) -> str:
    if not day.later_loads:
        return day.standing
    return f"{day.standing}, without {_counted(day.later_loads, 'later load')}"


def _sentences(plan: Backfill) -> list[str]:
    """What the plan comes to."""
    outstanding = plan.outstanding
    said = []
    if not outstanding:
        said.append("There is nothing to do.")
    else:
        said.append(
            f"{_counted(len(outstanding), 'day')} of {len(plan.days)} to do: {_time(plan.seconds)} of work, by "
            "the last runs, beside what jobs take to start."
        )
    if plan.computed:
        said.append(f"Room in the lake: {_room(plan)}")
    if plan.moves_to is not None:
        said.append(f"The live pointer moves to {plan.moves_to}.")
    elif plan.live is not None:
        said.append(f"The live pointer stays at run {plan.live.run_id}.")
    else:
        said.append("Nothing is live, and nothing will be.")
    unknown = [day.as_of for day in plan.days if day.as_of > plan.newest]
    if unknown:
        said.append(
            f"Nothing was loaded of what happened since {plan.newest} 00:00 UTC: from {unknown[0]} on, days know no more."
        )
    return said


def _room(plan: Backfill) -> str:
    if plan.bytes_per_day is None:
        return "unknown, as no run was ever stored."
    each = plan.bytes_per_day / _MIB
    return (
        f"about {each * plan.computed:,.0f} MiB ({each:,.1f} a day), until the next publication or maintain removes what "
        f"publish.keep_runs does not keep: all lists that were never published but {plan.keep_runs}. Figures stay."
    )


def _time(seconds: float | None) -> str:
    return "unknown" if seconds is None else seconds_text(seconds)


def _counted(count: int, name: str) -> str:
    return f"{count} {name}{'' if count == 1 else 's'}"
