"""SLIM: sparse linear methods (Ning and Karypis 2011), full or on the most similar items only."""

from __future__ import annotations

from functools import partial

from toplists.config.model_linear import SlimSettings
from toplists.engine.blocks import BlockRef
from toplists.engine.dense_gram import GramRows, liked_items, places_of, write_gram
from toplists.engine.exchange import write_parts
from toplists.engine.half import remove_rests
from toplists.engine.kernels.elastic_net import Penalty, fit_elastic_net, fit_to_all
from toplists.engine.local_fit import LocalFit, fit_locally, weights_by_item
from toplists.engine.shapes import ItemWeights
from toplists.engine.storage import Arrays
from toplists.errors import ConfigurationError
from toplists.models.definition import WHOLE, Definition
from toplists.models.protocol import Fitted, FromSettings, TrainingData
from toplists.models.search import Choices, LogRange, Space

_MOST_ITEMS = 30_000


class Slim(FromSettings[SlimSettings]):
    """What of an item's likings others foretell, by least squares with an elastic net: few weights are not 0."""

    name = "slim"

    def fit(self, data: TrainingData) -> Fitted:
        """One task per block of items.

        Raises:
            ConfigurationError: there are too many items to fit each to all others.
        """
        settings = self._settings
        penalty = Penalty(
            settings.l1_regularization,
            settings.l2_regularization,
            settings.positive,
            settings.passes,
        )
        if settings.neighbours is None:
            return Fitted(self._fit_to_all(data, penalty))
        fit = LocalFit(
            users=data.users,
            items=data.items,
            part=data.part,
            neighbours=settings.neighbours,
            damping=settings.user_exponent,
            solve=partial(fit_elastic_net, penalty=penalty),
        )
        return Fitted(fit_locally(data.spark, fit, data.folder))

    def _fit_to_all(self, data: TrainingData, penalty: Penalty) -> ItemWeights:
        """The weights of all others for each item, from the whole Gram matrix in files."""
        items, folder = data.items, data.folder
        liked = liked_items(data.spark, items, data.part, folder)
        if len(liked) > _MOST_ITEMS:
            raise ConfigurationError(
                "slim without model.slim.neighbours needs a matrix of all pairs of items that are liked, which is for up "
                f"to {_MOST_ITEMS:,} of them, and there are {len(liked):,}. Set model.slim.neighbours, or "
                "use model.name=local_ridge."
            )
        damping = self._settings.user_exponent
        gram = write_gram(data.spark, data.users, items, data.part, damping, liked, folder)

        def fit(ref: BlockRef) -> Arrays:
            rows = GramRows(gram)
            fits = (
                (place, *fit_to_all(rows.of, place, penalty)) for place in places_of(ref, liked)
            )
            fitted = (
                (liked[place] - ref.first, liked[others], weights)
                for place, others, weights in fits
            )
            try:
                return weights_by_item(fitted, ref.rows)
            except ArithmeticError as error:
                raise ConfigurationError(
                    f"model.slim.l1_regularization={penalty.sparse:g} leaves {error}: raise it, or set "
                    "model.slim.neighbours."
                ) from error

        weights = write_parts(data.spark, items.blocks, fit, folder, "items")
        remove_rests(folder, "the fit to all items", gram)
        return ItemWeights(weights)


SLIM = Definition(
    name="slim",
    summary="Sparse regression of each item on its most similar items, or on all others.",
    shape=ItemWeights,
    feedback="likings",
    memory="all likings once, and 256 MiB of small systems; fitted to all others up to 0.8 GiB, and files of 4 bytes x liked items^2",
    # Likings both ways, and users' once more to compare items by.
    holds=lambda _: WHOLE + WHOLE // 2,
    time="passes x neighbours x weights that are not 0, for each item",
    reference="Ning and Karypis, SLIM: Sparse linear methods for top-N recommender systems, ICDM 2011",
    make=lambda given: Slim(given.model.slim),
    space=lambda _: Space(
        {
            "neighbours": Choices((60, 100, 150, 200, 300)),
            "l1_regularization": LogRange(0.01, 10.0),
            "l2_regularization": LogRange(0.5, 100.0),
        }
    ),
)
"""See `Slim`."""
