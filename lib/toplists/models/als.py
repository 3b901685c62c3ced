"""Alternating least squares on the engine's kernels."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import numpy.typing as npt

from toplists.config.model import ModelSettings
from toplists.config.model_als import AlsSettings, ConfidenceForm, PenaltyScaling
from toplists.engine.alternation import Alternation, alternate
from toplists.engine.biases import Biases
from toplists.engine.blocks import Block, BlockSet, Lesson, Part, Rows, Side
from toplists.engine.fold_in import FoldIn, fold_in
from toplists.engine.kernels.draws import hash_ids, random_normals
from toplists.engine.kernels.equations import Equations, Floats
from toplists.engine.objective import Objective
from toplists.engine.shapes import Factors
from toplists.engine.solvers import Solver
from toplists.errors import InputRefusedError
from toplists.models.definition import Definition, Parameters
from toplists.models.protocol import Fitted, FromSettings, Model, TrainingData
from toplists.models.search import Choices, Dimension, LogRange, Space, Warmth

_LOG = logging.getLogger(__name__)

_START_LENGTH = 0.1
"""Of first vectors. Longer ones are noise that the first iterations have to unlearn."""

_LARGEST_EXACT_RANK = 48
"""Up to this rank `auto` solves exactly: it costs little more than conjugate gradients there."""

_PENALTIES: Mapping[PenaltyScaling, LogRange] = {
    "by_count": LogRange(1e-3, 1.0),
    "frequency_scaled": LogRange(1e-4, 1.0),
    "plain": LogRange(0.1, 300.0),  # it is not multiplied by the number of entries
}


def als_space(settings: AlsSettings) -> Space:
    """What of ALS can be tuned: of what the settings leave open."""
    dimensions: dict[str, Dimension] = {
        "rank": Choices((8, 16, 24, 32, 48, 64, 96, 128)),
        "regularization": _PENALTIES[settings.regularization_scaling],
    }
    if settings.feedback == "implicit":
        dimensions["alpha"] = LogRange(1.0, 100.0)
    if settings.engine == "mllib":  # it knows neither
        return Space(dimensions)
    if settings.feedback == "implicit":
        dimensions["unobserved_weight"] = LogRange(0.02, 1.0)
    return Space(dimensions, Warmth("iterations", "warm_iterations"))


class Als(FromSettings[AlsSettings]):
    """Implicit ALS (Hu, Koren and Volinsky 2008) or explicit (Zhou et al. 2008), with biases or without."""

    name = "als"

    def __init__(self, settings: AlsSettings, single_task_entries: int) -> None:
        """Take the parameters from `settings`; a fit to at most so many entries is one task."""
        super().__init__(settings)
        self._single_task_entries = single_task_entries

    def fit(self, data: TrainingData) -> Fitted:
        """Fit on the likings (implicit) or on all values (explicit) of the part.

        Raises:
            InputRefusedError: explicit ALS on feedback without values, or nothing to learn from.
        """
        settings = self._settings
        if data.evaluated is not None and settings.published == "fold_in":
            return self._fold_in(data, data.evaluated)
        fit = Alternation(
            blocks={"users": data.users, "items": data.items},
            objective=self._objective(data),
            solver=_solver_for(settings),
            iterations=settings.warm_iterations if data.start else settings.iterations,
            start=data.start,
            tolerance=settings.tolerance,
            over_relaxation=settings.over_relaxation,
        )
        fitted = alternate(data.spark, fit, data.folder, self._single_task_entries)
        if fitted.singular_rows:
            _LOG.warning(
                "%d rows had no unique solution, and got the smallest: raise "
                "model.als.regularization",
                fitted.singular_rows,
            )
        report = {
            "solver": fit.solver,
            "objective": list(fitted.objective),
            "singular_rows": fitted.singular_rows,
        }
        return Fitted(fitted.factors, report)

    def _fold_in(self, data: TrainingData, evaluated: Factors) -> Fitted:
        """The vectors of the evaluation fit, with everything since that it was not told."""
        blocks: Mapping[Side, BlockSet] = {"users": data.users, "items": data.items}
        fold = FoldIn(blocks, self._objective(data), evaluated)
        factors = fold_in(data.spark, fold, data.folder, self._single_task_entries)
        return Fitted(factors, {"folded_in": True})

    def _objective(self, data: TrainingData) -> Objective:
        settings = self._settings
        penalty = Penalty(
            settings.regularization,
            settings.regularization_scaling,
            settings.regularization_exponent,
            settings.unobserved_weight,
        )
        if settings.feedback == "implicit":
            if data.size == 0:
                raise InputRefusedError(nothing_to_learn(settings.feedback, data.part))
            confidence = Confidence(settings.alpha, settings.confidence)
            return Implicit(
                settings.rank,
                confidence,
                settings.unobserved_weight,
                penalty,
                data.seed,
                data.part,
            )
        mean = data.mean_value()
        if mean is None:
            raise InputRefusedError(nothing_to_learn(settings.feedback, data.part))
        center = mean if settings.biases else None
        return Explicit(settings.rank, center, penalty, data.seed, data.part)


def _solver_for(settings: AlsSettings) -> Solver:
    if settings.solver != "auto":
        return settings.solver
    return "exact" if settings.rank <= _LARGEST_EXACT_RANK else "cg"


@dataclass(frozen=True)
class Penalty:
    """The penalty on a row's vector, scaled by its number of entries or not.

    `by_count` is MLlib's and Zhou's, `frequency_scaled` that of Rendle et al., "Revisiting the
    performance of iALS on item recommendation benchmarks", 2021: the number of entries plus the weight
    of all that could have been, to the power of `exponent`.
    """

    weight: float
    scaling: PenaltyScaling
    exponent: float
    unobserved_weight: float

    def ridge(self, lengths: npt.NDArray[np.int64], columns: int) -> npt.NDArray[np.float64]:
        """The penalty of rows of the given lengths out of `columns`: float64[rows]."""
        counts: npt.NDArray[np.float64]
        match self.scaling:
            case "plain":
                counts = np.ones(len(lengths))
            case "by_count":
                counts = np.maximum(lengths, 1).astype(np.float64)
            case "frequency_scaled":
                counts = np.power(lengths + self.unobserved_weight * columns, self.exponent)
        return self.weight * counts


@dataclass(frozen=True)
class Confidence:
    """How much a liking of weight w counts: `1 + alpha f(w)`, where f(w) is w, log(1 + w) or 1."""

    alpha: float
    form: ConfidenceForm

    def of(self, weights: Floats) -> Floats:
        """float32[n] for weights float32[n]."""
        match self.form:
            case "linear":
                counts = weights
            case "log":
                counts = np.log1p(weights)
            case "constant":
                counts = np.ones_like(weights)
        return np.float32(1) + np.float32(self.alpha) * counts


@dataclass(frozen=True)
class Implicit:
    """Preference 1 with some confidence for what was liked, and 0 for all else.

    What was not liked counts `unobserved_weight` (Rendle et al. 2021); 1 is the original.
    """

    biases: ClassVar[None] = None
    lesson: ClassVar[Lesson] = "liked"
    rank: int
    confidence: Confidence
    unobserved_weight: float
    penalty: Penalty
    seed: int
    part: Part

    @property
    def shared_weight(self) -> float:
        """What is not liked is shared by all rows."""
        return self.unobserved_weight

    def start(self, block: Block) -> Floats:
        """Small normal draws by the hash of the item's id; 0 of what nobody had to do with.

        The first half sees the Gram matrix of all of them: what is new must not show in it.
        """
        first = _draw(block, self.rank, self.seed)
        first[np.diff(block.indptr) == 0] = 0
        return first

    def equations(self, rows: Rows, offsets: Floats) -> Equations:
        """Of what each row liked or was liked by."""
        confidence = self.confidence.of(rows.data)
        curvature = confidence - np.float32(self.unobserved_weight)
        ridge = self.penalty.ridge(np.diff(rows.indptr), len(offsets))
        return Equations(
            rows.indptr, rows.indices, curvature, confidence, ridge, self.unobserved_weight
        )


@dataclass(frozen=True)
class Explicit:
    """Value = mean + bias of the user + bias of the item + product of the vectors.

    The biases are solved for together with the vectors. Where `mean` is `None`, the value is the product
    alone. The squared error of a value counts with the weight of its rating.
    """

    shared_weight: ClassVar[float] = 0.0
    lesson: ClassVar[Lesson] = "rated"
    rank: int
    mean: float | None
    penalty: Penalty
    seed: int
    part: Part

    @property
    def biases(self) -> Biases | None:
        """Kept in the vectors."""
        return None if self.mean is None else Biases(self.rank, self.mean)

    def start(self, block: Block) -> Floats:
        """Small normal draws by the hash of the item's id, and no bias."""
        draws = _draw(block, self.rank, self.seed)
        if self.mean is None:
            return draws
        return np.column_stack((draws, np.zeros(len(draws), dtype=np.float32)))

    def equations(self, rows: Rows, offsets: Floats) -> Equations:
        """Of what the fixed side leaves of each row's values."""
        left = rows.data - offsets[rows.indices]
        weights = np.ones_like(left) if rows.weights is None else rows.weights
        ridge = self.penalty.ridge(np.diff(rows.indptr), len(offsets))
        return Equations(rows.indptr, rows.indices, weights, weights * left, ridge, 0.0)


