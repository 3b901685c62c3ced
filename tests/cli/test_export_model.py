"""`toplists export-model`: a run's vectors as a folder for MLlib."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from shutil import copytree
from typing import Any

import pyarrow.parquet as pq

from toplists.lake.bookkeeping import append_rows
from toplists.lake.dataset import Dataset
from toplists.lake.tables import ITEM_FACTORS, MODELS, USER_FACTORS

RUN = "2026-03-10-11111111"
MODEL = f"{RUN}.personal.all"


def fit(model_id: str, shape: str) -> dict[str, Any]:
    row = {"model_id": model_id, "run_id": RUN, "model": "als", "part": "all", "shape": shape}
    row |= {"parameters": "{}", "seed": 42, "interactions": 3, "seconds": 1.0}
    return {**row, "fitted_at": datetime(2026, 3, 10, tzinfo=UTC)}


def test_the_live_run_is_written(cli, lake: Path, tmp_path: Path) -> None:
    films = Dataset(copytree(lake / "films", tmp_path / "lake" / "films"))
    append_rows(films, MODELS, [fit(MODEL, "factors"), fit(f"{RUN}.similar.all", "item_weights")])
    for table, ids in ((USER_FACTORS, ["15", "16"]), (ITEM_FACTORS, ["f0"])):
        rows = [{"model_id": MODEL, "id": one, "vector": [1.0, 2.0]} for one in ids]
        append_rows(films, table, rows)
    folder = tmp_path / "out" / "model"
    answer = cli("export-model", str(folder), "--lake", str(tmp_path / "lake"))
    assert answer.code == 0, answer.err
    assert "2 users, 1 items" in " ".join(answer.out.split())
    assert pq.read_table(folder / "userIds")["id"].to_pylist() == ["15", "16"]
    again = cli("export-model", str(folder), "--lake", str(tmp_path / "lake"))
    assert again.code == 2
    assert "does not exist yet" in again.error


def test_a_run_without_vectors_is_refused(toplists, tmp_path: Path) -> None:
    answer = toplists("export-model", str(tmp_path / "model"), "--dataset", "films")
    assert answer.code == 2
    assert "has no vectors" in answer.error
    assert not (tmp_path / "model").exists()


def test_a_dataset_without_a_publication_needs_a_run(toplists, tmp_path: Path) -> None:
    answer = toplists("export-model", str(tmp_path / "model"), "--dataset", "songs")
    assert answer.code == 2
    assert "--run" in answer.error
