"""Stochastic gradient descent over a grid of cells, stratum by stratum.

Gemulla, Nijkamp, Haas and Sismanis, "Large-scale matrix factorization with distributed stochastic gradient
descent", KDD 2011. Cells of a stratum share neither users nor items, so that tasks work on them side by
side and nothing depends on which is first; all strata one after another are an epoch. The grid, the order
of entries in a cell and all draws follow from the data and the seed: the result depends neither on the
blocks nor on where cells are worked on. Small data is one cell, and fitted in a single task.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import partial
from math import isfinite
from pathlib import Path
from typing import Any

from pyspark.sql import SparkSession

from toplists.engine.alone import run_alone
from toplists.engine.blocks import BlockSet, Side
from toplists.engine.cells import Cells, Gradient, Grid, Work
from toplists.engine.exchange import WriteParts, write_parts, write_parts_here
from toplists.engine.kernels.draws import derive_seed
from toplists.engine.progress import Progress, fingerprint_of
from toplists.engine.shapes import Factors
from toplists.engine.storage import bring_here, open_array
from toplists.errors import ConfigurationError

_LOG = logging.getLogger(__name__)


@dataclass(frozen=True)
class Descent:
    """A fit to be made: what is descended, for how many epochs, over cells of about so many entries."""

    blocks: Mapping[Side, BlockSet]
    gradient: Gradient
    epochs: int
    seed: int
    cell_entries: int = 1 << 20

    @property
    def fingerprint(self) -> str:
        """Tells descents apart whose strata are not one another's."""
        length = (self.epochs, self.cell_entries)
        # Strata of a release that did not survey which items are learnt from are others.
        return fingerprint_of(self.blocks, self.gradient, self.seed, length, "surveyed")

    @property
    def cells(self) -> Cells:
        """The cells."""
        users, items = self.blocks["users"], self.blocks["items"]
        return Cells(self.gradient, Grid.over(users, self.cell_entries, self.seed), users, items)


@dataclass(frozen=True)
class DescentResult:
    """Where the factors are, and the loss of each epoch, added up before each step."""

    factors: Factors
    losses: tuple[float, ...]


def descend(
    spark: SparkSession, fit: Descent, folder: Path, single_task_entries: int
) -> DescentResult:
    """Fit, and leave the factors under `folder`, which every executor sees.

    It goes on after the last stratum that an earlier attempt completed. With at most
    `single_task_entries` all is done in one task.

    Raises:
        ConfigurationError: steps were so long that the descent went up, beyond all numbers.
    """
    if fit.blocks["users"].entries > single_task_entries:
        result = descend_by(fit, folder, partial(write_parts, spark))
    else:
        result = descend_by(
            fit, run_alone(spark, partial(descend_by, fit), folder), write_parts_here
        )
    if not isfinite(result.losses[-1]):
        raise ConfigurationError(
            f"The fit diverged in epoch {len(result.losses)}: its steps are too long. Lower the model's "
            "learning_rate."
        )
    return result


@dataclass(frozen=True)
class _State:
    """The parts of the last stratum, by part of the users, and the losses so far.

    `learnt` says which items are learnt from. `halves` counts strata. In the end there are `users` and
    `items`, the parts of the factors.
    """

    halves: int = 0
    learnt: tuple[str, ...] = ()
    parts: tuple[str, ...] = ()
    losses: tuple[float, ...] = ()
    users: tuple[str, ...] = ()
    items: tuple[str, ...] = ()

    @property
    def named(self) -> tuple[str, ...]:
        return (*self.learnt, *self.parts, *self.users, *self.items)

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, content: Mapping[str, Any]) -> _State:
        names = ("learnt", "parts", "losses", "users", "items")
        lists = {name: tuple(content[name]) for name in names}
        return cls(content["halves"], **lists)


def descend_by(fit: Descent, folder: Path, write: WriteParts) -> DescentResult:
    """The same with parts written by `write`; a loss that is no number says that it diverged."""
    cells = fit.cells
    strata = fit.epochs * cells.grid.size
    progress = Progress(folder, fit.fingerprint, _State.from_json)
    state = progress.resume() or _State()
    if not (state.learnt or state.users):
        state = _State(learnt=write(fit.blocks["items"].blocks, cells.survey, folder, "learnt"))
    while state.halves < strata and all(map(isfinite, state.losses)):
        state = _next(fit, cells, state, folder, write)
        progress.commit(state)
    if not state.users:
        users, items = (
            write(fit.blocks[side].blocks, partial(cells.finish, side, state.parts), folder, side)
            for side in ("users", "items")
        )
        state = _State(state.halves + 1, losses=state.losses, users=users, items=items)
        progress.commit(state)
    return DescentResult(Factors(state.users, state.items), state.losses)


def _next(fit: Descent, cells: Cells, state: _State, folder: Path, write: WriteParts) -> _State:
    """Do one stratum."""
    size, parts = cells.grid.size, state.parts
    epoch, stratum = divmod(state.halves, size)

    def items_at(user_part: int) -> tuple[str, ...]:
        # In the stratum before, the next users had these items; before an epoch, they were dealt anew.
        return parts[(user_part + 1) % size :][:1] if stratum else parts

    works = [
        Work(
            epoch,
            user_part,
            (user_part + stratum) % size,
            derive_seed(fit.seed, "cell", epoch, stratum, user_part),
            users_at=parts[user_part : user_part + 1],
            items_at=items_at(user_part),
            all_items_at=parts,
            learnt_at=state.learnt,
        )
        for user_part in range(size)
    ]
    new = write(works, cells.work, folder, f"stratum-{state.halves:04d}")
    bring_here(new, "loss")
    loss = sum(float(open_array(part, "loss")[0]) for part in new)
    losses = (*state.losses[:-1], state.losses[-1] + loss) if stratum else (*state.losses, loss)
    if stratum + 1 == size:
        _LOG.info("epoch %d: loss %.6g", epoch + 1, losses[-1])
    return _State(state.halves + 1, state.learnt, new, losses)
