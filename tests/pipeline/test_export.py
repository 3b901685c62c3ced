"""The live run in stores: one after the other, after a rollback, and where a store does not answer."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from pathlib import Path
from shutil import copytree
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import psycopg
import pytest
import redis
from shops import Shop, TasksHere, clock, no_session
from store_servers import PASSWORD, Server, free_port
from stores.conformance import people
from stores.runs import entries
from worlds import World, two_tastes

from toplists.config.settings import Settings
from toplists.errors import ConfigurationError, StoreError
from toplists.ingest.source import parse_source
from toplists.lake.bookkeeping import read_rows
from toplists.lake.dataset import Dataset
from toplists.lake.ledger import Outcome, Run
from toplists.lake.pointer import read_pointer
from toplists.lake.tables import RUNS
from toplists.pipeline.console import open_narrator
from toplists.pipeline.nightly import NightlyOptions, nightly, publish_everywhere
from toplists.pipeline.workplace import Workplace
from toplists.publish.stores.files import FilesStore
from toplists.publish.stores.load import Loading, bring
from toplists.publish.stores.opening import open_store
from toplists.publish.stores.postgres import PostgresStore
from toplists.reader.layouts import PERSONAL, bucket_key, bucket_of, live_from_json
from toplists.reader.packing import unpack_list

if TYPE_CHECKING:
    from pyspark.sql import SparkSession


@pytest.fixture
def shop(no_rows: Path, tmp_path: Path) -> Shop:
    return Shop(Dataset(copytree(no_rows, tmp_path / "lake" / "shop")), tmp_path)


@pytest.fixture
def here(monkeypatch: pytest.MonkeyPatch) -> Callable[[], Any]:
    """Tasks are done in this process; gives what starts the session that is needed for nothing then."""

    monkeypatch.setattr("toplists.publish.stores.load.run_tasks", TasksHere)
    return lambda: SimpleNamespace(sparkContext=SimpleNamespace(master="local"))


def lists_in_postgres(server: Server, schema: str) -> dict[str, Any]:
    uri = f"postgresql://postgres@127.0.0.1:{server.port}/postgres"
    with psycopg.connect(uri, password=PASSWORD) as connection:
        rows = connection.execute(
            "SELECT user_id, item_ids, scores, sources, source_counts "
            f'FROM "{schema}-shop".recommendations'
        ).fetchall()
    found = {}
    for user, ids, scores, names, counts in rows:
        sources = [name for name, n in zip(names, counts, strict=True) for _ in range(n)]
        found[user] = list(zip(ids, scores, sources, strict=True))
    return found


def list_in_redis(server: Server, user: str) -> tuple[str, list[tuple[str, float, str]]]:
    with redis.Redis(port=server.port, password=PASSWORD) as client:
        record = client.get("shop:live")
        assert record is not None
        live = live_from_json(record)
        bucket = bucket_of(user, live.buckets["recommendations"])
        name = bucket_key("shop", live.release, PERSONAL, bucket)
        found = unpack_list(live.release, client.hget(name, f"default:{user}"))
    return live.publication.run_id, [(o.item_id, o.score, o.source) for o in found.items]


def test_the_stores_follow_what_is_live(
    shop: Shop, spark: SparkSession, postgres_server: Server, redis_server: Server
) -> None:
    def session() -> SparkSession:
        return spark

    stores = [shop.files, shop.postgres(postgres_server, "follow"), shop.redis(redis_server)]
    before = people(60)
    first = shop.publish(1, before)
    assert "main: 63 lists sent" in shop.export(session, *stores)
    assert lists_in_postgres(postgres_server, "follow") == before
    assert list_in_redis(redis_server, "u07") == (first, before["u07"])
    manifest = json.loads((shop.folder / f"out/shop/releases/{first}/manifest.json").read_text())
    rows = {name: sum(f["rows"] for f in of) for name, of in manifest["tables"].items()}
    assert rows == {"recommendations": 60, "similar_items": 2, "popular_items": 1}
    # The same again: there is nothing to do.
    assert shop.export(no_session, *stores).count("live already") == 3

    # A night later two lists have changed, one is new, one is gone.
    after = {**before, "u03": entries("n", "e"), "u44": entries("w"), "new": entries("x", "y")}
    del after["u11"]
    second = shop.publish(2, after)
    shop.export(session, *stores)
    assert lists_in_postgres(postgres_server, "follow") == after
    assert list_in_redis(redis_server, "u03") == (second, after["u03"])
    assert list_in_redis(redis_server, "u07") == (second, after["u07"])
    brought = shop.facts(second, "done")["stores"]
    counts = {name: (one["sent"], one["copied"]) for name, one in brought.items()}
    assert counts == {"files": (63, 0), "main": (3, 60), "cache": (3, 60)}
    assert {one["run_id"] for one in brought.values()} == {second}

    # Back: the stores still have it, and nothing is loaded.
    assert shop.rollback(*stores).count("put live again") == 3
    assert lists_in_postgres(postgres_server, "follow") == before
    assert list_in_redis(redis_server, "u07") == (first, before["u07"])


def test_a_store_that_fails_keeps_what_it_had_and_the_others_go_on(
    shop: Shop, spark: SparkSession, postgres_server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    def session() -> SparkSession:
        return spark

    good = shop.postgres(postgres_server, "fails")
    before = people(30)
    first = shop.publish(1, before)
    shop.export(session, good)
    second = shop.publish(2, people(30, "later"))
    dead = good | {"address": f"postgresql://postgres@127.0.0.1:{free_port()}/postgres"}
    with pytest.raises(StoreError) as behind:
        shop.export(session, dead, shop.files)
    said = str(behind.value)
    assert f"Run {second} is live in Delta and in files. Store main is behind: " in said
    assert "export --resume" in said
    assert PASSWORD not in said
    assert behind.value.exit_code == 6
    assert lists_in_postgres(postgres_server, "fails") == before
    facts = shop.facts(second, "failed")
    assert list(facts["behind"]) == ["main"]
    assert facts["stores"]["files"]["way"] == "loaded"

    # A task finds the table of the release gone: what it says arrives.
    with psycopg.connect(
        good["address"].partition("#")[0], password=PASSWORD, autocommit=True
    ) as admin:
        admin.execute(
            'ALTER TABLE "fails-shop".parts ADD CONSTRAINT never CHECK (sent < 0) NOT VALID'
        )
        with pytest.raises(StoreError, match="violates check constraint"):
            shop.export(session, good, shop.files)
        assert lists_in_postgres(postgres_server, "fails") == before
        admin.execute('ALTER TABLE "fails-shop".parts DROP CONSTRAINT never')
    said = shop.export(session, good, shop.files, resume=True)
    assert "files: live already" in said
    assert lists_in_postgres(postgres_server, "fails") == people(30, "later")
    assert first != second


def test_what_cannot_be_exported_is_said(shop: Shop) -> None:
    with pytest.raises(ConfigurationError, match="Nothing was ever published"):
        shop.export(no_session, shop.files)
    shop.publish(1, people(3))
    with pytest.raises(ConfigurationError, match="names no store to export"):
        shop.export(no_session)
    with pytest.raises(ConfigurationError, match="no store x; it names files"):
        shop.export(no_session, shop.files, only=["x"])


def test_publishing_by_itself_takes_the_stores_along(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    run_id = shop.publish(1, people(3))
    monkeypatch.setattr("toplists.pipeline.nightly.publish", lambda *_, **__: Outcome("live"))
    dead = shop.files | {"address": f"files:{shop.folder}/password/x"}  # no folder can be there
    assert shop.secret

    def publish(place: Workplace) -> None:
        run = place.ledger.find_run(run_id)
        assert run is not None
        out = io.StringIO()
        publish_everywhere(place, open_narrator({}, out, out), run, force=False)

    with pytest.raises(StoreError, match="Store files is behind"):
        shop.do(publish, no_session, dead)
    shop.do(publish, no_session)  # without stores there is nothing to bring


def test_a_run_that_is_to_be_the_newest_leaves_a_newer_one_live(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    older, newer = shop.publish(1, people(3)), shop.publish(2, people(3))
    published: list[str] = []

    def note(_: Workplace, run: Run, **__: object) -> Outcome:
        published.append(run.run_id)
        return Outcome("live")

    monkeypatch.setattr("toplists.pipeline.nightly.publish", note)
    out = io.StringIO()

    def publish(place: Workplace) -> None:
        for run_id in (older, newer):  # the second is as old as what is live
            run = place.ledger.find_run(run_id)
            assert run is not None
            narrator = open_narrator({}, out, out)
            publish_everywhere(place, narrator, run, force=False, if_newest=True, export=False)

    shop.do(publish, no_session)
    assert published == [newer]
    said = " ".join(out.getvalue().split())
    assert f"Run {older} is not published: run {newer}, as of 2026-03-02, is live" in said


def test_a_rollback_that_did_not_reach_all_stores_goes_no_further_when_it_is_repeated(
    shop: Shop, here: Callable[[], Any]
) -> None:
    runs = []
    for number in (1, 2, 3):
        runs.append(shop.publish(number, people(3, f"r{number}")))
        shop.export(here, shop.files)
    out = shop.folder / "out"
    out.rename(shop.folder / "away")
    out.touch()  # where a folder should be
    for again in (False, True):  # as a scheduler does after exit code 6
        with pytest.raises(StoreError, match="Store files is behind"):
            shop.rollback(shop.files, to=runs[1] if again else None)
        assert shop.live == runs[1]
    out.unlink()
    (shop.folder / "away").rename(out)
    assert shop.shown == runs[2]
    assert "nothing is rolled back further" in shop.rollback(shop.files)
    assert (shop.live, shop.shown) == (runs[1], runs[1])
    with pytest.raises(ConfigurationError, match="live already"):
        shop.rollback(shop.files, to=runs[1])
    # Now it is everywhere, and the next one goes further back.
    shop.rollback(shop.files, session=here)
    assert (shop.live, shop.shown) == (runs[0], runs[0])


def test_a_run_may_be_marked_bad_where_its_rollback_has_not_reached_all_stores(shop: Shop) -> None:
    first, second, third = (shop.publish(number, people(3)) for number in (1, 2, 3))
    shop.rollback()
    assert shop.live == second
    (shop.folder / "out").touch()  # where a folder should be
    with pytest.raises(StoreError, match="Store files is behind"):
        shop.rollback(shop.files, mark_bad=True)
    assert shop.live == first
    with pytest.raises(StoreError, match="Store files is behind"):
        shop.rollback(shop.files, mark_bad=True)
    assert shop.live == first
    pointer = read_pointer(shop.dataset)
    assert pointer.bad_runs == {second}
    assert third not in pointer.bad_runs


def test_what_cannot_be_cleaned_up_is_delivered_all_the_same(
    shop: Shop, here: Callable[[], Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: Any, **__: Any) -> None:
        raise StoreError("AccessDenied. Look at its permissions.")

    first = shop.publish(1, people(3))
    shop.export(here, shop.files)
    monkeypatch.setattr(FilesStore, "prune", refuse)
    second = shop.publish(2, people(3, "later"))
    said = shop.export(here, shop.files)
    assert shop.shown == second
    assert "files: 6 lists sent" in said
    assert "warning: Store files shows run" in said
    assert "AccessDenied" in said
    assert shop.stored == {first, second}


def test_what_was_live_a_moment_ago_stays_for_those_who_have_just_looked(
    shop: Shop, here: Callable[[], Any]
) -> None:
    first = shop.publish(1, people(3))
    shop.export(here, shop.files)
    second = shop.publish(2, people(3, "later"))
    shop.export(here, shop.files)
    shop.rollback(shop.files)
    third = shop.publish(3, people(3, "better"))
    shop.export(here, shop.files)  # keeps two
    assert shop.stored == {first, second, third}
    fourth = shop.publish(4, people(3, "best"))
    shop.export(here, shop.files)
    assert shop.stored == {third, fourth}


def test_another_lake_with_a_dataset_of_that_name_puts_nothing_over_ours(
    shop: Shop, here: Callable[[], Any], no_rows: Path
) -> None:
    shop.publish(1, people(3))
    second = shop.publish(2, people(3, "later"))
    shop.export(here, shop.files)
    staging = Shop(Dataset(copytree(no_rows, shop.folder / "staging" / "shop")), shop.folder)
    for number in (1, 2, 3):  # be it behind, level or ahead
        staging.publish(number, people(3, "tried"))
        with pytest.raises(StoreError, match=r"this lake knows nothing of.*a place of its own"):
            staging.export(no_session, staging.files)
    assert shop.shown == second
    assert "live already" in shop.export(no_session, shop.files)


def test_an_export_that_was_overtaken_turns_nothing(shop: Shop, here: Callable[[], Any]) -> None:
    shop.publish(1, people(3))
    stalled = read_pointer(shop.dataset).live
    assert stalled is not None
    second = shop.publish(2, people(3, "later"))
    shop.export(here, shop.files)
    (settings,) = Settings.model_validate({"publish": {"stores": [shop.files]}}).publish.stores
    loading = Loading(shop.dataset, Settings().publish, here, clock, warn=pytest.fail)
    with pytest.raises(StoreError, match=f"run {second} has become live in Delta meanwhile"):
        bring(loading, open_store(settings, "shop"), stalled, resume=False)
    assert shop.shown == second


def test_what_an_earlier_attempt_noted_and_is_gone_is_loaded_again(
    shop: Shop,
    here: Callable[[], Any],
    postgres_server: Server,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def fail(*_: Any) -> None:
        raise StoreError("its disk is full.")

    store, lists = shop.postgres(postgres_server, "gone"), people(30)
    run = shop.publish(1, lists)
    with monkeypatch.context() as patch:
        patch.setattr(PostgresStore, "verify", fail)
        with pytest.raises(StoreError, match="its disk is full"):
            shop.export(here, store)
    address = store["address"].partition("#")[0]
    with psycopg.connect(address, password=PASSWORD, autocommit=True) as admin:
        table = f"recommendations_{run.replace('-', '_')}"
        admin.execute(f"DELETE FROM \"gone-shop\".{table} WHERE user_id = 'u07'")
    shop.export(here, store, resume=True)
    assert lists_in_postgres(postgres_server, "gone") == lists


def test_the_ledger_counts_lists_and_not_how_often_they_were_sent(
    shop: Shop, here: Callable[[], Any]
) -> None:
    run = shop.publish(1, people(3))
    other = {"kind": "files", "name": "lines", "address": f"files:{shop.folder}/lines"}
    shop.export(here, shop.files, other)
    rows = read_rows(shop.dataset, RUNS, run_id=run, step="export")
    assert [row["rows_out"] for row in rows if row["state"] == "done"] == [6]


def test_an_address_that_does_not_do_for_the_dataset_is_said_before_anything_moves(
    shop: Shop,
) -> None:
    first, second = shop.publish(1, people(3)), shop.publish(2, people(3))
    long = shop.files | {"kind": "redis", "address": f"redis://127.0.0.1#{'x' * 50}{{dataset}}"}
    for act in (shop.rollback, lambda *stores: shop.export(no_session, *stores)):
        with pytest.raises(ConfigurationError, match=r"store files .*cannot be a namespace"):
            act(long)
    assert shop.live == second
    assert first != second


def test_a_night_exports_last_and_what_was_behind_on_the_next(second_day: World) -> None:
    world, blocked = second_day, second_day.folder / "out"
    store = {"kind": "files", "name": "files", "address": f"files:{blocked}/{{dataset}}"}
    feed = parse_source(world.feed([*two_tastes(), "u00,i05,5,2024-01-20T00:00:00"]))

    def night() -> str:
        out = io.StringIO()
        narrator = open_narrator({}, out, out)
        world.workplace(
            world.settings(publish={"keep_runs": 2, "stores": [store]}),
            lambda place: nightly(place, narrator, NightlyOptions(feed)),
            lambda: world.spark,
        )
        return out.getvalue()

    blocked.touch()  # where a folder should be
    with pytest.raises(StoreError, match="Store files is behind"):
        night()
    assert world.rows(RUNS, run_id=world.live(), step="publish", state="done")
    blocked.unlink()
    printed = night()  # as a scheduler does after exit code 6
    assert "Nothing changed" in printed
    assert "7/7 export" in printed
    current = json.loads((blocked / "world" / "current.json").read_text())
    assert current["release"] == world.live()
