"""The contender `implicit` of the top-N benchmark: FOLDER RESULT."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from time import perf_counter

import implicit
import numpy as np
import scipy.sparse as sp

N, THREADS, ROUNDS = 10, 2, 2


def main() -> None:
    """Lists for all users without what was seen, kept in memory."""
    folder, result = Path(sys.argv[1]), Path(sys.argv[2])
    users, items = (np.load(folder / f"{side}.npy") for side in ("users", "items"))
    indptr, indices = (np.load(folder / f"{name}.npy") for name in ("indptr", "indices"))
    shape = (len(users), len(items))
    seen = sp.csr_matrix((np.ones(len(indices), np.float32), indices, indptr), shape=shape)
    model = implicit.als.AlternatingLeastSquares(factors=users.shape[1], num_threads=THREADS)
    model.user_factors, model.item_factors = users, items
    everybody = np.arange(len(users))
    seconds = []
    for _ in range(ROUNDS):
        started = perf_counter()
        ids, _ = model.recommend(everybody, seen, N=N, filter_already_liked_items=True)
        seconds.append(round(perf_counter() - started, 2))
    np.save(result.with_suffix(".npy"), ids)
    result.write_text(json.dumps({"seconds": seconds, "version": implicit.__version__}))


if __name__ == "__main__":
    main()
