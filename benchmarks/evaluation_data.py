"""The data of the evaluation benchmark: lists of 50 for many users, judged as a night judges.

    evaluation_data.py USERS FOLDER

Runs on Spark. Leaves in FOLDER the blocks, a catalogue with genres, and a lake whose table `user_metrics` holds the
rows of one contender. Users like items of a few groups each, popular ones more often; the contender knows the
groups and the popularity, so that a part of what is held out is in its lists.
"""

from __future__ import annotations

import json
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from evaluation_parts import FOLD, METRICS, Pass
from pyspark.sql import SparkSession

from toplists.config.operation import EngineSettings
from toplists.dataset.segments import Segments
from toplists.engine.block_builder import Axis, build_blocks
from toplists.engine.blocks import BlockSet, Side
from toplists.engine.kernels.metric_kind import depth_of
from toplists.engine.shapes import Factors
from toplists.engine.storage import save_part
from toplists.engine.table_files import replace_part_by_tasks
from toplists.evaluation.judging import Judging
from toplists.lake.dataset import Dataset
from toplists.lake.session import open_session
from toplists.lake.tables import USER_METRICS
from toplists.ranking.fallback import Fallback

ITEMS, GROUPS, GENRES = 20_000, 50, 18
_OWN_GROUPS, _MEAN_SEEN, _MOST_HELD_OUT = 4, 40, 10
_FILES, _SEED = 4, 6


@dataclass(frozen=True)
class People:
    """Which groups each user likes, best first, and how much: int64 and float32[users, 4]."""

    groups: np.ndarray
    tastes: np.ndarray

    @classmethod
    def draw(cls, users: int, rng: np.random.Generator) -> People:
        """So many of them."""
        groups = rng.random((users, GROUPS)).argsort(axis=1)[:, :_OWN_GROUPS]
        tastes = -np.sort(-rng.dirichlet(np.ones(_OWN_GROUPS), users), axis=1)
        return cls(groups, tastes.astype(np.float32))


