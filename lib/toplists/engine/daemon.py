"""PySpark's daemon with the arithmetic libraries loaded: the workers it forks have them already.

Spark starts it as `python -m toplists.engine.daemon` (`spark.python.daemon.module`). Importing and
loading compiled kernels takes a worker two seconds; here it is done once per executor.
"""

from __future__ import annotations

import gc

import numpy as np
import pyarrow.parquet  # noqa: F401  (workers need it)
import pyspark.sql  # noqa: F401  (workers need it)
import scipy.sparse  # noqa: F401  (workers need it)
from pyspark.daemon import manager

from toplists.engine.kernels.equations import Equations
from toplists.engine.kernels.least_squares import descend, solve_exactly


def load_kernels() -> None:
    """Read the compiled kernels from numba's cache, or compile them."""
    one, base = np.ones(1, dtype=np.float32), np.ones(1)
    row = Equations(np.array([0, 1]), np.zeros(1, dtype=np.int32), one, one, base)
    start = np.ones((1, 1), dtype=np.float32)
    features = start.copy()
    features.flags.writeable = False  # as mapped files are; numba compiles by that, too
    solve_exactly(row, features, base)
    descend(row, features, base, start, 1)


if __name__ == "__main__":
    load_kernels()
    # PySpark collects garbage after every task; what is loaded for good need not be looked at.
    gc.freeze()
    manager()
