"""ALS by this project's kernels without Spark: the same steps on the same blocks, in a pool of processes.

    als_kernels.py BLOCKS OUT FIT PROCESSES

FIT is one fit as for als_engine.py. Writes OUT/result.json.
"""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from time import perf_counter
from typing import Any

import scipy.linalg  # noqa: F401  (its BLAS must be there before threads are limited)
from threadpoolctl import threadpool_limits

from toplists.config.model_als import PenaltyScaling
from toplists.engine.alternation import Alternation, alternate_by
from toplists.engine.blocks import BlockSet, open_blocks
from toplists.engine.daemon import load_kernels
from toplists.engine.scratch import scratch
from toplists.engine.storage import Arrays, save_part
from toplists.models.als import Confidence, Implicit, Penalty

_SEED = 42


def write_in_pool(
    pool: ProcessPoolExecutor,
    pieces: Sequence[Any],
    compute: Callable[[Any], Arrays],
    folder: Path,
    name: str,
) -> tuple[str, ...]:
    """What tasks do, done by the processes of a pool."""
    work = partial(_write, compute, str(folder), name)
    return tuple(pool.map(work, range(len(pieces)), pieces))


def _write(
    compute: Callable[[object], Arrays], folder: str, name: str, number: int, piece: object
) -> str:
    return save_part(folder, f"{name}-{number:05d}", compute(piece))


def alternation(fit: dict[str, Any], users: BlockSet, items: BlockSet, rounds: int) -> Alternation:
    """An implicit fit as the engine knows it."""
    scaling: PenaltyScaling = "by_count" if fit["by_count"] else "plain"
    objective = Implicit(
        fit["rank"],
        Confidence(fit["alpha"], "linear"),
        1.0,
        Penalty(fit["penalty"], scaling, 1.0, 1.0),
        _SEED,
        "train",
    )
    return Alternation({"users": users, "items": items}, objective, fit["solver"], rounds)


def main() -> None:
    """Warm up by one iteration, then fit."""
    blocks, out = Path(sys.argv[1]), Path(sys.argv[2])
    fit, processes = json.loads(sys.argv[3]), int(sys.argv[4])
    load_kernels()
    scratch()  # shared by all processes, as by the tasks of a node
    with (
        threadpool_limits(limits=1),
        ProcessPoolExecutor(processes, mp_context=get_context("fork")) as pool,
    ):
        users, items = open_blocks(blocks, "users"), open_blocks(blocks, "items")
        assert users is not None
        assert items is not None
        for rounds in (1, fit["iterations"]):
            folder = out / "kernels-fit"
            folder.mkdir(parents=True)
            started = perf_counter()
            write = partial(write_in_pool, pool)
            fitted = alternate_by(alternation(fit, users, items, rounds), folder, write)
            seconds = perf_counter() - started
            shutil.rmtree(folder)
    (out / "result.json").write_text(
        json.dumps({"seconds": seconds, "objective": fitted.objective})
    )


if __name__ == "__main__":
    main()
