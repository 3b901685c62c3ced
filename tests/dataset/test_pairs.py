"""The reduction of events to opinions, against a slow and plain one."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from toplists.dataset.event_weights import UNITS
from toplists.dataset.pairs import PairRules, reduce_pairs

Row = dict[str, Any]

EVENTS = pa.schema(
    [
        *((name, pa.string()) for name in ("user_id", "item_id", "event_id", "event_type")),
        ("value", pa.float64()),
        ("event_time", pa.timestamp("us", "UTC")),
        ("excluded", pa.string()),
        ("units", pa.int64()),
        ("session", pa.int32()),
    ]
)
START = datetime(2020, 1, 1, tzinfo=UTC)
RULES = PairRules(by_type=False, positive_from=4.0, max_weight=2.0, max_user=2, filters=("window",))


def plain(events: list[Row], rules: PairRules) -> dict[tuple[str, str], Row]:
    """Pair by pair, as the docstring of `form_opinions` says it."""
    found: dict[tuple[str, str], Row] = {}
    for pair in {(row["user_id"], row["item_id"]) for row in events}:
        rows = [row for row in events if (row["user_id"], row["item_id"]) == pair]
        ratings = [row for row in rows if not rules.by_type or row["event_type"] == "rating"]
        last = max(rows, key=lambda row: (row["excluded"] is None, *moment(row)))
        said = max((row for row in ratings if row["excluded"] is None), key=moment, default=None)
        others = [row for row in rows if row not in ratings and row["excluded"] is None]
        units = sum(row["units"] for row in others) + (said["units"] if said else 0)
        units = min(units, round(rules.max_weight * UNITS))
        if said and said["value"] is not None and said["value"] < rules.positive_from:
            units = 0
        if said and said["event_type"] == "return":
            units = 0
        has_value = said and said["value"] is not None and said["event_type"] != "return"
        rating_units = min(said["units"], round(rules.max_weight * UNITS)) if has_value else 0
        values = {row["value"] for row in ratings} - {None}
        found[pair] = {
            "value": said["value"] if said else None,
            "event_time": last["event_time"],
            "event_id": last["event_id"],
            "session": last["session"],
            "last_time": max(
                (row["event_time"] for row in rows if row["event_time"]), default=None
            ),
            "events": len(rows),
            "contradicted": len(values) > 1,
            "positive": units > 0,
            "weight": float(np.float32(units / UNITS)),
            "rating_weight": float(np.float32(rating_units / UNITS)),
            "excluded_window": sum(row["excluded"] == "window" for row in rows),
        }
    for flag, weight in (("kept_liking", "weight"), ("kept_rating", "rating_weight")):
        for (user, item), one in found.items():
            # From the newest; of two of one time the greater event id, then the lesser item.
            newer = [
                other
                for (owner, other_item), other in found.items()
                if owner == user and other[weight] > 0 and before(one, item, other, other_item)
            ]
            one[flag] = one[weight] > 0 and len(newer) < rules.max_user
    return found


def moment(row: Row) -> tuple[datetime, str]:
    return row["event_time"] or datetime.min.replace(tzinfo=UTC), row["event_id"]


def before(one: Row, item: str, other: Row, other_item: str) -> bool:
    """Whether `other` is newer than `one`."""
    return moment(other) > moment(one) or (moment(other) == moment(one) and other_item < item)


def reduced(events: list[Row], rules: PairRules) -> dict[tuple[str, str], Row]:
    table = pa.Table.from_pylist(events, schema=EVENTS)
    # In two chunks, as batches come.
    chunked = pa.concat_tables([table.slice(0, 1), table.slice(1)])
    rows = pa.table(reduce_pairs(chunked, rules)).to_pylist()
    return {(row.pop("user_id"), row.pop("item_id")): row for row in rows}


ROWS = st.lists(
    st.fixed_dictionaries(
        {
            "user_id": st.sampled_from(["u", "é"]),
            "item_id": st.sampled_from(["i", "j", "k", "l"]),
            "event_type": st.sampled_from(["rating", "click", "return"]),
            "value": st.sampled_from([None, 3.0, 4.0, 5.0]),
            "event_time": st.sampled_from([None, START, START + timedelta(days=1)]),
            "excluded": st.sampled_from([None, None, None, "window", "burst"]),
            "units": st.sampled_from([0, UNITS, UNITS // 2]),
            "session": st.sampled_from([None, 1, 2]),
        }
    ),
    min_size=1,
    max_size=25,
)
IDS = st.permutations([f"e{number}" for number in range(25)])


@given(rows=ROWS, ids=IDS, by_type=st.booleans())
def test_opinions_equal_a_plain_oracle(rows: list[Row], ids: list[str], by_type: bool) -> None:
    events = [{**row, "event_id": name} for row, name in zip(rows, ids, strict=False)]
    rules = PairRules(by_type, 4.0, 2.0, 2, ("window",))
    assert reduced(events, rules) == plain(events, rules)


def test_one_event() -> None:
    event = {"user_id": "u", "item_id": "i", "event_id": "e", "event_type": "rating"}
    (found,) = reduced([{**event, "value": 4.0, "units": UNITS}], RULES).values()
    assert (found["weight"], found["kept_liking"], found["event_time"], found["events"]) == (
        1.0,
        True,
        None,
        1,
    )
