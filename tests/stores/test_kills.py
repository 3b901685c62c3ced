"""`export` killed at its writes, and `export --resume`: readers see whole lists of one run, and nothing is left over."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from shutil import copytree
from typing import Any
from uuid import uuid4

import psycopg
import pytest
import redis
from psycopg import sql
from psycopg.rows import dict_row
from shops import Lists, Shop
from store_servers import PASSWORD, Server
from stores.conformance import people
from stores.exporting import LISTS_PER_PART, Moment, died, moments_of, run_export
from stores.runs import entries

from toplists import reader
from toplists.lake.dataset import Dataset

TIMES = {"began", "activated_at", "expires_at"}  # differ from export to export
KINDS = ("postgres", "redis", "parquet")

FORMER = people(60)
LATER = {**FORMER, **{f"u{n:02}": entries("later", f"i{n}") for n in range(0, 60, 10)}}
LAST = {**LATER, "u03": entries("n", "e", "w"), "u45": entries("l"), "v": entries("a", "b")}
del LAST["u11"]


@dataclass(frozen=True)
class Lake:
    """One lake as three nights left it, each with another run live."""

    nights: tuple[Shop, Shop, Shop]
    lists: Mapping[str, Lists]


@dataclass
class Place:
    """A place of a store, and how to look at all of it."""

    setting: Mapping[str, Any]
    password: str | None
    folder: Path
    contents: Callable[[], Any]

    def export(self, night: Shop, *more: str, dies: Moment | None = None) -> None:
        """Bring what is live in a lake, as the command does; or not, if it dies."""
        settings = (
            f"publish.stores={json.dumps([self.setting])}",
            f"lake.root={night.dataset.root.parent}",
            "publish.score_tolerance=0",
        )
        arguments = [word for setting in settings for word in ("--set", setting)]
        code = run_export([*arguments, *more], self.folder, dies)
        said = (self.folder / "said").read_text()
        assert died(code) if dies else code == 0, (dies, code, said)

    def shown(self, lake: Lake) -> str:
        """The run that readers see, all lists of which they see."""
        address = self.setting["address"].replace("{dataset}", "shop")
        with reader.open(address, password=self.password) as lists:
            live = lists.publication()
            assert live is not None
            for user in {**FORMER, **LAST}:
                found = lists.user(user)
                assert found is not None
                assert found.run_id == live.run_id
                expected = lake.lists[live.run_id].get(user)
                assert found.fallback == (expected is None), user
                if expected is not None:
                    seen = [(item.item_id, item.score, item.source) for item in found.items]
                    assert seen == [*expected], user
        return live.run_id


@pytest.fixture(scope="module")
def lake(no_rows: Path, tmp_path_factory: pytest.TempPathFactory) -> Lake:
    nights: list[Shop] = []
    lists = {}
    for number, of_users in enumerate((FORMER, LATER, LAST), start=1):
        folder = tmp_path_factory.mktemp("night")
        before = nights[-1].dataset.root if nights else no_rows
        shop = Shop(Dataset(copytree(before, folder / "lake/shop")), folder)
        lists[shop.publish(number, of_users, files=len(of_users) // LISTS_PER_PART)] = of_users
        nights.append(shop)
    first, second, third = nights
    return Lake((first, second, third), lists)


@pytest.fixture
def new_place(
    kind: str, lake: Lake, request: pytest.FixtureRequest, tmp_path: Path
) -> Callable[[], Place]:
    """Makes places that hold the runs of the first two nights."""

    def make() -> Place:
        name = f"k{uuid4().hex[:12]}"
        (tmp_path / name).mkdir()
        place = _place(kind, name, tmp_path / name, lake.nights[0], request)
        for night in lake.nights[:2]:
            place.export(night)
        return place

    return make


def _place(kind: str, name: str, folder: Path, shop: Shop, request: pytest.FixtureRequest) -> Place:
    if kind == "parquet":
        address = f"files:{folder}/lists"
        setting = {"kind": "files", "name": "lists", "address": address}
        return Place(setting, None, folder, lambda: contents_of_files(folder / "lists"))
    server: Server = request.getfixturevalue(f"{kind}_server")
    if kind == "redis":
        setting = shop.redis(server, name)
        return Place(setting, PASSWORD, folder, lambda: contents_of_redis(server, name))
    setting = shop.postgres(server, name)
    return Place(setting, PASSWORD, folder, lambda: contents_of_postgres(server, f"{name}-shop"))


def contents_of_postgres(server: Server, schema: str) -> dict[str, Any]:
    """All relations of a schema with their rows, and what is said of its tables."""
    address = f"postgresql://postgres@127.0.0.1:{server.port}/postgres"
    with psycopg.connect(address, password=PASSWORD, row_factory=dict_row) as connection:
        relations = connection.execute(
            "SELECT relname, relkind::text, relhaspkey.found FROM pg_class, LATERAL "
            "(SELECT count(*) AS found FROM pg_constraint WHERE conrelid = pg_class.oid) AS relhaspkey "
            "WHERE relnamespace = %s::regnamespace",
            (f'"{schema}"',),
        ).fetchall()
        contents: dict[str, Any] = {}
        for relation in relations:
            rows: list[str] = []
            if relation["relkind"] in ("r", "v"):
                query = sql.SQL("SELECT * FROM {}").format(
                    sql.Identifier(schema, relation["relname"])
                )
                rows = sorted(repr(_untimed(row)) for row in connection.execute(query))
            contents[relation["relname"]] = (relation["relkind"], relation["found"], rows)
    return contents


def contents_of_redis(server: Server, namespace: str) -> dict[str, Any]:
    """All keys of a namespace, their values, and whether they expire."""
    contents: dict[str, Any] = {}
    with redis.Redis(port=server.port, password=PASSWORD) as client:
        for key in client.scan_iter(f"{namespace}:*"):
            value: Any
            match client.type(key):
                case b"hash":
                    value = client.hgetall(key)
                case b"set":
                    value = client.smembers(key)
                case _:
                    value = _untimed(json.loads(client.get(key)))
            contents[key.decode().removeprefix(namespace)] = (value, client.ttl(key) > 0)
    return contents


def contents_of_files(folder: Path) -> list[tuple[str, Any]]:
    """All files, without what is drawn by lot in their names."""

    def same_name(text: str) -> str:
        return re.sub(r"-[0-9a-f]{12}\.", "-#.", text)

    contents: list[tuple[str, Any]] = []
    for path in folder.rglob("*"):
        content = path.read_bytes() if path.is_file() else b""
        if path.suffix == ".json":
            said: Any = _untimed(json.loads(same_name(content.decode())))
        else:
            said = hashlib.sha256(content).hexdigest()
        contents.append((same_name(str(path.relative_to(folder))), said))
    return sorted(contents, key=repr)


def _untimed(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _untimed(one) for name, one in value.items() if name not in TIMES}
    return value


# In the order in which an export comes to them: within what `prepare`, `write_partition`, `verify`, `activate` and
# `prune` write.
WORST: Mapping[str, Sequence[Moment]] = {
    "postgres": [
        ("before release of Postgres", 1),
        ("before part in Postgres", 2),  # its rows were sent
        ("after key in Postgres", 1),
        ("after view of Postgres", 2),  # and one is missing
        ("before removal of a release of Postgres", 1),
    ],
    "redis": [
        ("after copies in Redis", 1),
        ("before note of a part in Redis", 2),  # it is there, and nobody knows
        ("before expiry in Redis", 1),
        ("before pointer of Redis", 1),
        ("after removal of a release of Redis", 1),  # of its lists
    ],
    "parquet": [
        ("before pointer of a store", 1),  # a draft of the notes is there
        (
            "after content of a store",
            4,
        ),  # the notes, a part with its own, and the files of one without
        ("before pointer of a store", 7),  # a draft of the record of what is live
        ("after pointer of a store", 1),  # and it became that
        ("after folder of a store", 1),  # whose lists are no more, and whose notes are
    ],
}


@pytest.mark.parametrize("kind", KINDS)
def test_an_export_killed_at_its_worst_moments_one_after_the_other(
    kind: str, lake: Lake, new_place: Callable[[], Place]
) -> None:
    _, second, third = lake.nights
    place, undisturbed = new_place(), new_place()
    undisturbed.export(third)
    for moment in WORST[kind]:
        place.export(third, "--resume", dies=moment)
        assert place.shown(lake) in (second.live, third.live)
    place.export(third, "--resume")
    assert place.shown(lake) == third.live
    assert place.contents() == undisturbed.contents()


@pytest.mark.long
@pytest.mark.parametrize("kind", KINDS)
def test_an_export_killed_at_each_of_its_writes(
    kind: str, lake: Lake, new_place: Callable[[], Place]
) -> None:
    _, second, third = lake.nights
    undisturbed = new_place()
    undisturbed.export(third)
    expected, moments = undisturbed.contents(), moments_of(undisturbed.folder)
    assert len(moments) > 20
    shown = [second.live]
    for moment in moments:
        place = new_place()
        place.export(third, dies=moment)
        shown.append(place.shown(lake))
        place.export(third, "--resume")
        assert place.shown(lake) == third.live, moment
        assert place.contents() == expected, moment
    # Once it is seen it stays.
    assert shown == sorted(shown)
    assert set(shown) == {second.live, third.live}
