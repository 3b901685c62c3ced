"""One fit of a model to a snapshot, on Spark: MODEL SNAPSHOT RESULT."""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path
from time import perf_counter
from typing import Any

from als_data import Snapshot
from als_engine import build, training_data

from toplists.config.model import ModelSettings
from toplists.lake.session import open_session
from toplists.models.definition import Parameters
from toplists.models.registry import make_model
from toplists.pipeline.memory import watched

_SEED = 42
_SETTINGS: dict[str, dict[str, Any]] = {
    "local_ridge": {"neighbours": 150},
    "low_pass": {"rank": 512},
}


def main() -> None:
    """Build the blocks, then fit; blocks do not count, what is compiled or loaded for the first time does."""
    name, snapshot, out = sys.argv[1], Snapshot.open(Path(sys.argv[2])), Path(sys.argv[3])
    spark = open_session(f"benchmark {name}")
    folder = out.with_suffix("")
    users, items = build(spark, snapshot, folder / "blocks")
    settings = ModelSettings.model_validate({name: _SETTINGS.get(name, {})})
    data = training_data(spark, users, items, _SEED, folder / "fit")
    with watched() as peak:
        started = perf_counter()
        make_model(name, Parameters(settings)).fit(data)
        seconds = perf_counter() - started
    result = {
        "seconds": seconds,
        "gib": (peak.bytes or 0) / (1 << 30),
        "settings": _SETTINGS.get(name, {}),
    }
    out.write_text(json.dumps(result))
    shutil.rmtree(folder)


if __name__ == "__main__":
    main()
