"""The evaluation pass that is timed: from stored rows of users to figures with intervals."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from pyspark.sql import SparkSession

from toplists.engine.blocks import BlockSet, Side, open_blocks
from toplists.engine.kernels.metrics_exposure import exposure_figure
from toplists.evaluation.aggregation import EVERYBODY, Aggregation, Judged, Subject
from toplists.evaluation.comparison import Added, Figure, compare
from toplists.evaluation.measuring import Measuring
from toplists.evaluation.slices import Slices
from toplists.evaluation.traits import survey_traits
from toplists.lake.dataset import Dataset, partition_files
from toplists.lake.tables import USER_METRICS

CONTENDER = "contender"
FOLD = {"run_id": "r0", "subject": CONTENDER, "fold": "holdout"}
METRICS = (
    *(f"{kind}@{k}" for kind in ("hit_rate", "precision", "recall") for k in (10, 50)),
    *(f"{kind}@{k}" for kind in ("ndcg", "map", "mrr", "novelty") for k in (10, 50)),
    *("capped_recall@10", "arhr@10", "graded_ndcg@10"),
    *("cumulative_hit_rate@10>=5", "rating_hit_rate@10=4", "auc", "rmse", "mae", "predictable"),
    *("popularity_rank@10", "tail_share@10", "unexpectedness@10", "diversity@10", "calibration@10"),
    *("personal_share@10", "user_coverage@10"),
)
"""Thirty, each with an interval."""
OF_ALL = ("coverage", "gini", "entropy")
"""Of all lists together, at 10, without an interval."""
RESAMPLES, CONFIDENCE, SEED = 1_000, 0.95, 1


@dataclass(frozen=True)
class Pass:
    """The pass over what evaluation_data.py left in `folder`."""

    folder: Path

    @property
    def files(self) -> tuple[str, ...]:
        """The files with the rows of users."""
        return partition_files(Dataset(self.folder / "lake" / "evaluation"), USER_METRICS, **FOLD)

    def measuring(self, spark: SparkSession) -> Measuring:
        """What is measured."""
        users, items = (self._blocks(side) for side in ("users", "items"))
        catalogue = (str(self.folder / "catalogue.parquet"),)
        return Measuring(METRICS, survey_traits(spark, users, items, catalogue), users)

    def figures(self, spark: SparkSession) -> list[Figure]:
        """All of it."""
        measuring = self.measuring(spark)
        subject = Subject(CONTENDER, (Judged(self.files, measuring, Slices()),))
        aggregation = Aggregation(measuring.traits.scale, (10,), RESAMPLES, SEED)
        totals = aggregation.add_up(spark, [subject])[CONTENDER]
        added = Added(METRICS, totals.slices[EVERYBODY], totals.bounds)
        found = compare({CONTENDER: added}, CONFIDENCE)
        nan = float("nan")
        for kind in OF_ALL:
            value = exposure_figure(f"{kind}@10", totals.exposures[10][0])
            found.append(Figure(CONTENDER, f"{kind}@10", "", value, nan, nan, found[0].users))
        return found

    def _blocks(self, side: Side) -> BlockSet:
        blocks = open_blocks(self.folder / "blocks", side)
        assert blocks is not None
        return blocks
