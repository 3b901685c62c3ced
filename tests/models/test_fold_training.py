"""Every model can be fitted to a fold in which users and items have no row at all."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from events import days_ago
from stored import Pair, store_snapshot

from toplists.config.model import ModelSettings
from toplists.config.operation import EngineSettings
from toplists.config.protocol_names import parse_protocol
from toplists.dataset.folds import FoldData, make_folds
from toplists.engine.kernels.candidates import Candidates, no_sets
from toplists.engine.selectors import open_selector
from toplists.models.definition import Parameters
from toplists.models.fold_training import training_data
from toplists.models.popularity import WindowPopularity
from toplists.models.protocol import Model
from toplists.models.registry import make_model
from toplists.models.trending import Trending

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

PAIRS: list[Pair] = [
    ("ann", "a", 5.0, days_ago(9)),
    ("ann", "b", 4.0, days_ago(9)),
    ("ann", "c", 5.0, days_ago(1)),
    ("bob", "a", 4.0, days_ago(9)),
    ("bob", "b", 2.0, days_ago(9)),
    ("bob", "d", 5.0, days_ago(1)),  # an item without a row in the training part
    ("cat", "a", 5.0, days_ago(1)),  # a user without one
    ("dan", "e", 5.0, days_ago(4)),  # in the gap: neither has a row in any part
]
SETTINGS = ModelSettings.model_validate(
    {
        "als": {"rank": 2, "iterations": 2},
        "bayesian_mf": {"rank": 2, "burn_in": 1, "rounds": 2, "keep_every": 1},
    }
)
EXPLICIT = ModelSettings.model_validate(
    {"als": {"rank": 2, "iterations": 2, "feedback": "explicit"}}
)
MODELS: dict[str, Model] = {
    **{
        name: make_model(name, Parameters(SETTINGS))
        for name in ("als", "bayesian_mf", "item_knn", "popularity")
    },
    "explicit als": make_model("als", Parameters(EXPLICIT)),
    "window": WindowPopularity(30),
    "trending": Trending(5, 30, 0.5),
}


@pytest.fixture(scope="module")
def fold(spark: SparkSession, no_rows: Path, tmp_path_factory: pytest.TempPathFactory) -> FoldData:
    folder = tmp_path_factory.mktemp("folds") / "world"
    snapshot = store_snapshot(spark, no_rows, folder, PAIRS)
    (made,) = make_folds(snapshot, parse_protocol("days(3,gap=3)"))
    return made


@pytest.mark.parametrize("name", MODELS)
def test_rows_that_are_not_there_break_nothing(fold: FoldData, tmp_path: Path, name: str) -> None:
    blocks = fold.blocks(EngineSettings(block_entries=100))
    data = training_data(fold, blocks, values=False, seed=1, folder=tmp_path / "fit")
    shape = MODELS[name].fit(data).shape
    (ref,) = blocks.users.blocks
    listable = np.ones(blocks.items.rows, dtype=np.bool_)
    selector = open_selector(shape, ref.open(), "train", listable, 1 << 20)
    lists = selector.select(np.arange(ref.rows), Candidates(no_sets(ref.rows)), 5).items
    assert lists.shape == (4, 5)
    # Nobody is given what nobody has liked or rated before the cut.
    assert not np.isin(lists, [2, 3, 4]).any()
