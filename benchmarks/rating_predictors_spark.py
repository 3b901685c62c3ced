"""Rating predictors on the published split of MovieLens ml-latest-small: errors and seconds of each.

    rating_predictors_spark.py REAL OUT ENTRANTS

Runs on Spark. ENTRANTS is a JSON list of `label`, `model`, `settings` (of `model.*`, nested) and `otherwise`, what is
predicted for an item that nobody rated in the training part: the `mean`, the `user`'s, or what `biases` say of
the user. Writes OUT/result.json.
"""

from __future__ import annotations

import json
import shutil
import sys
from dataclasses import dataclass, replace
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from als_engine import training_data
from pyspark.sql import SparkSession

from toplists.config.model import ModelSettings
from toplists.config.operation import EngineSettings
from toplists.engine.baselines import Alternating
from toplists.engine.block_builder import Axis, build_blocks
from toplists.engine.blocks import BlockSet, Side
from toplists.engine.kernels.candidates import Candidates, ItemSets
from toplists.engine.selectors import open_selector
from toplists.engine.shapes import Shape
from toplists.lake.session import open_session
from toplists.models.definition import Parameters
from toplists.models.protocol import TrainingData
from toplists.models.registry import make_model

_SEED, _LISTED, _TILE_BYTES = 42, 10, 1 << 25
_SHORT = 10.0  # seconds of a fit
_SCALE = (0.5, 5.0)
_KEYS = ["userId", "movieId"]
_ID = "{:07}"


@dataclass(frozen=True)
class Split:
    """The blocks, and what is held out by user and item: positions and values."""

    users: BlockSet
    items: BlockSet
    user: np.ndarray
    item: np.ndarray
    values: np.ndarray
    catalogue: str

    @classmethod
    def load(cls, spark: SparkSession, real: Path, folder: Path) -> Split:
        """Build the blocks of the ratings in `folder`."""
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        source = real / "ml-latest-small"
        held_out = pd.read_csv(source / "holdout-25.csv.gz")
        ratings = pd.read_csv(source / "ratings.csv.gz")
        rows = ratings.merge(held_out, how="left", on=_KEYS, indicator="part")
        holdout = (rows["part"] == "both").to_numpy()
        pairs: dict[str, Any] = {
            "value": rows["rating"].astype(float),
            "weight": np.ones(len(rows), dtype=np.float32),
            "rating_weight": np.ones(len(rows), dtype=np.float32),
            "split": np.where(holdout, "holdout", "train"),
        }
        axes: dict[Side, Axis] = {}
        sides: tuple[tuple[Side, str], ...] = (("users", "user_pos"), ("items", "item_pos"))
        for (side, position), key in zip(sides, _KEYS, strict=True):
            place, ids = pd.factorize(rows[key].map(_ID.format), sort=True)
            pairs[position] = place.astype(np.int32)
            axis = {
                position: np.arange(len(ids), dtype=np.int32),
                "id": list(ids),
                "size": np.bincount(place),
            }
            file = str(folder / f"{side}.parquet")
            pq.write_table(pa.table(axis), file)
            axes[side] = Axis((file,), position, "id", "size", None, len(ids))
        table = pa.table(pairs)
        pq.write_table(table, folder / "interactions.parquet")
        users, items = build_blocks(
            spark,
            [str(folder / "interactions.parquet")],
            axes,
            block_entries=EngineSettings().block_entries,
            single_task_entries=EngineSettings().single_task_entries,
            folder=folder / "blocks",
        )
        asked = np.flatnonzero(holdout)
        asked = asked[np.lexsort((pairs["item_pos"][asked], pairs["user_pos"][asked]))]
        return cls(
            users,
            items,
            pairs["user_pos"][asked],
            pairs["item_pos"][asked],
            rows["rating"].to_numpy()[asked],
            _write_catalogue(source, folder),
        )

    def training_data(self, spark: SparkSession, folder: Path) -> TrainingData:
        """What a model may learn."""
        data = training_data(spark, self.users, self.items, _SEED, folder)
        return replace(data, catalogue=(self.catalogue,))

    def predict(self, shape: Shape) -> np.ndarray:
        """The values of what is held out, NaN where there is none, on the way to everybody's lists."""
        everything = np.ones(self.items.rows, dtype=np.bool_)
        predicted = []
        for ref in self.users.blocks:
            block = ref.open()
            bounds = np.arange(ref.first, ref.first + ref.rows + 1)
            indptr = np.searchsorted(self.user, bounds)
            own = slice(indptr[0], indptr[-1])
            selector = open_selector(shape, block, "train", everything, _TILE_BYTES)
            found = selector.select(
                np.arange(ref.rows),
                Candidates(ItemSets(*block.seen("train"))),
                _LISTED,
                ItemSets(indptr - indptr[0], self.item[own]),
            )
            predicted.append(found.target_scores)
        return np.concatenate(predicted)

    def fallbacks(self, spark: SparkSession, folder: Path) -> dict[str, np.ndarray]:
        """What is predicted of an item that nobody rated, in the ways that there are."""
        data = self.training_data(spark, folder)
        rated = data.rated_values("baseline")
        biases = Alternating({"users": 15.0, "items": 10.0}, 10).biases(rated)["users"]
        sums = [np.add.reduceat(rows.data, rows.indptr[:-1]) for _, rows in rated.rows("users")]
        counts = [np.diff(rows.indptr) for _, rows in rated.rows("users")]
        means = np.concatenate(sums) / np.concatenate(counts)
        return {
            "mean": np.full(len(self.user), rated.mean),
            "user": means[self.user],
            "biases": rated.mean + biases[self.user],
        }


