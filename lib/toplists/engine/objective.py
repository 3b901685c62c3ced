"""What an alternation minimizes, as the engine sees it."""

from __future__ import annotations

from typing import Protocol

import numpy as np
import numpy.typing as npt

from toplists.engine.biases import Biases
from toplists.engine.blocks import Block, Lesson, Part, Rows
from toplists.engine.kernels.equations import Equations


class Objective(Protocol):
    """What is minimized, as least squares per row. Picklable; knows nothing of Spark.

    Its `repr` says everything that decides the fit.
    """

    @property
    def lesson(self) -> Lesson:
        """What is learnt from."""
        ...

    @property
    def part(self) -> Part:
        """The part of the snapshot that may be learnt from."""
        ...

    @property
    def shared_weight(self) -> float:
        """Weight of what all rows have in common: every row of the fixed side, as a target of 0."""
        ...

    @property
    def biases(self) -> Biases | None:
        """How biases are kept in the vectors, if there are any."""
        ...

    def start(self, block: Block) -> npt.NDArray[np.float32]:
        """What a block of items is before the first half, as if it was solved: float32[rows, k]."""
        ...

    def equations(self, rows: Rows, offsets: npt.NDArray[np.float32]) -> Equations:
        """The equations of rows; `offsets` float32[n] is what the fixed side predicts by itself."""
        ...
