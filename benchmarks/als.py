"""ALS beside Spark MLlib and `implicit`, whole processes in turn, on the same made-up or real ratings.

    .venv/bin/python benchmarks/als.py implicit    # rank 64 on 20 million; blocks; cost of Spark
    .venv/bin/python benchmarks/als.py wide        # rank 128 on 5 million
    .venv/bin/python benchmarks/als.py widest      # rank 256 on 5 million
    .venv/bin/python benchmarks/als.py books       # goodbooks
    .venv/bin/python benchmarks/als.py explicit    # rank 32 and 64
    .venv/bin/python benchmarks/als.py penalties   # what explicit ALS is best fitted with, on 5 million
    .venv/bin/python benchmarks/als.py growth      # 5 to 50 million
    .venv/bin/python benchmarks/als.py cores       # one and two cores, a standalone cluster
    .venv/bin/python benchmarks/als.py agreement   # the same results as MLlib

Every command writes results/als-NAME.json and .md beside this file; with fewer ratings or contenders than
usual, NAME says so. Data are kept in --folder.
"""

from __future__ import annotations

import argparse
import shutil
import sys
from pathlib import Path

from als_contenders import Bench
from als_data import generated, goodbooks
from als_explicit_race import agreement, explicit, penalties
from als_implicit_race import implicit
from als_scaling import cores, growth
from machine import ROOT


def main() -> int:
    """Run one command."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    names = (
        "implicit",
        "wide",
        "widest",
        "books",
        "explicit",
        "penalties",
        "growth",
        "cores",
        "agreement",
    )
    parser.add_argument("name", choices=names)
    parser.add_argument("--folder", type=Path, default=Path("/tmp/bench"))
    parser.add_argument("--real", type=Path, default=ROOT.parent / "shared" / "data")
    parser.add_argument("--ratings", type=float, help="instead of the usual number")
    parser.add_argument("--without", nargs="*", default=[], choices=("mllib", "implicit"))
    arguments = parser.parse_args()
    root, command = arguments.folder.resolve(), arguments.name
    unusual = [f"{arguments.ratings / 1e6:g}m"] if arguments.ratings else []
    name = "-".join([command, *unusual, *(f"without-{who}" for who in arguments.without)])

    def made_up(ratings: float) -> Bench:
        snapshot = generated(arguments.ratings or ratings, root, ROOT / "spark-submit.sh")
        return Bench(snapshot, root / "work" / name)

    others = [who for who in ("implicit", "mllib") if who not in arguments.without]
    match command:
        case "implicit":
            implicit(made_up(20e6), name, 64, others)
        case "wide":
            implicit(made_up(5e6), name, 128, others)
        case "widest":
            implicit(made_up(5e6), name, 256, others)
        case "books" | "agreement":
            bench = Bench(goodbooks(arguments.real, root), root / "work" / name)
            if command == "books":
                implicit(bench, name, 64, others)
            else:
                agreement(bench, name)
        case "explicit":
            explicit(made_up(20e6), name)
        case "penalties":
            penalties(made_up(5e6), name)
        case "growth":
            growth(root, name, (5e6, 10e6, 20e6, 50e6))
        case "cores":
            cores(made_up(10e6), name)
    shutil.rmtree(root / "work" / name, ignore_errors=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
