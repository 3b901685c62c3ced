"""The data of the top-N benchmark: blocks, factors and popularity of generated ratings.

    topn_data.py SNAPSHOT FOLDER

Runs on Spark. Leaves in FOLDER: `blocks`, `als` and `popularity` as the engine has them, and the same
factors and seen items as plain arrays for those who know no blocks.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
from als_data import Snapshot
from als_engine import build, save, training_data

from toplists.config.model_als import AlsSettings
from toplists.engine.shapes import commit_shape
from toplists.lake.session import open_session
from toplists.models.als import Als
from toplists.models.popularity import Popularity

_SEED = 42
_ALS = AlsSettings(rank=64, iterations=5, regularization=10.0, regularization_scaling="plain")


def main() -> None:
    """Make all of it."""
    snapshot, folder = Snapshot.open(Path(sys.argv[1])), Path(sys.argv[2])
    spark = open_session("benchmark topn data")
    users, items = build(spark, snapshot, folder / "blocks")
    for name, model in (("als", Als(_ALS, 0)), ("popularity", Popularity())):
        shape = model.fit(training_data(spark, users, items, _SEED, folder / name)).shape
        commit_shape(folder / name, shape)
        if name == "als":
            save(shape, folder)
    opened = [ref.open() for ref in users.blocks]
    lengths = np.concatenate([np.diff(block.indptr) for block in opened])
    np.save(folder / "indptr.npy", np.concatenate(([0], np.cumsum(lengths))))
    np.save(folder / "indices.npy", np.concatenate([block.indices for block in opened]))
    (folder / "ready").touch()


if __name__ == "__main__":
    main()