def draw_pairs(people: People, rng: np.random.Generator) -> pa.Table:
    """Interactions of each user, of which 1 to 10 are held out: about a fifth are dislikes.

    Item i is of group i % 50, and the (i // 50)-th most popular of it.
    """
    users = len(people.groups)
    held_out = rng.integers(1, _MOST_HELD_OUT + 1, users)
    counts = held_out + 1 + rng.poisson(rng.gamma(2.0, _MEAN_SEEN / 2, users))
    user = np.repeat(np.arange(users), counts)
    bounds = np.cumsum(people.tastes, axis=1)
    own = (rng.random((len(user), 1)) > bounds[user, :-1]).sum(axis=1)
    depth = ITEMS // GROUPS
    rank = np.minimum(depth - 1, (depth ** rng.random(len(user)) - 1).astype(np.int64))
    pairs = user * ITEMS + rank * GROUPS + people.groups[user, own]
    pairs = rng.permutation(np.unique(pairs))
    pairs = pairs[np.argsort(pairs // ITEMS, kind="stable")]
    user, item = pairs // ITEMS, pairs % ITEMS
    place = np.arange(len(user)) - np.searchsorted(user, user)
    values = rng.choice([1.0, 2.0, 3.0, 4.0, 5.0], len(user), p=[0.05, 0.05, 0.1, 0.4, 0.4])
    return pa.table(
        {
            "user_pos": user.astype(np.int32),
            "item_pos": item.astype(np.int32),
            "value": values,
            "weight": (values >= 4).astype(np.float32),
            "rating_weight": np.ones(len(user), dtype=np.float32),
            "split": np.where(place < held_out[user], "holdout", "train"),
        }
    )


def make_blocks(spark: SparkSession, pairs: pa.Table, folder: Path) -> tuple[BlockSet, BlockSet]:
    """The pairs as a snapshot's blocks."""
    files = []
    for number in range(_FILES):
        files.append(str(folder / f"interactions-{number}.parquet"))
        own = slice(number * len(pairs) // _FILES, (number + 1) * len(pairs) // _FILES)
        pq.write_table(pairs.slice(own.start, own.stop - own.start), files[-1])
    axes: dict[Side, Axis] = {}
    sides: tuple[tuple[Side, str], ...] = (("users", "user_pos"), ("items", "item_pos"))
    for side, position in sides:
        rows = ITEMS if side == "items" else pairs[position].to_numpy().max() + 1
        axis = {
            position: np.arange(rows, dtype=np.int32),
            "id": [f"{side[0]}{row:07}" for row in range(rows)],
            "size": np.maximum(1, np.bincount(pairs[position].to_numpy(), minlength=rows)),
        }
        pq.write_table(pa.table(axis), folder / f"{side}.parquet")
        file = (str(folder / f"{side}.parquet"),)
        axes[side] = Axis(file, position=position, id="id", size="size", flag=None, rows=int(rows))
    entries = EngineSettings().block_entries
    return build_blocks(
        spark, files, axes, block_entries=entries, single_task_entries=0, folder=folder / "blocks"
    )


def make_model(people: People, users: BlockSet, folder: Path) -> Factors:
    """Scores like values: more of a liked group, and more of it for what is popular in it."""
    vectors = np.zeros((len(people.groups), GROUPS), dtype=np.float32)
    np.put_along_axis(vectors, people.groups, 2 + people.tastes, axis=1)
    items = np.zeros((ITEMS, GROUPS), dtype=np.float32)
    places = np.arange(ITEMS)
    items[places, places % GROUPS] = 2 / np.log2(2 + places // GROUPS) ** 0.5
    known = np.ones(max(ITEMS, len(vectors)), dtype=np.bool_)
    parts = [
        save_part(
            str(folder),
            f"users-{ref.index}",
            {"vectors": vectors[ref.first : ref.first + ref.rows], "known": known[: ref.rows]},
        )
        for ref in users.blocks
    ]
    whole = save_part(str(folder), "items", {"vectors": items, "known": known[:ITEMS]})
    return Factors(tuple(parts), (whole,))


def write_catalogue(path: Path, rng: np.random.Generator) -> None:
    """One to three genres of every item; those of a group are alike."""
    first = np.arange(ITEMS) % GROUPS % GENRES
    others = rng.integers(0, GENRES, (ITEMS, 2))
    genres = [
        sorted({f"g{one}", *(f"g{other}" for other in own[:count])})
        for one, own, count in zip(first, others, rng.integers(0, 3, ITEMS), strict=True)
    ]
    ids = [f"i{row:07}" for row in range(ITEMS)]
    pq.write_table(pa.table({"item_id": ids, "genres": genres}), path)


def main() -> None:
    """Make all of it."""
    users, folder = int(sys.argv[1]), Path(sys.argv[2])
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    rng = np.random.default_rng(_SEED)
    spark = open_session("benchmark evaluation data")
    people = People.draw(users, rng)
    user_blocks, item_blocks = make_blocks(spark, draw_pairs(people, rng), folder)
    model = make_model(people, user_blocks, folder / "model")
    write_catalogue(folder / "catalogue.parquet", rng)
    dataset = Dataset(folder / "lake" / "evaluation")
    dataset.create_tables()
    fallback = Fallback((), Segments(("all",), ()))
    judging = Judging(user_blocks, fallback, depth_of(METRICS), EngineSettings().tile_bytes)
    measuring = Pass(folder).measuring(spark)
    rows = judging.judge(model, measuring)
    replace_part_by_tasks(spark, rows, dataset, USER_METRICS, **FOLD)
    assert item_blocks.rows == ITEMS
    (folder / "ready.json").write_text(json.dumps({"users": user_blocks.rows, "items": ITEMS}))


if __name__ == "__main__":
    main()
