"""The top-N kernel without Spark, and the bare matrix product, in turns: FOLDER RESULT."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from time import perf_counter

import numpy as np
from threadpoolctl import threadpool_limits

from toplists.engine.kernels.candidates import Candidates, ItemSets
from toplists.engine.kernels.factor_scan import select_by_factors
from toplists.engine.kernels.vector_tiles import VectorTiles

N, ROUNDS = 10, 3
_USERS_AT_ONCE = 1_024  # of the bare product: fewer and more are slower
_TILE_BYTES = 32 << 20


def main() -> None:
    """One thread per core, each with its share of the users."""
    folder, result = Path(sys.argv[1]), Path(sys.argv[2])
    users, items = (np.load(folder / f"{side}.npy") for side in ("users", "items"))
    seen = ItemSets(*(np.load(folder / f"{name}.npy") for name in ("indptr", "indices")))
    transposed = np.ascontiguousarray(items.T)
    shares = np.array_split(np.arange(len(users)), len(os.sched_getaffinity(0)))
    tiles = VectorTiles([items], np.ones(len(items), dtype=np.bool_), _TILE_BYTES)
    found = np.empty((len(users), N), dtype=np.int32)

    def select(rows: np.ndarray) -> None:
        for batch in np.array_split(rows, max(1, len(rows) // 10_000)):
            lists = select_by_factors(users[batch], tiles, Candidates(seen.of(batch)), N)
            found[batch] = lists.items

    def multiply(rows: np.ndarray) -> None:
        product = np.empty((_USERS_AT_ONCE, len(items)), dtype=np.float32)
        for start in range(rows[0], rows[-1] + 1, _USERS_AT_ONCE):
            batch = users[start : min(start + _USERS_AT_ONCE, rows[-1] + 1)]
            np.matmul(batch, transposed, out=product[: len(batch)])

    def timed(work: Callable[[np.ndarray], None]) -> float:
        started = perf_counter()
        with threadpool_limits(limits=1), ThreadPoolExecutor(len(shares)) as pool:
            list(pool.map(work, shares))
        return round(perf_counter() - started, 2)

    list(tiles)
    select(shares[0][:1])  # loads what is compiled
    rounds = [(timed(select), timed(multiply)) for _ in range(ROUNDS)]
    kernel, product = (list(seconds) for seconds in zip(*rounds, strict=True))
    np.save(result.with_suffix(".npy"), found)
    result.write_text(json.dumps({"seconds": kernel, "product": product}))


if __name__ == "__main__":
    main()
