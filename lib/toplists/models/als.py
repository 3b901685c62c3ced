"""Alternating least squares on the engine's kernels."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt
import scipy.sparse as sp

from toplists.config.settings import AlsSettings
from toplists.engine.alternation import Alternation, Objective, alternate
from toplists.engine.biases import Biases
from toplists.engine.blocks import Block, BlockSet, Part, Side
from toplists.engine.kernels.draws import hash_ids, random_normals
from toplists.engine.kernels.equations import Equations, Floats
from toplists.engine.shapes import Factors
from toplists.errors import InputRefusedError
from toplists.models.protocol import TrainingData


class Als:
    """Implicit ALS (Hu, Koren and Volinsky 2008) or explicit with biases (Zhou et al. 2008)."""

    name = "als"

    def __init__(self, settings: AlsSettings) -> None:
        """Take the parameters from `settings`."""
        self._settings = settings

    @property
    def parameters(self) -> Mapping[str, Any]:
        """The settings."""
        return self._settings.model_dump(mode="json")

    def fit(self, data: TrainingData) -> Factors:
        """Fit on the likings (implicit) or on all values (explicit) of the part.

        Raises:
            InputRefusedError: explicit ALS on feedback without values, or nothing to learn from.
        """
        settings = self._settings
        implicit = settings.feedback == "implicit"
        penalty = Penalty(settings.regularization, settings.regularization_scaling == "by_count")
        objective: Objective
        if implicit:
            if data.size == 0:
                raise InputRefusedError(nothing_to_learn(settings.feedback, data.part))
            objective = Implicit(
                settings.rank,
                settings.alpha,
                settings.unobserved_weight,
                penalty,
                data.seed,
                data.part,
            )
        else:
            mean = data.mean_value()
            if mean is None:
                raise InputRefusedError(nothing_to_learn(settings.feedback, data.part))
            objective = Explicit(settings.rank, mean, penalty, data.seed, data.part)
        blocks: Mapping[Side, BlockSet] = {"users": data.users, "items": data.items}
        iterations = settings.warm_iterations if data.start else settings.iterations
        fit = Alternation(blocks, objective, settings.solver, iterations, data.start)
        return alternate(data.spark, fit, data.folder)


@dataclass(frozen=True)
class Penalty:
    """The penalty on a row's vector, `by_count` times its number of entries."""

    weight: float
    by_count: bool

    def ridge(self, lengths: npt.NDArray[np.int64]) -> npt.NDArray[np.float64]:
        """The penalty of rows of the given lengths: float64[rows], above 0."""
        scale = np.maximum(lengths, 1) if self.by_count else np.ones(len(lengths))
        return self.weight * scale


@dataclass(frozen=True)
class Implicit:
    """Preference 1 with confidence `1 + alpha w` for what was liked with weight w, and 0 for all else.

    What was not liked counts `unobserved_weight` (Rendle et al., "Revisiting the performance of iALS
    on item recommendation benchmarks", 2021); 1 is the original.
    """

    biases: ClassVar[None] = None
    rank: int
    alpha: float
    unobserved_weight: float
    penalty: Penalty
    seed: int
    part: Part

    @property
    def shared_weight(self) -> float:
        """What is not liked is shared by all rows."""
        return self.unobserved_weight

    def start(self, block: Block) -> Floats:
        """Normal draws of about unit length, by the hash of the item's id."""
        return _draw(block, self.rank, self.seed)

    def equations(self, block: Block, offsets: Floats) -> Equations:
        """Of what each row liked or was liked by."""
        liked = block.trained(self.part, len(offsets))
        confidence = 1.0 + self.alpha * liked.data
        return _equations(liked, confidence - self.unobserved_weight, confidence, self.penalty)


@dataclass(frozen=True)
class Explicit:
    """Value = mean + bias of the user + bias of the item + product of the vectors.

    The biases are solved for together with the vectors. The squared error of a value counts with the
    weight of its rating.
    """

    shared_weight: ClassVar[float] = 0.0
    rank: int
    mean: float
    penalty: Penalty
    seed: int
    part: Part

    @property
    def biases(self) -> Biases:
        """Kept in the vectors."""
        return Biases(self.rank, self.mean)

    def start(self, block: Block) -> Floats:
        """Small normal draws by the hash of the item's id, and no bias."""
        draws = np.float32(0.1) * _draw(block, self.rank, self.seed)
        return np.column_stack((draws, np.zeros(len(draws), dtype=np.float32)))

    def equations(self, block: Block, offsets: Floats) -> Equations:
        """Of what the fixed side leaves of each row's values."""
        rated = block.rated(self.part, len(offsets))
        weights = block.weights_of_rated(self.part)
        left = rated.data - offsets[rated.indices]
        return _equations(rated, weights, weights * left, self.penalty)


def _equations(
    rows: sp.csr_array,
    curvature: npt.NDArray[np.floating[Any]],
    pull: npt.NDArray[np.floating[Any]],
    penalty: Penalty,
) -> Equations:
    # scipy gives both index arrays one type.
    return Equations(
        rows.indptr.astype(np.int64),
        rows.indices.astype(np.int32),
        curvature.astype(np.float32),
        pull.astype(np.float32),
        penalty.ridge(np.diff(rows.indptr)),
    )


def _draw(block: Block, rank: int, seed: int) -> Floats:
    draws = random_normals(hash_ids(block.ids.to_pylist()), rank, seed)
    first: Floats = (draws / np.sqrt(rank)).astype(np.float32)
    return first


def nothing_to_learn(feedback: str, part: Part) -> str:
    """The sentence for a part without anything to learn from."""
    if part == "train":
        what = "the holdout took every interaction it could learn from. Change prepare.split."
    elif feedback == "implicit":
        what = "no interaction counts as positive. Lower prepare.positive_from, or loosen filters."
    else:
        what = "no interaction has a value. Use model.als.feedback=implicit."
    return f"There is nothing for als to learn from: {what}"
