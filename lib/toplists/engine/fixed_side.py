"""The side that a half of an alternation holds fixed, as the tasks that solve the other side read it.

It lies in many parts, in a basis that suits nobody. The first task of a node that needs it lays it out
once, in the node's own scratch space and under a lock; all tasks of the node map that copy.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from shutil import rmtree
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from toplists.engine.biases import Biases
from toplists.engine.blocks import Side, tiles
from toplists.engine.kernels.products import multiply_rows
from toplists.engine.shapes import open_vectors
from toplists.engine.storage import create_array, open_array, save_arrays
from toplists.lake.failpoints import written

_ROWS_AT_A_TIME = 65_536
_NUMBERED = len("fixed-000")


class Features(NamedTuple):
    """What a block is solved with: `values` float32[n, k] turned to the basis, `offsets` float32[n]."""

    values: npt.NDArray[np.float32]
    offsets: npt.NDArray[np.float32]


@dataclass(frozen=True)
class FixedSide:
    """Where the fixed side is, and how it is laid out.

    `folder` holds the small arrays that the driver made: `base` float64[k] and `basis` float64[k, k].
    `parts` are its vectors, `side` is the one that is solved.
    """

    folder: str
    parts: tuple[str, ...]
    side: Side
    biases: Biases | None

    @classmethod
    def plan(
        cls,
        folder: Path,
        parts: tuple[str, ...],
        side: Side,
        biases: Biases | None,
        *,
        base: npt.NDArray[np.float64],
        basis: npt.NDArray[np.float64],
    ) -> FixedSide:
        """Write what the tasks need besides the parts."""
        with written(f"basis {folder.name}"):
            rmtree(folder, ignore_errors=True)
            folder.mkdir(parents=True)
            save_arrays(folder, {"base": base, "basis": basis})
        return cls(str(folder), parts, side, biases)

    @property
    def base(self) -> npt.NDArray[np.float64]:
        """The diagonal that all rows share: float64[k]."""
        return open_array(self.folder, "base")

    @property
    def basis(self) -> npt.NDArray[np.float32]:
        """The directions that the features are turned to, as columns: float32[k, k]."""
        return open_array(self.folder, "basis").astype(np.float32)

    def open(self) -> Features:
        """The features on this node, laid out by whoever is first."""
        place = self._place()
        ready = place / "ready"
        if not ready.exists():
            place.mkdir(parents=True, exist_ok=True)
            with _locked(place / "lock"):
                if not ready.exists():
                    with written(f"features of {Path(self.folder).name}"):
                        self._lay_out(place)
                        ready.touch()
        return Features(open_array(place, "features"), open_array(place, "offsets"))

    def _place(self) -> Path:
        """On Spark, a folder that goes with the application; else beside the driver's arrays."""
        scratch = os.environ.get("SPARK_LOCAL_DIRS")
        if not scratch:
            return Path(self.folder)
        folder = Path(self.folder)
        # Parts have names of their own, also where the same half is done again.
        fit, content = _digest(str(folder.parent)), _digest("\n".join(self.parts))
        return Path(scratch.split(",")[0]) / f"fit-{fit}" / f"{folder.name}-{content}"

    def _lay_out(self, place: Path) -> None:
        for other in place.parent.glob("fixed-*-*"):
            if other.name[:_NUMBERED] <= place.name[:_NUMBERED] and other != place:
                rmtree(other, ignore_errors=True)
        opened = [open_vectors(part)[0] for part in self.parts]
        basis = self.basis
        shape = (sum(map(len, opened)), len(basis))
        # Mapped, not held: one side may be larger than a task should be.
        features = create_array(place, "features", shape)
        offsets = np.zeros(len(features), dtype=np.float32)
        first = 0
        for vectors in opened:
            for rows in tiles(len(vectors), _ROWS_AT_A_TIME):
                target = slice(first + rows.start, first + rows.stop)
                features[target], offsets[target] = self._turned(vectors[rows], basis)
            first += len(vectors)
        features.flush()
        save_arrays(place, {"offsets": offsets})

    def _turned(
        self, vectors: npt.NDArray[np.float32], basis: npt.NDArray[np.float32]
    ) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32] | float]:
        if self.biases is None:
            return multiply_rows(vectors, basis), 0.0
        return self.biases.features(vectors, self.side), self.biases.offsets(vectors, self.side)


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    """Hold a lock that the kernel frees when its holder dies."""
    with path.open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:16]
