"""Folds as files: what fits learn from and what judging reads, by the positions of the snapshot.

A fold lies in a folder of its run's work folder: its rows as Parquet files, their blocks, and a manifest
which says that the rows are complete. Where that is missing, all of it is made again.
"""

from __future__ import annotations

import hashlib
import logging
import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from toplists.config.operation import EngineSettings
from toplists.config.protocol_names import Drawn, GivenNegatives, Protocol, parse_protocol
from toplists.config.protocol_ways import Days, Given, KFold, KFoldUsers, Last, LeaveOneOut
from toplists.dataset.given_pairs import GivenPairs, read_pairs
from toplists.dataset.partings import TRAIN
from toplists.dataset.protocols import Fold, folds_of, stored_fold, validation_folds
from toplists.dataset.sampling import Negatives, PlacedNegatives, place_negatives
from toplists.dataset.snapshot import Snapshot, SnapshotBlocks
from toplists.engine.block_builder import build_blocks
from toplists.engine.storage import commit_manifest, empty_folder, read_manifest
from toplists.errors import InputRefusedError
from toplists.lake.failpoints import written

_LOG = logging.getLogger(__name__)

_COLUMNS = ("user_pos", "item_pos", "value", "event_time", "weight", "rating_weight", "split")


@dataclass(frozen=True)
class FoldSizes:
    """How large a fold is.

    `trained` counts likings that are learnt from, `rated` ratings. `held_out` counts the pairs that are
    held out, `liked` the likings among them. `users` are those who have such a liking and are judged;
    `new_users` are those of them who liked nothing in the training part.
    """

    trained: int
    rated: int
    held_out: int
    liked: int
    users: int
    new_users: int

    def learnt(self, *, values: bool) -> int:
        """How many pairs a fit learns from: likings, or ratings if it learns `values`."""
        return self.rated if values else self.trained


@dataclass(frozen=True)
class FoldData:
    """A fold of a run's snapshot that lies in files of `folder`.

    `negatives` are what held-out items are ranked among; `None` is the whole catalogue.
    """

    snapshot: Snapshot
    fold: Fold
    sizes: FoldSizes
    negatives: Negatives | None
    folder: Path

    @property
    def interactions(self) -> DataFrame:
        """Each pair of the fold once.

        `[user_pos: int, item_pos: int, value: double, event_time: timestamp, weight: float,
        rating_weight: float, split: string]`
        """
        return self.snapshot.spark.read.parquet(str(_rows_of(self.folder)))

    def blocks(self, engine: EngineSettings) -> SnapshotBlocks:
        """The same by user and by item, with a row for all users and items; built on first use."""
        return SnapshotBlocks(
            *build_blocks(
                self.snapshot.spark,
                _parquet_files(_rows_of(self.folder)),
                self.snapshot.axes(),
                block_entries=engine.block_entries,
                single_task_entries=engine.single_task_entries,
                folder=self.folder / "blocks",
            )
        )


def make_folds(snapshot: Snapshot, protocol: Protocol) -> list[FoldData]:
    """The folds of a snapshot as files; those that are there are not made again.

    A window of time in which nobody is judged is left out. What the snapshot itself was split by splits
    it in the same way again.

    Raises:
        InputRefusedError: the protocol is impossible on these interactions: there are no times, nobody
            is judged, nothing is learnt from, or what files say does not fit.
        ConfigurationError: files that it names are not there.
    """
    interactions, end = snapshot.interactions, snapshot.facts.end_of("all")
    _require_times(protocol, interactions)
    if _is_own(snapshot, protocol):
        cut = snapshot.facts.end_of("train") if snapshot.facts.cut else None
        folds = [stored_fold(protocol, interactions, end, cut)]
    else:
        folds = folds_of(protocol, interactions, end)
    return _make_all(snapshot, protocol, folds)


def make_validation_folds(outer: FoldData, protocol: Protocol | None = None) -> list[FoldData]:
    """Folds inside the training part of another, as files; see `protocols.validation_folds`.

    Raises:
        InputRefusedError: as of `make_folds`.
        ConfigurationError: the same; or no protocol is named, and the fold was given by files.
    """
    folds = validation_folds(outer.fold, protocol)
    own = protocol or outer.fold.protocol
    _require_times(own, outer.interactions.where(F.col("split") == TRAIN))
    return _make_all(outer.snapshot, own, folds)


def measure_fold(rows: DataFrame) -> FoldSizes:
    """Count once what is in a fold: `[user_pos, weight, rating_weight, split]`."""
    learnt, liked = F.col("split") == TRAIN, F.col("weight") > 0
    per_user = rows.groupBy("user_pos").agg(
        F.count_if(learnt & liked).alias("trained"),
        F.count_if(learnt & (F.col("rating_weight") > 0)).alias("rated"),
        F.count_if(~learnt).alias("held_out"),
        F.count_if(~learnt & liked).alias("liked"),
    )
    sums = [F.coalesce(F.sum(name), F.lit(0)) for name in ("trained", "rated", "held_out", "liked")]
    judged = F.col("liked") > 0
    row = per_user.agg(
        *sums, F.count_if(judged), F.count_if(judged & (F.col("trained") == 0))
    ).first()
    if row is None:
        raise RuntimeError("an aggregate without groups returned no row")
    return FoldSizes(*map(int, row))


