"""A snapshot's interactions as blocks of compressed sparse rows, by user and by item.

A block holds the rows of consecutive positions. Blocks are built once per snapshot (see
`toplists.engine.block_builder`) and serve every fit, the scoring pass and the evaluation: one flag
per entry says whether it is held out, its weight whether it is trained on.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from shutil import rmtree
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import scipy.sparse as sp

from toplists.engine.kernels.frozen import frozen
from toplists.engine.storage import (
    Array,
    Arrays,
    attempt_folder,
    bring_here,
    commit_manifest,
    find_array,
    folder_here,
    open_array,
    read_manifest,
    save_arrays,
)
from toplists.engine.times import NEVER, Times, unpack_times
from toplists.lake.failpoints import written

if TYPE_CHECKING:
    from toplists.engine.kernels.sequences import Sequence

Part = Literal["train", "all"]
Lesson = Literal["liked", "rated"]
"""What is learnt from: what was liked, by its weight, or what was rated, by its value."""
Side = Literal["users", "items"]
SIDES: tuple[Side, Side] = ("users", "items")


def other_side(side: Side) -> Side:
    """The side that the columns of a side's blocks are of."""
    return "items" if side == "users" else "users"


@dataclass(frozen=True)
class BlockRef:
    """Where one block lies: its first row's position, its size, its folder.

    `long_rows` are the rows with more than `LONG` entries, whose equations are added up in tasks of
    their own.
    """

    index: int
    first: int
    rows: int
    entries: int
    path: str
    long_rows: tuple[int, ...] = ()

    @classmethod
    def of(cls, fields: Mapping[str, Any]) -> BlockRef:
        """The reference that a manifest describes."""
        return cls(**{**fields, "long_rows": tuple(fields["long_rows"])})

    def open(self) -> Block:
        """The block, its arrays memory-mapped."""
        return Block(self)

    def entries_of(self, row: int) -> int:
        """The number of entries of one row."""
        indptr = open_array(self.path, "indptr")
        return int(indptr[row + 1] - indptr[row])


@dataclass(frozen=True)
class BlockSet:
    """All blocks of one side, in order of position. `columns` is the other side's size."""

    blocks: tuple[BlockRef, ...]
    rows: int
    columns: int

    @property
    def entries(self) -> int:
        """Number of entries."""
        return sum(ref.entries for ref in self.blocks)

    def starts(self) -> list[int]:
        """The position of each block's first row."""
        return [block.first for block in self.blocks]


class Rows(NamedTuple):
    """Rows of sorted columns with a number each: int64[rows + 1], int32[entries], float32[entries].

    `weights` float32[entries] say how much each number counts; `None` where all count 1.
    """

    indptr: npt.NDArray[np.int64]
    indices: npt.NDArray[np.int32]
    data: npt.NDArray[np.float32]
    weights: npt.NDArray[np.float32] | None

    @property
    def known(self) -> npt.NDArray[np.bool_]:
        """Which rows have anything: bool[rows]."""
        return np.diff(self.indptr) > 0

    def within(self, row: int, start: int, size: int) -> Rows:
        """At most `size` entries of one row, from its entry `start` on, as a row by itself."""
        end = int(self.indptr[row + 1])
        first = min(end, int(self.indptr[row]) + start)
        own = slice(first, min(end, first + size))
        weights = None if self.weights is None else self.weights[own]
        return Rows(np.array([0, own.stop - own.start]), self.indices[own], self.data[own], weights)


class HeldOut(NamedTuple):
    """What is held out of rows: sorted columns, as `indptr` int64[rows + 1], `items` int32[entries].

    `liked` bool[entries] says whether it was; `values` float32[entries] are NaN where there is no value to
    be learnt, `weights` float32[entries] say how much each value counts, `None` where all count 1.
    """

    indptr: npt.NDArray[np.int64]
    items: npt.NDArray[np.int32]
    liked: npt.NDArray[np.bool_]
    values: npt.NDArray[np.float32]
    weights: npt.NDArray[np.float32] | None


