"""What very heavy users and very popular items cost, and what of it a cap leaves: FOLDER."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
import scipy.sparse as sp
from similarity_kernel import as_rows, compare, read_matrix

from toplists.config.model_knn import SimilaritySettings
from toplists.engine.measures import prepare

_USERS, _CAP = 10_000, 500
_MORE = (0, 1, 4)
_ROUNDS = 2


def main() -> None:
    """Add rows and columns that are full, and compare all items, and all users."""
    folder = Path(sys.argv[1])
    matrix = read_matrix(folder)[:_USERS]
    rows: dict[int, dict[str, float]] = {}
    seconds_of(matrix, None)  # loads what is compiled
    for more in _MORE:
        heavy = with_full_rows(matrix, more)
        popular = with_full_rows(matrix.T.tocsr(), more)
        rows[more] = {
            "items": seconds_of(heavy, None),
            "items, capped": seconds_of(heavy, _CAP),
            "users": seconds_of(popular, None),
            "users, capped": seconds_of(popular, _CAP),
        }
    growth: dict[str, Any] = {"users": matrix.shape[0], "cap": _CAP, "rows": rows}
    (folder / "growth.json").write_text(json.dumps(growth))


def with_full_rows(matrix: sp.csr_array, more: int) -> sp.csr_array:
    """The matrix, and rows that have everything."""
    full = sp.csr_array(np.ones((more, matrix.shape[1]), dtype=np.float32))
    return sp.vstack([matrix, full]).tocsr() if more else matrix


def seconds_of(matrix: sp.csr_array, cap: int | None) -> float:
    """How long it takes to compare all columns of a matrix, the better of two rounds."""
    turned = matrix.T.tocsr()
    turned.sort_indices()
    seconds = []
    for _ in range(_ROUNDS):
        started = perf_counter()
        ready = prepare(SimilaritySettings(cap=cap), [(0, as_rows(matrix))], matrix.shape[1])
        compare(ready, as_rows(turned))
        seconds.append(round(perf_counter() - started, 2))
    return min(seconds)


if __name__ == "__main__":
    main()
