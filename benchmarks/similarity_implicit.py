"""The contender `implicit` of the similarity benchmark: FOLDER."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from time import perf_counter

import implicit
import numpy as np
import scipy.sparse as sp

K, THREADS, ROUNDS = 101, 2, 3  # an item is its own first neighbour


def main() -> None:
    """All items, in memory."""
    folder = Path(sys.argv[1])
    indptr, indices, data = (np.load(folder / f"{n}.npy") for n in ("indptr", "indices", "data"))
    matrix = sp.csr_matrix((data, indices, indptr))
    seconds = []
    for _ in range(ROUNDS):
        model = implicit.nearest_neighbours.CosineRecommender(K=K, num_threads=THREADS)
        started = perf_counter()
        model.fit(matrix, show_progress=False)
        seconds.append(round(perf_counter() - started, 3))
    np.save(folder / "implicit.npy", best(model.similarity.tocsr()))
    found = {"seconds": seconds, "version": implicit.__version__}
    (folder / "implicit.json").write_text(json.dumps(found))


def best(similarity: sp.csr_matrix) -> np.ndarray:
    """The similarities of each item's neighbours, best first, NaN behind the end: float64[items, K - 1]."""
    found = np.full((similarity.shape[0], K - 1), np.nan)
    for row, values in enumerate(found):
        own = slice(similarity.indptr[row], similarity.indptr[row + 1])
        others = similarity.data[own][similarity.indices[own] != row]
        others = -np.sort(-others)[: K - 1]
        values[: len(others)] = others
    return found


if __name__ == "__main__":
    main()