def _draw(block: Block, rank: int, seed: int) -> Floats:
    """Normal draws of about the same short length."""
    draws = random_normals(hash_ids(block.ids.to_pylist()), rank, seed)
    first: Floats = (_START_LENGTH * draws / np.sqrt(rank)).astype(np.float32)
    return first


def nothing_to_learn(feedback: str, part: Part, model: str = "als") -> str:
    """The sentence for a part without anything to learn from."""
    if part == "train":
        what = "the holdout took every interaction it could learn from. Change prepare.split."
    elif feedback == "implicit":
        what = "no interaction counts as positive. Lower prepare.positive_from, or loosen filters."
    else:
        what = "no interaction has a value. Use model.als.feedback=implicit."
    return f"There is nothing for {model} to learn from: {what}"


def _make(parameters: Parameters) -> Model:
    settings = parameters.model.als
    if settings.engine == "kernels":
        return Als(settings, parameters.engine.single_task_entries)
    # Not before it is asked for: MLlib's Python side brings pandas, and takes two seconds to load.
    from toplists.models.mllib_als import MllibAls

    return MllibAls(settings)


def _lengths(settings: ModelSettings) -> tuple[int, int] | None:
    als = settings.als
    if als.engine != "kernels":
        return None
    extra = (1, 2) if als.feedback == "explicit" and als.biases else (0, 0)
    return als.rank + extra[0], als.rank + extra[1]


ALS = Definition(
    name="als",
    summary=(
        "Vectors of users and items whose products say who likes what (implicit feedback) or which value is "
        "given (explicit, with biases)."
    ),
    shape=Factors,
    feedback="either",
    memory="4 bytes x rank x the larger side, once per executor, and a block",
    time="iterations x (interactions x rank^2 + (users + items) x rank^3), a third of it with cg",
    reference=(
        "Hu, Koren and Volinsky, Collaborative filtering for implicit feedback datasets, ICDM 2008; "
        "Rendle et al., Revisiting the performance of iALS on item recommendation benchmarks, RecSys 2022; "
        "Zhou et al., Large-scale parallel collaborative filtering for the Netflix prize, AAIM 2008"
    ),
    make=_make,
    space=lambda settings: als_space(settings.als),
    lengths=_lengths,
    starts_warm=lambda settings: settings.als.engine == "kernels" and settings.als.warm_start,
)
"""See `Als`."""
