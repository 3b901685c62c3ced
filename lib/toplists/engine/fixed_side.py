"""The side that half an iteration holds fixed, as the tasks that solve the other side read it.

It lies in many parts, in a basis that suits nobody. The first task of a node that needs it lays it out
once, in the node's own scratch space and under a lock; all tasks of the node map that copy.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from shutil import rmtree
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from toplists.engine.biases import Biases
from toplists.engine.blocks import Side, tiles
from toplists.engine.kernels.products import multiply_rows
from toplists.engine.remote_parts import forget_removed
from toplists.engine.scratch import locked, scratch
from toplists.engine.shapes import open_vectors
from toplists.engine.storage import bring_here, open_array, save_arrays, save_rows
from toplists.lake.failpoints import written

_ROWS_AT_A_TIME = 4096  # they stay in cache


class Features(NamedTuple):
    """What a block is solved with: `values` float32[n, k] turned to the basis, `offsets` float32[n]."""

    values: npt.NDArray[np.float32]
    offsets: npt.NDArray[np.float32]


@dataclass(frozen=True)
class FixedSide:
    """Which vectors are held fixed, and how they are laid out.

    `folder` is the fit's and `number` the half's; `parts` are the vectors, `side` is the one that is
    solved. `base` float64[k] is the diagonal that all rows share, `basis` float32[k, k] has the
    directions that the features are turned to as columns; with `biases` they are not turned.
    """

    folder: str
    number: int
    parts: tuple[str, ...]
    side: Side
    biases: Biases | None
    base: npt.NDArray[np.float64]
    basis: npt.NDArray[np.float32]

    def open(self) -> Features:
        """The features on this node, laid out by whoever is first."""
        place = self._place()
        ready = place / "ready"
        if not ready.exists():
            place.mkdir(parents=True, exist_ok=True)
            with locked(place / "lock"):
                if not ready.exists():
                    with written(f"features of half {self.number}"):
                        self._lay_out(place)
                        ready.touch()
        return Features(open_array(place, "features"), open_array(place, "offsets"))

    def _place(self) -> Path:
        # Parts have names of their own, also where the same half is done again.
        name = f"fixed-{self.number}-{_digest(*self.parts)}"
        return scratch() / f"fit-{_digest(self.folder)}" / name

    def _lay_out(self, place: Path) -> None:
        for other in place.parent.glob("fixed-*"):
            if int(other.name.split("-")[1]) <= self.number and other != place:
                rmtree(other, ignore_errors=True)
        forget_removed(Path(self.folder))
        bring_here(self.parts, "vectors")
        opened = [open_vectors(part)[0] for part in self.parts]
        offsets = np.zeros(sum(map(len, opened)), dtype=np.float32)

        def turned() -> Iterator[npt.NDArray[np.float32]]:
            first = 0
            for vectors in opened:
                for rows in tiles(len(vectors), _ROWS_AT_A_TIME):
                    features, own = self._turned(vectors[rows])
                    offsets[first : first + len(features)] = own
                    first += len(features)
                    yield features

        # Not held: one side may be larger than a task should be.
        save_rows(place, "features", (len(offsets), len(self.basis)), turned())
        save_arrays(place, {"offsets": offsets})

    def _turned(
        self, vectors: npt.NDArray[np.float32]
    ) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32] | float]:
        if self.biases is None:
            return multiply_rows(vectors, self.basis), 0.0
        return self.biases.features(vectors, self.side), self.biases.offsets(vectors, self.side)


def _digest(*names: str) -> str:
    return hashlib.sha256("\n".join(names).encode()).hexdigest()[:16]
