"""A snapshot in tables, from a few pairs that are written down."""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Collection, Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from events import END

from toplists.dataset.snapshot import Snapshot, SnapshotFacts
from toplists.lake.bookkeeping import append_rows
from toplists.lake.dataset import Dataset
from toplists.lake.tables import INTERACTIONS, SNAPSHOT_ITEMS, SNAPSHOT_USERS

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

RUN = "2024-03-01-0123abcd"
# user, item, value, time; 4 and above is a liking.
Pair = tuple[str, str, float, datetime | None]


def store_snapshot(
    spark: SparkSession,
    no_rows: Path,
    folder: Path,
    pairs: Sequence[Pair],
    protocol: str = "last(5)",
    held_out: Collection[tuple[str, str]] = (),
) -> Snapshot:
    """Store the pairs as the snapshot of a run in a new dataset.

    Args:
        spark: The session.
        no_rows: The fixture.
        folder: Where the dataset goes.
        pairs: Each once.
        protocol: What it is said to be split by.
        held_out: The users and items of what that held out.
    """
    shutil.copytree(no_rows, folder)
    dataset = Dataset(folder)
    users, items = (sorted({pair[side] for pair in pairs}) for side in (0, 1))
    rows: list[dict[str, Any]] = [
        {
            "run_id": RUN,
            "user_id": user,
            "item_id": item,
            "user_pos": users.index(user),
            "item_pos": items.index(item),
            "value": value,
            "event_time": time,
            "events": 1,
            "positive": value >= 4,
            "weight": float(value >= 4),
            "split": "holdout" if (user, item) in held_out else "train",
            "session": None,
            "rating_weight": 1.0,
        }
        for user, item, value, time in pairs
    ]
    half = len(rows) // 2
    for part in (rows[:half], rows[half:]):  # more files than one
        append_rows(dataset, INTERACTIONS, part)
    sizes = [Counter(pair[side] for pair in pairs) for side in (0, 1)]
    shared = {"run_id": RUN, "trained": 1}
    append_rows(
        dataset,
        SNAPSHOT_USERS,
        [
            shared
            | {"user_pos": place, "user_id": user, "interactions": sizes[0][user]}
            | {"last_time": None, "eligible": True, "segment": None}
            for place, user in enumerate(users)
        ],
    )
    append_rows(
        dataset,
        SNAPSHOT_ITEMS,
        [
            shared
            | {"item_pos": place, "item_id": item, "interactions": sizes[1][item]}
            | {"recommendable": True}
            for place, item in enumerate(items)
        ],
    )
    liked = sum(pair[2] >= 4 for pair in pairs)
    facts = SnapshotFacts(
        events=len(pairs),
        interactions=len(pairs),
        trained=liked,
        trained_in_train_part=liked,
        rated=len(pairs),
        rated_in_train_part=len(pairs),
        users=len(users),
        items=len(items),
        trained_items=len(items),
        listable_items=len(items),
        eligible=len(users),
        protocol=protocol,
        end=END.isoformat(),
        cut=None,
        repeated_pairs=0,
        surplus_events=0,
        contradicted_pairs=0,
        excluded={},
        segments=[],
    )
    return Snapshot(spark, dataset, RUN, facts, None)
