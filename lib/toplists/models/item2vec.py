"""item2vec (Barkan and Koenigstein 2016): items as words, what users like in a row as sentences."""

from __future__ import annotations

from collections.abc import Iterator
from math import inf
from typing import Any

import numpy as np
import pyarrow as pa
from pyspark.ml.feature import Word2Vec
from pyspark.ml.functions import vector_to_array
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from toplists.config.model_next import Item2VecSettings
from toplists.engine.blocks import BlockRef
from toplists.engine.exchange import write_vectors
from toplists.engine.kernels.draws import random_bits
from toplists.engine.lists import lists_of
from toplists.engine.neighbours import nearest_items
from toplists.engine.shapes import Factors, ItemWeights
from toplists.engine.tasks import run_tasks
from toplists.engine.times import Times
from toplists.errors import ConfigurationError, InputRefusedError
from toplists.models.definition import Definition
from toplists.models.protocol import Fitted, FromSettings, TrainingData
from toplists.models.search import Choices, LogRange, Space

_MOST_NUMBERS = (1 << 31) // 8
"""Of all vectors together, as Spark has it."""


class Item2Vec(FromSettings[Item2VecSettings]):
    """Items near to what a user liked, by vectors such that those are near which are liked close together."""

    name = "item2vec"

    def __init__(self, settings: Item2VecSettings, tile_bytes: int) -> None:
        """Take the parameters from `settings`; a task holds so many bytes of vectors at a time."""
        super().__init__(settings)
        self._tile_bytes = tile_bytes

    def fit(self, data: TrainingData) -> Fitted:
        """Fit skip-grams to the sentences, in one partition: else the result depended on how many there are.

        Raises:
            InputRefusedError: no two items are in one sentence, or sessions are asked for and there are no
                times.
            ConfigurationError: Spark does not take so many numbers.
        """
        settings = self._settings
        data.require_sessions(self.name, settings.session_gap_hours)
        sentences = self._sentences(data)
        words = sentences.select(F.explode("items").alias("word")).groupBy("word").count()
        n_words = words.where(F.col("count") >= settings.min_likings).count()
        if n_words == 0:
            raise InputRefusedError(
                f"item2vec learns from items that are liked one after another, and none of those has "
                f"{settings.min_likings} likings. Lower model.item2vec.min_likings, or use model.name=item_knn."
            )
        if n_words * settings.rank >= _MOST_NUMBERS:
            raise ConfigurationError(
                f"item2vec holds {n_words:,} vectors of {settings.rank} numbers, and Spark takes "
                f"{_MOST_NUMBERS:,} numbers. Raise model.item2vec.min_likings, or lower its rank."
            )
        learner = Word2Vec(
            vectorSize=settings.rank,
            windowSize=settings.window,
            minCount=settings.min_likings,
            maxIter=settings.epochs,
            stepSize=settings.learning_rate,
            numPartitions=1,
            seed=data.seed,
            inputCol="items",
            outputCol="vector",
        )
        model = learner.fit(sentences.repartition(1).sortWithinPartitions("place"))
        vectors = model.getVectors().select(
            F.col("word").cast("int").alias("pos"),
            vector_to_array(F.col("vector"), "float32").alias("vector"),
        )
        parts = write_vectors(vectors, data.items, settings.rank, data.folder, "vectors")
        return Fitted(
            nearest_items(
                data.spark,
                data.items,
                Factors(users=(), items=parts),
                k=settings.neighbours,
                measure="cosine",
                tile_bytes=self._tile_bytes,
                folder=data.folder,
                for_scores=True,
            ),
            {"items": n_words},
        )

    def _sentences(self, data: TrainingData) -> DataFrame:
        """`[place: long, items: array<string>]`: what users like, in order of time.

        Where nothing has a time the order is drawn: all that a user likes is as close together. Where
        something has, what has none is left out.
        """
        part, seed, timeless = data.part, data.seed, data.no_times()
        gap_hours = self._settings.session_gap_hours

        def sentences(ref: BlockRef) -> Iterator[pa.RecordBatch]:
            # Here, in the task: numba takes a second to load, and the driver needs no order.
            from toplists.engine.kernels.sequences import order_in_time
            from toplists.engine.kernels.weight_sums import Sparse
            from toplists.engine.sessions import split_sessions

            block = ref.open()
            users = Sparse(*block.learnt("liked", part)[:3])
            drawn = _drawn_times(users.indptr, users.columns, ref.first, seed)
            times = drawn if timeless else block.times_of("liked", part)
            if times is None:
                return
            rows, times = split_sessions(users, times, inf if gap_hours is None else gap_hours)
            ordered = rows.columns[order_in_time(rows.indptr, times)]
            lengths = np.diff(rows.indptr)
            # Alone an item says nothing.
            ordered, own = ordered[np.repeat(lengths > 1, lengths)], lengths[lengths > 1]
            yield pa.RecordBatch.from_arrays(
                [
                    pa.array((ref.first << 32) + np.arange(len(own))),
                    lists_of(own, pa.array(ordered).cast(pa.string())),
                ],
                names=["place", "items"],
            )

        schema = "place long, items array<string>"
        return run_tasks(data.spark, data.users.blocks, sentences, schema)


def _drawn_times(
    indptr: np.ndarray[Any, Any], columns: np.ndarray[Any, Any], first: int, seed: int
) -> Times:
    """Times that put each row's entries in an order of their own."""
    rows = np.repeat(np.arange(first, first + len(indptr) - 1), np.diff(indptr))
    pairs = (rows.astype(np.uint64) << np.uint64(32)) | columns.astype(np.uint64)
    bits = random_bits(pairs, 1, seed)[:, 0]
    return (bits >> np.uint64(1)).astype(np.int64)


ITEM2VEC = Definition(
    name="item2vec",
    summary="Items that are liked close together with what a user liked, by vectors of words (Word2Vec).",
    shape=ItemWeights,
    feedback="likings",
    memory="16 bytes x rank x items in one task and on the driver, and 4 bytes x likings in that task",
    time="epochs x likings x window x rank x log2(items), on one core, and items^2 x rank",
    reference=(
        "Barkan and Koenigstein, Item2vec: neural item embedding for collaborative filtering, MLSP 2016; "
        "Mikolov et al., Distributed representations of words and phrases and their compositionality, "
        "NIPS 2013"
    ),
    make=lambda given: Item2Vec(given.model.item2vec, given.engine.tile_bytes),
    space=lambda _: Space(
        {
            "rank": Choices((32, 64, 128)),
            "window": LogRange(2, 50),
            "epochs": LogRange(2, 50),
            "neighbours": LogRange(10, 500),
        }
    ),
)
"""See `Item2Vec`."""
