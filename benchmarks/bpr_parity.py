"""Whether `bpr` ranks as well as `implicit`'s BPR where both are given the same numbers.

    PYTHONPATH=lib:tests .venv/bin/python benchmarks/bpr_parity.py [--folder /tmp/bench] [--real ../shared/data]

Both draw what they compare with at random, so factors cannot be the same; what they come to can. A fifth of each
user's likings is held out; NDCG@10 and AUC over them, what was learnt from left out, for several seeds. Writes
results/bpr-parity.json and results/bpr-parity.md beside this file.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
import pyarrow.parquet as pq
import scipy.sparse as sp
from environment import run_among_rivals
from machine import describe_machine
from result_files import write_results
from snapshots import write_blocks

from toplists.engine.exchange import write_parts_here
from toplists.engine.shapes import open_vectors
from toplists.engine.strata import Descent, descend_by
from toplists.models.bpr import PairGradient

HERE = Path(__file__).resolve().parent
SEEDS = (1, 2, 3, 4, 5)
SETTINGS = {"rank": 64, "epochs": 100, "learning_rate": 0.01, "regularization": 0.01}
_LIKED, _USERS, _LEAST = 4.0, 4_000, 5
Matrix = npt.NDArray[np.bool_]


def likings(table: pa.Table, names: tuple[str, str, str]) -> Matrix:
    """Who liked what, of the first users that liked a few: bool[users, items]."""
    liked = table.filter(pc.greater_equal(table[names[2]], _LIKED))
    users, items = (
        pc.index_in(liked[name], value_set=pc.unique(liked[name])).to_numpy() for name in names[:2]
    )
    pairs = sp.csr_array((np.ones(len(users), np.bool_), (users, items)))
    some = pairs[np.flatnonzero(np.diff(pairs.indptr) >= _LEAST)[:_USERS]]
    dense: Matrix = some.toarray()
    return dense


def hold_out(liked: Matrix) -> Matrix:
    """A fifth of each user's likings."""
    chance = np.random.default_rng(7).random(liked.shape)
    chance[~liked] = np.inf
    ranks = chance.argsort(axis=1).argsort(axis=1)
    counts = liked.sum(axis=1, keepdims=True)
    held: Matrix = liked & (ranks < np.maximum(1, counts // 5))
    return held


def judge(scores: npt.NDArray[np.float32], learnt: Matrix, held: Matrix) -> dict[str, float]:
    """NDCG@10 and AUC, means over users."""
    scores = np.where(learnt, -np.inf, scores)
    order = np.argsort(-scores, axis=1, kind="stable")
    found = np.take_along_axis(held, order, axis=1)
    discounts = 1 / np.log2(np.arange(2, 12))
    gains = (found[:, :10] * discounts).sum(axis=1)
    ideal = np.concatenate(([0.0], np.cumsum(discounts)))[np.minimum(held.sum(axis=1), 10)]
    others = (~learnt).sum(axis=1) - held.sum(axis=1)
    before = np.cumsum(~found & np.take_along_axis(~learnt, order, axis=1), axis=1)
    wrong = (before * found).sum(axis=1) / (held.sum(axis=1) * others)
    return {"ndcg@10": float((gains / ideal).mean()), "auc": float((1 - wrong).mean())}


def fit_ours(learnt: Matrix, folder: Path, seed: int) -> npt.NDArray[np.float32]:
    """The scores of all items for all users."""
    ids = tuple([f"{one:06}" for one in range(size)] for size in learnt.shape)
    blocks = write_blocks(folder / "blocks", np.where(learnt, 1.0, np.nan), ids=ids)
    # As wide as those that implicit begins with, which are uniform.
    deviation = 1 / (SETTINGS["rank"] * np.sqrt(12.0))
    gradient = PairGradient(
        *(int(SETTINGS["rank"]), SETTINGS["learning_rate"], SETTINGS["regularization"]),
        # implicit draws what it compares with from the likings.
        *(True, deviation, seed, "all"),
    )
    sides = dict(zip(("users", "items"), blocks, strict=True))
    fit = Descent(sides, gradient, int(SETTINGS["epochs"]), seed, cell_entries=1 << 24)
    factors = descend_by(fit, folder / f"model-{seed}", write_parts_here).factors
    users, items = (
        np.concatenate([open_vectors(part)[0] for part in parts])
        for parts in (factors.users, factors.items)
    )
    return users @ items.T


def compare(liked: Matrix, folder: Path) -> dict[str, Any]:
    """Both on one data set, for all seeds."""
    folder.mkdir(parents=True, exist_ok=True)
    held = hold_out(liked)
    learnt = liked & ~held
    matrix = sp.csr_array(learnt.astype(np.float32))
    for part in ("indptr", "indices", "data"):
        np.save(folder / f"{part}.npy", getattr(matrix, part))
    (folder / "settings.json").write_text(json.dumps({**SETTINGS, "seeds": SEEDS}))
    run_among_rivals(HERE / "bpr_implicit.py", str(folder), OPENBLAS_NUM_THREADS="1")
    theirs = [np.load(folder / f"scores-{seed}.npy") for seed in SEEDS]
    ours = [fit_ours(learnt, folder, seed) for seed in SEEDS]
    return {
        "users": liked.shape[0],
        "items": liked.shape[1],
        "likings": int(learnt.sum()),
        "toplists": [judge(scores, learnt, held) for scores in ours],
        "implicit": [judge(scores, learnt, held) for scores in theirs],
    }


def report(found: dict[str, Any], machine: dict[str, Any]) -> list[str]:
    """The results as Markdown."""
    said = ", ".join(f"{name} {value}" for name, value in machine.items())
    given = ", ".join(f"{name} {value}" for name, value in SETTINGS.items())
    lines = [
        "# BPR beside `implicit`'s",
        "",
        (
            f"{given}, {len(SEEDS)} seeds: mean and standard deviation. Both draw what they compare with from the likings "
            f"(`model.bpr.negatives=popular`). {said}. Made by `benchmarks/bpr_parity.py`."
        ),
        "",
        "| data | likings learnt | by | NDCG@10 | AUC |",
        "|---|---:|---|---:|---:|",
    ]
    for name, one in found.items():
        for by in ("toplists", "implicit"):
            cells = [name, f"{one['likings']:,} of {one['users']:,} × {one['items']:,}", by]
            for metric in ("ndcg@10", "auc"):
                values = [seed[metric] for seed in one[by]]
                cells.append(f"{np.mean(values):.4f} ± {np.std(values, ddof=1):.4f}")
            lines.append(f"| {' | '.join(cells)} |")
    return lines


def main() -> None:
    """Both on both data sets."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--folder", type=Path, default=Path("/tmp/bench"))
    parser.add_argument("--real", type=Path, default=HERE.parent.parent / "shared/data")
    chosen = parser.parse_args()
    movies = pyarrow.csv.read_csv(chosen.real / "ml-latest-small/ratings.csv.gz")
    books = pq.read_table(chosen.real / "goodbooks/ratings.parquet")
    data = {
        "ml-latest-small": likings(movies, ("userId", "movieId", "rating")),
        f"goodbooks, {_USERS:,} users": likings(books, tuple(books.column_names[:3])),
    }
    found = {
        name: compare(liked, chosen.folder / f"bpr-{number}")
        for number, (name, liked) in enumerate(data.items())
    }
    machine = describe_machine()
    write_results("bpr-parity", report(found, machine), {"machine": machine, "found": found})


if __name__ == "__main__":
    main()
