"""`toplists export-model`: the vectors of a run as a model that MLlib opens."""

from __future__ import annotations

import hashlib
from datetime import datetime
from importlib.metadata import version
from pathlib import Path

from rich.console import Console

from toplists.cli.places import Place
from toplists.engine.shapes import Factors, InexactFactors
from toplists.errors import ConfigurationError
from toplists.lake.bookkeeping import read_rows
from toplists.lake.dataset import partition_files
from toplists.lake.tables import ITEM_FACTORS, MODELS, USER_FACTORS
from toplists.models.mllib_format import write_als_model
from toplists.pipeline.screen import printable


def export_model(
    console: Console, place: Place, folder: Path, run_id: str | None, *, now: datetime
) -> None:
    """Write the published vectors of a run, by default of the live one, as `folder`.

    Raises:
        ConfigurationError: nothing is published, the run has no vectors, or the folder exists.
    """
    dataset = place.dataset
    if run_id is None:
        if place.live is None:
            raise ConfigurationError(
                f"Nothing is published in dataset {dataset.name} yet. Name a run by --run."
            )
        run_id = place.live.run_id
    kinds = (Factors.kind, InexactFactors.kind)
    fits = read_rows(dataset, MODELS, run_id=run_id, part="all")
    of_vectors = [row for row in fits if row["shape"] in kinds]
    files = [
        partition_files(dataset, table, model_id=row["model_id"])
        for row in of_vectors
        for table in (USER_FACTORS, ITEM_FACTORS)
    ]
    if not all(files) or not files:
        raise ConfigurationError(
            f"Run {run_id} of dataset {dataset.name} has no vectors: its model has none, they were "
            "removed, or there is no such run. ./toplists status lists runs."
        )
    model_id = of_vectors[0]["model_id"]
    users, items = write_als_model(
        files[0],
        files[1],
        folder,
        uid=f"als_{hashlib.sha256(model_id.encode()).hexdigest()[:12]}",
        spark_version=version("pyspark"),
        now=now,
    )
    console.print(
        f"Run {run_id} of {dataset.name} in {printable(str(folder))}, for ALSModel.load: {users:,} users, "
        f"{items:,} items; their ids in userIds and itemIds."
    )
