"""The leading singular vectors of a snapshot's likings, by randomized subspace iteration.

Halko, Martinsson and Tropp, "Finding structure with randomness: probabilistic algorithms for
constructing approximate matrix decompositions", SIAM Review 53, 2011. The matrix is
`X = diag(n)^-b x diag(c)^-a`: likings x by users with n of them and items with c of them. A basis of item
vectors is multiplied by XᵀX and made orthonormal again, some times; each half of a product is a task per
block, in which every row is summed in its own order, so that the result does not depend on the blocks.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache, partial
from pathlib import Path

import numpy as np
import numpy.typing as npt
from pyspark.sql import SparkSession

from toplists.engine.alone import fit_alone
from toplists.engine.blocks import BlockRef, BlockSet, Part
from toplists.engine.eigen import eigen
from toplists.engine.exchange import WriteParts, write_parts
from toplists.engine.half import remove_rests
from toplists.engine.kernels.draws import hash_ids, random_normals
from toplists.engine.kernels.products import multiply_rows
from toplists.engine.kernels.sparse_products import Floats, multiply_sparse
from toplists.engine.kernels.weight_sums import Sparse
from toplists.engine.likings import liked
from toplists.engine.shapes import Factors
from toplists.engine.side_sums import read_sums, sum_block
from toplists.engine.storage import Arrays, bring_here, open_array

_SPARE = 32
"""Vectors beyond those that are wanted, which make these more accurate."""

_DEPENDENT = 1e-10
"""An eigenvalue of a Gram matrix below this share of the largest is what rounding leaves of 0."""

Piece = tuple[BlockRef, str]


@dataclass(frozen=True)
class Spectrum:
    """Which vectors are sought.

    The `rank` leading right singular vectors V of X after `passes` products with XᵀX, from normal draws
    by `seed`; `user_exponent` is b, `item_exponent` a. User vectors are `x diag(c)^-a V`, item vectors
    `diag(c)^a V`.
    """

    users: BlockSet
    items: BlockSet
    part: Part
    rank: int
    passes: int
    user_exponent: float
    item_exponent: float
    seed: int


def find_vectors(
    spark: SparkSession, spectrum: Spectrum, folder: Path, single_task_entries: int
) -> Factors:
    """Find the vectors, and leave them under `folder`, which every executor sees.

    With at most `single_task_entries` likings that is one task.
    """
    if spectrum.users.entries > single_task_entries:
        return find_vectors_by(spectrum, folder, partial(write_parts, spark))
    return fit_alone(spark, partial(find_vectors_by, spectrum), folder)


def find_vectors_by(spectrum: Spectrum, folder: Path, write: WriteParts) -> Factors:
    """The same with parts written by `write`."""
    items, users = spectrum.items.blocks, spectrum.users.blocks
    width = min(spectrum.rank + _SPARE, spectrum.items.rows)
    drawn = write(items, partial(_draw, spectrum, width), folder, "items-drawn")
    for number in range(spectrum.passes + 1):
        turn = _orthonormal(drawn)
        pieces = list(zip(items, drawn, strict=True))
        basis = write(pieces, partial(_turn, spectrum, turn), folder, f"items-basis-{number}")
        remove_rests(folder, f"basis {number}", drawn)
        last = number == spectrum.passes
        multiply = partial(_multiply_users, spectrum, basis, with_gram=last)
        products = write(users, multiply, folder, f"users-{number}")
        if last:
            break
        multiply = partial(_multiply_items, spectrum, products)
        drawn = write(items, multiply, folder, f"items-{number}")
        remove_rests(folder, f"pass {number}", (*basis, *products))
    turn = _leading(spectrum, products)
    found = Factors(
        users=write(
            list(zip(users, products, strict=True)),
            partial(_finish_users, spectrum, turn),
            folder,
            "users",
        ),
        items=write(
            list(zip(items, basis, strict=True)),
            partial(_finish_items, spectrum, turn),
            folder,
            "items",
        ),
    )
    remove_rests(folder, "the leading vectors", (*basis, *products))
    return found


def _draw(spectrum: Spectrum, width: int, ref: BlockRef) -> Arrays:
    drawn = random_normals(hash_ids(ref.open().ids.to_pylist()), width, spectrum.seed)
    # An item that nobody likes is in no singular vector.
    counts = _counts(liked(ref, spectrum.part))
    return _with_gram(ref, (drawn * (counts > 0)[:, np.newaxis]).astype(np.float32))


def _turn(spectrum: Spectrum, turn: Floats, piece: Piece) -> Arrays:
    """An orthonormal basis, and the same as the likings of users are multiplied by it."""
    ref, drawn = piece
    basis = multiply_rows(open_array(drawn, "vectors"), turn)
    counts = _counts(liked(ref, spectrum.part))
    return {
        "vectors": basis,
        "weighted": _scaled(basis, counts, -spectrum.item_exponent),
    }


def _multiply_users(
    spectrum: Spectrum, basis: tuple[str, ...], ref: BlockRef, *, with_gram: bool
) -> Arrays:
    """The rows of X times the basis; `weighted` as Xᵀ takes them."""
    rows = liked(ref, spectrum.part)
    counts = _counts(rows)
    product = multiply_sparse(rows, _opened(basis))
    product = _scaled(product, counts, -spectrum.user_exponent)
    if with_gram:
        return _with_gram(ref, product)
    return {"weighted": _scaled(product, counts, -spectrum.user_exponent)}


def _multiply_items(spectrum: Spectrum, products: tuple[str, ...], ref: BlockRef) -> Arrays:
    """The rows of XᵀX times the basis."""
    rows = liked(ref, spectrum.part)
    product = multiply_sparse(rows, _opened(products))
    return _with_gram(ref, _scaled(product, _counts(rows), -spectrum.item_exponent))


def _finish_users(spectrum: Spectrum, turn: Floats, piece: Piece) -> Arrays:
    ref, product = piece
    counts = _counts(liked(ref, spectrum.part))
    turned = multiply_rows(open_array(product, "vectors"), turn)
    return {"vectors": _scaled(turned, counts, spectrum.user_exponent), "known": counts > 0}


def _finish_items(spectrum: Spectrum, turn: Floats, piece: Piece) -> Arrays:
    ref, basis = piece
    counts = _counts(liked(ref, spectrum.part))
    turned = multiply_rows(open_array(basis, "vectors"), turn)
    return {"vectors": _scaled(turned, counts, spectrum.item_exponent), "known": counts > 0}


def _orthonormal(parts: tuple[str, ...]) -> Floats:
    """What makes the columns of vectors orthonormal; fewer, where they are dependent."""
    values, vectors = eigen(_gram(parts))
    kept = values > _DEPENDENT * max(values[-1], np.finfo(np.float64).tiny)
    turn: Floats = (vectors[:, kept] / np.sqrt(values[kept])).astype(np.float32)
    return turn


def _leading(spectrum: Spectrum, products: tuple[str, ...]) -> Floats:
    """What makes the leading singular vectors of the basis, for users and for items."""
    values, vectors = eigen(_gram(products))
    largest = max(values[-1:].max(initial=0.0), np.finfo(np.float64).tiny)
    kept = np.flatnonzero(values > _DEPENDENT * largest)[::-1][: spectrum.rank]
    turn: Floats = vectors[:, kept].astype(np.float32)
    return turn


def _gram(parts: tuple[str, ...]) -> npt.NDArray[np.float64]:
    gram = read_sums(parts).gram
    return np.zeros((0, 0)) if gram is None else gram


def _with_gram(ref: BlockRef, vectors: Floats) -> Arrays:
    return {"vectors": vectors, **sum_block(ref, vectors, with_gram=True)}


def _scaled(vectors: Floats, counts: npt.NDArray[np.int64], exponent: float) -> Floats:
    scales = np.maximum(counts, 1).astype(np.float64) ** exponent
    return vectors * scales.astype(np.float32)[:, np.newaxis]


def _counts(rows: Sparse) -> npt.NDArray[np.int64]:
    return np.diff(rows.indptr)


@lru_cache(maxsize=2)
def _opened(parts: tuple[str, ...]) -> tuple[Floats, ...]:
    bring_here(parts, "weighted")
    return tuple(open_array(part, "weighted") for part in parts)
