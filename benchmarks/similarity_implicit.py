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
    found = {"seconds": seconds, "version": implicit.__version__}
    (folder / "implicit.json").write_text(json.dumps(found))


if __name__ == "__main__":
    main()
