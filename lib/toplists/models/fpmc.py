"""Factorized personalized Markov chains (Rendle et al. 2010)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from toplists.config.model import ModelSettings
from toplists.config.model_next import FpmcSettings
from toplists.engine.blocks import Lesson, Part, Side
from toplists.engine.cells import Cell, Ended
from toplists.engine.kernels.draws import derive_seed, normal_vectors
from toplists.engine.shapes import Factors
from toplists.errors import InputRefusedError
from toplists.models.als import nothing_to_learn
from toplists.models.definition import Definition
from toplists.models.descent import fit_by_descent
from toplists.models.protocol import Fitted, FromSettings, TrainingData
from toplists.models.search import Choices, LogRange, Space

Floats = npt.NDArray[np.float32]

_LINKS = 2
"""The third of an item's state that says what it leads to, from 0."""


@dataclass(frozen=True)
class ChainGradient:
    """What comes next before others, by products with vectors of the user and of the item before.

    A state of items has three vectors: what users, and what items before find it by, and what it leads to.
    """

    lesson: ClassVar[Lesson] = "liked"
    in_order: ClassVar[bool] = True
    rank: int
    learning_rate: float
    regularization: float
    start_deviation: float
    seed: int
    part: Part

    def start(self, side: Side, ids: pa.StringArray) -> Floats:
        """Normal draws by the hash of the external id."""
        return self.draws(ids, side, 1 if side == "users" else 3)

    def draws(self, ids: pa.StringArray, side: Side, vectors: int) -> Floats:
        """So many first vectors, side by side: float32[rows, vectors x rank]."""
        seed, length = derive_seed(self.seed, "start", side), vectors * self.rank
        return normal_vectors(ids.to_pylist(), length, self.start_deviation, seed)

    def descend(self, cell: Cell, users: Floats, items: Floats, seed: int) -> float:
        """A step for every liking."""
        # Here, in the task: numba takes a second to load, and the driver makes no steps.
        from toplists.engine.kernels.chain_steps import ChainStep, descend_chains

        step = ChainStep(self.learning_rate, self.regularization)
        outside = outside_of(cell, items)
        return descend_chains(cell.rows, users, items, outside, cell.learnt, step, seed)

    def vectors(self, side: Side, rows: Ended) -> Floats:
        """Those of users have behind them what the item that they liked last leads to."""
        if side == "items":
            return np.ascontiguousarray(rows.state[:, : _LINKS * self.rank])
        links = newest_of(rows, rows.read_items()[:, _LINKS * self.rank :])
        return np.column_stack((rows.state, links))


def outside_of(cell: Cell, items: Floats) -> Floats:
    """The state of all items, if any that is none of the cell's came before; else of none."""
    before = cell.rows.before
    is_asked = before is not None and np.any(before < -1)
    return cell.read_items() if is_asked else items[:0]


def newest_of(rows: Ended, items: Floats) -> Floats:
    """What each user's newest item has; 0 for who has none."""
    newest = rows.newest
    if newest is None:
        raise TypeError("items come one after the other for users only")
    found: Floats = np.where((newest >= 0)[:, np.newaxis], items[newest], np.float32(0))
    return found


class Fpmc(FromSettings[FpmcSettings]):
    """Vectors that put what a user liked next before what the user did not."""

    name = "fpmc"
    gradient: ClassVar[type[ChainGradient]] = ChainGradient

    def __init__(self, settings: FpmcSettings, single_task_entries: int) -> None:
        """Take the parameters from `settings`; a fit to at most so many entries is one task."""
        super().__init__(settings)
        self._single_task_entries = single_task_entries

    def fit(self, data: TrainingData) -> Fitted:
        """Fit on the likings of the part, in their order; a pair's time is that of its last event.

        Raises:
            InputRefusedError: there are none, or none has a time.
            ConfigurationError: the learning rate is too high.
        """
        if data.size == 0:
            raise InputRefusedError(nothing_to_learn("implicit", data.part, self.name))
        if data.no_times():
            raise InputRefusedError(
                f"{self.name} learns from the order of likings, and none has a time. Use model.name=bpr."
            )
        settings = self._settings
        gradient = self.gradient(
            settings.rank,
            settings.learning_rate,
            settings.regularization,
            settings.start_deviation,
            data.seed,
            data.part,
        )
        return fit_by_descent(data, gradient, settings.epochs, self._single_task_entries)


def chain_space(_: ModelSettings) -> Space:
    """What of such a model can be tuned."""
    return Space(
        {
            "regularization": LogRange(0.001, 0.1),
            "learning_rate": LogRange(0.005, 0.1),
            "epochs": LogRange(20, 200),
            "rank": Choices((16, 32, 64, 96, 128)),
        }
    )


FPMC = Definition(
    name="fpmc",
    summary="Vectors that put what a user liked next before other items, by the user and the item before.",
    shape=Factors,
    feedback="likings",
    memory=(
        "4 bytes x rank x users and 3 x items of a cell of about 1 M interactions, 12 bytes x rank x items "
        "where there are several, and 44 bytes x the root of 1 M x interactions, those of its users"
    ),
    time="epochs x interactions x rank; several cells each read the vectors of all items",
    reference=(
        "Rendle, Freudenthaler and Schmidt-Thieme, Factorizing personalized Markov chains for next-basket "
        "recommendation, WWW 2010"
    ),
    make=lambda given: Fpmc(given.model.fpmc, given.engine.single_task_entries),
    space=chain_space,
)
"""See `Fpmc`."""
