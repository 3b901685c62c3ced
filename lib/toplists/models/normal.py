"""Normal draws: values at random, as they are distributed; the floor of any comparison."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from toplists.engine.alone import fit_alone
from toplists.engine.baselines import Rated, deviation_of_values, known_vectors
from toplists.engine.biases import Biases
from toplists.engine.blocks import BlockRef, Side
from toplists.engine.exchange import WriteParts
from toplists.engine.kernels.draws import derive_seed, hash_ids, random_normals
from toplists.engine.shapes import Factors
from toplists.engine.storage import Arrays
from toplists.models.definition import Definition
from toplists.models.protocol import Fitted, TrainingData

_RANK = 32
"""Of the draws' vectors: enough that no two users draw alike."""


class Normal:
    """Values drawn from the normal distribution of those that there are."""

    name = "normal"

    @property
    def parameters(self) -> Mapping[str, Any]:
        """That values are learnt."""
        return {"feedback": "explicit"}

    def fit(self, data: TrainingData) -> Fitted:
        """Take mean and deviation of the values of the part.

        Raises:
            InputRefusedError: no interaction of the part has a value.
        """
        fit = partial(fit_normal, data.rated_values(self.name), data.seed)
        return Fitted(fit_alone(data.spark, fit, data.folder))


def fit_normal(rated: Rated, seed: int, folder: Path, write: WriteParts) -> Factors:
    """The draws as factors, by the hashes of the ids: a unit vector per user, normal draws per item.

    The product of a unit vector with normal draws is a normal draw.
    """
    deviation = deviation_of_values(rated)

    def parts(side: Side) -> tuple[str, ...]:
        def draw(ref: BlockRef) -> Arrays:
            hashes = hash_ids(ref.open().ids.to_pylist())
            draws = random_normals(hashes, _RANK, derive_seed(seed, side))
            if side == "users":
                draws *= deviation / np.linalg.norm(draws, axis=1, keepdims=True)
            solved = np.column_stack((draws, np.zeros(len(draws)))).astype(np.float32)
            return known_vectors(Biases(_RANK, rated.mean).store(solved, side), rated.rows_of(ref))

        return write(rated.side(side).blocks, draw, folder, side)

    return Factors(parts("users"), parts("items"))


NORMAL = Definition(
    name="normal",
    summary="Predicts values at random, as they are distributed: the floor of any comparison.",
    shape=Factors,
    feedback="values",
    memory="256 bytes x a block's rows",
    time="interactions + users + items",
    reference="Box and Muller, A note on the generation of random normal deviates, 1958",
    make=lambda _: Normal(),
    lengths=lambda _: (_RANK + 1, _RANK + 2),
)
"""See `Normal`."""
