"""What there is to do for a range of days, oldest first: what is there, what remains, what it will take."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from statistics import median

from toplists.config.night import NIGHT
from toplists.config.settings import Settings
from toplists.errors import ConfigurationError
from toplists.lake.attempts import RUNNING, RunState, last_runs
from toplists.lake.bookkeeping import Row, read_rows
from toplists.lake.dataset import Dataset
from toplists.lake.ledger import Run, run_of, runs_like
from toplists.lake.pointer import Pointer, Publication, read_pointer
from toplists.lake.sizes import bytes_by_run
from toplists.lake.tables import LOADS, RUNS
from toplists.pipeline.identity import default_as_of
from toplists.pipeline.lineage import identifying
from toplists.publish.publication import stored_runs

STEPS = NIGHT[1:5]
"""What computes a day: `prepare` to `evaluate`."""

_MEASURED = 5
_LIVE, _PUBLISHED, _BAD = "live", "published", "declared bad"
_SETTLED = frozenset({_LIVE, _PUBLISHED, _BAD})


@dataclass(frozen=True)
class Day:
    """One day of a backfill.

    Attributes:
        as_of: The day before whose midnight everything is known.
        run_id: The run that is there for it; `None` = none is.
        standing: What became of that: `not begun`, `finished`, `published`, `live`, `declared bad`, or the
            step that it got to and how that ended, such as `train failed`.
        remaining: Verbs that remain to be run, in order.
        seconds: What they took in earlier runs, together; `None` where one of them was never measured.
        later_loads: How many loads came since that run. Other than zero, `remaining` begins a new run if it
            computes anything.
    """

    as_of: date
    run_id: str | None
    standing: str
    remaining: tuple[str, ...]
    seconds: float | None
    later_loads: int = 0


@dataclass(frozen=True)
class Backfill:
    """The plan of a backfill.

    Attributes:
        days: The days, oldest first.
        live: What is live now.
        moves_to: The `as_of` that will be live in the end; `None` = the pointer stays.
        bytes_per_day: What an earlier run takes in the lake; `None` = there is none.
        newest: The last day before whose midnight anything was loaded: later ones know no more.
        keep_runs: How many runs that were never published retention keeps.
    """

    days: tuple[Day, ...]
    live: Publication | None
    moves_to: date | None
    bytes_per_day: float | None
    newest: date
    keep_runs: int

    @property
    def outstanding(self) -> tuple[Day, ...]:
        """The days for which something remains to be done."""
        return tuple(day for day in self.days if day.remaining)

    @property
    def computed(self) -> int:
        """How many days will get new lists."""
        return sum("recommend" in day.remaining for day in self.days)

    @property
    def seconds(self) -> float | None:
        """What all days will take; `None` where it cannot be told of one."""
        return _sum(day.seconds for day in self.days)


def plan_backfill(
    dataset: Dataset,
    settings: Settings,
    first: date,
    last: date,
    *,
    move_pointer: bool = False,
    again: bool = False,
) -> Backfill:
    """What remains to be done for the days from `first` to `last`; nothing is written.

    A day is done if a run of it was judged well under the present settings and code. One that was published
    before is not published again. A run that more was loaded after counts as done unless `again` is set:
    every night loads something, mostly of days that an older run need not know.

    Args:
        dataset: The dataset.
        settings: The settings that jobs would read.
        first: The first day, an `as_of`.
        last: The last one.
        move_pointer: Whether runs are published where nothing newer is live.
        again: Whether days are computed anew whose run does not know everything that was loaded.

    Raises:
        ConfigurationError: there is no such range, or nothing was ever loaded.
    """
    if first > last:
        raise ConfigurationError(
            f"The range ends before it begins: {first} is after {last}. Name the earlier day first."
        )
    loads = read_rows(dataset, LOADS)
    newest = default_as_of(loads)
    ledger = read_rows(dataset, RUNS)
    pointer = read_pointer(dataset)
    look = _Look(ledger, pointer, stored_runs(dataset), frozenset(row["load_id"] for row in loads))
    took = _measured(ledger)
    # Its id is that of no day; nobody asks for it.
    afresh = identifying(first, sorted(look.loads), settings)()
    publishing = NIGHT[5:] if settings.publish.stores else NIGHT[5:6]
    shown = pointer.live.as_of if pointer.live else first
    days = []
    for as_of in _range(first, last):
        run, standing, steps = look.at(replace(afresh, as_of=as_of), again=again)
        if move_pointer and standing not in _SETTLED and as_of >= shown:
            steps, shown = (*(steps or look.lost(run)), *publishing), as_of
        days.append(
            Day(
                as_of,
                run.run_id if run else None,
                standing,
                remaining=steps,
                seconds=_sum(took.get(step) for step in steps),
                later_loads=len(look.loads.difference(run.loads)) if run else 0,
            )
        )
    moved = [day.as_of for day in days if "publish" in day.remaining]
    sizes = bytes_by_run(dataset).values()
    return Backfill(
        days=tuple(days),
        live=pointer.live,
        moves_to=moved[-1] if moved else None,
        bytes_per_day=median(sizes) if sizes else None,
        newest=newest,
        keep_runs=settings.publish.keep_runs,
    )


@dataclass(frozen=True)
class _Look:
    """What the tables say: ledger, pointer, runs whose lists are there, and all loads."""

    ledger: Sequence[Row]
    pointer: Pointer
    stored: set[str]
    loads: frozenset[str]

    def at(self, wanted: Run, *, again: bool) -> tuple[Run | None, str, tuple[str, ...]]:
        """The run that is there for a wanted one, what became of it, and the steps that remain."""
        begun = runs_like(self.ledger, wanted)
        begun = [run for run in begun if run.parent not in self.pointer.bad_runs]
        same = [run for run in begun if set(run.loads) == self.loads]
        if not same and not again:
            # Jobs go on with a run over the same loads only; over others it is finished, or of no use.
            same = [run for run in begun if self._finished(run)]
        if not same:
            return None, "not begun", STEPS
        run = same[0]
        state = self._state(run)
        return run, self._standing(run, state), () if self._finished(run) else _remaining(state)

    def lost(self, run: Run | None) -> tuple[str, ...]:
        """The steps that a finished run needs again before it can be published: retention removed its lists."""
        if run is None or run.run_id in self.stored:
            return ()
        return STEPS[:-1] if set(run.loads) == self.loads else STEPS  # figures are kept

    def _standing(self, run: Run, state: RunState) -> str:
        if run.run_id in self.pointer.bad_runs:
            return _BAD
        if self.pointer.live is not None and self.pointer.live.run_id == run.run_id:
            return _LIVE
        if self.pointer.has_named(run.run_id):
            return _PUBLISHED
        if self._finished(run):
            return "finished"
        got_to = STEPS.index(_remaining(state)[0])
        tried = {step.step: step for step in state.steps}
        last = tried.get(STEPS[got_to]) or tried[STEPS[got_to - 1]]
        how = "running or interrupted" if last.state == RUNNING else last.state
        return f"{last.step} {how}"

    def _finished(self, run: Run) -> bool:
        """Whether the run was judged well, or settled in another way: there is nothing to compute."""
        if run.run_id in self.pointer.bad_runs or self.pointer.has_named(run.run_id):
            return True
        return "evaluate" not in _remaining(self._state(run))

    def _state(self, run: Run) -> RunState:
        (state,) = last_runs([row for row in self.ledger if row["run_id"] == run.run_id], 1)
        return state


def _remaining(state: RunState) -> tuple[str, ...]:
    """The steps from the first on that did not end well."""
    done = {step.step for step in state.steps if step.state == "done"}
    first = next((place for place, step in enumerate(STEPS) if step not in done), len(STEPS))
    return STEPS[first:]


def _measured(ledger: Sequence[Row]) -> Mapping[str, float]:
    """Seconds of each verb: the median of the last few runs that did it."""
    done = [
        row for row in ledger if row["state"] == "done" and run_of(row["run_id"]) == row["run_id"]
    ]
    seconds: dict[str, list[float]] = {}
    for row in sorted(done, key=lambda row: row["at"]):
        seconds.setdefault(row["step"], []).append(row["seconds"])
    return {step: median(each[-_MEASURED:]) for step, each in seconds.items()}


def _sum(each: Iterable[float | None]) -> float | None:
    """The sum; `None` where a part of it is not known."""
    total = 0.0
    for seconds in each:
        if seconds is None:
            return None
        total += seconds
    return total


def _range(first: date, last: date) -> Iterator[date]:
    for offset in range((last - first).days + 1):
        yield first + timedelta(days=offset)
