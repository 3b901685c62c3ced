"""EASE: linear regression of every item on all others, in closed form (Steck 2019)."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from threading import Lock

import numpy as np
import numpy.typing as npt

from toplists.config.model_linear import EaseSettings
from toplists.engine.blocks import BlockRef
from toplists.engine.dense_gram import FLOAT, liked_items, open_rows, places_of, write_gram
from toplists.engine.exchange import write_parts
from toplists.engine.free_memory import free_memory
from toplists.engine.half import remove_rests
from toplists.engine.kernels.gram_rows import Positions
from toplists.engine.kernels.inversion import invert, residual
from toplists.engine.local_fit import weights_by_item
from toplists.engine.plan import GIB
from toplists.engine.shapes import ItemWeights
from toplists.engine.storage import Arrays, open_array, save_part
from toplists.errors import ConfigurationError, InputRefusedError
from toplists.models.als import nothing_to_learn
from toplists.models.definition import Definition
from toplists.models.protocol import Fitted, FromSettings, TrainingData
from toplists.models.search import LogRange, Space

_MOST_ITEMS = 30_000
_INSTEAD = (
    "Use model.name=local_ridge, which is as good and holds no matrix of all pairs, or leave out rare items by "
    "prepare.min_item_interactions."
)

_MOST_LEFT = 0.02
"""Of an entry of the unit matrix, after which single precision has not been enough."""

_ONE_AT_A_TIME = Lock()
"""Fits of a night go on side by side, and there is memory on the driver for one matrix."""


class Ease(FromSettings[EaseSettings]):
    """Weights of all items for each, from the inverse of their Gram matrix.

    The inverse is computed on the driver, with all its cores: the one model of which not all is done in
    tasks of one thread each. The last digits of its weights differ with the number of cores.
    """

    name = "ease"

    def fit(self, data: TrainingData) -> Fitted:
        """Form the Gram matrix in tasks, invert it here, and cut its rows to the largest in tasks.

        Raises:
            InputRefusedError: nothing is liked.
            ConfigurationError: there are too many items, or too little memory or penalty for them.
        """
        if data.size == 0:
            raise InputRefusedError(nothing_to_learn("implicit", data.part, self.name))
        settings, items, folder = self._settings, data.items, data.folder
        liked = liked_items(data.spark, items, data.part, folder)
        _require_few(len(liked))
        _require_memory(len(liked))
        gram = write_gram(
            *(data.spark, data.users, items, data.part, settings.user_exponent, liked, folder)
        )
        with _ONE_AT_A_TIME:
            _require_memory(len(liked))  # others may have taken it meanwhile
            inverse, left = self._invert(gram, len(liked), folder)
        most = settings.neighbours

        def cut(ref: BlockRef) -> Arrays:
            own = places_of(ref, liked)
            rows = open_array(inverse, "inverse")[own.start : own.stop]
            largest = (
                (liked[own[row]] - ref.first, liked[places], weights)
                for row, places, weights in _largest(rows, own.start, most)
            )
            return weights_by_item(largest, ref.rows)

        weights = write_parts(data.spark, items.blocks, cut, folder, "items")
        remove_rests(folder, "the inverse", (*gram, inverse))
        return Fitted(ItemWeights(weights), {"residual": left})

    def _invert(self, gram: tuple[str, ...], n_items: int, folder: Path) -> tuple[str, float]:
        """The inverse as a part, and how far it is from one."""
        penalty = self._settings.regularization
        matrix = np.empty((n_items, n_items), dtype=np.float32)
        first = 0
        for rows in map(open_rows, gram):
            matrix[first : first + len(rows)] = rows
            first += len(rows)
        np.einsum("ii->i", matrix)[:] += np.float32(penalty)
        definite = invert(matrix)
        left = residual(matrix, map(open_rows, gram), penalty) if definite else np.inf
        if not left <= _MOST_LEFT:
            raise ConfigurationError(
                f"model.ease.regularization={penalty:g} is too small a penalty for {n_items:,} items in "
                "single precision: raise it."
            )
        return save_part(str(folder), "inverse", {"inverse": matrix}, sealed=True), left


def _require_few(n_items: int) -> None:
    if n_items > _MOST_ITEMS:
        raise ConfigurationError(
            f"ease inverts a matrix of all pairs of items that are liked, which is for up to {_MOST_ITEMS:,} of them, and "
            f"there are {n_items:,}. {_INSTEAD}"
        )


def _require_memory(n_items: int) -> None:
    free = free_memory()
    needed = FLOAT * n_items * n_items
    if free is not None and needed > free:
        raise ConfigurationError(
            f"ease inverts a matrix of all pairs of {n_items:,} liked items, which takes {needed / GIB:.1f} GiB "
            f"on the driver, where {free / GIB:.1f} GiB are free. {_INSTEAD}"
        )


def _largest(
    rows: npt.NDArray[np.float32], first: int, most: int | None
) -> Iterator[tuple[int, Positions, npt.NDArray[np.float64]]]:
    """The largest weights of consecutive items of the inverse, from their rows of it."""
    for row, own in enumerate(rows):
        weights = -own.astype(np.float64) / own[first + row]
        weights[first + row] = 0.0
        sizes = -np.abs(weights)
        if most is None or most >= len(weights):
            kept = np.flatnonzero(weights)
        else:
            # Of equal ones the first, so that cutting blocks otherwise changes nothing.
            edge = np.partition(sizes, most - 1)[most - 1]
            kept = np.flatnonzero(sizes < edge)
            kept = np.append(kept, np.flatnonzero(sizes == edge)[: most - len(kept)])
        yield row, kept.astype(np.int32), weights[kept]


EASE = Definition(
    name="ease",
    summary="Linear regression of every item on all others, in closed form, for up to 30,000 liked items.",
    shape=ItemWeights,
    feedback="likings",
    memory="4 bytes x liked items^2 on the driver, as much twice in files",
    time="2 x liked items^3 floating-point operations on the driver, with all its cores",
    reference="Steck, Embarrassingly shallow autoencoders for sparse data, WWW 2019",
    make=lambda given: Ease(given.model.ease),
    space=lambda _: Space({"regularization": LogRange(1.0, 1_000.0)}),
)
"""See `Ease`."""
