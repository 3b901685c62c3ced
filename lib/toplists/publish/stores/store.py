"""What a store is: somewhere else than in Delta where applications read the live lists.

A run becomes a *release* of the store: `prepare`, then `write_partition` for every part, in the executors,
then `verify`, `activate` and `prune`. Until `activate` readers see the release before, and whatever fails on
the way leaves that one as it is. `rollback` puts a former release, which is still there, back.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Literal

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from toplists.errors import StoreError
from toplists.reader.layouts import ListTable, LiveRelease
from toplists.reader.records import Publication

OVERTAKEN = "another export has begun this release anew meanwhile."

WRITTEN = "part int, sent long, copied long, bytes long, detail string"
"""What a task returns of a part it wrote."""


class IncompleteError(StoreError):
    """Lists of a release are missing, or there are more than it has."""


@dataclass(frozen=True)
class Release:
    """A run as a store is to hold it.

    Attributes:
        dataset: The dataset.
        run_id: The run; the release is called as it.
        base: The complete release that unchanged lists are copied from; `None` = all are sent.
        generation: How many releases before it, one out of the other, since one was sent as a whole.
        rows: How many lists it has, by name of the table.
        fingerprint: Of what it is made of and how that is cut; a part means the same in all attempts with
            the same fingerprint.
        began: When its export first began.
    """

    dataset: str
    run_id: str
    base: str | None
    generation: int
    rows: Mapping[str, int]
    fingerprint: str
    began: datetime

    @property
    def lists(self) -> int:
        """How many lists it has in all."""
        return sum(self.rows.values())


@dataclass(frozen=True)
class Part:
    """The lists of a table with keys from `low` to before `high` (`None` = without an end).

    No two parts of a table share a key, and all keys are in one of them.
    """

    number: int
    table: ListTable
    low: str | None = None
    high: str | None = None


@dataclass(frozen=True)
class PartLists:
    """What a part is about.

    Attributes:
        rows: All its lists: `[placement: string, <key>: string, items: list<struct<item_id: string,
            score: double, source: string>>, short_reason: string, schema_version: int]`, in order of the key;
            for a store that `takes_coded` texts in `items` may be dictionaries.
        changed: Of each whether it is to be sent; the others are in the base as they are.
        replaced: `[placement: string, <key>: string]`: lists of the base within the part that are not to be
            copied, because they changed or there are none any more.
    """

    rows: pa.Table
    changed: npt.NDArray[np.bool_]
    replaced: pa.Table

    @property
    def unchanged(self) -> int:
        """How many lists the store copies by itself."""
        return len(self.changed) - int(np.count_nonzero(self.changed))

    @property
    def sent(self) -> pa.Table:
        """The rows that changed."""
        return self.rows.filter(pa.array(self.changed)) if self.unchanged else self.rows


@dataclass(frozen=True)
class Written:
    """What became of a part: lists sent, lists copied inside the store, bytes sent, and what `verify` asks for."""

    part: int
    sent: int
    copied: int
    bytes: int
    detail: str = ""

    def to_batch(self) -> pa.RecordBatch:
        """As a row of `WRITTEN`."""
        columns = [pa.array([self.part], pa.int32())]
        columns += [pa.array([value], pa.int64()) for value in (self.sent, self.copied, self.bytes)]
        columns.append(pa.array([self.detail], pa.string()))
        return pa.RecordBatch.from_arrays(columns, names=list(asdict(self)))


@dataclass(frozen=True)
class Notes:
    """What a store remembers of a release. `extra` is its own business."""

    dataset: str
    run_id: str
    state: Literal["loading", "complete"]
    fingerprint: str
    generation: int
    began: datetime
    extra: Mapping[str, object] = field(default_factory=dict)

    def are_of(self, release: Release) -> bool:
        """Whether an attempt at the same release left them, whose parts can be gone on with."""
        return (self.state, self.fingerprint) == ("loading", release.fingerprint)


class Store(ABC):
    """One store. It is pickled into tasks, and connects where it is used.

    Every method raises `StoreError`, with a sentence without secrets, for whatever the store refuses.
    """

    rows_per_part = 20_000
    """About how many lists a task writes."""
    takes_coded = False
    """Whether ids and sources in lists may be dictionaries of Arrow, as files hold them: `write_partition` of it
    knows both, and is spared a copy of each text."""

    def __init__(self, name: str) -> None:
        self.name = name

    @abstractmethod
    def live(self) -> LiveRelease | None:
        """What readers see; `None` before the first release."""

    @abstractmethod
    def notes(self, release: str) -> Notes | None:
        """What is known of a release; `None` if there is none of that name.

        Raises:
            StoreError: there is something of that name which no export made.
        """

    def is_whole(self, release: str) -> bool:
        """Whether a release was completed, and its lists are still there as far as that is seen quickly."""
        notes = self.notes(release)
        return notes is not None and notes.state == "complete"

    def can_copy_from(self, release: str) -> bool:
        """Whether it copies unchanged lists by itself, and has all of that release to copy from."""
        return self.is_whole(release)

    @abstractmethod
    def prepare(
        self, release: Release, *, resume: bool, sample: Mapping[str, pa.Table]
    ) -> list[Written]:
        """Make room for a release beside the live one.

        What another attempt left of it is removed; with `resume` the parts of one with the same fingerprint
        are kept, and returned. `sample` are some of its lists by table, as `PartLists.rows`.

        Raises:
            StoreError: there is no room, or the place belongs to another dataset.
        """

    @abstractmethod
    def write_partition(self, release: Release, part: Part, lists: PartLists) -> Written:
        """Write a part; runs in an executor, perhaps twice at once or again after it failed."""

    @abstractmethod
    def verify(self, release: Release, written: Sequence[Written]) -> None:
        """Complete the release, and make sure that it is.

        Raises:
            IncompleteError: lists are missing.
        """

    @abstractmethod
    def activate(self, run_id: str, dataset: str, publication: Publication, now: datetime) -> None:
        """Let readers see the complete release of a run, at once."""

    def keep_up(self, live: LiveRelease) -> bool:
        """Whether all of the live release is still there; lets it live on where it would expire."""
        return self.is_whole(live.release)

    @abstractmethod
    def prune(self, keep: int, sparing: str | None = None) -> list[str]:
        """Remove all but the live release and the newest complete others, `keep` in all; which went.

        What another attempt has begun of the release `sparing` stays, too.
        """

    def rollback(self, publication: Publication, dataset: str, now: datetime) -> bool:
        """Let readers see a release of a dataset that is there already; whether it is."""
        notes = self.notes(publication.run_id)
        if notes is None or notes.dataset != dataset or not self.is_whole(publication.run_id):
            return False
        self.activate(publication.run_id, dataset, publication, now)
        return True


def kept_releases(
    notes: Mapping[str, Notes], live: str | None, keep: int, sparing: str | None
) -> set[str | None]:
    """The live release and the newest complete others, `keep` in all; and the one to be spared."""
    complete = [name for name, one in notes.items() if one.state == "complete" and name != live]
    newest = sorted(complete, key=lambda name: notes[name].began, reverse=True)
    first = [] if live is None else [live]
    return {sparing, *[*first, *newest][:keep]}


def require_all(release: Release, written: Sequence[Written]) -> None:
    """Refuse a release of which parts are missing.

    Raises:
        IncompleteError: fewer or more lists were written than the run has.
    """
    lists = sum(one.sent + one.copied for one in written)
    if lists != release.lists:
        raise IncompleteError(f"{lists:,} of {release.lists:,} lists arrived. Export again.")
