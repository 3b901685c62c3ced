"""What stores hold is what the reader reads: records, keys and packed lists."""

from __future__ import annotations

import json
import zlib
from dataclasses import replace
from datetime import UTC, date, datetime

import msgpack
import pytest

from toplists.reader.layouts import (
    PERSONAL,
    POPULAR,
    LiveRelease,
    bucket_key,
    bucket_of,
    field_of,
    live_from_json,
    release_table,
    split_address,
)
from toplists.reader.packing import unpack_list
from toplists.reader.records import Publication, RecommendedItem

PUBLISHED = Publication(
    3, "2026-01-31-0a1b2c3d", "rollback", date(2026, 1, 31), "r2", None, datetime.now(UTC)
)


@pytest.mark.parametrize("expires", [None, datetime(2026, 2, 14, 4, 30, tzinfo=UTC)])
def test_a_record_comes_back_as_it_was(expires: datetime | None) -> None:
    live = LiveRelease(
        "films", PUBLISHED.run_id, PUBLISHED, datetime.now(UTC), expires, {"recommendations": 64}
    )
    assert live_from_json(live.to_json()) == live


@pytest.mark.parametrize("text", ["{}", "[1]", '{"layout": 2}'])
def test_a_record_of_another_layout_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="layout 1"):
        live_from_json(text)


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("postgresql://db/shop", ("postgresql://db/shop", "toplists")),
        ("redis://h:6379/0#films", ("redis://h:6379/0", "films")),
    ],
)
def test_an_address_may_name_a_namespace(address: str, expected: tuple[str, str]) -> None:
    assert split_address(address) == expected


@pytest.mark.parametrize("namespace", ["Films", "a b", "{films}", "-a", "a" * 51, 'x"'])
def test_a_namespace_that_would_not_serve_everywhere_is_refused(namespace: str) -> None:
    with pytest.raises(ValueError, match="cannot be a namespace"):
        split_address(f"redis://h#{namespace}")


def slot_tag(key: str) -> str:
    """What a cluster of Redis looks at, as its specification says."""
    _, brace, rest = key.partition("{")
    tag, end, _ = rest.partition("}")
    return tag if brace and end and tag else key


def test_a_bucket_of_all_releases_lies_in_one_place_of_a_cluster() -> None:
    keys = {bucket_key("films", release, PERSONAL, 17) for release in ("r1", "r2")}
    assert len(keys) == 2
    assert {slot_tag(key) for key in keys} == {"u:17"}


@pytest.mark.parametrize("user", ["42", "}", "ö", "😀" * 512])
def test_every_id_has_a_bucket(user: str) -> None:
    assert bucket_of(user, 1) == 0
    assert bucket_of(user, 64) == zlib.crc32(user.encode()) % 64
    assert field_of(user, "default") == f"default:{user}"


def test_a_packed_list_names_the_source_of_each_item() -> None:
    packed = msgpack.packb(
        [["a", "ö", "c"], [3.0, 2.5, 9.0], ["personal", "popularity"], [2, 1], None]
    )
    found = unpack_list("r1", packed)
    assert found.items == (
        RecommendedItem("a", 3.0, "personal"),
        RecommendedItem("ö", 2.5, "personal"),
        RecommendedItem("c", 9.0, "popularity"),
    )
    assert (found.run_id, found.short_reason) == ("r1", None)


def test_tables_of_releases_are_called_as_runs() -> None:
    name = release_table(POPULAR, "2026-01-31-0a1b2c3d")
    assert name == "popular_items_2026_01_31_0a1b2c3d"


def test_a_list_as_json_has_it() -> None:
    packed = msgpack.packb([["a", "b"], [3.0, 2.5], ["personal"], [2], "few"])
    found = replace(unpack_list("r1", packed), as_of=date(2026, 1, 31))
    first = {"item_id": "a", "score": 3.0, "source": "personal"}
    expected = {"run_id": "r1", "items": [first], "short_reason": "few", "as_of": "2026-01-31"}
    assert json.loads(json.dumps(found.to_dict(1))) == {**expected, "fallback": False}
    assert len(found.to_dict()["items"]) == 2


def test_the_age_of_lists_counts_from_the_day_they_know_all_before() -> None:
    assert PUBLISHED.known_until == datetime(2026, 1, 31, tzinfo=UTC)
