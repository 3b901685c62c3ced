"""The words of texts, and how much each counts: term frequency times inverse document frequency."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pyspark.ml.feature import IDF, HashingTF, RegexTokenizer
from pyspark.sql import DataFrame

from toplists.engine.blocks import BlockSet, all_ids
from toplists.engine.exchange import write_lists
from toplists.engine.shapes import NEIGHBOURS
from toplists.engine.tasks import Batches, map_batches

_FEATURES = 1 << 18
"""Words fall into so many features, by a hash: of 10,000 words one in fifty shares its feature."""

_ROWS = "pos int, other int, weight double"
_NO_WORD = r"[^\p{L}\p{N}]+"


def write_words(texts: DataFrame, items: BlockSet, folder: Path, name: str) -> tuple[str, ...]:
    """Say of each item how much the words of its text count: how often they are there, times their rarity.

    A word that m of n texts have is rare by `ln((n + 1) / (m + 1))` (Spark ML's IDF), 0 if all have it; case does
    not matter.

    Args:
        texts: `[item_id: string, text: string]`, an item at most once; those without a position count as texts.
        items: The blocks of the items that have a position.
        folder: Where the parts go; every executor sees it.
        name: Prefix of the parts' names.

    Returns:
        The part of each block, as those of `ItemWeights` with features for neighbours.
    """
    tokenizer = RegexTokenizer(pattern=_NO_WORD, inputCol="text", outputCol="words")
    hashing = HashingTF(numFeatures=_FEATURES, inputCol="words", outputCol="counts")
    counted = hashing.transform(tokenizer.transform(texts.where("trim(text) <> ''")))
    if counted.isEmpty():
        nothing = texts.sparkSession.createDataFrame([], _ROWS)
        return write_lists(nothing, items, NEIGHBOURS, _FEATURES, folder, name)
    weighted = IDF(inputCol="counts", outputCol="weights").fit(counted).transform(counted)
    blocks = items.blocks

    def place(batches: Batches) -> Batches:
        ids = all_ids(blocks)
        for batch in batches:
            positions = pc.index_in(batch.column("item_id"), ids)
            known = batch.filter(positions.is_valid())
            vectors = known.column("weights")
            features = pc.struct_field(vectors, "indices")
            lengths = pc.list_value_length(features).to_numpy()
            owners = np.repeat(positions.drop_null().to_numpy().astype(np.int32), lengths)
            yield pa.RecordBatch.from_arrays(
                [
                    pa.array(owners),
                    pc.list_flatten(features).cast(pa.int32()),
                    pc.list_flatten(pc.struct_field(vectors, "values")).cast(pa.float64()),
                ],
                names=["pos", "other", "weight"],
            )

    rows = map_batches(weighted.select("item_id", "weights"), place, _ROWS)
    return write_lists(rows, items, NEIGHBOURS, _FEATURES, folder, name)
