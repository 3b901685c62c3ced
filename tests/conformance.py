"""Small worlds, and models fitted to them: what every model is put through."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
from catalogues import write_catalogue
from events import END
from snapshots import write_blocks

from toplists.config.model import ModelSettings
from toplists.config.recommend import RecommendSettings
from toplists.engine.blocks import BlockSet
from toplists.engine.kernels.candidates import Candidates, ItemSets, Selection, no_sets
from toplists.engine.selectors import open_selector
from toplists.engine.shapes import EVERYBODY, Shape
from toplists.models.definition import Parameters
from toplists.models.protocol import Fitted, TrainingData
from toplists.models.registry import learns_values, make_model

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

SMALL: dict[str, dict[str, Any]] = {
    "als": {"rank": 2, "iterations": 2},
    "bayesian_mf": {"rank": 2, "burn_in": 1, "rounds": 2, "keep_every": 1},
    **{
        name: {"rank": 4, "epochs": 3}
        for name in ("svd", "svd_plus_plus", "bpr", "fpmc", "transrec")
    },
    "nmf": {"rank": 4, "iterations": 5},
    "hybrid": {"members": ["local_ridge", "low_pass"], "weights": [0.5, 0.5]},
    "item2vec": {"rank": 4, "epochs": 2, "min_likings": 1},
    "stack": {"members": ["svd", "rating_knn"]},
}
"""Settings under which a fit to a small world takes no time; the others' defaults do."""

LISTS = RecommendSettings(segment_by="country", fallback=("segment", "popularity"))

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_DAY = 86_400_000_000

SCHEMA = (
    "user_pos int, item_pos int, value double, event_time timestamp, weight float, "
    "rating_weight float, split string"
)


@dataclass(frozen=True)
class World:
    """A matrix of values, NaN where there is no interaction; from 4 on something is liked."""

    values: npt.NDArray[np.float64]
    holdout: npt.NDArray[np.bool_] | None = None
    with_values: bool = True

    @property
    def times(self) -> npt.NDArray[np.int64]:
        """When each pair came about, in microseconds since 1970: some day of the last 40."""
        users, items = np.indices(self.values.shape)
        days = 1 + (users * 7 + items) % 40
        return int(END.timestamp()) * 1_000_000 - days * _DAY

    @property
    def weights(self) -> npt.NDArray[np.float64]:
        """1 for a liking, 0 for what was seen and not liked."""
        return np.where(np.isnan(self.values), np.nan, self.values >= 4)


def random_world(users: int = 14, items: int = 9, share: float = 0.6, seed: int = 3) -> World:
    """Values from 1 to 5 of some pairs; everybody likes something, and everything is liked."""
    rng = np.random.default_rng(seed)
    values = np.where(
        rng.random((users, items)) < share, rng.integers(1, 6, (users, items)), np.nan
    )
    values[np.arange(users), np.arange(users) % items] = 5.0
    values[np.arange(items), (np.arange(items) + 1) % items] = 4.0
    return World(values)


@dataclass(frozen=True)
class Made:
    """A fitted model, and the blocks that it was fitted to."""

    fitted: Fitted
    users: BlockSet
    items: BlockSet

    @property
    def shape(self) -> Shape:
        """What the fit ended in."""
        return self.fitted.shape

    def select(self, k: int, *, one_by_one: bool = False, seen: bool = True) -> Selection:
        """The lists of all users, and score and rank of every item, of its own part `train`."""
        return select(self.shape, self.users, self.items, k, one_by_one=one_by_one, seen=seen)


def select(
    shape: Shape,
    users: BlockSet,
    items: BlockSet,
    k: int,
    *,
    one_by_one: bool = False,
    seen: bool = True,
) -> Selection:
    """The lists of all users, with every item a target."""
    listable = np.ones(items.rows, dtype=np.bool_)
    found: list[Selection] = []
    for ref in users.blocks:
        block = ref.open()
        selector = open_selector(shape, block, "train", listable, 1 << 20)
        bounds = range(ref.rows + 1) if one_by_one else (0, ref.rows)
        for first, end in pairwise(bounds):
            rows = np.arange(first, end)
            masked = ItemSets(*block.seen("train")).of(rows) if seen else no_sets(len(rows))
            everything = ItemSets(
                np.arange(len(rows) + 1) * items.rows,
                np.tile(np.arange(items.rows, dtype=np.int32), len(rows)),
            )
            found.append(selector.select(rows, Candidates(masked), k, everything))
    return Selection(*(np.concatenate(arrays) for arrays in zip(*found, strict=True)))


