"""TransRec (He, Kang and McAuley 2017): users as ways from one item to the next."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from toplists.engine.blocks import Side
from toplists.engine.cells import Cell, Ended
from toplists.engine.shapes import Factors
from toplists.models.definition import Definition
from toplists.models.fpmc import ChainGradient, Floats, Fpmc, chain_space, newest_of, outside_of


@dataclass(frozen=True)
class TranslationGradient(ChainGradient):
    """What comes next before others, by how near it is to where the user goes from the item before.

    A state of items has behind the point g the bias b. That of users has behind their own translation t_u
    the one t that all users of a cell share.
    """

    def start(self, side: Side, ids: pa.StringArray) -> Floats:
        """Points are normal draws by the hash of the external id; all users have one translation."""
        if side == "items":
            return np.column_stack((self.draws(ids, side, 1), np.zeros(len(ids), np.float32)))
        shared = self.draws(pa.array(["all"]), side, 1)
        own = np.zeros((len(ids), self.rank), dtype=np.float32)
        return np.column_stack((own, np.repeat(shared, len(ids), axis=0)))

    def descend(self, cell: Cell, users: Floats, items: Floats, seed: int) -> float:
        """A step for every liking that another came before."""
        # Here, in the task: numba takes a second to load, and the driver makes no steps.
        from toplists.engine.kernels.chain_steps import ChainStep, descend_translations

        step = ChainStep(self.learning_rate, self.regularization)
        outside = outside_of(cell, items)
        return descend_translations(cell.rows, users, items, outside, cell.learnt, step, seed)

    def vectors(self, side: Side, rows: Ended) -> Floats:
        """The score b - |q - g|² as the product of (2q, -|q|², 1) and (g, 1, b - |g|²).

        The goal q is g + t_u + t from the newest item. Who has none starts, and stays, at the origin.
        """
        ones = np.ones(len(rows.state), dtype=np.float32)
        if side == "items":
            points, biases = rows.state[:, : self.rank], rows.state[:, self.rank]
            return np.column_stack((points, ones, biases - _squares(points)))
        goals = newest_of(rows, rows.read_items()[:, : self.rank])
        goals += rows.state[:, : self.rank] + rows.state[:, self.rank :]
        goals[np.asarray(rows.newest) < 0] = 0
        return np.column_stack((2 * goals, -_squares(goals), ones))


def _squares(vectors: Floats) -> Floats:
    squares: Floats = np.einsum("ij,ij->i", vectors, vectors)
    return squares


class TransRec(Fpmc):
    """Points such that the next item of a user lies where the user goes from the one before."""

    name = "transrec"
    gradient = TranslationGradient


TRANSREC = Definition(
    name="transrec",
    summary="Items as points, and users as ways that lead from each to the next.",
    shape=Factors,
    feedback="likings",
    memory=(
        "4 bytes x rank x 2 x users and items of a cell of about 1 M interactions, 4 bytes x rank x items "
        "where there are several, and 44 bytes x the root of 1 M x interactions, those of its users"
    ),
    time="epochs x interactions x rank; several cells each read the vectors of all items",
    reference="He, Kang and McAuley, Translation-based recommendation, RecSys 2017",
    make=lambda given: TransRec(given.model.transrec, given.engine.single_task_entries),
    space=chain_space,
)
"""See `TransRec`."""
