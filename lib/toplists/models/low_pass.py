"""A low-pass filter over what users like: only what many likings have in common passes.

The score of item i for a user with likings x is entry i of `x C^-a V g(Λ) Vᵀ C^a`: V are leading right
singular vectors of the likings after each user's row was divided by `n^b` and each item's column by
`c^a`, and C is the diagonal of the c. With a = b = 0.5 and g = 1 it is the ideal low-pass filter of GF-CF
(Shen et al., "How powerful is graph convolution for recommendation?", CIKM 2021), with a = b = 0 PureSVD
(Cremonesi, Koren and Turrin, "Performance of recommender algorithms on top-N recommendation tasks",
RecSys 2010). With g(λ) = 1 + linear λ strong vectors pass more, as by GF-CF's linear filter,
which is another: it is not bound to the space of V, and stands outside the division by C.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from toplists.config.model_linear import LowPassSettings
from toplists.engine.shapes import Factors
from toplists.engine.spectrum import Spectrum, find_vectors
from toplists.errors import InputRefusedError
from toplists.models.definition import Definition
from toplists.models.protocol import Fitted, TrainingData
from toplists.models.search import Choices, Range, Space


@dataclass(frozen=True)
class Gain:
    """How much of each singular vector passes: `1 + linear λ`, of λ float64[k], the square of its value."""

    linear: float

    def __call__(self, squares: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        """The gains float64[k]."""
        return 1.0 + self.linear * squares


class LowPass:
    """Likings without what is particular to them."""

    name = "low_pass"

    def __init__(self, settings: LowPassSettings, single_task_entries: int) -> None:
        """Take the parameters from `settings`; a fit to at most so many entries is one task."""
        self._settings, self._single_task_entries = settings, single_task_entries

    @property
    def parameters(self) -> Mapping[str, Any]:
        """The settings."""
        return self._settings.model_dump(mode="json")

    def fit(self, data: TrainingData) -> Fitted:
        """Find the singular vectors by products, in tasks by block.

        Raises:
            InputRefusedError: there is no liking to learn from.
        """
        if data.size == 0:
            raise InputRefusedError(
                "There is nothing for low_pass to learn from: no interaction counts as positive. Lower "
                "prepare.positive_from, or loosen filters."
            )
        settings = self._settings
        spectrum = Spectrum(
            users=data.users,
            items=data.items,
            part=data.part,
            rank=settings.rank,
            passes=settings.passes,
            user_exponent=settings.user_exponent,
            item_exponent=settings.item_exponent,
            seed=data.seed,
            gain=Gain(settings.linear),
        )
        return Fitted(find_vectors(data.spark, spectrum, data.folder, self._single_task_entries))


LOW_PASS = Definition(
    name="low_pass",
    summary="Only what many likings have in common: PureSVD and the ideal filter of GF-CF are cases of it.",
    shape=Factors,
    feedback="likings",
    memory="4 bytes x (rank + 32) x users, mapped by each node, and some 1,300 bytes x (rank + 32)^2",
    time="2 x (passes + 1) x (rank + 32) x interactions, and rank^2 x users",
    reference="Shen et al., How powerful is graph convolution for recommendation?, CIKM 2021",
    make=lambda given: LowPass(given.model.low_pass, given.engine.single_task_entries),
    space=lambda _: Space(
        {
            "rank": Choices((128, 256, 384, 512, 768, 1_024)),
            "user_exponent": Range(0.0, 0.6),
            "item_exponent": Range(0.0, 0.6),
        }
    ),
    lengths=lambda settings: (settings.low_pass.rank + 32, settings.low_pass.rank),
)
"""See `LowPass`."""
