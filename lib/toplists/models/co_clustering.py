"""Co-clustering: values by clusters of users and of items (George and Merugu 2005)."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

from toplists.config.model_ratings import CoClusteringSettings
from toplists.engine.alone import fit_alone
from toplists.engine.blocks import Side
from toplists.engine.co_clusters import CoClustering, fit_co_clusters
from toplists.engine.shapes import Factors
from toplists.models.definition import Definition
from toplists.models.protocol import Fitted, FromSettings, TrainingData
from toplists.models.search import Choices, Space


class CoClusters(FromSettings[CoClusteringSettings]):
    """Values by the means of what users of a cluster gave to items of a cluster."""

    name = "co_clustering"
    learns_values = True

    def fit(self, data: TrainingData) -> Fitted:
        """Cluster by all values of the part, in one task.

        Raises:
            InputRefusedError: no interaction of the part has a value.
        """
        settings = self._settings
        clusters: Mapping[Side, int] = {
            "users": settings.user_clusters,
            "items": settings.item_clusters,
        }
        clustering = CoClustering(
            data.rated_values(self.name), clusters, settings.epochs, data.seed
        )
        return Fitted(fit_alone(data.spark, partial(fit_co_clusters, clustering), data.folder))


CO_CLUSTERING = Definition(
    name="co_clustering",
    summary="Predicts values by clusters of users and of items that are found together.",
    shape=Factors,
    feedback="values",
    memory="16 bytes x (users + items) + 16 bytes x users x item_clusters",
    time="epochs x interactions x (user_clusters + item_clusters), on one core",
    reference=(
        "George and Merugu, A scalable collaborative filtering framework based on co-clustering, ICDM 2005"
    ),
    make=lambda given: CoClusters(given.model.co_clustering),
    space=lambda _: Space(
        {
            "user_clusters": Choices((2, 3, 4, 6, 8, 12)),
            "item_clusters": Choices((2, 3, 4, 6, 8, 12)),
        }
    ),
    lengths=lambda settings: (
        settings.co_clustering.user_clusters,
        settings.co_clustering.user_clusters + 2,
    ),
)
"""See `CoClusters`."""
