"""`toplists plan`: what a fit will take, before there is anything to fit."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Mapping

from rich.console import Console
from rich.table import Table
from rich.text import Text

from toplists.cli.places import find_settings
from toplists.engine.plan import GIB, Cluster, Fit, plan_fit
from toplists.errors import ConfigurationError
from toplists.models.definition import Parameters
from toplists.models.registry import held_bytes, make_model, vector_lengths

_USUAL_MEMORY = 32.0  # GiB


def show_plan(console: Console, arguments: Namespace, environ: Mapping[str, str]) -> bool:
    """Print what a fit of the model in the settings takes; whether it fits.

    Raises:
        ConfigurationError: that model is not fitted by kernels.
    """
    settings = find_settings(arguments, environ)
    model, engine = settings.model, settings.engine
    if arguments.rank is not None:
        ranked = {name: getattr(model, name) for name in ("als", "bayesian_mf")}
        model = model.model_copy(
            update={n: s.model_copy(update={"rank": arguments.rank}) for n, s in ranked.items()}
        )
    lengths = vector_lengths(model)
    if not (lengths and lengths[0]):
        raise ConfigurationError(
            f"plan is for models of vectors on compiled kernels whose tasks need a whole side, which "
            f"model.name={model.name} with these settings is not. Say --set model.name=als."
        )
    memory = arguments.memory or engine.node_memory_gb or _USUAL_MEMORY
    cluster = Cluster(arguments.executors, arguments.cores, int(memory * GIB))
    amounts = (arguments.users, arguments.items, arguments.events)
    held = held_bytes(make_model(model.name, Parameters(model)))
    plan = plan_fit(Fit(*amounts, *lengths, engine.block_entries, engine.tile_bytes, held), cluster)
    users, items, events = amounts
    console.print(
        f"{model.name} of rank {lengths[0]}: {users:,} users, {items:,} items, {events:,} events"
    )
    console.print(f"{cluster.nodes} executors with {cluster.cores} cores and {memory:g} GiB each")
    table = Table.grid(padding=(0, 2))
    table.add_column()
    table.add_column(justify="right")
    table.add_row("memory per executor, fit", _size(plan.node))
    table.add_row("  of which the fixed side", _size(plan.fixed))
    table.add_row("  of which each of its tasks", _size(plan.task))
    table.add_row("memory per executor, lists", _size(plan.scoring))
    table.add_row("moved per iteration", _size(plan.moved))
    table.add_row("time per iteration, exact", f"{plan.seconds['exact']:,.1f} s")
    table.add_row("time per iteration, cg", f"{plan.seconds['cg']:,.1f} s")
    console.print(table)
    for objection in plan.objections:
        console.print(Text(f"does not fit: {objection.reason}.", style="bold red"))
        console.print(f"  {objection.remedy}")
    for warning in plan.warnings:
        console.print(f"mind: {warning}.")
    if not plan.objections:
        console.print("It fits.")
    return not plan.objections


def _size(count: int) -> str:
    return f"{count / GIB:,.2f} GiB"
