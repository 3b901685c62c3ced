"""The similarity kernel without Spark, and scipy, in turns: FOLDER `all`, or FOLDER `cosine`."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
import scipy.sparse as sp

from toplists.config.model_knn import SimilaritySettings
from toplists.engine.kernels.weight_sums import Sparse
from toplists.engine.measures import Similarities, Walk, prepare, prepare_walk

K = 100
_ROUNDS, _ENOUGH_SECONDS = 3, 60.0
_ROWS_AT_ONCE = 500


def main() -> None:
    """All items, in memory; to turn the matrix round, and what is made ready besides, counts."""
    folder, names = Path(sys.argv[1]), sys.argv[2]
    by_user = read_matrix(folder)
    columns, n_items = [(0, as_rows(by_user))], by_user.shape[1]

    def cosine() -> list[Sparse]:
        return compare(prepare(SimilaritySettings(), columns, n_items), as_rows(turned(by_user)))

    def pearson() -> list[Sparse]:
        ready = prepare(SimilaritySettings(measure="pearson"), columns, n_items)
        return compare(ready, as_rows(turned(by_user)))

    def rp3beta() -> list[Sparse]:
        walk = prepare_walk(Walk(1.0, 0.6), columns, n_items, source="neighbour")
        return compare(walk, as_rows(turned(by_user)))

    work: dict[str, Callable[[], Any]] = {"cosine": cosine}
    if names == "all":
        work |= {
            "rp3beta": rp3beta,
            "pearson": pearson,
            "scipy": lambda: by_scipy(turned(by_user)),
        }
    few = as_rows(turned(by_user)[:1])
    for measure in ("cosine", "pearson"):  # loads what is compiled
        ready = prepare(SimilaritySettings(measure=measure), columns, n_items)
        ready.of(few, 0, k=K)
    seconds: dict[str, list[float]] = {name: [] for name in work}
    found: dict[str, Any] = {}
    began = perf_counter()
    while min(map(len, seconds.values())) < _ROUNDS:
        for name, one in work.items():
            started = perf_counter()
            found[name] = one()
            seconds[name].append(round(perf_counter() - started, 3))
        if perf_counter() - began > _ENOUGH_SECONDS:
            break
    if names == "all":
        ours = Sparse.stacked(found["cosine"])
        np.save(folder / "cosine.npy", best(ours))
        agreement = differences(ours, found["scipy"], turned(by_user))
        (folder / "agreement.json").write_text(json.dumps(agreement))
    for name, own in seconds.items():
        (folder / f"{name}.json").write_text(json.dumps({"seconds": own}))


def read_matrix(folder: Path) -> sp.csr_array:
    """Users by items."""
    indptr, indices, data = (np.load(folder / f"{n}.npy") for n in ("indptr", "indices", "data"))
    return sp.csr_array((data, indices, indptr))


def turned(by_user: sp.csr_array) -> sp.csr_array:
    """Items by users."""
    by_item = by_user.T.tocsr()
    by_item.sort_indices()
    return by_item


def differences(
    ours: Sparse, exact: np.ndarray, by_item: sp.csr_array, rows: int = 2_000
) -> dict[str, float]:
    """How neighbours differ from scipy's: how many there are, how similar, and whether those named are so.

    Args:
        ours: The neighbours of all items.
        exact: The similarities of scipy's, as of `by_scipy`.
        by_item: The matrix.
        rows: Of so many items the similarity of each neighbour is computed anew.
    """
    similar = best(ours)
    norms = np.sqrt(by_item.astype(np.float64).power(2).sum(axis=1))
    unit = (sp.diags_array(1 / np.maximum(norms, 1e-300)) @ by_item.astype(np.float64)).tocsr()
    entries = slice(0, ours.indptr[min(rows, len(norms))])
    owners = np.repeat(np.arange(len(ours.indptr) - 1), np.diff(ours.indptr))[entries]
    anew = unit[owners].multiply(unit[ours.columns[entries]]).sum(axis=1)
    return {
        "other lengths": int(np.count_nonzero(np.isnan(similar) != np.isnan(exact))),
        "similarity": float(np.nanmax(np.abs(similar - exact))),
        "named": float(np.abs(np.asarray(anew).ravel() - ours.values[entries]).max()),
    }


def as_rows(matrix: sp.csr_array) -> Sparse:
    """The same for kernels."""
    return Sparse(matrix.indptr.astype(np.int64), matrix.indices.astype(np.int32), matrix.data)


def compare(similarities: Similarities, rows: Sparse) -> list[Sparse]:
    """The neighbours of all rows, one thread per core."""

    def own(first: int) -> Sparse:
        ends = rows.indptr[first : first + _ROWS_AT_ONCE + 1]
        entries = slice(ends[0], ends[-1])
        block = Sparse(ends - ends[0], rows.columns[entries], rows.values[entries])
        return similarities.of(block, first, k=K)

    with ThreadPoolExecutor(len(os.sched_getaffinity(0))) as pool:
        return list(pool.map(own, range(0, len(rows.indptr) - 1, _ROWS_AT_ONCE)))


def by_scipy(by_item: sp.csr_array) -> np.ndarray:
    """The similarities of each item's neighbours, best first, NaN behind the end: float64[items, K]."""
    norms = np.sqrt(by_item.astype(np.float64).power(2).sum(axis=1))
    unit = (sp.diags_array(1 / np.maximum(norms, 1e-300)) @ by_item.astype(np.float64)).tocsr()
    turned, found = unit.T.tocsr(), np.full((by_item.shape[0], K), np.nan)
    for first in range(0, by_item.shape[0], _ROWS_AT_ONCE):
        product = (unit[first : first + _ROWS_AT_ONCE] @ turned).tocsr()
        for row in range(product.shape[0]):
            own = slice(product.indptr[row], product.indptr[row + 1])
            values = product.data[own][product.indices[own] != first + row]
            if len(values) > K:
                values = np.partition(values, -K)[-K:]
            found[first + row, : len(values)] = -np.sort(-values)
    return found


def best(neighbours: Sparse) -> np.ndarray:
    """The same of ours."""
    lengths = np.diff(neighbours.indptr)
    found = np.full((len(lengths), K), np.nan)
    place = np.arange(lengths.sum()) - np.repeat(neighbours.indptr[:-1], lengths)
    found[np.repeat(np.arange(len(lengths)), lengths), place] = neighbours.values
    return found


if __name__ == "__main__":
    main()
