"""Stored factors as MLlib's model."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from toplists.errors import ConfigurationError
from toplists.models.mllib_format import write_als_model

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

RNG = np.random.default_rng(0)
USERS = {f"u{n}": RNG.normal(size=4).astype(np.float32) for n in range(5)}
ITEMS = {f"tt{n}": RNG.normal(size=4).astype(np.float32) for n in range(3)}
NOW = datetime(2026, 3, 1, tzinfo=UTC)


@pytest.fixture
def model(tmp_path: Path) -> Path:
    """A model whose users lie in two files."""
    ids = list(USERS)
    users = [stored(tmp_path / f"users-{part}", ids[part::2], USERS) for part in (0, 1)]
    items = [stored(tmp_path / "items", list(ITEMS), ITEMS)]
    sizes = write_als_model(
        users, items, tmp_path / "model", uid="als_1", spark_version="4.2.0", now=NOW
    )
    assert sizes == (5, 3)
    return tmp_path / "model"


def stored(path: Path, ids: list[str], vectors: dict[str, np.ndarray]) -> str:
    column = pa.array([vectors[one] for one in ids], pa.list_(pa.float32()))
    pq.write_table(pa.table({"id": ids, "vector": column}), path)
    return str(path)


def numbered(model: Path, side: str) -> dict[int, str]:
    rows = pq.read_table(model / f"{side}Ids").to_pylist()
    return {row["position"]: row["id"] for row in rows}


def test_every_vector_has_a_number_whose_id_is_beside(model: Path) -> None:
    for side, vectors in (("user", USERS), ("item", ITEMS)):
        ids = numbered(model, side)
        assert sorted(ids) == list(range(len(vectors)))
        for row in pq.read_table(model / f"{side}Factors").to_pylist():
            assert row["features"] == vectors[ids[row["id"]]].tolist()


def test_the_metadata_is_one_line_as_mllib_reads_it(model: Path) -> None:
    (line,) = (model / "metadata" / "part-00000").read_text().splitlines()
    metadata = json.loads(line)
    assert metadata["class"] == "org.apache.spark.ml.recommendation.ALSModel"
    assert metadata["rank"] == 4
    assert metadata["timestamp"] == 1_772_323_200_000


def test_a_folder_that_exists_is_left_alone(model: Path) -> None:
    with pytest.raises(ConfigurationError, match="exists"):
        write_als_model([], [], model, uid="als_2", spark_version="4.2.0", now=NOW)
    assert (model / "metadata").is_dir()


def test_half_a_model_is_not_left(tmp_path: Path) -> None:
    users = [stored(tmp_path / "users", list(USERS), USERS)]
    with pytest.raises(FileNotFoundError):
        write_als_model(
            users,
            [str(tmp_path / "nothing")],
            tmp_path / "model",
            uid="als_1",
            spark_version="4.2.0",
            now=NOW,
        )
    assert [path.name for path in tmp_path.iterdir()] == ["users"]


def test_mllib_loads_it_and_gives_the_same_scores(spark: SparkSession, model: Path) -> None:
    from pyspark.ml.recommendation import ALSModel

    users, items = numbered(model, "user"), numbered(model, "item")
    loaded = ALSModel.load(str(model))
    assert loaded.rank == 4
    pairs = spark.createDataFrame([(u, i) for u in users for i in items], "user int, item int")
    rows = loaded.transform(pairs).collect()
    assert len(rows) == 15
    for row in rows:
        expected = USERS[users[row["user"]]] @ ITEMS[items[row["item"]]]
        assert row["prediction"] == pytest.approx(expected, rel=1e-5, abs=1e-6)
    best = loaded.recommendForAllUsers(1).collect()
    assert {users[row["user"]] for row in best} == set(USERS)
