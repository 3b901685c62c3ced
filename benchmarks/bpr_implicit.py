"""The contender `implicit` of the parity of BPR: FOLDER."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import implicit
import numpy as np
import scipy.sparse as sp


def main() -> None:
    """Fit for each seed, on one thread, and write the scores of all items for all users."""
    folder = Path(sys.argv[1])
    settings = json.loads((folder / "settings.json").read_text())
    indptr, indices, data = (np.load(folder / f"{n}.npy") for n in ("indptr", "indices", "data"))
    matrix = sp.csr_matrix((data, indices, indptr))
    for seed in settings["seeds"]:
        model = implicit.bpr.BayesianPersonalizedRanking(
            factors=settings["rank"],
            learning_rate=settings["learning_rate"],
            regularization=settings["regularization"],
            iterations=settings["epochs"],
            num_threads=1,
            random_state=seed,
        )
        model.fit(matrix, show_progress=False)
        np.save(folder / f"scores-{seed}.npy", model.user_factors @ model.item_factors.T)


if __name__ == "__main__":
    main()
