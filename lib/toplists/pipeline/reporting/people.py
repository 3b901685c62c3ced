"""Users to look at: their history beside their list."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from toplists.evaluation.report.content import SampleUser, ShownItem
from toplists.evaluation.report.words import number_text
from toplists.lake.dataset import Dataset
from toplists.reader.errors import SnapshotGoneError
from toplists.reader.queries import Row, literal
from toplists.reader.records import CatalogueItem, Interaction, RecommendedItem
from toplists.reader.run_lists import RunLists
from toplists.reader.snapshot import Snapshot

_SHOWN = 10
_USERS = "snapshot_users"


def sample_users(dataset: Dataset, run_id: str) -> list[SampleUser]:
    """Up to three users with a list: the most active, one in the middle, and the one active last.

    Empty where the users or lists of the run are gone.
    """
    try:
        lists = RunLists(dataset.root, run_id)
        return [
            _look_at(lists, row["user_id"], row["interactions"], why)
            for row, why in _choose(Snapshot(dataset.root, [_USERS]), run_id)
        ]
    except SnapshotGoneError:
        return []


def _choose(users: Snapshot, run_id: str) -> list[tuple[Row, str]]:
    """Different users, with the reason why each."""
    wanted = f"WHERE run_id = {literal(run_id)} AND eligible"
    middle = users.select("approx_percentile_cont(interactions, 0.5) AS middle", _USERS, wanted)
    if not middle or middle[0]["middle"] is None:
        return []
    least = int(middle[0]["middle"])
    reasons = {
        "the most active": f"{wanted} ORDER BY interactions DESC, user_id",
        "in the middle": f"{wanted} AND interactions >= {least} ORDER BY interactions, user_id",
        "active last": f"{wanted} AND last_time IS NOT NULL ORDER BY last_time DESC, user_id",
    }
    chosen: dict[str, tuple[Row, str]] = {}
    for why, condition in reasons.items():
        # As many as are chosen already may come first once more.
        rows = users.select("user_id, interactions", _USERS, f"{condition} LIMIT {len(reasons)}")
        new = [row for row in rows if row["user_id"] not in chosen]
        if new:
            chosen[new[0]["user_id"]] = new[0], why
    return list(chosen.values())


def _look_at(lists: RunLists, user_id: str, interactions: int, why: str) -> SampleUser:
    history = lists.history(user_id, _SHOWN)
    own = lists.own(user_id)
    first = own.items[:_SHOWN] if own is not None else ()
    known = lists.items([*(seen.item_id for seen in history), *(item.item_id for item in first)])
    return SampleUser(
        user_id, why, interactions, _history(history, known), _recommended(first, known)
    )


def _history(history: Sequence[Interaction], known: Mapping[str, CatalogueItem]) -> list[ShownItem]:
    return [
        _shown(
            seen.item_id,
            known,
            f"{seen.event_time:%Y-%m-%d}" if seen.event_time else "",
            "" if seen.value is None else f"{seen.value:g}",
        )
        for seen in history
    ]


def _recommended(
    items: Sequence[RecommendedItem], known: Mapping[str, CatalogueItem]
) -> list[ShownItem]:
    return [_shown(item.item_id, known, number_text(item.score), item.source) for item in items]


def _shown(item_id: str, known: Mapping[str, CatalogueItem], *notes: str) -> ShownItem:
    item = known.get(item_id)
    if item is None:
        return ShownItem(item_id, None, None, notes)
    return ShownItem(item_id, item.title, item.year, notes)
