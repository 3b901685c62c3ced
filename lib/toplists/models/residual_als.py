"""Alternating least squares on what a baseline leaves of the values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt

from toplists.config.model import ModelSettings
from toplists.config.model_ratings import BaselineSettings, ResidualAlsSettings
from toplists.engine.alone import fit_alone
from toplists.engine.alternation import Alternation, alternate
from toplists.engine.baselines import fit_baselines
from toplists.engine.blocks import BlockRef, Side
from toplists.engine.derived_blocks import derive_blocks, paths_of
from toplists.engine.half import remove_rests
from toplists.engine.shapes import Factors
from toplists.engine.stacking import Stacking
from toplists.engine.storage import Arrays, open_whole
from toplists.models.als import Explicit, Penalty
from toplists.models.baseline import baseline_method
from toplists.models.definition import Definition
from toplists.models.protocol import Fitted, FromSettings, TrainingData
from toplists.models.search import LogRange, Space


class ResidualAls(FromSettings[ResidualAlsSettings]):
    """Values by a baseline, and by products of vectors that are fitted to what it leaves.

    The biases are found before and stay as they are, where `als` fits both at once.
    """

    name = "residual_als"
    learns_values = True

    def __init__(
        self, settings: ResidualAlsSettings, baseline: BaselineSettings, single_task_entries: int
    ) -> None:
        """Take the parameters from both; a fit to at most so many entries is one task."""
        super().__init__(settings)
        self._baseline, self._single_task_entries = baseline, single_task_entries

    @property
    def parameters(self) -> Mapping[str, Any]:
        """The settings, those of the baseline, and that values are learnt."""
        return {**super().parameters, "baseline": self._baseline.model_dump(mode="json")}

    def fit(self, data: TrainingData) -> Fitted:
        """Fit the baseline, then vectors to blocks of what it leaves.

        Raises:
            InputRefusedError: no interaction of the part has a value.
        """
        settings, folder = self._settings, data.folder
        blocks = (data.users, data.items)
        fit = partial(fit_baselines, data.rated_values(self.name), baseline_method(self._baseline))
        baselines = fit_alone(data.spark, fit, folder)
        left = derive_blocks(data.spark, blocks, _Left(baselines), folder, "left")
        alternation = Alternation(
            blocks={"users": left[0], "items": left[1]},
            objective=Explicit(
                settings.rank,
                None,
                Penalty(settings.regularization, "by_count", 1.0, 1.0),
                data.seed,
                data.part,
            ),
            solver="exact",
            iterations=settings.iterations,
        )
        fitted = alternate(data.spark, alternation, folder, self._single_task_entries)
        both = Stacking((baselines, fitted.factors), mean=0.0)
        shape = both.join(data.spark, (1.0, 1.0), blocks, folder)
        remove_rests(folder, "the fit to what is left", paths_of(left))
        return Fitted(shape, {"objective": list(fitted.objective)})


@dataclass(frozen=True)
class _Left:
    """What a baseline leaves of a block's values."""

    baselines: Factors

    def __call__(self, side: Side, ref: BlockRef) -> Arrays:
        block = ref.open()
        biases, levels = self._side("users", 0), self._side("items", 1)
        own, others = (biases, levels) if side == "users" else (levels, biases)
        rows = np.repeat(np.arange(ref.first, ref.first + ref.rows), np.diff(block.indptr))
        return {"values": block.values - own[rows] - others[block.indices]}

    def _side(self, side: Side, column: int) -> npt.NDArray[np.float32]:
        parts = self.baselines.users if side == "users" else self.baselines.items
        numbers: npt.NDArray[np.float32] = open_whole(parts, "vectors")[:, column]
        return numbers


def _lengths(settings: ModelSettings) -> tuple[int, int]:
    return settings.residual_als.rank, settings.residual_als.rank + 3


RESIDUAL_ALS = Definition(
    name="residual_als",
    summary="Predicts values by a baseline and by vectors that are fitted to what it leaves.",
    shape=Factors,
    feedback="values",
    memory="4 bytes x rank x the larger side, once per executor, and a block",
    time="iterations x (interactions x rank^2 + (users + items) x rank^3)",
    reference=(
        "Zhou et al., Large-scale parallel collaborative filtering for the Netflix prize, AAIM 2008; Koren, "
        "Factor in the neighbors: scalable and accurate collaborative filtering, ACM TKDD 4, 2010"
    ),
    make=lambda given: ResidualAls(
        given.model.residual_als, given.model.baseline, given.engine.single_task_entries
    ),
    space=lambda _: Space({"regularization": LogRange(0.05, 0.5), "rank": LogRange(8, 100)}),
    elsewhere=tuple(f"model.baseline.{name}" for name in BaselineSettings.model_fields),
    lengths=_lengths,
)
"""See `ResidualAls`."""
