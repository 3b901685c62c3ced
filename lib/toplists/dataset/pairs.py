"""What all events of a user and an item come to, as arrays.

The reduction of `feedback.form_opinions`. Spark can only sort for it, twice, and compares row by row: ten
million events took it two minutes on two cores.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from toplists.dataset.event_weights import RATING, UNITS
from toplists.dataset.returns import RETURN
from toplists.engine.flags import Flags, flags_of

_ABSENT = np.iinfo(np.int64).min

Numbers = npt.NDArray[np.int64]


@dataclass(frozen=True)
class PairRules:
    """How events become an opinion; the arguments of `feedback.form_opinions`."""

    by_type: bool
    positive_from: float
    max_weight: float
    max_user: int
    filters: tuple[str, ...]


def reduce_pairs(events: pa.Table, rules: PairRules) -> dict[str, pa.Array]:
    """The opinions of some users, by all of their events.

    Args:
        events: `[user_id, item_id, event_id, event_type: string, value: double, event_time: timestamp,
            excluded: string, units: long, session: int]`, no event twice.
        rules: What counts.

    Returns:
        The columns of `feedback.form_opinions`, one row for each pair.
    """
    users, items = (_encoded(events[name]) for name in ("user_id", "item_id"))
    time = _numbers(events["event_time"].cast(pa.int64()), _ABSENT)
    counts = events["excluded"].is_null().to_numpy()
    order, starts = _by_pair(users, items, time, counts, events["event_id"])
    lasts = np.append(starts[1:], len(order)) - 1

    is_rating = np.ones(len(order), dtype=np.bool_)
    if rules.by_type:
        is_rating = flags_of(pc.equal(events["event_type"], RATING))
    units = events["units"].to_numpy()
    rated = (counts & is_rating)[order]
    # Those that count come last in a pair, and of these the last rating is the one that holds.
    at = np.maximum.reduceat(np.where(rated, np.arange(len(order)), -1), starts)
    rating = np.where(at >= 0, order[np.maximum(at, 0)], -1)
    last = order[lasts]

    done = np.add.reduceat(np.where(counts & ~is_rating, units, 0)[order], starts)
    said = np.where(rating >= 0, units[rating], 0)
    value = events["value"].combine_chunks().take(_places(rating))
    sent_back = flags_of(
        pc.equal(events["event_type"].combine_chunks().take(_places(rating)), RETURN)
    )
    dislike = flags_of(pc.less(value, rules.positive_from)) | sent_back
    cap = int(np.rint(rules.max_weight * float(UNITS)))
    total = np.where(dislike, 0, np.minimum(done + said, cap))
    positive = total > 0
    is_value = value.is_valid().to_numpy(zero_copy_only=False) & ~sent_back
    rating_units = np.where(is_value, np.minimum(said, cap), 0)

    opinions: dict[str, pa.Array] = {
        "user_id": users.text.take(pa.array(users.codes[last])),
        "item_id": items.text.take(pa.array(items.codes[last])),
        "value": value,
        **{
            name: events[name].combine_chunks().take(pa.array(last))
            for name in ("event_time", "event_id", "session")
        },
        "last_time": _times(np.maximum.reduceat(time[order], starts), events["event_time"].type),
        "events": pa.array(np.diff(np.append(starts, len(order)))),
        "contradicted": pa.array(_differ(events["value"], is_rating, order, starts)),
        "positive": pa.array(positive),
        "weight": _weights(total),
        "rating_weight": _weights(rating_units),
    }
    owner = users.codes[last]
    for name, flagged in (("kept_liking", positive), ("kept_rating", rating_units > 0)):
        opinions[name] = pa.array(flagged & _newest(owner, flagged, opinions, rules.max_user))
    for name in rules.filters:
        excluded = flags_of(pc.equal(events["excluded"], name)).astype(np.int64)
        opinions[f"excluded_{name}"] = pa.array(np.add.reduceat(excluded[order], starts))
    return opinions


@dataclass(frozen=True)
class _Encoded:
    """Texts as `codes` int64[rows] into `text`."""

    codes: Numbers
    text: pa.Array


def _encoded(texts: pa.ChunkedArray) -> _Encoded:
    encoded = texts.combine_chunks().dictionary_encode()
    return _Encoded(encoded.indices.to_numpy().astype(np.int64), encoded.dictionary)


def _by_pair(
    users: _Encoded, items: _Encoded, time: Numbers, counts: Flags, ids: pa.ChunkedArray
) -> tuple[Numbers, Numbers]:
    """The order of events by pair, whether they count, time and id; and where in it each pair begins."""
    pair = users.codes * len(items.text) + items.codes
    order = np.argsort(pair, kind="stable")
    same = pair[order[1:]] == pair[order[:-1]]
    starts = np.flatnonzero(np.concatenate(([True], ~same)))
    # Most pairs have one event. Of the others the places are known, and only their order is not.
    several = np.zeros(len(order), dtype=np.bool_)
    several[1:] |= same
    several[:-1] |= same
    places = np.flatnonzero(several)
    if len(places):
        among = order[places]
        rank = _rank(ids.take(pa.array(among)))
        order[places] = among[np.lexsort((rank, time[among], counts[among], pair[among]))]
    return order, starts


def _newest(owner: Numbers, flagged: Flags, opinions: dict[str, pa.Array], max_user: int) -> Flags:
    """Which flagged opinions are among the newest `max_user` of their user's; ties by event, then item."""
    kept = np.ones(len(owner), dtype=np.bool_)
    held = np.bincount(owner[flagged], minlength=int(owner.max()) + 1)
    places = np.flatnonzero(flagged & (held[owner] > max_user))
    if len(places):
        at = pa.array(places)
        time = _numbers(opinions["event_time"].take(at).cast(pa.int64()), _ABSENT)
        event, item = (_rank(opinions[name].take(at)) for name in ("event_id", "item_id"))
        # From the newest to the oldest.
        order = np.lexsort((item, -event, ~time, owner[places]))
        users = owner[places][order]
        begins = np.searchsorted(users, users)
        kept[places[order]] = np.arange(len(order)) - begins < max_user
    return kept


def _differ(values: pa.ChunkedArray, is_rating: Flags, order: Numbers, starts: Numbers) -> Flags:
    """Whether the values of a pair's ratings differ."""
    value = values.to_numpy().astype(np.float64)
    rated = np.where(is_rating, value, np.nan)[order]
    least, most = np.fmin.reduceat(rated, starts), np.fmax.reduceat(rated, starts)
    differ: Flags = least < most
    return differ


def _rank(texts: pa.Array | pa.ChunkedArray) -> Numbers:
    """The rank of each text in bytewise order; equal ones have one rank."""
    known = texts.unique()
    order = pc.array_sort_indices(known).to_numpy()
    rank = np.empty(len(known), dtype=np.int64)
    rank[order] = np.arange(len(known))
    of_each: Numbers = rank[pc.index_in(texts, known).to_numpy()]
    return of_each


def _numbers(values: pa.Array | pa.ChunkedArray, absent: int) -> Numbers:
    return np.asarray(values.fill_null(absent).to_numpy(), dtype=np.int64)


def _times(micros: Numbers, kind: pa.DataType) -> pa.Array:
    return pa.array(micros, pa.int64(), mask=micros == _ABSENT).cast(kind)


def _weights(units: Numbers) -> pa.Array:
    return pa.array((units / float(UNITS)).astype(np.float32))


def _places(rows: Numbers) -> pa.Array:
    """Indices to take by; null for -1."""
    return pa.array(rows, pa.int64(), mask=rows < 0)
