"""The contenders of the ALS benchmarks: whole processes, which are told the same fits and run in turn."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import scipy.sparse as sp
from als_data import Snapshot
from als_quality import Task
from environment import run_among_rivals, run_here, run_on_spark
from memory import watched

HERE = Path(__file__).resolve().parent
Fit = dict[str, Any]
_MLLIB_BLOCKS = 6  # three per core of the machine these were tuned on
_MLLIB = {
    "spark_driver_memory": "8g",
    "spark_sql_objectHashAggregate_sortBased_fallbackThreshold": "1000000",
}


@dataclass(frozen=True)
class Bench:
    """Where a benchmark works, and with what."""

    snapshot: Snapshot
    work: Path

    def _run(self, name: str, run: Callable[[Path], None]) -> dict[str, Any]:
        out = self.work / name
        shutil.rmtree(out, ignore_errors=True)
        out.mkdir(parents=True)
        print(f"{name} …", flush=True)
        with watched() as peak:
            run(out)
        result: dict[str, Any] = json.loads((out / "result.json").read_text())
        return {**result, "peak_gb": peak.bytes / 1e9}

    def engine(self, name: str, fits: Sequence[Fit], **settings: str) -> dict[str, Any]:
        """This project on Spark."""
        run = HERE / "als_engine.py"
        return self._run(
            name,
            lambda out: run_on_spark(
                run, str(self.snapshot.folder), str(out), json.dumps(fits), **settings
            ),
        )

    def kernels(self, name: str, blocks_of: str, fit: Fit, processes: int) -> dict[str, Any]:
        """The same without Spark, on blocks that `engine` left."""
        blocks = self.work / blocks_of / "blocks"
        run = HERE / "als_kernels.py"
        return self._run(
            name,
            lambda out: run_here(run, str(blocks), str(out), json.dumps(fit), str(processes)),
        )

    def mllib(self, name: str, fits: Sequence[Fit]) -> dict[str, Any]:
        """MLlib."""
        words = json.dumps(fits), str(_MLLIB_BLOCKS)
        run = HERE / "als_mllib.py"
        return self._run(
            name,
            lambda out: run_on_spark(
                run, str(self.snapshot.folder), str(out), *words, compiled_jvm=True, **_MLLIB
            ),
        )

    def rival(self, name: str, fits: Sequence[Fit], threads: int) -> dict[str, Any]:
        """`implicit`."""
        matrix = self.work / "matrix.npz"
        if not matrix.exists():
            self.work.mkdir(parents=True, exist_ok=True)
            sp.save_npz(matrix, self.snapshot.matrix("train"), compressed=False)
        words = json.dumps(fits), str(threads)
        run = HERE / "als_implicit.py"
        return self._run(
            name,
            lambda out: run_among_rivals(
                run, str(matrix), str(out), *words, OPENBLAS_NUM_THREADS="1"
            ),
        )


def fit(
    name: str,
    task: Task,
    solver: str,
    iterations: int,
    *,
    trace: bool = False,
    over_relaxation: bool = True,
    biases: bool = False,
) -> Fit:
    """A fit as contenders are told: `trace` is for `implicit`, what follows it for this project."""
    how = {"trace": trace, "over_relaxation": over_relaxation, "biases": biases}
    return {**vars(task), "name": name, "solver": solver, "iterations": iterations, **how}


def factors(folder: Path) -> tuple[np.ndarray, np.ndarray]:
    """What a contender saved."""
    return np.load(folder / "users.npy"), np.load(folder / "items.npy")
