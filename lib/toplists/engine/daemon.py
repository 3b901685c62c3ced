"""PySpark's daemon with the arithmetic libraries loaded: the workers it forks have them already.

Spark starts it as `python -m toplists.engine.daemon` (`spark.python.daemon.module`). Importing and
loading compiled kernels takes a worker two seconds; here it is done once per executor.
"""

from __future__ import annotations

import gc
import socket
import sys
from typing import Protocol

import numpy as np
import pyarrow.parquet  # noqa: F401  (workers need it)
import pyspark.sql  # noqa: F401  (workers need it)
import scipy.linalg
import scipy.sparse  # noqa: F401  (workers need it)
from pyspark import daemon

from toplists.engine.kernels.candidates import Candidates, no_sets
from toplists.engine.kernels.conjugate_gradients import descend
from toplists.engine.kernels.equations import Equations
from toplists.engine.kernels.factor_scan import select_by_factors
from toplists.engine.kernels.least_squares import solve_exactly
from toplists.engine.kernels.long_rows import sum_entries
from toplists.engine.kernels.neighbour_ratings import (
    Levels,
    Rule,
    predict_by_items,
    predict_by_users,
)
from toplists.engine.kernels.radix_sort import order_by
from toplists.engine.kernels.ranking_walk import select_by_order
from toplists.engine.kernels.similarity import RATIO, Formula, similar_rows
from toplists.engine.kernels.vector_tiles import VectorTiles
from toplists.engine.kernels.weight_sums import Sparse, select_by_weights


def load_kernels() -> None:
    """Read the compiled kernels from numba's cache, or compile them."""
    one, base = np.ones(1, dtype=np.float32), np.ones(1)
    row = Equations(np.array([0, 1]), np.zeros(1, dtype=np.int32), one, one, base, 1.0)
    features = np.ones((1, 1), dtype=np.float32)
    solve_exactly(row, features, base)
    descend(row, features, base, features, 1)
    sum_entries(row, features, 0)
    order_by(row.indices)
    _load_selections()


def _load_selections() -> None:
    """One user, one item, of every shape of model."""
    vector, usable, candidates = (
        np.ones((1, 1), np.float32),
        np.ones(1, np.bool_),
        Candidates(no_sets(1)),
    )
    select_by_factors(vector, VectorTiles([vector], usable, 1), candidates, 1)
    one = Sparse(np.array([0, 1]), np.zeros(1, np.int32), np.ones(1, np.float32))
    select_by_weights(one, one, usable, candidates, 1)
    formula = Formula(RATIO, np.ones(1), np.ones(1))
    similar_rows(one, 0, one, formula, "positive", k=1)
    similar_rows(one, 0, one, formula._replace(least=2.0), "any", k=1)
    select_by_order(np.zeros(1, np.int32), np.ones(1), 1, candidates, 1)
    levels, rule = Levels(np.ones(1), np.ones(1)), Rule(1, 1, 0.0, False, 0.0)
    predict_by_users(one, one, levels, levels, rule, usable, candidates, 1)
    predict_by_items(one, one, levels, levels, rule, usable, candidates, 1)


class Worker(Protocol):
    """What PySpark's daemon calls after each fork, and again for each task; not 0 = it is to end."""

    def __call__(self, sock: socket.socket, authenticated: bool) -> int:
        """Serve one task."""
        ...


def keeping_modules(work: Worker) -> Worker:
    """A worker whose modules are not looked at for garbage.

    PySpark collects garbage after every task. What tasks import is for good, as is what was loaded before the
    fork; to look at all of it takes longer than to start a task.
    """

    def worker(sock: socket.socket, authenticated: bool) -> int:
        before = len(sys.modules)
        code = work(sock, authenticated)
        if len(sys.modules) > before:
            gc.collect()
            gc.freeze()
        return code

    return worker


def without_complaint(work: Worker) -> Worker:
    """A worker that leaves in silence where nobody wants the rest of its output.

    Spark closes the connection when it has enough, or ends. PySpark prints the error that this is to a
    worker, which is none to whoever looks at the job.
    """

    def worker(sock: socket.socket, authenticated: bool) -> int:
        try:
            return work(sock, authenticated)
        except BrokenPipeError:
            return 1

    return worker


if __name__ == "__main__":
    load_kernels()
    gc.freeze()  # see `keeping_modules`
    daemon.worker = keeping_modules(without_complaint(daemon.worker))
    daemon.manager()
