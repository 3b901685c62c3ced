"""What every store has to be able to do. A test class of a new one inherits `StoreConformance`."""

from __future__ import annotations

import pickle
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Any

import pytest
from store_servers import PASSWORD
from stores.runs import DATASET, NOW, Entries, Run, Work, entries

from toplists.errors import StoreError
from toplists.publish.stores.store import Store
from toplists.reader.layouts import LIST_TABLES, PERSONAL, POPULAR, SIMILAR, ListTable


@dataclass(frozen=True)
class Seen:
    """What an application sees of a list: of which run, and what is in it."""

    run_id: str
    entries: list[tuple[str, float, str]]
    short_reason: str | None


ODD_IDS = [
    "42",
    str(2**63),
    "-9223372036854775808",
    "it's",
    'say "hi"',
    "back\\slash",
    "a\tb\nc\rd",
    "{}",
    "}",
    "*?[a-z]",
    "ü",
    "日本語",
    "😀",
    " leading and trailing ",
    "%s %(x)s ${y}",
    "NULL",
    "\\N",
    "\x01\x7f",
    "x" * 512,
    "😀" * 512,
    "a:b:c",
    "../../etc",
    "-- ; DROP TABLE x",
]


class StoreConformance:
    """Subclasses give `store` (an empty one) as a fixture, and `look`, which reads as applications do."""

    copies = True  # whether the store itself copies unchanged lists

    def look(self, store: Any, table: ListTable, key: str) -> Seen | None:
        raise NotImplementedError

    def harm(self, store: Any, run: Run, user: str) -> None:
        """Remove a user's list from a release behind the store's back."""
        raise NotImplementedError

    def occupy(self, store: Any, run: Run) -> None:
        """Leave something of somebody else where a release of the run would be."""
        raise NotImplementedError

    def check(self, store: Store, run: Run) -> None:
        """All lists of the run are seen, and nothing else."""
        for table in LIST_TABLES:
            for key, expected in run.lists(table).items():
                reason = run.reasons.get(key) if table is PERSONAL else None
                seen = self.look(store, table, key)
                assert seen == Seen(run.run_id, [*expected], reason), (table.name, key)
        assert self.look(store, PERSONAL, "nobody") is None
        live = store.live()
        assert live is not None
        assert (live.release, live.dataset) == (run.run_id, DATASET)
        assert live.publication.run_id == run.run_id

    def test_nothing_is_live_before_the_first_release(self, store: Store) -> None:
        assert store.live() is None
        assert store.notes("2026-03-01-00000001") is None

    def test_a_release_is_seen_once_it_is_activated(self, store: Store) -> None:
        run = Run(1, people(40), reasons={"u03": "seen everything else"})
        work = Work(run, cuts=["u10", "u20", "u30"])
        written = work.write(store)
        assert store.live() is None
        store.verify(work.release, written)
        assert store.live() is None
        store.activate(run.run_id, DATASET, run.publication, NOW)
        self.check(store, run)
        assert sum(one.sent for one in written) == 42
        assert sum(one.copied for one in written) == 0
        assert all(one.bytes > 0 for one in written)

    def test_another_release_takes_the_place_of_the_live_one_at_once(self, store: Store) -> None:
        first, second = Run(1, people(6)), Run(2, people(6, "later"))
        Work(first).bring(store)
        work = Work(second)
        written = work.write(store)
        self.check(store, first)
        store.verify(work.release, written)
        self.check(store, first)
        store.activate(second.run_id, DATASET, second.publication, NOW)
        self.check(store, second)

    def test_ids_of_any_kind_survive(self, store: Store) -> None:
        users = {odd: entries(odd, "😀" * 512, "'") for odd in ODD_IDS}
        items = {odd: entries("x", odd) for odd in ODD_IDS}
        run = Run(1, users, items, {odd: entries(odd, "y") for odd in ODD_IDS})
        Work(run).bring(store)
        self.check(store, run)
        # and when they are copied
        again = Run(2, users | {"more": entries("m", "n")}, items, run.segments)
        Work(again, run).bring(store)
        self.check(store, again)

    def test_lists_of_any_length_survive(self, store: Store) -> None:
        long = [(f"item-{n}", n / 7, "personal" if n % 3 else "window") for n in range(1000)]
        users: dict[str, Entries] = {"none": [], "one": [("a", -1e300, "similar")], "many": long}
        run = Run(1, users, {}, {})
        Work(run).bring(store)
        self.check(store, run)

    def test_a_run_without_lists_of_a_kind(self, store: Store) -> None:
        run = Run(1, {}, {}, {"all": entries("a", "b")})
        Work(run).bring(store)
        self.check(store, run)

    def test_a_part_that_is_written_twice_is_there_once(self, store: Store) -> None:
        run = Run(1, people(20))
        work = Work(run, cuts=["u10"])
        release = work.release
        work.prepare(store, resume=False)
        written = {}
        for part in [*work.parts, *work.parts]:  # a lost answer, and the task is tried again
            written[part.number] = store.write_partition(release, part, work.lists(part))
        store.verify(release, list(written.values()))
        store.activate(run.run_id, DATASET, run.publication, NOW)
        self.check(store, run)

    def test_two_attempts_at_a_part_at_once(self, store: Store) -> None:
        run = Run(1, people(200))
        work = Work(run, cuts=["u050", "u100", "u150"])
        release = work.release
        work.prepare(store, resume=False)
        with ThreadPoolExecutor(4) as pool:
            parts = [part for part in work.parts for _ in range(2)]
            done = list(pool.map(lambda p: store.write_partition(release, p, work.lists(p)), parts))
        store.verify(release, list({one.part: one for one in done}.values()))
        store.activate(run.run_id, DATASET, run.publication, NOW)
        self.check(store, run)

    def test_only_what_changed_is_sent(self, store: Store) -> None:
        first = Run(1, people(400))
        changed = {f"u{n:03}": entries("new", "b", "c") for n in range(0, 400, 20)}
        gone = [f"u{n:03}" for n in range(7, 400, 100)]
        users = {**first.users, **changed, "v000": entries("a", "b")}
        for user in gone:
            del users[user]
        second = Run(2, users)
        whole = Work(first, cuts=["u100", "u200", "u300"]).bring(store)
        written = Work(second, first, cuts=["u120", "u330"]).bring(store)
        self.check(store, second)
        for user in gone:
            assert self.look(store, PERSONAL, user) is None
        assert sum(one.sent + one.copied for one in written) == len(users) + 2
        if self.copies:
            assert sum(one.sent for one in written) == 21
            share = sum(one.bytes for one in written) / sum(one.bytes for one in whole)
            assert share < 0.12  # 5 % of the lists, and what says which

    def test_scores_alone_are_no_change_below_the_tolerance(self, store: Store) -> None:
        first = Run(1, {"a": [("x", 2.0, "personal"), ("y", 1.0, "personal")]})
        small = Run(2, {"a": [("x", 2.01, "personal"), ("y", 1.0, "personal")]})
        large = Run(3, {"a": [("x", 2.0, "personal"), ("y", 1.03, "personal")]})
        Work(first).bring(store)
        written = Work(small, first, tolerance=0.01).bring(store)
        if self.copies:
            assert sum(one.sent for one in written) == 0
            assert self.look(store, PERSONAL, "a") == Seen(small.run_id, [*first.users["a"]], None)
        Work(large, small, tolerance=0.01).bring(store)
        self.check(store, large)

    def test_what_is_missing_in_the_base_is_sent(self, store: Store) -> None:
        first = Run(1, people(30))
        Work(first).bring(store)
        self.harm(store, first, "u11")
        second = Run(2, {**first.users, "u05": entries("n", "m")})
        Work(second, first).bring(store)
        self.check(store, second)

    def test_an_incomplete_release_is_refused_and_the_live_one_stays(self, store: Store) -> None:
        first, second = Run(1, people(8)), Run(2, people(8, "later"))
        Work(first).bring(store)
        work = Work(second, cuts=["u4"])
        written = work.write(store)
        with pytest.raises(StoreError, match="lists"):
            store.verify(work.release, written[1:])
        self.check(store, first)
        notes = store.notes(second.run_id)
        assert notes is not None
        assert notes.state == "loading"
        assert not store.rollback(second.publication, DATASET, NOW)

    def test_an_interrupted_release_is_gone_on_with(self, store: Store) -> None:
        work = Work(Run(1, people(30)), cuts=["u10", "u20"])
        release, parts = work.release, work.parts
        work.prepare(store, resume=False)
        for part in parts[:2]:
            store.write_partition(release, part, work.lists(part))
        there = work.prepare(store, resume=True)
        assert {one.part for one in there} == {0, 1}
        assert sum(one.sent for one in there) == 20
        work.bring(store)
        self.check(store, work.run)

    def test_an_interrupted_release_is_begun_anew_if_it_is_cut_otherwise(
        self, store: Store
    ) -> None:
        run = Run(1, people(30))
        work = Work(run, cuts=["u10", "u20"], fingerprint="before")
        work.prepare(store, resume=False)
        for part in work.parts[:2]:
            store.write_partition(work.release, part, work.lists(part))
        Work(run, cuts=["u15"], fingerprint="now").bring(store)
        self.check(store, run)

    def test_a_former_release_is_put_back(self, store: Store) -> None:
        first, second = Run(1, people(8)), Run(2, people(8, "later"))
        Work(first).bring(store)
        Work(second).bring(store)
        back = replace(first.publication, sequence=3, action="rollback")
        assert store.rollback(back, DATASET, NOW)
        self.check(store, first)
        live = store.live()
        assert live is not None
        assert live.publication == back
        assert live.activated_at == NOW
        assert not store.rollback(Run(9, {}).publication, DATASET, NOW)

    def test_old_releases_go(self, store: Store) -> None:
        runs = [Run(number, people(5, f"r{number}")) for number in (1, 2, 3)]
        for run in runs:
            Work(run).bring(store)
        left = Work(Run(4, people(3)))
        left.write(store)  # and was never completed
        assert store.prune(3, sparing=left.run.run_id) == []
        assert set(store.prune(2)) == {runs[0].run_id, left.run.run_id}
        assert store.notes(runs[0].run_id) is None
        assert store.notes(left.run.run_id) is None
        assert store.rollback(runs[1].publication, DATASET, NOW)
        self.check(store, runs[1])
        assert store.prune(2) == []
        Work(runs[0]).bring(store)  # it can come again
        self.check(store, runs[0])

    def test_a_place_of_another_dataset_is_refused(self, store: Store) -> None:
        run = Run(1, people(3))
        Work(run).bring(store)
        with pytest.raises(StoreError, match=DATASET):
            Work(Run(2, {}), dataset="books").prepare(store, resume=False)
        self.check(store, run)

    def test_a_release_of_another_dataset_is_not_put_live(self, store: Store) -> None:
        # Two datasets that took in the same, so that their runs have the same name.
        run = Run(1, people(3))
        Work(run).bring(store)
        assert not store.rollback(run.publication, "books", NOW)
        live = store.live()
        assert live is not None
        assert live.dataset == DATASET

    def test_what_somebody_else_has_put_there_is_left_alone(self, store: Store) -> None:
        first, second = Run(1, people(3)), Run(2, people(3))
        Work(first).bring(store)
        self.occupy(store, second)
        with pytest.raises(StoreError, match="no export made"):
            Work(second).prepare(store, resume=False)
        self.check(store, first)

    def test_it_travels_to_tasks_without_its_secret(self, store: Store) -> None:
        travelled = pickle.dumps(store)
        assert PASSWORD.encode() not in travelled
        assert PASSWORD not in repr(vars(store))
        Work(Run(1, people(3))).bring(pickle.loads(travelled))
        assert store.live() is not None


def people(count: int, suffix: str = "") -> Mapping[str, Entries]:
    """Lists of so many users."""
    width = len(str(count - 1))
    return {f"u{n:0{width}}": entries(f"i{n}{suffix}", "b", f"c{n % 7}") for n in range(count)}


__all__ = ["PERSONAL", "POPULAR", "SIMILAR", "Seen", "StoreConformance", "people"]
