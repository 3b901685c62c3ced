"""Item vectors as the scan wants them: by descending norm, cut into tiles, a few at a time."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cached_property
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from toplists.engine.kernels.frozen import frozen

TILE_USERS, TILE_ITEMS = 256, 512
"""Users and items of one matrix product: its scores take half a MiB, and stay in the L2 cache."""

Floats = npt.NDArray[np.float32]


class Tiles(NamedTuple):
    """Tiles of items, in the order in which they are scanned.

    `vectors` float32[tiles, rank, TILE_ITEMS], zeros behind the last item; `positions` int32[items];
    `places` int32[all items], where an item stands among `positions`, -1 = not here; `norms`
    float64[tiles], the greatest of each tile.
    """

    vectors: Floats
    positions: npt.NDArray[np.int32]
    places: npt.NDArray[np.int32]
    norms: npt.NDArray[np.float64]

    def frozen(self) -> Tiles:
        """The same, read-only."""
        vectors, positions, places, norms = self
        return Tiles(frozen(vectors), frozen(positions), frozen(places), frozen(norms))


class VectorTiles:
    """All items that may be chosen, with as many of their vectors in memory as is allowed."""

    def __init__(
        self,
        parts: Sequence[Floats],
        usable: npt.NDArray[np.bool_],
        tile_bytes: int,
        *,
        unit: bool = False,
    ) -> None:
        """Order the items.

        Args:
            parts: float32[n, rank] each, together the vectors of all items; mapped files will do.
            usable: bool[all items], which may be chosen. Vectors that are not finite never are.
            tile_bytes: Memory for the vectors that are held at a time.
            unit: Whether vectors are brought to length 1, so that products with such vectors are
                cosines. Then those of length 0 are never chosen.
        """
        self._parts, self._unit = parts, unit
        self._norms = np.concatenate([norms_of(part) for part in parts])
        self._usable = usable & np.isfinite(self._norms) & (not unit or self._norms > 0)
        chosen = np.flatnonzero(self._usable)
        self._order = chosen[np.argsort(-self._norms[chosen], kind="stable")].astype(np.int32)
        width = parts[0].shape[1]
        self._tiles_at_once = max(1, tile_bytes // max(1, 4 * width * TILE_ITEMS))

    def __iter__(self) -> Iterator[Tiles]:
        """The tiles, as many at a time as fit; the norms descend from first to last."""
        if len(self._order) <= self._tiles_at_once * TILE_ITEMS:
            yield self._whole
            return
        step = self._tiles_at_once * TILE_ITEMS
        for start in range(0, len(self._order), step):
            yield self.of(self._order[start : start + step])

    def of(self, positions: npt.NDArray[np.int32]) -> Tiles:
        """The given items as tiles, in the given order."""
        count, width = len(positions), self._parts[0].shape[1]
        tiles = -(-count // TILE_ITEMS)
        rows = np.zeros((tiles * TILE_ITEMS, width), dtype=np.float32)
        first = 0
        for part in self._parts:
            here = (positions >= first) & (positions < first + len(part))
            rows[:count][here] = part[positions[here] - first]
            first += len(part)
        if self._unit:
            rows[:count] = unit_vectors(rows[:count])
        norms = norms_of(rows)
        places = np.full(len(self._norms), -1, dtype=np.int32)
        places[positions] = np.arange(count)
        return Tiles(
            np.ascontiguousarray(rows.reshape(tiles, TILE_ITEMS, width).transpose(0, 2, 1)),
            positions,
            places,
            norms.reshape(tiles, TILE_ITEMS).max(axis=1),
        )

    def usable(self, positions: npt.NDArray[np.int32]) -> npt.NDArray[np.int32]:
        """Those of the given items that may be chosen."""
        chosen: npt.NDArray[np.int32] = positions[self._usable[positions]]
        return chosen

    @property
    def all_usable(self) -> npt.NDArray[np.bool_]:
        """Which items may be chosen: bool[items]."""
        flags: npt.NDArray[np.bool_] = self._usable
        return flags

    @cached_property
    def _whole(self) -> Tiles:
        return self.of(self._order)


def norms_of(vectors: Floats) -> npt.NDArray[np.float64]:
    """The Euclidean norm of each row: float64[rows]; not finite where the row is not."""
    norms = np.empty(len(vectors))
    for start in range(0, len(vectors), 65_536):
        chunk = np.asarray(vectors[start : start + 65_536], dtype=np.float64)
        norms[start : start + len(chunk)] = np.sqrt(np.einsum("ij,ij->i", chunk, chunk))
    return norms


def unit_vectors(vectors: Floats) -> Floats:
    """Each row brought to length 1: float32[rows, rank]; NaN where it has no length."""
    with np.errstate(invalid="ignore"):
        scaled: Floats = (vectors / norms_of(vectors)[:, np.newaxis]).astype(np.float32)
    return scaled
