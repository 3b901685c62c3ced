"""Lists as Postgres and Redis hold them: items and scores side by side, sources as runs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import repeat

import msgpack

from toplists.reader.records import RecommendationList, RecommendedItem


def unpack_list(run_id: str, packed: bytes) -> RecommendationList:
    """The list that a value of Redis holds: MessagePack of what `make_list` takes, in its order."""
    return make_list(run_id, *msgpack.unpackb(packed))


def unpack_items(packed: bytes) -> Sequence[str]:
    """The items alone of such a value, best first."""
    items: Sequence[str] = msgpack.unpackb(packed)[0]
    return items


def make_list(
    run_id: str,
    item_ids: Sequence[str],
    scores: Sequence[float],
    sources: Sequence[str],
    source_counts: Sequence[int],
    short_reason: str | None,
) -> RecommendationList:
    """A list out of its columns.

    Args:
        run_id: The run that it is of.
        item_ids: Its items, best first.
        scores: Score of each.
        sources: Sources in turn: the first is that of the first items.
        source_counts: Of how many items in a row each of `sources` is.
        short_reason: Why it is short, if it is.
    """
    entries = zip(item_ids, scores, _expand(sources, source_counts), strict=True)
    items = tuple(RecommendedItem(*entry) for entry in entries)
    return RecommendationList(run_id, items, short_reason)


def _expand(sources: Sequence[str], counts: Sequence[int]) -> Iterator[str]:
    for source, count in zip(sources, counts, strict=True):
        yield from repeat(source, count)
