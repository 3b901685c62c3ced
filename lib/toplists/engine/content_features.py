"""What is said of items as numbers: rows of features, distances, vectors."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import scipy.sparse as sp

from toplists.engine.catalogue import Positions, Stated
from toplists.engine.kernels.content_similarity import Nearness
from toplists.engine.kernels.weight_sums import Sparse
from toplists.errors import InputRefusedError


def features_of_values(stated: Stated, n_items: int, *, rarity: bool) -> sp.csr_array:
    """How much each value counts of each item: items by values.

    Args:
        stated: The values that items have.
        n_items: Number of items.
        rarity: Whether a value counts `ln((n + 1) / (m + 1))` where m of the n items that have any have it, as
            in Spark ML's IDF, and not 1. What all have counts nothing then.
    """
    # In order of the text: the same whatever the order of the files.
    names = pc.unique(stated.values)
    names = names.take(pc.sort_indices(names))
    codes = pc.index_in(stated.values, names).to_numpy(zero_copy_only=False).astype(np.int32)
    pairs = (np.ones(len(codes)), (stated.owners, codes))
    rows: sp.csr_array = sp.csr_array(pairs, shape=(n_items, len(names)))
    rows.data[:] = 1.0  # an item may say a value twice
    if rarity:
        carriers = np.bincount(rows.indices, minlength=len(names))
        described = np.count_nonzero(np.diff(rows.indptr))
        rows.data = np.log((described + 1.0) / (carriers + 1.0))[rows.indices]
    return rows


def features_of_words(words: Sparse, n_items: int) -> sp.csr_array:
    """The same of words, which count by item what they are said to."""
    width = int(words.columns.max(initial=-1)) + 1
    rows: sp.csr_array = sp.csr_array(
        (words.values.astype(np.float64), words.columns, words.indptr), shape=(n_items, width)
    )
    return rows


def unit_rows(rows: sp.csr_array, weight: float) -> sp.csr_array:
    """The same with rows whose square is `weight`, columns ascending; a row of zeros is empty."""
    lengths = np.diff(rows.indptr)
    owners = np.repeat(np.arange(len(lengths)), lengths)
    squares = np.bincount(owners, rows.data**2, len(lengths))
    scales = np.sqrt(np.divide(weight, squares, out=np.zeros(len(squares)), where=squares > 0))
    scaled: sp.csr_array = rows.copy()
    scaled.data = rows.data * scales[owners]
    scaled.eliminate_zeros()
    scaled.sort_indices()
    return scaled


def side_by_side(features: Sequence[sp.csr_array], n_items: int) -> tuple[Sparse, Sparse]:
    """Several matrices of items by features as one: by item, and by feature."""
    empty = sp.csr_array((n_items, 0))
    rows = sp.csr_array(sp.hstack([empty, *features], format="csr"))
    return _sparse(rows), _sparse(sp.csr_array(rows.T))


def _sparse(rows: sp.csr_array) -> Sparse:
    return Sparse(
        rows.indptr.astype(np.int64), rows.indices.astype(np.int32), rows.data.astype(np.float32)
    )


def nearness_of_numbers(
    owners: Positions,
    values: npt.NDArray[np.float64],
    n_items: int,
    *,
    scale: float | None,
    deviations: float,
    weight: float,
) -> Nearness:
    """A number of items and how fast similarity falls with distance.

    Args:
        owners: Who has one.
        values: Their numbers.
        n_items: Number of items.
        scale: Distance at which it is 1 / e; `None` = in standard deviations.
        deviations: So many of them.
        weight: Of the part.
    """
    distinct, codes = np.unique(values, return_inverse=True)
    if scale is None:
        # In order of size, so that the sum is the same whatever the order of the files.
        scale = deviations * float(np.std(np.sort(values))) if len(values) else 1.0
    of_items = np.full(n_items, -1, dtype=np.int32)
    of_items[owners] = codes
    # Where all have one and the same number, no two are apart.
    return Nearness(distinct, of_items, scale or 1.0, weight)


def read_vectors(
    files: Sequence[str], ids: pa.StringArray, weight: float
) -> npt.NDArray[np.float32]:
    """Ready-made vectors by position, brought to a square of `weight`: float32[items, d], 0 where there is none.

    Args:
        files: Parquet files of `[item_id: string, vector: array<float>]`, an item at most once.
        ids: Of the items.
        weight: Of the part.

    Raises:
        InputRefusedError: a column is not there, or vectors are not of one length.
    """
    vectors: npt.NDArray[np.float32] | None = None
    for file in files:
        if missing := {"item_id", "vector"} - set(pq.read_schema(file).names):
            raise InputRefusedError(
                f"{file} has no column {' and '.join(sorted(missing))}. A table of vectors has item_id "
                "(string) and vector (array of float)."
            )
        table = pq.read_table(file, columns=["item_id", "vector"], partitioning=None)
        table = table.set_column(0, "item_id", table["item_id"].cast(pa.string()))
        known = pc.and_(pc.is_in(table["item_id"], ids), pc.is_valid(table["vector"]))
        table = table.filter(known).combine_chunks()
        if not len(table):
            continue
        lengths = pc.unique(pc.list_value_length(table["vector"])).to_pylist()
        width = lengths[0] if vectors is None else vectors.shape[1]
        if set(lengths) != {width}:
            raise InputRefusedError(
                f"{file} has vectors of {', '.join(map(str, sorted({width, *lengths})))} numbers. All must be "
                "of one length."
            )
        if vectors is None:
            vectors = np.zeros((len(ids), width), dtype=np.float32)
        place = pc.index_in(table["item_id"], ids).to_numpy()
        content = pc.list_flatten(table["vector"]).cast(pa.float32()).to_numpy()
        vectors[place] = content.reshape(len(place), width)
    if vectors is None:
        return np.zeros((len(ids), 0), dtype=np.float32)
    vectors[~np.isfinite(vectors).all(axis=1)] = 0
    squares = np.einsum("ij,ij->i", vectors, vectors, dtype=np.float64)
    scales = np.sqrt(np.divide(weight, squares, out=np.zeros(len(squares)), where=squares > 0))
    scaled: npt.NDArray[np.float32] = (vectors * scales[:, np.newaxis]).astype(np.float32)
    return scaled
