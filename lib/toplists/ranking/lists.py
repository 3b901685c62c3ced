"""Published lists as DataFrames: personal lists, similar items, popular items."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from toplists.engine.blocks import BlockRef, BlockSet, all_flags, all_ids, tiles
from toplists.engine.kernels.candidates import no_sets
from toplists.engine.kernels.weight_sums import Sparse
from toplists.engine.lists import lists_of
from toplists.engine.shapes import NEIGHBOURS, ItemWeights, Shape, open_rows
from toplists.engine.tasks import Tasks
from toplists.ranking.fallback import Fallback, Filler
from toplists.ranking.reasons import FEW_ITEMS, FEW_NEIGHBOURS, SEEN_EVERYTHING_ELSE
from toplists.ranking.scoring import PERSONAL, Judged, ListTile, list_tiles

PLACEMENT = "default"
SCHEMA_VERSION = 1

_LIST = (
    "items array<struct<item_id: string, score: double, source: string>>, short_reason string, "
    "placement string, schema_version int"
)
_ROWS_PER_BATCH = 8_192
_SIMILAR_SOURCES = ("similar", "content")
"""Who put an item into a list of similar ones: what they are by, and what fills lists that stay short."""


def personal_lists(
    users: BlockSet,
    items: BlockSet,
    model: Shape,
    fallback: Fallback,
    n: int,
    tile_bytes: int,
    source: str,
) -> Tasks[BlockRef]:
    """One list for every user whose block flag says so, everything seen left out.

    So is every item whose block flag says that it may not be recommended.

    Args:
        users: User blocks; their flag says who gets a list.
        items: Item blocks, for the items' ids and flags.
        model: Who scores first.
        fallback: The rankings that fill short lists.
        n: Length of the lists.
        tile_bytes: What bounds the memory of a task: see `list_tiles`.
        source: What the model's items are marked with.

    Returns:
        `[user_id: string, items: array<struct<item_id, score, source>>, short_reason: string]` and the
        columns that every published table carries; a task per block, in order of user id.
    """
    item_blocks, sources = items.blocks, (source, *fallback.sources)

    def score(ref: BlockRef) -> Iterator[pa.RecordBatch]:
        block = ref.open()
        item_ids = all_ids(item_blocks)
        for tile in list_tiles(
            block,
            model,
            fallback,
            part="all",
            n=n,
            wanted=block.flags,
            listable=all_flags(item_blocks),
            tile_bytes=tile_bytes,
        ):
            yield _batch(
                ("user_id", block.ids.take(pa.array(tile.rows))),
                *_listed(tile, item_ids, sources),
                n=n,
                reason=SEEN_EVERYTHING_ELSE,
            )

    return Tasks(users.blocks, score, f"user_id string, {_LIST}")


def _listed(
    tile: ListTile, item_ids: pa.StringArray, sources: Sequence[str]
) -> tuple[npt.NDArray[np.integer], pa.StructArray]:
    listed = tile.items >= 0
    entries = _entries(
        item_ids.take(pa.array(tile.items[listed])),
        tile.scores[listed],
        pa.array(sources, pa.string()).take(pa.array(tile.sources[listed])),
    )
    return np.count_nonzero(listed, axis=1), entries


def _entries(
    item_ids: pa.StringArray, scores: npt.NDArray[np.floating], sources: pa.StringArray
) -> pa.StructArray:
    return pa.StructArray.from_arrays(
        [item_ids, pa.array(scores.astype(np.float64)), sources],
        names=["item_id", "score", "source"],
    )


def _batch(
    owners: tuple[str, pa.StringArray],
    lengths: npt.NDArray[np.integer],
    entries: pa.StructArray,
    *,
    n: int,
    reason: str,
) -> pa.RecordBatch:
    """Lists of `owners` (a column's name and values); one that is shorter than `n` has the reason."""
    name, ids = owners
    short = pc.if_else(pa.array(lengths < n), reason, pa.scalar(None, pa.string()))
    return pa.RecordBatch.from_pydict(
        {
            name: ids,
            "items": lists_of(lengths, entries),
            "short_reason": short,
            "placement": pa.repeat(PLACEMENT, len(ids)),
            "schema_version": pa.repeat(pa.scalar(SCHEMA_VERSION, pa.int32()), len(ids)),
        }
    )


def similar_lists(
    items: BlockSet, similar: ItemWeights, filler: ItemWeights | None, n: int
) -> Tasks[tuple[BlockRef, tuple[str, ...]]]:
    """For every item of the snapshot, the items most like it.

    Args:
        items: Item blocks, for the items' ids.
        similar: Each item's neighbours.
        filler: Neighbours that fill lists which stay short, if any.
        n: Length of the lists.

    Returns:
        `[item_id: string, items: array<struct<item_id, score, source>>, short_reason: string]` and the
        columns that every published table carries.
    """
    blocks = items.blocks
    names = pa.array(_SIMILAR_SOURCES, pa.string())

    def look_up(piece: tuple[BlockRef, tuple[str, ...]]) -> Iterator[pa.RecordBatch]:
        (ref, parts), item_ids = piece, all_ids(blocks)
        for tile in tiles(ref.rows, _ROWS_PER_BATCH):
            lengths, neighbours, weights, sources = _first_of(
                [open_rows(part, NEIGHBOURS) for part in parts], tile, n
            )
            yield _batch(
                ("item_id", item_ids[ref.first + tile.start : ref.first + tile.stop]),
                lengths,
                _entries(
                    item_ids.take(pa.array(neighbours)), weights, names.take(pa.array(sources))
                ),
                n=n,
                reason=FEW_NEIGHBOURS,
            )

    chain = [similar] if filler is None else [similar, filler]
    parts = zip(*(shape.items for shape in chain), strict=True)
    pieces = list(zip(blocks, parts, strict=True))
    return Tasks(pieces, look_up, f"item_id string, {_LIST}")


def _first_of(
    chain: Sequence[Sparse], tile: slice, n: int
) -> tuple[
    npt.NDArray[np.int64], npt.NDArray[np.int32], npt.NDArray[np.float32], npt.NDArray[np.int64]
]:
    """The first n of each row of a tile, from one list after the other, none twice.

    Returns:
        Their number int64[rows], and for all together int32 columns, float32 values, and int64 places in `chain`.
    """
    rows = np.arange(tile.start, tile.stop)
    lists = [one.of(rows) for one in chain]
    owners = np.concatenate([np.repeat(rows, np.diff(one.indptr)) for one in lists])
    columns = np.concatenate([one.columns for one in lists])
    values = np.concatenate([one.values for one in lists])
    sources = np.repeat(np.arange(len(lists)), [len(one.columns) for one in lists])
    # Stable: what stands first in the chain, and in its list, comes first.
    order = np.lexsort((columns, owners))
    again = np.zeros(len(order), dtype=np.bool_)
    again[order[1:]] = (np.diff(owners[order]) == 0) & (np.diff(columns[order]) == 0)
    left = np.flatnonzero(~again)
    left = left[np.argsort(owners[left], kind="stable")]
    counts = np.bincount(owners[left] - tile.start, minlength=len(rows))
    places = np.arange(len(left)) - np.repeat(np.cumsum(counts) - counts, counts)
    kept = left[places < n]
    return np.minimum(counts, n), columns[kept], values[kept], sources[kept]


def popular_lists(items: BlockSet, fallback: Fallback, n: int) -> Tasks[int]:
    """The lists for those of whom nothing is known but the segment: the fallback by itself.

    Args:
        items: Item blocks, for the items' ids and flags.
        fallback: The rankings.
        n: Length of the lists.

    Returns:
        `[segment: string, items: array<struct<item_id, score, source>>, short_reason: string]` and the
        columns that every published table carries, one row per segment; none where no item is in a
        ranking.
    """
    blocks, names, sources = items.blocks, fallback.segments.names, (PERSONAL, *fallback.sources)

    def best(segment: int) -> Iterator[pa.RecordBatch]:
        tile = _empty_lists(1, n)
        nothing = np.empty(0, dtype=np.int32)
        filler = Filler(fallback, all_flags(blocks))
        filler.fill(tile.items[0], tile.scores[0], tile.sources[0], seen=nothing, segment=segment)
        lengths, entries = _listed(tile, all_ids(blocks), sources)
        if lengths[0]:
            owner = ("segment", pa.array([names[segment]]))
            yield _batch(owner, lengths, entries, n=n, reason=FEW_ITEMS)

    return Tasks(range(len(names)), best, f"segment string, {_LIST}")


def _empty_lists(users: int, n: int) -> ListTile:
    return ListTile(
        rows=np.arange(users),
        items=np.full((users, n), -1, dtype=np.int32),
        scores=np.full((users, n), np.nan),
        sources=np.zeros((users, n), dtype=np.int8),
        targets=no_sets(users),
        judged=Judged(np.empty(0, np.int64), np.empty(0), np.zeros(users, np.int64)),
    )
