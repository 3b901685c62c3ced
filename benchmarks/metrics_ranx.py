"""The same by `ranx`: FOLDER."""

from __future__ import annotations

import json
import sys
from importlib.metadata import version
from itertools import pairwise
from pathlib import Path

import numpy as np
from ranx import Qrels, Run, evaluate

GRADED = "ndcg_burges"
"""The metric that takes values; to the others what is held out is relevant or not."""


def main() -> None:
    """Every user's figures, under our names."""
    folder = Path(sys.argv[1])
    data = np.load(folder / "data.npz")
    names = json.loads((folder / "names.json").read_text())
    users = [f"{user:06}" for user in range(len(data["lists"]))]
    run = Run(dict(zip(users, map(ranked, data["lists"]), strict=True)))
    values = data["values"].astype(int)
    for graded, relevance in ((True, values), (False, np.ones_like(values))):
        asked = [theirs for theirs in names.values() if theirs.startswith(GRADED) == graded]
        liked = judged(data["indptr"], data["items"], relevance)
        evaluate(Qrels(dict(zip(users, liked, strict=True))), run, asked, return_mean=False)
    found = {
        ours: np.array([run.scores[theirs][user] for user in users])
        for ours, theirs in names.items()
    }
    np.savez(folder / "ranx.npz", **found)
    (folder / "ranx.version").write_text(version("ranx"))


def ranked(row: np.ndarray) -> dict[str, float]:
    """A list as scores; an empty one, which cannot be said, as one that holds something else."""
    entries = [str(item) for item in row if item >= 0] or ["nothing"]
    return {item: -float(rank) for rank, item in enumerate(entries)}


def judged(indptr: np.ndarray, items: np.ndarray, relevance: np.ndarray) -> list[dict[str, int]]:
    """The relevance of each user's held-out items."""
    return [
        {
            str(item): int(grade)
            for item, grade in zip(items[begin:end], relevance[begin:end], strict=True)
        }
        for begin, end in pairwise(indptr)
    ]


if __name__ == "__main__":
    main()
