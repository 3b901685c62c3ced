"""How fast rows are solved: the constants that `toplists plan` computes times with.

    python benchmarks/solver_rates.py

One core, no Spark. Prints nanoseconds per unit of work, by rank; `toplists.engine.plan.Rates` takes the
mean. Exact solving is `entries × k²` of adding up and `rows × k³` of factorizing; conjugate gradients
are `entries × k` for each of three steps and the first residual.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable

import numpy as np
from machine import describe_machine
from threadpoolctl import threadpool_limits

from toplists.engine.kernels.conjugate_gradients import descend
from toplists.engine.kernels.equations import Equations
from toplists.engine.kernels.least_squares import solve_exactly

STEPS = 3
N_FEATURES = 200_000


def problem(rows: int, length: int) -> Equations:
    """Rows of one length over features anywhere."""
    rng = np.random.default_rng(0)
    size = rows * length
    return Equations(
        np.arange(0, size + 1, length, dtype=np.int64),
        rng.integers(0, N_FEATURES, size).astype(np.int32),
        np.full(size, 10.0, dtype=np.float32),
        np.full(size, 11.0, dtype=np.float32),
        np.full(rows, 5.0),
        1.0,
    )


def seconds(work: Callable[[], object]) -> float:
    """The best of three by the clock of the process, after one that compiles."""
    work()
    times = []
    for _ in range(3):
        began = time.process_time()
        work()
        times.append(time.process_time() - began)
    return min(times)


def measure(rank: int) -> dict[str, float]:
    """Nanoseconds per unit of work at one rank."""
    rng = np.random.default_rng(1)
    features = rng.normal(0, 0.3, (N_FEATURES, rank)).astype(np.float32)
    base = np.ones(rank)
    long, short = problem(100, 2000), problem(2_000, rank)
    start = np.zeros((100, rank), dtype=np.float32)
    adding = seconds(lambda: solve_exactly(long, features, base)) / (100 * 2000 * rank**2)
    whole = seconds(lambda: solve_exactly(short, features, base)) / (2_000 * rank**3)
    descent = seconds(lambda: descend(long, features, base, start, STEPS))
    return {
        "rank": rank,
        "adding": round(1e9 * adding, 4),
        "factorizing": round(1e9 * max(0.0, whole - adding), 4),
        "descending": round(1e9 * descent / (100 * 2000 * rank * (STEPS + 1)), 4),
    }


if __name__ == "__main__":
    with threadpool_limits(limits=1):
        rates = [measure(rank) for rank in (32, 64, 128)]
    print(json.dumps({"machine": describe_machine(), "nanoseconds": rates}, indent=1))