@dataclass(frozen=True)
class Written:
    """A world, and its blocks."""

    world: World
    users: BlockSet
    items: BlockSet
    catalogue: tuple[str, ...]


def write_world(
    folder: Path, world: World, cuts: tuple[Sequence[int], Sequence[int]] = ((), ())
) -> Written:
    """Write the blocks of a world and a catalogue of its items; `cuts` as `write_blocks` has them."""
    values = world.values if world.with_values else np.full(world.values.shape, np.nan)
    stored = {"values": values, "holdout": world.holdout, "times": world.times}
    return Written(
        world,
        *write_blocks(folder, world.weights, **stored, cuts=cuts),
        write_catalogue(folder / "catalogue", described_items(world.values.shape[1])),
    )


def described_items(items: int) -> dict[str, dict[str, Any]]:
    """What a catalogue may say of items: nothing of the last."""
    genres = ("Action", "Comedy", "Drama", "Western")
    return {
        f"i{item:03}": {
            "title": f"The {genres[item * item % 4]} of {1990 + item % 7}",
            "genres": [genres[item % 4], genres[item * 5 % 3]],
            "year": 1990 + item * 7 % 11,
            "numbers": {"price": float(item % 5)},
        }
        for item in range(items - 1)
    }


def training_data(
    spark: SparkSession, written: Written, folder: Path, *, values: bool, seed: int = 42
) -> TrainingData:
    """What a model may learn of a world: its training part, of which it learns likings or `values`."""
    world = written.world
    lesson = ~np.isnan(world.values) & world.with_values if values else world.weights > 0
    if world.holdout is not None:
        lesson &= ~world.holdout
    everybody = [(user, EVERYBODY) for user in range(len(world.values))]
    return TrainingData(
        spark=spark,
        interactions=spark.createDataFrame(_pairs(world), SCHEMA),
        users=written.users,
        items=written.items,
        part="train",
        size=int(np.count_nonzero(lesson)),
        end=END,
        segments=spark.createDataFrame(everybody, "user_pos int, segment string"),
        segment_names=(EVERYBODY,),
        seed=seed,
        folder=folder,
        catalogue=written.catalogue,
    )


def fit(
    spark: SparkSession,
    folder: Path,
    name: str,
    world: World,
    *,
    cuts: tuple[Sequence[int], Sequence[int]] = ((), ()),
    seed: int = 42,
    changed: dict[str, Any] | None = None,
    given: Parameters | None = None,
) -> Made:
    """Fit the model called `name` to the training part of a world.

    Some of its usual settings may be `changed`, or others be `given` altogether.
    """
    model = make_model(name, given or parameters(name, changed))
    written = write_world(folder / "blocks", world, cuts)
    values = learns_values(model)
    fitted = model.fit(training_data(spark, written, folder / "model", values=values, seed=seed))
    return Made(fitted, written.users, written.items)


def parameters(name: str, changed: dict[str, Any] | None = None) -> Parameters:
    """The parameters of a model in small worlds, with some of its settings `changed`."""
    own = SMALL.get(name, {}) | (changed or {})
    settings = ModelSettings.model_validate({name: own} if own else {})
    return Parameters(settings, LISTS)


def _pairs(world: World) -> list[tuple[object, ...]]:
    users, items = np.nonzero(~np.isnan(world.values))
    times, weights = world.times, world.weights
    return [
        (
            int(user),
            int(item),
            float(world.values[user, item]),
            EPOCH + timedelta(microseconds=int(times[user, item])),
            float(weights[user, item]),
            1.0 if world.with_values else 0.0,
            "holdout" if world.holdout is not None and world.holdout[user, item] else "train",
        )
        for user, item in zip(users, items, strict=True)
    ]
