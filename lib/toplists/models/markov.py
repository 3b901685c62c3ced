"""What comes next: a first-order Markov chain over what users came to like, one after the other."""

from __future__ import annotations

from pyspark.sql import DataFrame
from pyspark.sql import Window as W
from pyspark.sql import functions as F

from toplists.config.model_next import MarkovSettings
from toplists.engine.exchange import write_lists
from toplists.engine.shapes import LIKED, NEIGHBOURS, Transitions
from toplists.errors import InputRefusedError
from toplists.models.definition import Definition
from toplists.models.protocol import Fitted, FromSettings, TrainingData
from toplists.models.search import LogRange, Range, Space

_MICROSECONDS_PER_HOUR = 3_600_000_000


class Markov(FromSettings[MarkovSettings]):
    """Items that are liked next after those that a user liked last."""

    name = "markov"

    def fit(self, data: TrainingData) -> Fitted:
        """Count steps from each item to the next; a pair's time is that of its last event.

        Raises:
            InputRefusedError: no liking has a time.
        """
        settings = self._settings
        if data.size and data.no_times():
            raise InputRefusedError(
                "markov learns from the order of likings, and none has a time. Use model.name=item_knn."
            )
        timed = data.trained().where(F.col("event_time").isNotNull())
        steps = count_steps(timed, settings.gap_hours, settings.smoothing)
        newest = newest_likings(timed, settings.last, settings.decay)
        return Fitted(
            Transitions(
                items=write_lists(
                    steps, data.items, NEIGHBOURS, settings.neighbours, data.folder, "items"
                ),
                users=write_lists(newest, data.users, LIKED, settings.last, data.folder, "users"),
            )
        )


def count_steps(timed: DataFrame, gap_hours: float | None, smoothing: float) -> DataFrame:
    """How likely each item comes right after another.

    Args:
        timed: `[user_pos: int, item_pos: int, event_time: timestamp, …]`; of one time, the smaller item
            comes first.
        gap_hours: The longest pause between two that follow each other; `None` = any.
        smoothing: Added to the number of steps from an item.

    Returns:
        `[pos: int, other: int, weight: double]`: of each item, the one before, and the probability.
    """
    in_time = W.partitionBy("user_pos").orderBy("event_time", "item_pos")
    pause = F.unix_micros(F.lead("event_time").over(in_time)) - F.unix_micros("event_time")
    steps = timed.select(
        F.col("item_pos").alias("other"),
        F.lead("item_pos").over(in_time).alias("pos"),
        pause.alias("pause"),
    ).where(F.col("pos").isNotNull())
    if gap_hours is not None:
        steps = steps.where(F.col("pause") <= gap_hours * _MICROSECONDS_PER_HOUR)
    counts = steps.groupBy("other", "pos").count()
    left = F.sum("count").over(W.partitionBy("other"))
    return counts.select("pos", "other", (F.col("count") / (left + smoothing)).alias("weight"))


def newest_likings(timed: DataFrame, last: int, decay: float) -> DataFrame:
    """What each user came to like last.

    Args:
        timed: As of `count_steps`.
        last: So many of each user.
        decay: What each counts of the next newer one, which the newest has 1 of.

    Returns:
        `[pos: int, other: int, weight: double]`: of each user, the items.
    """
    backwards = W.partitionBy("user_pos").orderBy(F.desc("event_time"), F.desc("item_pos"))
    ranked = timed.select("user_pos", "item_pos", F.row_number().over(backwards).alias("place"))
    weight = F.pow(F.lit(decay), F.col("place") - 1)
    return ranked.where(F.col("place") <= last).select(
        F.col("user_pos").alias("pos"), F.col("item_pos").alias("other"), weight.alias("weight")
    )


MARKOV = Definition(
    name="markov",
    summary="Items that are liked next after those that a user liked last.",
    shape=Transitions,
    feedback="likings",
    memory="16 bytes x items, and 8 bytes x steps between items kept",
    time="a sort of all likings by user and time, and a count of steps",
    reference=(
        "Rendle et al., Factorizing personalized Markov chains for next-basket recommendation, WWW 2010, "
        "section 4.1"
    ),
    make=lambda given: Markov(given.model.markov),
    space=lambda _: Space(
        {
            "last": LogRange(1, 20),
            "decay": Range(0.1, 1.0),
            "smoothing": LogRange(0.1, 50.0),
            "neighbours": LogRange(10, 500),
        }
    ),
)
"""See `Markov`."""
