"""The side that half an iteration holds fixed, as the tasks that solve the other side read it.

It lies in many parts, in a basis that suits nobody. The first tasks of a node that need it lay it out
together, in the node's own scratch space, a share at a time under a lock; all tasks of the node map that copy.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
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
from toplists.engine.storage import allocate_rows, bring_here, open_array, write_rows
from toplists.lake.failpoints import written

_ROWS_AT_A_TIME = 4096  # they stay in cache
_SHARES = 32  # of the work: enough for the cores of a node
_BEGUN, _READY = "begun", "ready"


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
        """The features on this node; whoever comes before they are laid out helps to do it."""
        place = self._place()
        if not (place / _READY).exists():
            place.mkdir(parents=True, exist_ok=True)
            with written(f"features of half {self.number}"):
                self._lay_out(place)
        return Features(open_array(place, "features"), open_array(place, "offsets"))

    def _place(self) -> Path:
        # Parts have names of their own, also where the same half is done again.
        name = f"fixed-{self.number}-{_digest(*self.parts)}"
        return scratch() / f"fit-{_digest(self.folder)}" / name

    def _lay_out(self, place: Path) -> None:
        bring_here(self.parts, "vectors")
        rows = [len(open_array(part, "vectors")) for part in self.parts]
        firsts = np.concatenate(([0], np.cumsum(rows))).tolist()
        with locked(place / "lock"):
            if not (place / _BEGUN).exists():
                self._begin(place, firsts[-1])
                (place / _BEGUN).touch()
        pieces = list(zip(self.parts, firsts[:-1], strict=True))
        # First what nobody else is at, then what somebody did not end.
        for wait in (False, True):
            for share in range(_SHARES):
                self._lay_out_share(place, share, pieces[share::_SHARES], wait=wait)
        (place / _READY).touch()

    def _begin(self, place: Path, rows: int) -> None:
        for other in place.parent.glob("fixed-*"):
            if int(other.name.split("-")[1]) <= self.number and other != place:
                rmtree(other, ignore_errors=True)
        forget_removed(Path(self.folder))
        allocate_rows(place, "features", (rows, len(self.basis)))
        allocate_rows(place, "offsets", (rows,))

    def _lay_out_share(
        self, place: Path, number: int, pieces: Sequence[tuple[str, int]], *, wait: bool
    ) -> None:
        """Lay out parts from the rows where they begin, unless somebody did, or does and is not waited for."""
        done = place / f"done-{number}"
        if not pieces or done.exists():
            return
        with locked(place / f"lock-{number}", wait=wait) as mine:
            if mine and not done.exists():
                for part, first in pieces:
                    self._lay_out_part(place, part, first)
                done.touch()

    def _lay_out_part(self, place: Path, part: str, first: int) -> None:
        vectors: npt.NDArray[np.float32] = open_array(part, "vectors")
        offsets: list[npt.NDArray[np.float32]] = []

        def turned() -> Iterator[npt.NDArray[np.float32]]:
            for rows in tiles(len(vectors), _ROWS_AT_A_TIME):
                features, own = self._turned(vectors[rows])
                offsets.append(np.full(len(features), own, np.float32))
                yield features

        write_rows(place, "features", first, turned())
        write_rows(place, "offsets", first, offsets)

    def _turned(
        self, vectors: npt.NDArray[np.float32]
    ) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32] | float]:
        if self.biases is None:
            return multiply_rows(vectors, self.basis), 0.0
        return self.biases.features(vectors, self.side), self.biases.offsets(vectors, self.side)


def _digest(*names: str) -> str:
    return hashlib.sha256("\n".join(names).encode()).hexdigest()[:16]