def _is_own(snapshot: Snapshot, protocol: Protocol) -> bool:
    """Whether the snapshot was split in the way of a protocol, whatever else of it is judged."""
    try:
        return parse_protocol(snapshot.facts.protocol).way == protocol.way
    except ValueError:  # a text of an earlier release
        return False


def _require_times(protocol: Protocol, rows: DataFrame) -> None:
    if protocol.way.needs_times and rows.where(F.col("event_time").isNotNull()).isEmpty():
        raise InputRefusedError(
            f"{protocol} needs times, and no event has one. Use a protocol without them, such as "
            "random_per_user(20%) or kfold(5)."
        )


def _make_all(snapshot: Snapshot, protocol: Protocol, folds: Sequence[Fold]) -> list[FoldData]:
    negatives = None
    if isinstance(protocol.negatives, GivenNegatives):
        folder = Path(protocol.negatives.folder).expanduser()
        negatives = read_pairs(snapshot.spark, folder, "negatives")
    made = []
    for fold in folds:
        one = _make(snapshot, fold, negatives)
        if one.sizes.users == 0 and isinstance(protocol.way, Days) and len(folds) > 1:
            _LOG.info("%s judges nobody and is left out", fold.name)
            continue
        _require_sizes(fold, one.sizes)
        made.append(one)
    if not made:
        raise InputRefusedError(_judges_nobody(protocol, str(protocol)))
    return made


def _make(snapshot: Snapshot, fold: Fold, given: GivenPairs | None) -> FoldData:
    """One fold, from its manifest if it is there."""
    folder = _folder(snapshot, fold, given)
    manifest = folder / "fold.json"
    known = read_manifest(manifest)
    if known is None:
        known = {"name": fold.name, "sizes": asdict(_write(snapshot, fold, given, folder))}
        commit_manifest(manifest, known)
    return FoldData(
        snapshot, fold, FoldSizes(**known["sizes"]), _negatives(fold.protocol, folder), folder
    )


def _write(snapshot: Snapshot, fold: Fold, given: GivenPairs | None, folder: Path) -> FoldSizes:
    """Write what a fold consists of, whatever an earlier attempt left."""
    empty_folder(folder)
    rows = _rows_of(folder)
    ordered = fold.rows.select(*_COLUMNS).sortWithinPartitions("user_pos", "item_pos")
    _save(ordered, rows, f"rows of {fold.name}")
    stored = snapshot.spark.read.parquet(str(rows))
    sizes = measure_fold(stored)
    if given is not None:
        placed = place_negatives(given.pairs, snapshot.users, snapshot.items, stored)
        _save(placed, _negatives_of(folder), f"negatives of {fold.name}")
    return sizes


def _save(frame: DataFrame, folder: Path, what: str) -> None:
    with written(what):
        frame.write.mode("overwrite").format("parquet").save(str(folder))


def _folder(snapshot: Snapshot, fold: Fold, given: GivenPairs | None) -> Path:
    """Where a fold of a run lies: what its files hold decides, too, where it was made by files."""
    text = "\n".join((fold.name, fold.digest, given.digest if given else ""))
    digest = hashlib.blake2b(text.encode(), digest_size=6).hexdigest()
    plain = re.sub(r"[^a-z0-9]+", "-", str(fold.protocol).lower())[:40].strip("-")
    return snapshot.dataset.work / snapshot.run_id / "folds" / f"{plain}.{digest}"


def _rows_of(folder: Path) -> Path:
    return folder / "rows"


def _negatives_of(folder: Path) -> Path:
    return folder / "negatives"


def _parquet_files(folder: Path) -> tuple[str, ...]:
    return tuple(sorted(map(str, folder.glob("*.parquet"))))


def _negatives(protocol: Protocol, folder: Path) -> Negatives | None:
    match protocol.negatives:
        case Drawn() as drawn:
            return drawn
        case GivenNegatives():
            return PlacedNegatives(_parquet_files(_negatives_of(folder)))
        case None:
            return None


def _require_sizes(fold: Fold, sizes: FoldSizes) -> None:
    if sizes.users == 0:
        raise InputRefusedError(_judges_nobody(fold.protocol, fold.name))
    if sizes.trained == 0 and sizes.rated == 0:
        remedy = (
            "Put more into its train files, or less into its test files"
            if isinstance(fold.protocol.way, Given)
            else "Hold out less: fewer folds or days, or a smaller share"
        )
        raise InputRefusedError(
            f"{fold.name} leaves nothing to learn from: all that is known before it, if anything, is "
            f"seen but neither liked nor rated. {remedy}."
        )


def _judges_nobody(protocol: Protocol, name: str) -> str:
    match protocol.way:
        case Days():
            remedy = "Hold out more days, or use last(5)"
        case Last() | LeaveOneOut():
            remedy = (
                "It needs users with at least two; use random(20%) where most have one, or days(30)"
            )
        case Given():
            remedy = "Put pairs into its test files that somebody liked"
        case KFold() | KFoldUsers():
            remedy = "Use fewer folds, or another seed"
        case _:
            remedy = "Hold out a larger share, or use another seed"
    narrowed = str(protocol) != str(protocol.way)
    rest = f", and loosen what narrows it: {protocol}" if narrowed else ""
    return f"{name} holds out no liking of anybody, so that nobody can be judged. {remedy}{rest}."