class Block:
    """An open block: `rows` rows of sorted column positions with weight and holdout flag.

    An array is mapped when it is first asked for.
    """

    def __init__(self, ref: BlockRef) -> None:
        """Open the block at `ref`."""
        self.ref = ref

    @cached_property
    def indptr(self) -> npt.NDArray[np.int64]:
        """Where the entries of each row begin: int64[rows + 1]."""
        return open_array(self.ref.path, "indptr")

    @cached_property
    def indices(self) -> npt.NDArray[np.int32]:
        """The column of each entry: int32[entries]."""
        return open_array(self.ref.path, "indices")

    @cached_property
    def weights(self) -> npt.NDArray[np.float32]:
        """What each entry's liking counts: float32[entries], 0 = it is none."""
        return open_array(self.ref.path, "weights")

    @cached_property
    def values(self) -> npt.NDArray[np.float32]:
        """The value of each entry: float32[entries], NaN = none to be learnt."""
        return open_array(self.ref.path, "values")

    @cached_property
    def rating_weights(self) -> npt.NDArray[np.float32] | None:
        """What each value counts: float32[entries]; `None` where all count 1."""
        return find_array(self.ref.path, "rating_weights")

    @cached_property
    def holdout(self) -> npt.NDArray[np.bool_]:
        """Which entries are held out: bool[entries]."""
        return open_array(self.ref.path, "holdout")

    @cached_property
    def flags(self) -> npt.NDArray[np.bool_]:
        """Which users get a list, or which items may be in one: bool[rows]."""
        return open_array(self.ref.path, "flags")

    @cached_property
    def times(self) -> Times | None:
        """When each entry came about: int64[entries] as `toplists.engine.times` has it, or `None`."""
        stored = find_array(self.ref.path, "times")
        return None if stored is None else unpack_times(stored)

    @cached_property
    def ids(self) -> pa.StringArray:
        """External ids: string[rows]."""
        return read_ids(self.ref.path)

    def seen(self, part: Part) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int32]]:
        """What each row's owner has seen in `part`: `(indptr, indices)`."""
        if part == "all":
            return self.indptr, self.indices
        return _select(self.indptr, self.indices, ~self.holdout)

    def trained(self, part: Part, columns: int) -> sp.csr_array:
        """The weights trained on in `part`, as a sparse matrix of shape (rows, columns)."""
        return self._matrix("liked", part, columns)

    def rated(self, part: Part, columns: int) -> sp.csr_array:
        """The values to be learnt in `part`, liked or not, as a sparse matrix (rows, columns)."""
        return self._matrix("rated", part, columns)

    def _matrix(self, lesson: Lesson, part: Part, columns: int) -> sp.csr_array:
        rows = self.learnt(lesson, part)
        return sp.csr_array((rows.data, rows.indices, rows.indptr), (self.ref.rows, columns))

    def learnt(self, lesson: Lesson, part: Part) -> Rows:
        """What may be learnt from in `part`: weights of what was liked, or values.

        It is selected once per snapshot: every fit on it finds the arrays in the block's folder, or in
        that of the node's copy.
        """
        kept = self._kept(f"{part}-{lesson}", lambda: self._selection(lesson, part))
        return Rows(
            open_array(kept, "indptr"),
            open_array(kept, "indices"),
            open_array(kept, "data"),
            find_array(kept, "weights"),
        )

    def sequence(self, part: Part) -> Sequence:
        """In which order the likings of `learnt` came about; kept as they are."""
        # Here, in the task: numba takes a second to load, and the driver asks for no order.
        from toplists.engine.kernels.sequences import Sequence

        kept = self._kept(f"{part}-sequence", lambda: self._in_sequence(part))
        return Sequence(open_array(kept, "before"), open_array(kept, "newest"))

    def times_of(self, lesson: Lesson, part: Part) -> Times | None:
        """When each entry of `learnt` came about: int64[entries], or `None` where there are no times."""
        return None if self.times is None else self.times[self._is_learnt(lesson, part)]

    def _is_learnt(self, lesson: Lesson, part: Part) -> npt.NDArray[np.bool_]:
        keep = self.weights > 0 if lesson == "liked" else ~np.isnan(self.values)
        return keep & ~self.holdout if part == "train" else keep

    def _selection(self, lesson: Lesson, part: Part) -> Arrays:
        data = self.weights if lesson == "liked" else self.values
        keep = self._is_learnt(lesson, part)
        indptr, indices = _select(self.indptr, self.indices, keep)
        arrays: dict[str, Array] = {"indptr": indptr, "indices": indices, "data": data[keep]}
        if lesson == "rated" and self.rating_weights is not None:
            arrays["weights"] = self.rating_weights[keep]
        return arrays

    def _in_sequence(self, part: Part) -> Arrays:
        from toplists.engine.kernels.sequences import in_sequence  # as above

        rows, times = self.learnt("liked", part), self.times_of("liked", part)
        if times is None:
            times = np.full(len(rows.indices), NEVER)
        entries = (frozen(rows.indptr), frozen(rows.indices), frozen(times))
        return in_sequence(*entries, NEVER)._asdict()

    def _kept(self, name: str, make: Callable[[], Arrays]) -> Path:
        """Where what is made of the block once lies."""
        folder = folder_here(self.ref.path) / name
        if folder.is_dir():
            return folder
        arrays = make()
        mine = attempt_folder(str(folder.parent), folder.name)
        with written(f"selection {folder.name}"):
            save_arrays(mine, arrays)
            try:
                mine.rename(folder)
            except OSError:
                if not folder.is_dir():
                    raise
                rmtree(mine)  # another task was first
        return folder

    def truth(self) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int32]]:
        """The held-out likings of each row's owner: `(indptr, indices)`."""
        return _select(self.indptr, self.indices, self.holdout & (self.weights > 0))

    def held_out(self) -> HeldOut:
        """Everything that is held out and says anything: likings, and values whether liked or not."""
        kept = self.holdout & ((self.weights > 0) | ~np.isnan(self.values))
        indptr, items = _select(self.indptr, self.indices, kept)
        weights = None if self.rating_weights is None else self.rating_weights[kept]
        return HeldOut(indptr, items, self.weights[kept] > 0, self.values[kept], weights)


