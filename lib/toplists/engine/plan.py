"""What a fit of factors will take: memory per node, bytes moved, time; and what of it cannot fit.

Arithmetic on counts, without data, Spark or clock: `toplists plan` shows it, and `train` asks it before
anything is fitted.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from toplists.engine.solvers import CG_STEPS, Solver

GIB = 2**30

_FLOAT = 4
_MOST_POSITIONS = 2**31 - 1  # positions are int32
_FIXED_SHARE = 0.5  # of a node's memory, for the vectors of the side that is held fixed


@dataclass(frozen=True)
class Rates:
    """The constants of a plan: of one core, but for the network.

    Those of the arithmetic are seconds of a core per unit of work, as `benchmarks/solver_rates.py` measures
    them at rank 64 (2026-11-26, AMD EPYC; at rank 32 they are up to twice as high, at rank 128 a third
    lower). `overhead` is what a half of a fit may take besides (measured: 0.2). Bytes are counted from the
    arrays that a task holds. The network is an assumption: half of 10 Gbit/s.
    """

    adding: float = 0.065e-9  # per entry and squared rank
    factorizing: float = 0.04e-9  # per row and cubed rank
    descending: float = 0.33e-9  # per entry, rank and step
    turning: float = 0.1e-9  # per row and squared rank, both ways together
    overhead: float = 0.25  # per half
    network: float = 600e6  # bytes per second and node
    entry_bytes: int = 24  # index, value, curvature, pull, and what they are made from
    item_bytes: int = 32  # norm, place, order, flags: of every item, in every task that makes lists
    process_bytes: int = 300 * 2**20  # a Python worker with its libraries
    jvm_bytes: int = 2 * GIB


RATES = Rates()


@dataclass(frozen=True)
class Fit:
    """What is to be fitted: counts of rows and entries, and the length of the vectors.

    `rank` is their length while they are fitted, `stored` that of those which score; `block_entries` are
    the entries of one block, each of which is a task; `tile_bytes` what a task holds at a time while lists
    are made; `held` the bytes of each event that every task holds, of all there are.
    """

    users: int
    items: int
    events: int
    rank: int
    stored: int
    block_entries: int
    tile_bytes: int
    held: int = 0


@dataclass(frozen=True)
class Cluster:
    """`nodes` executors, each of so many `cores` and bytes of `memory`: usually one per machine."""

    nodes: int
    cores: int
    memory: int


@dataclass(frozen=True)
class Objection:
    """Why a fit cannot be made here, and what to change."""

    reason: str
    remedy: str


@dataclass(frozen=True)
class Plan:
    """What a fit takes.

    Bytes: `fixed` the vectors of the larger side, which every node maps while the other is solved;
    `task` what one task holds besides; `node` everything on one node; `scoring` what a node maps and holds
    while lists are made; `moved` what passes between nodes and storage in an iteration. `seconds` are those of
    an iteration by each solver. With an objection the fit cannot be made; `warnings` are sentences about
    one that can.
    """

    fixed: int
    task: int
    node: int
    scoring: int
    moved: int
    seconds: Mapping[Solver, float]
    objections: tuple[Objection, ...]
    warnings: tuple[str, ...]


def plan_fit(fit: Fit, cluster: Cluster, rates: Rates = RATES) -> Plan:
    """What the fit takes on the cluster."""
    row_bytes = _FLOAT * fit.rank
    fixed = max(fit.users, fit.items) * (row_bytes + _FLOAT)
    task = max(
        fit.held * fit.events, *(_task_bytes(fit, rows, rates) for rows in (fit.users, fit.items))
    )
    together = cluster.cores * (task + rates.process_bytes) + rates.jvm_bytes
    selecting = 2 * fit.tile_bytes + fit.items * rates.item_bytes + rates.process_bytes
    scoring = fit.items * _FLOAT * fit.stored + cluster.cores * selecting + rates.jvm_bytes
    # In an iteration each side is written once, and read by every node.
    moved = (cluster.nodes + 1) * (fit.users + fit.items) * row_bytes
    node = fixed + together
    return Plan(
        fixed=fixed,
        task=task,
        node=node,
        scoring=scoring,
        moved=moved,
        seconds={
            solver: _seconds(fit, cluster, solver, moved, rates) for solver in ("exact", "cg")
        },
        objections=tuple(_objections(fit, cluster, fixed, node, scoring)),
        warnings=tuple(_warnings(fit)),
    )


def _task_bytes(fit: Fit, rows: int, rates: Rates) -> int:
    """The entries of a block and three copies of its rows' vectors: solved, turned back, stored."""
    entries = min(fit.block_entries, fit.events)
    rows_of_block = min(rows, -(-rows * entries // max(1, fit.events)))
    return entries * rates.entry_bytes + 3 * rows_of_block * _FLOAT * fit.rank


def _seconds(fit: Fit, cluster: Cluster, solver: Solver, moved: int, rates: Rates) -> float:
    arithmetic = sum(_arithmetic(fit, rows, solver, rates) for rows in (fit.users, fit.items))
    transfer = moved / cluster.nodes / rates.network if cluster.nodes > 1 else 0.0
    return arithmetic / (cluster.nodes * cluster.cores) + 2 * rates.overhead + transfer


def _arithmetic(fit: Fit, rows: int, solver: Solver, rates: Rates) -> float:
    """Seconds of one core for one side, all of whose rows have the average number of entries."""
    k = fit.rank
    turning = rows * k**2 * rates.turning
    if solver == "cg":
        return fit.events * k * (CG_STEPS + 1) * rates.descending + turning
    # A row with fewer entries than factors needs only a system of its entries.
    size = min(k, fit.events / max(1, rows))
    return fit.events * k * size * rates.adding + rows * size**3 * rates.factorizing + turning


def _objections(fit: Fit, cluster: Cluster, fixed: int, node: int, scoring: int) -> list[Objection]:
    found = []
    for name, count in (("users", fit.users), ("items", fit.items)):
        if count > _MOST_POSITIONS:
            found.append(
                Objection(
                    f"{count:,} {name} are more than the {_MOST_POSITIONS:,} that positions can number",
                    f"Split the dataset, or leave out {name} by prepare.min_{name[:-1]}_interactions.",
                )
            )
    larger, rows = max(("users", fit.users), ("items", fit.items), key=lambda side: side[1])
    room = int(_FIXED_SHARE * cluster.memory)
    if fixed > room:
        rank = room // (_FLOAT * rows) - 1
        lower = f"Lower the rank to {rank:,} or less, give" if rank >= 1 else "Give"
        found.append(
            Objection(
                f"the vectors of {rows:,} {larger} at rank {fit.rank} are {fixed / GIB:.1f} GiB, which must "
                f"fit half of a node's {cluster.memory / GIB:.1f} GiB",
                f"{lower} nodes {-(-2 * fixed // GIB):,} GiB, or use model.name=als with "
                "model.als.engine=mllib, which no node needs a whole side for.",
            )
        )
    elif (whole := cluster.cores * fit.held * fit.events) > cluster.memory:
        found.append(
            Objection(
                f"each of {cluster.cores} tasks at a time holds all {fit.events:,} interactions, together "
                f"{whole / GIB:.1f} GiB of a node's {cluster.memory / GIB:.1f} GiB",
                "Use a model whose tasks hold a block each, such as model.name=als with "
                "recommend.similar=factors, or give executors fewer cores or more memory.",
            )
        )
    elif node > cluster.memory:
        found.append(
            Objection(
                f"{cluster.cores} tasks at a time and the fixed side take {node / GIB:.1f} GiB of a node's "
                f"{cluster.memory / GIB:.1f} GiB",
                f"Lower engine.block_entries below {fit.block_entries:,}, or give executors fewer cores "
                "or more memory.",
            )
        )
    if scoring > cluster.memory:
        found.append(
            Objection(
                f"the vectors of {fit.items:,} items and {cluster.cores} tasks at a time take "
                f"{scoring / GIB:.1f} GiB of a node's {cluster.memory / GIB:.1f} GiB while lists are made",
                "Lower the rank, or give executors fewer cores or more memory.",
            )
        )
    return found


def _warnings(fit: Fit) -> list[str]:
    name, fewer = min(("users", fit.users), ("items", fit.items), key=lambda side: side[1])
    if fit.rank <= fewer:
        return []
    vectors = f"vectors of {fit.rank:,} numbers for {fewer:,} {name}"
    return [f"{vectors}: a rank above their number fits nothing that a lower one does not"]
