"""Whether our metrics are those of `ranx`, user by user, on lists and likings drawn at random.

    .venv/bin/python benchmarks/metrics.py [--folder /tmp/bench-metrics]

20,000 users with up to 5 held-out likings of values 1 to 5 among 500 items; a fifth of the users have no list,
and another fifth a short one. Compared where definitions agree: `ranx` divides MAP by all that is relevant,
which is the same where no more is held out than the list has places. Writes results/metrics.json and
results/metrics.md beside this file.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import numpy as np
from environment import run_among_rivals, run_here
from machine import describe_machine
from result_files import write_results

HERE = Path(__file__).resolve().parent
USERS, ITEMS, DEPTH, MOST_LIKED = 20_000, 500, 50, 5
THEIRS = {
    "hit_rate": "hit_rate",
    "precision": "precision",
    "recall": "recall",
    "ndcg": "ndcg",
    "graded_ndcg": "ndcg_burges",
    "map": "map",
    "mrr": "mrr",
}
CUTOFFS = (3, 10, 50)
LARGEST_DIFFERENCE = 1e-9


def pairs() -> dict[str, str]:
    """Our names, and theirs, of what is defined alike."""
    return {
        f"{ours}@{cutoff}": f"{theirs}@{cutoff}"
        for ours, theirs in THEIRS.items()
        for cutoff in CUTOFFS
        if ours != "map" or cutoff >= MOST_LIKED
    }


def make_data(folder: Path) -> None:
    """Lists, held-out likings and their values, and what is to be measured."""
    rng = np.random.default_rng(6)
    # Items are drawn so that some are in most lists, and liked by many.
    weights = np.log(rng.gamma(0.5, size=ITEMS))
    drawn = np.argsort(-(weights + rng.gumbel(size=(USERS, ITEMS))), axis=1)
    lists = drawn[:, :DEPTH].astype(np.int32)
    lengths = rng.choice([0, 7, DEPTH], USERS, p=[0.2, 0.2, 0.6])
    lists[np.arange(DEPTH) >= lengths[:, np.newaxis]] = -1
    counts = rng.integers(1, MOST_LIKED + 1, USERS)
    ranked = np.argsort(-(weights + rng.gumbel(size=(USERS, ITEMS))), axis=1)
    likings = [np.sort(row[:count]) for row, count in zip(ranked, counts, strict=True)]
    np.savez(
        folder / "data.npz",
        lists=lists,
        indptr=np.concatenate(([0], np.cumsum(counts))),
        items=np.concatenate(likings).astype(np.int32),
        values=rng.integers(1, 6, counts.sum()).astype(np.float32),
    )
    (folder / "names.json").write_text(json.dumps(pairs()))


def main() -> None:
    """Measure with both, compare, and write what differs."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, default=Path("/tmp/bench-metrics"))
    folder = parser.parse_args().folder.resolve()
    folder.mkdir(parents=True, exist_ok=True)
    make_data(folder)
    run_here(HERE / "metrics_kernel.py", str(folder))
    run_among_rivals(HERE / "metrics_ranx.py", str(folder))
    ours, theirs = (np.load(folder / f"{name}.npz") for name in ("kernel", "ranx"))
    version = (folder / "ranx.version").read_text()
    rows = {
        name: {
            "mean": float(ours[name].mean()),
            "ranx": float(theirs[name].mean()),
            "largest_difference": float(np.abs(ours[name] - theirs[name]).max()),
        }
        for name in pairs()
    }
    machine = describe_machine()
    worst = max(row["largest_difference"] for row in rows.values())
    what = (
        f"{machine['date']}, commit {machine['commit']}, `ranx` {version}. {USERS:,} users, up to {MOST_LIKED} held-out "
        f"likings each; a fifth without a list, a fifth with 7 entries, the others with {DEPTH}."
    )
    lines = [
        "# Metrics beside `ranx`",
        "",
        what,
        "",
        "| metric | mean over users | by `ranx` | largest difference of a user |",
        "|---|---:|---:|---:|",
        *(
            f"| `{name}` | {row['mean']:.6f} | {row['ranx']:.6f} | {row['largest_difference']:.1e} |"
            for name, row in rows.items()
        ),
        "",
        f"The largest difference of any user in any metric is {worst:.1e}"
        + (", a rounding." if worst <= LARGEST_DIFFERENCE else ": they do not agree."),
    ]
    write_results("metrics", lines, {"machine": machine, "ranx": version, "metrics": rows})
    if worst > LARGEST_DIFFERENCE:
        raise SystemExit(1)


if __name__ == "__main__":
    main()
