"""Item cosine and RP3β as models, on Spark: SNAPSHOT FOLDER."""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path
from time import perf_counter

from als_data import Snapshot
from als_engine import build, training_data

from toplists.config.model_knn import ItemKnnSettings, Rp3BetaSettings
from toplists.lake.session import open_session
from toplists.models.item_knn import ItemKnn
from toplists.models.protocol import Model
from toplists.models.random_walk import make_rp3beta

_ROUNDS, _SEED = 2, 42


def main() -> None:
    """Fit both to all likings, blocks not counted; the first round warms up."""
    snapshot, folder = Snapshot.open(Path(sys.argv[1])), Path(sys.argv[2])
    spark = open_session("benchmark similarity")
    users, items = build(spark, snapshot, folder / "blocks")
    models: dict[str, Model] = {
        "item_knn": ItemKnn(ItemKnnSettings(shrinkage=0.0)),
        "random_walk": make_rp3beta(Rp3BetaSettings()),
    }
    seconds: dict[str, list[float]] = {name: [] for name in models}
    for number in range(_ROUNDS):
        for name, model in models.items():
            data = training_data(spark, users, items, _SEED, folder / f"{name}-{number}")
            started = perf_counter()
            model.fit(data)
            seconds[name].append(round(perf_counter() - started, 2))
            shutil.rmtree(data.folder)
    for name, own in seconds.items():
        (folder / f"{name}.json").write_text(json.dumps({"seconds": own}))
    shutil.rmtree(folder / "blocks")


if __name__ == "__main__":
    main()