def _write_catalogue(source: Path, folder: Path) -> str:
    """Genres and years of the movies, as the table `items` has them."""
    movies = pd.read_csv(source / "movies.csv.gz")
    years = pd.to_numeric(movies["title"].str.extract(r"\((\d{4})\)\s*$")[0])
    genres = movies["genres"].where(movies["genres"] != "(no genres listed)", "")
    table = pa.table(
        {
            "item_id": [_ID.format(movie) for movie in movies["movieId"]],
            "year": pa.array(years, pa.int32(), from_pandas=True),
            "genres": [text.split("|") if text else [] for text in genres],
        }
    )
    file = str(folder / "catalogue.parquet")
    pq.write_table(table, file)
    return file


def judge(
    spark: SparkSession, split: Split, entrant: dict[str, Any], otherwise: np.ndarray, folder: Path
) -> dict[str, Any]:
    """Fit and predict, once more where that is short; the errors, and the seconds of the faster."""
    settings = ModelSettings.model_validate(entrant["settings"])
    fits, predictions = [], []
    predicted = np.zeros(0)
    for attempt in ("first", "second"):
        place = folder / attempt
        shutil.rmtree(place, ignore_errors=True)
        begun = perf_counter()
        model = make_model(entrant["model"], Parameters(settings))
        shape = model.fit(split.training_data(spark, place)).shape
        fitted = perf_counter()
        predicted = split.predict(shape)
        predictions.append(perf_counter() - fitted)
        fits.append(fitted - begun)
        shutil.rmtree(place, ignore_errors=True)
        if fits[0] > _SHORT:
            break
    errors = np.clip(np.where(np.isnan(predicted), otherwise, predicted), *_SCALE) - split.values
    return {
        "label": entrant["label"],
        "rmse": float(np.sqrt(np.mean(errors**2))),
        "mae": float(np.mean(np.abs(errors))),
        "unknown": int(np.isnan(predicted).sum()),
        "fit": min(fits),
        "predict": min(predictions),
    }


def main() -> None:
    """Judge all entrants, one after the other."""
    real, out = Path(sys.argv[1]), Path(sys.argv[2])
    spark = open_session("rating_predictors")
    split = Split.load(spark, real, out / "split")
    fallbacks = split.fallbacks(spark, out / "fallbacks")
    done = []
    for entrant in json.loads(sys.argv[3]):
        done.append(judge(spark, split, entrant, fallbacks[entrant["otherwise"]], out / "fit"))
        print(done[-1], flush=True)
    (out / "result.json").write_text(json.dumps({"ratings": len(split.values), "fits": done}))


if __name__ == "__main__":
    main()
