"""From a protocol to folds: which interactions are learnt from, and which are judged on.

A fold says of every row whether it is in the training part or held out; a row that is neither, since it
happened after the fold's window, or in its gap, is not in the fold.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from toplists.config.protocol_names import Protocol
from toplists.config.protocol_ways import Days, Given, Ratios
from toplists.dataset.given_pairs import find_given_folds
from toplists.dataset.partings import HOLDOUT, TRAIN, VALIDATION, partings, windows
from toplists.errors import ConfigurationError


@dataclass(frozen=True)
class Fold:
    """Interactions of which one part is learnt from, and the other judged on.

    Attributes:
        protocol: What it is a fold of.
        name: Tells it from all other folds of a snapshot.
        label: Tells it from the other folds of its protocol: its number, or the first day held out.
        rows: The interactions that are in it, `split` being `train` or `holdout`.
        end: The instant at which the training part ends.
        cut: The same where all of the training part happened before it; else `None`.
        depth: How many folds it lies inside of.
        validation: Of `ratios`: the training part, and as `holdout` the part to choose settings by.
        digest: Of the files that say what is in it, if any do.
    """

    protocol: Protocol
    name: str
    label: str
    rows: DataFrame
    end: datetime
    cut: datetime | None = None
    depth: int = 0
    validation: DataFrame | None = None
    digest: str = ""


def folds_of(protocol: Protocol, interactions: DataFrame, end: datetime) -> list[Fold]:
    """The folds that a protocol makes of interactions.

    They are the same for every order and partitioning of the rows: what is random depends on seeds and
    external ids only. Nothing is computed here, except that the files of `given` are looked at.

    Args:
        protocol: How to split, and what is judged.
        interactions: `[user_id, item_id, value: double, event_time: timestamp, weight: float, …]`, a pair
            at most once; `event_id` decides among equal times if it is there. A column `split` is
            replaced.
        end: The end of what is known; windows of days count back from it.

    Returns:
        Those of windows in order of time, others by number.

    Raises:
        ConfigurationError: there are no such files.
        InputRefusedError: a pair is given to both parts, or is none of the interactions.
    """
    return list(_folds(protocol, interactions.drop("split"), end, outer=None))


def stored_fold(
    protocol: Protocol, interactions: DataFrame, end: datetime, cut: datetime | None
) -> Fold:
    """The fold that interactions were parted into when they were stored.

    Among equal times it went by the ids of events, which are not stored.

    Args:
        protocol: How they were parted, and what is judged.
        interactions: As for `folds_of`, with their part as `split`.
        end: The end of what is known.
        cut: When the training part ends for everybody, if there is such an instant.
    """
    label = "1" if cut is None else f"{cut:%Y-%m-%d}"
    rows = _rows(interactions, HOLDOUT, protocol)
    return Fold(protocol, f"{protocol} #{label}", label, rows, cut or end, cut)


def validation_folds(fold: Fold, protocol: Protocol | None = None) -> list[Fold]:
    """Folds inside the training part of another, to choose settings by; its holdout is in none of them.

    Args:
        fold: The fold whose holdout stays untouched.
        protocol: How to split its training part; without one, by the part that `ratios` keeps for it,
            or again as the fold itself was made.

    Raises:
        ConfigurationError: the fold was given by files, which say nothing of its inside.
    """
    if protocol is None and fold.validation is not None:
        kept = replace(
            fold, name="validation", label="validation", rows=fold.validation, validation=None
        )
        return [_inside(fold, kept)]
    if protocol is None and isinstance(fold.protocol.way, Given):
        raise ConfigurationError(
            f"{fold.protocol} does not say what settings are to be chosen by. Name a protocol for the "
            "validation part, such as random(10%)."
        )
    rows = fold.rows.where(F.col("split") == TRAIN).drop("split")
    return list(_folds(protocol or fold.protocol, rows, fold.end, outer=fold))


def _folds(
    protocol: Protocol, rows: DataFrame, end: datetime, outer: Fold | None
) -> Iterator[Fold]:
    way = protocol.way

    def fold(label: str, parted: DataFrame, cut: datetime | None = None, digest: str = "") -> Fold:
        name, held_out = f"{protocol} #{label}", _rows(parted, HOLDOUT, protocol)
        alone = Fold(protocol, name, label, held_out, cut or end, cut, digest=digest)
        return alone if outer is None else _inside(outer, alone)

    if isinstance(way, Given):
        for given in find_given_folds(rows.sparkSession, way.folder):
            yield fold(given.label, given.part(rows), digest=given.digest)
    elif isinstance(way, Days):
        for parting in windows(way, end):
            yield fold(parting.label, rows.withColumn("split", parting.part), parting.cut)
    else:
        depth = 0 if outer is None else outer.depth + 1
        for parting in partings(way, rows.columns, depth):
            parted = rows.withColumn("split", parting.part)
            made = fold(parting.label, parted)
            if isinstance(way, Ratios) and way.validation:
                made = replace(made, validation=_rows(parted, VALIDATION, protocol))
            yield made


def _inside(outer: Fold, fold: Fold) -> Fold:
    """A fold of another's training part: what is known of the other holds in it, too."""
    return replace(
        fold,
        name=f"{outer.name} > {fold.name}",
        cut=fold.cut or outer.cut,
        depth=outer.depth + 1,
        digest=outer.digest + fold.digest,
    )


def _rows(parted: DataFrame, held_out: str, protocol: Protocol) -> DataFrame:
    """The rows of a fold whose holdout is the part called `held_out`."""
    part = F.col("split")
    inside = parted.where(part.isin(TRAIN, held_out))
    return keep_judged(
        inside.withColumn("split", F.when(part == TRAIN, TRAIN).otherwise(HOLDOUT)), protocol
    )


def keep_judged(rows: DataFrame, protocol: Protocol) -> DataFrame:
    """Leave out of a fold what is held out and not judged.

    Args:
        rows: `[user_id, item_id, value: double, weight: float, split: string, …]`.
        protocol: What is judged.
    """
    learnt = F.col("split") == TRAIN
    if protocol.value_from is not None:
        enough = F.coalesce(F.col("value") >= protocol.value_from, F.lit(False))
        rows = rows.where(learnt | enough)
    for id_column, wanted in (("user_id", protocol.known_users), ("item_id", protocol.known_items)):
        if wanted:
            liked = rows.where(learnt & (F.col("weight") > 0)).select(id_column).distinct()
            known = liked.withColumn("known", F.lit(True))
            rows = rows.join(known, id_column, "left").where(learnt | F.col("known")).drop("known")
    return rows
