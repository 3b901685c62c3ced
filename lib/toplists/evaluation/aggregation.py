"""From rows of users to sums: what every figure, interval and slice is made of.

Tasks read the files of `user_metrics`, measure anew, and add up: per slice and bootstrap resample, exact
whole numbers, so that nothing depends on how users are cut. One exchange brings the sums of a contender
together; what reaches the driver does not grow with users.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq
from pyspark.sql import SparkSession

from toplists.engine.kernels.bootstrap import Sums, no_sums, partial_sums
from toplists.engine.kernels.draws import hash_ids
from toplists.engine.kernels.metric_kind import Scale, depth_of
from toplists.engine.kernels.metrics import bounds
from toplists.engine.kernels.metrics_exposure import exposures
from toplists.engine.kernels.outcomes import Floats, Measured
from toplists.engine.tasks import run_tasks
from toplists.evaluation.measuring import Measuring, in_columns
from toplists.evaluation.outcome_rows import READ_BACK, Read
from toplists.evaluation.slices import Slices, restrict

EVERYBODY = ""
"""The slice that everything is in."""
_EXPOSURE = "exposure@"
_PARTIAL = "subject string, part string, sums binary"

Numbers = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Judged:
    """A contender's rows of one fold: their files, what is measured of them, and how they are cut."""

    files: tuple[str, ...]
    measuring: Measuring
    slices: Slices


@dataclass(frozen=True)
class Subject:
    """A contender that was judged, on one fold or several, with the same metrics."""

    name: str
    folds: tuple[Judged, ...]

    @property
    def metrics(self) -> tuple[str, ...]:
        """What is measured of it."""
        return self.folds[0].measuring.metrics


@dataclass(frozen=True)
class Totals:
    """Everything that was added up of one contender.

    `slices` has its sums by slice, `EVERYBODY` among them, with a column per metric; `exposures` by
    cutoff, for each fold int64[items]: in how many of its lists each item stands up to there.
    """

    metrics: tuple[str, ...]
    bounds: Floats
    slices: Mapping[str, Sums]
    exposures: Mapping[int, Sequence[Numbers]]


@dataclass(frozen=True)
class Aggregation:
    """How rows are added up, the same for all contenders.

    Attributes:
        scale: What bounds the figures of users in any fold.
        cutoffs: Where exposures are counted.
        resamples: Bootstrap resamples.
        seed: Seed of the bootstrap.
    """

    scale: Scale
    cutoffs: tuple[int, ...]
    resamples: int
    seed: int

    def add_up(self, spark: SparkSession, subjects: Sequence[Subject]) -> dict[str, Totals]:
        """The totals of every contender, by name."""
        pieces = [
            (subject.name, number, fold, group)
            for subject in subjects
            for number, fold in enumerate(subject.folds)
            for group in _groups(fold.files, spark.sparkContext.defaultParallelism)
        ]

        def work(piece: tuple[str, int, Judged, tuple[str, ...]]) -> Iterator[pa.RecordBatch]:
            subject, number, fold, files = piece
            parts: dict[str, Numbers] = {}
            for read in _read(files, depth_of(fold.measuring.metrics)):
                for name, sums in self._parts(number, fold, read):
                    parts[name] = parts[name] + sums if name in parts else sums
            for name, sums in parts.items():
                yield _partial(subject, name, sums)

        partials = run_tasks(spark, pieces, work, _PARTIAL)
        added = partials.groupBy("subject", "part").applyInArrow(_add, _PARTIAL).collect()
        found: defaultdict[str, dict[str, Numbers]] = defaultdict(dict)
        for row in added:
            found[row["subject"]][row["part"]] = np.frombuffer(row["sums"], dtype=np.int64)
        return {one.name: self._totals(one.metrics, found[one.name]) for one in subjects}

    def _parts(self, number: int, fold: Judged, read: Read) -> Iterator[tuple[str, Numbers]]:
        """What some users add to each part, all parts as flat arrays."""
        (users, outcomes), measuring = read, fold.measuring
        traits, limits = measuring.traits.open(), bounds(measuring.metrics, self.scale)
        hashes = hash_ids(users.ids.to_pylist())

        def flat(measured: Mapping[str, Measured], who: npt.NDArray[np.bool_]) -> Numbers:
            numerators, denominators = (side[who] for side in in_columns(measured, len(who)))
            sums = partial_sums(
                numerators, denominators, hashes[who], self.resamples, self.seed, limits
            )
            return np.concatenate([part.ravel() for part in sums])

        everybody = np.ones(len(hashes), dtype=np.bool_)
        measured = measuring.measure(users, outcomes)
        yield EVERYBODY, flat(measured, everybody)
        for name, who in fold.slices.by_user(users):
            yield name, flat(measured, who)
        for name, kept in fold.slices.by_item(outcomes, traits):
            held_out = measuring.measure_held_out(users, restrict(outcomes, kept))
            yield name, flat(held_out, everybody)
        for cutoff in self.cutoffs:
            yield (
                f"{_EXPOSURE}{cutoff}/{number}",
                exposures(outcomes.lists, cutoff, len(traits.raters)),
            )

    def _totals(self, metrics: tuple[str, ...], parts: Mapping[str, Numbers]) -> Totals:
        shape = (1 + self.resamples, len(metrics))
        # Nobody may have been judged.
        slices: dict[str, Sums] = {EVERYBODY: no_sums(self.resamples, len(metrics))}
        exposures: defaultdict[int, list[Numbers]] = defaultdict(list)
        for name, flat in sorted(parts.items()):
            if name.startswith(_EXPOSURE):
                cutoff, _, _ = name.removeprefix(_EXPOSURE).partition("/")
                exposures[int(cutoff)].append(flat)
            else:
                numerators, denominators = flat[: -shape[1]].reshape(2, *shape)
                slices[name] = Sums(numerators, denominators, flat[-shape[1] :])
        return Totals(metrics, bounds(metrics, self.scale), slices, exposures)


def _groups(files: Sequence[str], most: int) -> list[tuple[str, ...]]:
    """The files, shared out among at most so many tasks."""
    return [tuple(files[first::most]) for first in range(min(most, len(files)))]


def _read(files: Sequence[str], depth: int) -> Iterator[Read]:
    """The rows of files, a row group at a time."""
    for file in files:
        opened = pq.ParquetFile(file)
        for group in range(opened.num_row_groups):
            yield Read.of(opened.read_row_group(group, columns=READ_BACK), depth)


def _add(partials: pa.Table) -> pa.Table:
    """One row of `_PARTIAL` out of several of the same part."""
    total = sum(np.frombuffer(sums.as_buffer(), dtype=np.int64) for sums in partials["sums"])
    subject, part = (partials[name][0].as_py() for name in ("subject", "part"))
    return pa.Table.from_batches([_partial(subject, part, np.asarray(total))])


def _partial(subject: str, part: str, sums: Numbers) -> pa.RecordBatch:
    return pa.RecordBatch.from_pydict(
        {"subject": [subject], "part": [part], "sums": pa.array([sums.tobytes()], pa.binary())}
    )
