"""What fits lose that start from the night before, instead of from nothing.

    PYTHONPATH=lib .venv/bin/python benchmarks/warm_nights.py [--folder /tmp/warm] [--real ../shared/data]

Seven nights in a row learn from a growing history, each starting from the one before, as `nightly` does
by default. The last is compared with fits of ten iterations that start from nothing, by three seeds, on
what happens after it. Writes results/warm-nights.json and results/warm-nights.md beside this file.
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pcsv
import pyarrow.dataset as pds
import pyarrow.parquet as pq
import scipy.sparse as sp
from als_quality import Floats, ndcg
from machine import ROOT, describe_machine
from result_files import write_results

from toplists.config.model_als import AlsSettings
from toplists.engine.alternation import Alternation, Start, alternate_by
from toplists.engine.blocks import BlockRef, BlockSet, id_arrays
from toplists.engine.exchange import write_parts_here
from toplists.engine.shapes import open_vectors
from toplists.engine.storage import save_part
from toplists.models.als import Confidence, Implicit, Penalty

_SETTINGS = AlsSettings()
_COLD_SEEDS = (42, 1, 2)
_ITERATIONS = (1, 2, 4)
_NIGHTS = 7
# What the first night knows, as a share of all likings, and what each of the others adds.
_CHAINS = ((0.86, 0.01), (0.60, 0.05))
_GOODBOOKS_USERS = 15_000


@dataclass(frozen=True)
class Likings:
    """Who liked what, in order of time: int64[likings] each."""

    users: npt.NDArray[np.int64]
    items: npt.NDArray[np.int64]

    def matrix(self, begin: int, end: int) -> sp.csr_array:
        """Some of them as ones: float32[users, items]."""
        own = slice(begin, end)
        shape = int(self.users.max()) + 1, int(self.items.max()) + 1
        ones = np.ones(end - begin, dtype=np.float32)
        liked = sp.csr_array((ones, (self.users[own], self.items[own])), shape=shape)
        liked.sum_duplicates()
        liked.data[:] = 1
        return liked


@dataclass(frozen=True)
class Fitted:
    """Vectors, the objective after each iteration, and what the next night starts from."""

    users: Floats
    items: Floats
    objective: tuple[float, ...]
    start: Start


def likings_of(table: pa.Table, user: str, item: str, time: str | None) -> Likings:
    """The likings of a table with a `rating`: ratings of 4 and more; without a time in any order."""
    liked = table.filter(pc.field("rating") >= 4)
    if time is None:
        liked = liked.take(np.random.default_rng(1).permutation(len(liked)))
    else:
        liked = liked.sort_by([(time, "ascending"), (user, "ascending"), (item, "ascending")])
    users, items = (
        np.unique(liked[name].to_numpy(), return_inverse=True)[1] for name in (user, item)
    )
    return Likings(users, items)


def worlds(folder: Path, real: Path) -> Iterator[tuple[str, Likings]]:
    """The data, by name."""
    with pa.input_stream(str(real / "ml-latest-small" / "ratings.csv.gz")) as source:
        yield "ml-latest-small", likings_of(pcsv.read_csv(source), "userId", "movieId", "timestamp")
    books = pq.read_table(real / "goodbooks" / "ratings.parquet")
    some = pc.unique(books["user_id"]).take(
        np.random.default_rng(1).permutation(pc.count_distinct(books["user_id"]).as_py())[
            :_GOODBOOKS_USERS
        ]
    )
    books = books.filter(pc.is_in(books["user_id"], some))
    yield "goodbooks, 15,000 users", likings_of(books, "user_id", "book_id", None)
    if not (folder / "generated" / "last-day" / "_SUCCESS").exists():
        sizes = ("--events", "2e6", "--users", "30e3", "--items", "25e3")
        command = [ROOT / "spark-submit.sh", "generate", *sizes, "--out", folder / "generated"]
        subprocess.run(command, check=True)
    parts = [pds.dataset(folder / "generated" / part) for part in ("history", "last-day")]
    yield "generated", likings_of(pds.dataset(parts).to_table(), "user", "item", "time")


def fit(
    folder: Path, liked: sp.csr_array, iterations: int, seed: int = 42, start: Start | None = None
) -> Fitted:
    """One fit, under the default settings but for the number of iterations."""
    shutil.rmtree(folder, ignore_errors=True)
    users, items = (_blocks(folder, name, liked) for name in ("users", "items"))
    s = _SETTINGS
    penalty = Penalty(
        s.regularization, s.regularization_scaling, s.regularization_exponent, s.unobserved_weight
    )
    confidence = Confidence(s.alpha, s.confidence)
    objective = Implicit(s.rank, confidence, s.unobserved_weight, penalty, seed, "all")
    blocks = {"users": users, "items": items}
    plan = Alternation(blocks, objective, "exact", iterations, start)
    result = alternate_by(plan, folder / "model", write_parts_here)
    (own,), (others,) = result.factors.users, result.factors.items
    return Fitted(
        np.array(open_vectors(own)[0]),
        np.array(open_vectors(others)[0]),
        result.objective,
        Start(items.blocks, result.factors.items),
    )


def _blocks(folder: Path, name: str, liked: sp.csr_array) -> BlockSet:
    """One side as a single block."""
    rows = sp.csr_array(liked.T) if name == "items" else liked
    rows.sort_indices()
    count, columns = rows.shape
    arrays = {
        "indptr": rows.indptr.astype(np.int64),
        "indices": rows.indices.astype(np.int32),
        "weights": rows.data,
        "values": rows.data,
        "holdout": np.zeros(rows.nnz, dtype=np.bool_),
        "flags": np.ones(count, dtype=np.bool_),
        **id_arrays(pa.array([f"{row:09}" for row in range(count)])),
    }
    path = save_part(str(folder), name, arrays)
    return BlockSet((BlockRef(0, 0, count, rows.nnz, path),), count, columns)


def quality(likings: Likings, known: int, fitted: Fitted) -> float:
    """NDCG@10 of what known users like afterwards, and have not liked before."""
    before, after = likings.matrix(0, known), likings.matrix(known, len(likings.users))
    owners = np.repeat(np.arange(after.shape[0]), np.diff(after.indptr))
    after.data[np.diff(before.indptr)[owners] == 0] = 0
    new = sp.csr_array(after - after.multiply(before))
    new.eliminate_zeros()
    return ndcg(before, new, fitted.users, fitted.items)


def compare(likings: Likings, first: float, step: float, folder: Path) -> Iterator[dict[str, Any]]:
    """The last night, from nothing and from the nights before."""
    cuts = [int(len(likings.users) * (first + step * night)) for night in range(_NIGHTS + 1)]
    known = [likings.matrix(0, cut) for cut in cuts]
    for seed in _COLD_SEEDS:
        cold = fit(folder / "cold", known[-1], _SETTINGS.iterations, seed)
        yield {
            "start": f"nothing, seed {seed}",
            "iterations": _SETTINGS.iterations,
            "objective": cold.objective[-1],
            "ndcg": quality(likings, cuts[-1], cold),
        }
    for iterations in _ITERATIONS:
        night = fit(folder / "night-0", known[0], _SETTINGS.iterations)
        for number, liked in enumerate(known[1:], start=1):
            night = fit(folder / f"night-{number}", liked, iterations, start=night.start)
        yield {
            "start": "the night before",
            "iterations": iterations,
            "objective": night.objective[-1],
            "ndcg": quality(likings, cuts[-1], night),
        }


def main() -> int:
    """Run all chains, and write the results."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, default=Path("/tmp/warm"))
    parser.add_argument("--real", type=Path, default=ROOT.parent / "shared" / "data")
    arguments = parser.parse_args()
    machine, rows = describe_machine(), []
    for name, likings in worlds(arguments.folder.resolve(), arguments.real):
        for first, step in _CHAINS:
            for result in compare(likings, first, step, arguments.folder.resolve() / "fits"):
                rows.append({"data": name, "each night adds": step, **result})
                print(rows[-1], flush=True)
    lines = [
        "# Seven nights that start from one another, beside fits that start from nothing",
        "",
        ", ".join(f"{key} {value}" for key, value in machine.items())
        + ". Made by `benchmarks/warm_nights.py`.",
        "",
        "| data | each night adds | last night starts from | iterations | objective | NDCG@10 |",
        "|---|---:|---|---:|---:|---:|",
        *(
            f"| {row['data']} | {row['each night adds']:.0%} | {row['start']} "
            f"| {row['iterations']} | {row['objective']:,.0f} | {row['ndcg']:.4f} |"
            for row in rows
        ),
    ]
    write_results("warm-nights", lines, {"machine": machine, "results": rows})
    return 0


if __name__ == "__main__":
    sys.exit(main())
