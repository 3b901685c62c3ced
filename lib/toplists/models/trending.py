"""Trending: items that are liked more often than they used to be."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from toplists.engine.exchange import write_scores
from toplists.engine.shapes import Ranking
from toplists.models.definition import Definition, Parameters
from toplists.models.protocol import Fitted, Model, TrainingData


class Trending:
    """Items by observed over expected likings of the last days, shrunk towards 1.

    With `O_i` an item's likings in the last `days` days, `B_i` those in the `baseline_days` before
    them, and `O`, `B` the sums over all items, `E_i = B_i O / B` is what item i would have now had it
    kept its share, and its score is

        (O_i + smoothing) / (E_i + smoothing)

    This is the posterior mean of a Poisson rate ratio under a Gamma(smoothing, smoothing) prior:
    DuMouchel, "Bayesian data mining in large frequency tables", The American Statistician 53(3), 1999;
    Norén et al., "Shrinkage observed-to-expected ratios for robust and transparent large-scale
    pattern discovery", Statistical Methods in Medical Research 22(1), 2013, who use 1/2.

    A brand-new item has `E_i = 0` and the score `1 + O_i / smoothing`: it counts from its first liking
    on, and is believed the more, the more there are. That everything grows, or that the windows have
    different lengths, makes nothing trend. Items that do not score above 1 are not in the list.
    """

    name = "trending"

    def __init__(self, days: int, baseline_days: int, smoothing: float) -> None:
        """Compare the last `days` days with the `baseline_days` before them."""
        self._days = days
        self._baseline_days = baseline_days
        self._smoothing = smoothing

    @property
    def parameters(self) -> Mapping[str, Any]:
        """The windows and the smoothing."""
        return {
            "days": self._days,
            "baseline_days": self._baseline_days,
            "smoothing": self._smoothing,
        }

    def fit(self, data: TrainingData) -> Fitted:
        """Count back from the end of the part.

        A user counts once for an item, at the time of the pair's last event; a pair without a time is
        in no window.
        """
        middle = data.end - timedelta(days=self._days)
        begin = middle - timedelta(days=self._baseline_days)
        time = F.col("event_time")
        counts = (
            data.trained()
            .where((time >= F.lit(begin)) & (time < F.lit(data.end)))
            .groupBy(F.col("item_pos").alias("pos"))
            .agg(
                F.count_if(time >= F.lit(middle)).alias("observed"),
                F.count_if(time < F.lit(middle)).alias("before"),
            )
        )
        rows = score_trends(counts, self._smoothing).select(
            F.lit(0).alias("segment"), "pos", "score"
        )
        return Fitted(Ranking(write_scores(rows, data.items, 1, data.folder, "items")))


def score_trends(counts: DataFrame, smoothing: float) -> DataFrame:
    """The formula of `Trending`.

    Args:
        counts: `[pos: int, observed: long, before: long]`, an item at most once.
        smoothing: Above 0.

    Returns:
        `[pos: int, score: double]` of the items that score above 1.
    """
    totals = counts.agg(
        F.sum("observed").alias("all_observed"), F.sum("before").alias("all_before")
    )
    growth = F.when(F.col("all_before") > 0, F.col("all_observed") / F.col("all_before"))
    expected = F.col("before") * F.coalesce(growth, F.lit(0.0))
    score = (F.col("observed") + smoothing) / (expected + smoothing)
    # One row: the cross join only brings the sums to every item.
    scored = counts.crossJoin(F.broadcast(totals)).select("pos", score.alias("score"))
    return scored.where(F.col("score") > 1)


def _make(parameters: Parameters) -> Model:
    settings = parameters.recommend
    return Trending(
        settings.trending_days, settings.trending_baseline_days, settings.trending_smoothing
    )


TRENDING = Definition(
    name="trending",
    summary="What is liked more often lately than it used to be.",
    shape=Ranking,
    feedback="likings",
    memory="8 bytes x items",
    time="interactions",
    reference=(
        "Norén et al., Shrinkage observed-to-expected ratios for robust and transparent large-scale pattern "
        "discovery, Statistical Methods in Medical Research 22(1), 2013"
    ),
    make=_make,
    elsewhere=(
        "recommend.trending_days",
        "recommend.trending_baseline_days",
        "recommend.trending_smoothing",
    ),
)
"""See `Trending`."""
