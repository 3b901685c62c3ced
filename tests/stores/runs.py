"""Runs to bring to stores, without Delta: a few lists in dictionaries."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise

import pyarrow as pa

from toplists.publish.stores.changes import all_changed, find_changes
from toplists.publish.stores.store import Part, PartLists, Release, Store, Written
from toplists.reader.layouts import LIST_TABLES, ListTable
from toplists.reader.records import Publication

DATASET = "films"
NOW = datetime.now(UTC).replace(microsecond=0)  # servers have clocks

Entries = Sequence[tuple[str, float, str]]

SCHEMA = pa.list_(
    pa.struct([("item_id", pa.string()), ("score", pa.float64()), ("source", pa.string())])
)


def entries(*items: str) -> list[tuple[str, float, str]]:
    """A list of items with falling scores; the last is of popularity."""
    places = [(item, 1.0 / place, "personal") for place, item in enumerate(items, start=1)]
    return [*places[:-1], (places[-1][0], 17.0, "popularity")]


@dataclass
class Run:
    """The lists of a run, by table and key; `reasons` are of users whose list is short."""

    number: int
    users: Mapping[str, Entries]
    items: Mapping[str, Entries] = field(default_factory=lambda: {"film": entries("a", "b")})
    segments: Mapping[str, Entries] = field(default_factory=lambda: {"all": entries("x", "y")})
    reasons: Mapping[str, str] = field(default_factory=dict)

    @property
    def run_id(self) -> str:
        return f"2026-03-{self.number:02}-0000000{self.number % 10}"

    @property
    def publication(self) -> Publication:
        day = date(2026, 3, self.number)
        return Publication(self.number, self.run_id, "publish", day, None, None, NOW)

    def lists(self, table: ListTable) -> Mapping[str, Entries]:
        return dict(zip(LIST_TABLES, (self.users, self.items, self.segments), strict=True))[table]

    def rows(self, table: ListTable, part: Part | None = None) -> pa.Table:
        """As `PartLists.rows`."""
        found = sorted(self.lists(table).items())
        if part is not None:
            found = [
                (key, one)
                for key, one in found
                if (part.low is None or key >= part.low) and (part.high is None or key < part.high)
            ]
        keys = [key for key, _ in found]
        names = ("item_id", "score", "source")
        items = [[dict(zip(names, entry, strict=True)) for entry in one] for _, one in found]
        return pa.table(
            {
                "placement": pa.array(["default"] * len(keys), pa.string()),
                table.key: pa.array(keys, pa.string()),
                "items": pa.array(items, SCHEMA),
                "short_reason": pa.array([self.reasons.get(key) for key in keys], pa.string()),
                "schema_version": pa.array([1] * len(keys), pa.int32()),
            }
        )


@dataclass
class Work:
    """A release and its parts; `cuts` are where those of users begin."""

    run: Run
    base: Run | None = None
    cuts: Sequence[str] = ()
    fingerprint: str = "same"
    tolerance: float = 0.0
    dataset: str = DATASET

    @property
    def release(self) -> Release:
        rows = {table.name: len(self.run.lists(table)) for table in LIST_TABLES}
        return Release(
            dataset=self.dataset,
            run_id=self.run.run_id,
            base=None if self.base is None else self.base.run_id,
            generation=0 if self.base is None else 1,
            rows=rows,
            fingerprint=self.fingerprint,
            began=NOW + timedelta(hours=self.run.number),
        )

    @property
    def parts(self) -> list[Part]:
        bounds = {LIST_TABLES[0]: [None, *self.cuts, None]}
        ends = [
            (table, pair)
            for table in LIST_TABLES
            for pair in pairwise(bounds.get(table, [None, None]))
        ]
        return [Part(number, table, *pair) for number, (table, pair) in enumerate(ends)]

    def lists(self, part: Part) -> PartLists:
        now = self.run.rows(part.table, part)
        if self.base is None:
            return all_changed(now, part.table.key)
        before = self.base.rows(part.table, part)
        return find_changes(now, before, part.table.key, self.tolerance)

    def prepare(self, store: Store, *, resume: bool) -> list[Written]:
        sample = {table.name: self.run.rows(table) for table in LIST_TABLES}
        return store.prepare(self.release, resume=resume, sample=sample)

    def write(self, store: Store) -> list[Written]:
        """Every part that is not there, one after the other."""
        done = {one.part: one for one in self.prepare(store, resume=True)}
        for part in self.parts:
            if part.number not in done:
                done[part.number] = store.write_partition(self.release, part, self.lists(part))
        return list(done.values())

    def bring(self, store: Store) -> list[Written]:
        """All the way to readers; nothing is copied where the store says that it cannot."""
        copies = self.base is not None and store.can_copy_from(self.base.run_id)
        work = self if copies else replace(self, base=None)
        written = work.write(store)
        store.verify(work.release, written)
        store.activate(self.run.run_id, self.dataset, self.run.publication, NOW)
        return written
