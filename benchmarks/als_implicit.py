"""ALS by `implicit`, from a matrix in memory.

    als_implicit.py MATRIX OUT FITS THREADS

MATRIX is an .npz of the ratings by user. FITS as for als_engine.py, the solver being `cg` or `exact`.
Writes OUT/result.json.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
import scipy.sparse as sp
from implicit.cpu.als import AlternatingLeastSquares


def run(fit: dict[str, Any], matrix: sp.csr_matrix, out: Path, threads: int) -> dict[str, Any]:
    """One fit: its seconds, and with `trace` the factors after each iteration."""
    model = AlternatingLeastSquares(
        factors=fit["rank"],
        regularization=fit["penalty"],
        iterations=fit["iterations"],
        use_cg=fit["solver"] == "cg",
        num_threads=threads,
        dtype=np.float32,
        random_state=fit.get("seed", 42),
    )
    aside = 0.0

    def save(folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        np.save(folder / "users.npy", model.user_factors)
        np.save(folder / "items.npy", model.item_factors)

    def trace(iteration: int, *_: object) -> None:
        nonlocal aside
        started = perf_counter()
        save(out / f"{fit['name']}-{iteration + 1}")
        aside += perf_counter() - started

    started = perf_counter()
    model.fit(matrix, show_progress=False, callback=trace if fit.get("trace") else None)
    save(out / fit["name"])
    return {"seconds": perf_counter() - started - aside}


def main() -> None:
    """Warm up on a fiftieth of the users, then do the fits."""
    matrix, out = sp.load_npz(sys.argv[1]).tocsr(), Path(sys.argv[2])
    fits, threads = json.loads(sys.argv[3]), int(sys.argv[4])
    matrix = sp.csr_matrix(matrix, dtype=np.float32)
    few = {**fits[0], "iterations": 1, "name": "few", "trace": False}
    run(few, matrix[: matrix.shape[0] // 50], out, threads)
    result: dict[str, Any] = {"fits": {}}
    for fit in fits:
        # The entries are confidences.
        matrix.data[:] = 1.0 + fit["alpha"]
        result["fits"][fit["name"]] = run(fit, matrix, out, threads)
    (out / "result.json").write_text(json.dumps(result))


if __name__ == "__main__":
    main()