def _select(
    indptr: npt.NDArray[np.int64], indices: npt.NDArray[np.int32], keep: npt.NDArray[np.bool_]
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int32]]:
    before = np.concatenate(([0], np.cumsum(keep, dtype=np.int64)))
    return before[indptr], indices[keep]


def open_blocks(folder: Path, side: Side) -> BlockSet | None:
    """The committed blocks of one side, or `None`."""
    manifest = read_manifest(folder / f"{side}.json")
    if manifest is None:
        return None
    refs = tuple(map(BlockRef.of, manifest["blocks"]))
    return BlockSet(refs, int(manifest["rows"]), int(manifest["columns"]))


def commit_blocks(folder: Path, side: Side, blocks: BlockSet) -> None:
    """Make the blocks of one side exist."""
    commit_manifest(folder / f"{side}.json", asdict(blocks))


def id_arrays(ids: pa.StringArray) -> Arrays:
    """The external ids of a block's rows, as arrays of its part: as Arrow lays them out."""
    _, offsets, content = ids.buffers()
    ends = np.frombuffer(offsets, np.int32)[ids.offset : ids.offset + len(ids) + 1]
    letters = np.frombuffer(content or b"", np.uint8)[ends[0] : ends[-1]]
    return {"id_ends": ends - ends[0], "id_letters": letters}


def read_ids(path: str) -> pa.StringArray:
    """The external ids of a block's rows, mapped."""
    ends, letters = open_array(path, "id_ends"), open_array(path, "id_letters")
    return pa.StringArray.from_buffers(len(ends) - 1, pa.py_buffer(ends), pa.py_buffer(letters))


def all_ids(blocks: Iterable[BlockRef]) -> pa.StringArray:
    """The external ids of a whole side, in order of position."""
    bring_here((block.path for block in blocks), "id_ends", "id_letters")
    return pa.concat_arrays([read_ids(block.path) for block in blocks])


def all_flags(blocks: Iterable[BlockRef]) -> npt.NDArray[np.bool_]:
    """The flags of a whole side, in order of position: bool[rows]."""
    bring_here((block.path for block in blocks), "flags")
    return np.concatenate([open_array(block.path, "flags") for block in blocks])


def tiles(rows: int, size: int) -> Iterator[slice]:
    """Consecutive slices of at most `size` rows."""
    for start in range(0, rows, size):
        yield slice(start, min(start + size, rows))
