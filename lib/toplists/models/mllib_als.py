"""Alternating least squares by Spark MLlib."""

from __future__ import annotations

from pyspark.ml.recommendation import ALS
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from toplists.config.model_als import AlsSettings
from toplists.engine.exchange import write_vectors
from toplists.engine.shapes import InexactFactors
from toplists.errors import InputRefusedError
from toplists.models.als import nothing_to_learn
from toplists.models.protocol import Fitted, FromSettings, TrainingData

# MLlib adds up in the order in which ratings arrive, and where they arrive depends on these numbers.
# They follow from the size of the data alone, never from the cluster, so that a fit can be repeated.
_PAIRS_PER_PARTITION = 4_000_000
_PAIRS_PER_BLOCK = 1_000_000
_CHECKPOINT_INTERVAL = 10


class MllibAls(FromSettings[AlsSettings]):
    """The same models as MLlib has them: without biases or a weight of the unobserved.

    MLlib multiplies the regularization by a row's number of interactions.
    """

    name = "als"

    def fit(self, data: TrainingData) -> Fitted:
        """Fit on the likings (implicit) or on all values (explicit) of the part.

        Raises:
            InputRefusedError: explicit ALS on feedback without values, or nothing to learn from.
        """
        settings = self._settings
        implicit = settings.feedback == "implicit"
        pairs = data.trained() if implicit else data.rated()
        rating = F.col("weight") if implicit else F.col("value")
        if data.size == 0:
            raise InputRefusedError(nothing_to_learn(settings.feedback, data.part))
        blocks = max(2, -(-data.size // _PAIRS_PER_BLOCK))
        als = ALS(
            rank=settings.rank,
            maxIter=settings.iterations,
            regParam=settings.regularization,
            alpha=settings.alpha,
            implicitPrefs=implicit,
            userCol="user_pos",
            itemCol="item_pos",
            ratingCol="rating",
            seed=data.seed,
            numUserBlocks=blocks,
            numItemBlocks=blocks,
            checkpointInterval=_CHECKPOINT_INTERVAL,
        )
        ordered = (
            pairs.select("user_pos", "item_pos", rating.cast("float").alias("rating"))
            .repartition(max(1, -(-data.size // _PAIRS_PER_PARTITION)), "user_pos")
            .sortWithinPartitions("user_pos", "item_pos")
        )
        model = als.fit(ordered)
        factors = InexactFactors(
            users=write_vectors(
                _vectors(model.userFactors), data.users, settings.rank, data.folder, "users"
            ),
            items=write_vectors(
                _vectors(model.itemFactors), data.items, settings.rank, data.folder, "items"
            ),
        )
        return Fitted(factors)


def _vectors(factors: DataFrame) -> DataFrame:
    return factors.select(F.col("id").alias("pos"), F.col("features").alias("vector"))
