"""generate: write made-up feedback to a folder, to try the pipeline on any size.

Output: `OUT/history` with all days but the last, and `OUT/last-day`; Parquet files with the columns
user, item, rating, time.
"""

from __future__ import annotations

from argparse import ArgumentParser
from datetime import date
from pathlib import Path

from toplists.dataset.synthetic import World, make_events, split_last_day
from toplists.lake.session import open_session
from toplists.pipeline.process import leave


def main() -> int:
    """Generate."""
    parser = ArgumentParser(
        prog="./spark-submit.sh generate",
        description="Write made-up feedback to a folder: all days but the last, and the last.",
    )
    parser.add_argument("--env", default="local", help="settings of conf/ENV.yaml (default: local)")
    parser.add_argument("--users", type=float, default=140e3, help="default: 140e3")
    parser.add_argument("--items", type=float, default=25e3, help="default: 25e3")
    parser.add_argument("--events", type=float, default=20e6, help="default: 20e6")
    parser.add_argument("--days", type=int, default=100, help="default: 100")
    parser.add_argument("--until", type=date.fromisoformat, default=date(2026, 1, 1))
    parser.add_argument("--seed", type=int, default=42)
    parser.add_argument("--out", type=Path, required=True, metavar="FOLDER")
    arguments = parser.parse_args()
    world = World(
        users=int(arguments.users),
        items=int(arguments.items),
        events=int(arguments.events),
        days=arguments.days,
        until=arguments.until,
        seed=arguments.seed,
    )
    spark = open_session("toplists generate")
    history, last_day = split_last_day(make_events(spark, world), world.until)
    for frame, name in ((history, "history"), (last_day, "last-day")):
        frame.write.mode("overwrite").parquet(str(arguments.out.resolve() / name))
    print(f"{arguments.out}/history and {arguments.out}/last-day are written.")
    return 0


if __name__ == "__main__":
    leave(main())
