"""Every parameter of every model changes what it predicts; that the fit says something else does not count.

The parameters are those that the settings have. Each gets another value, among settings under which it can
count; without an entry below one is made up from its type.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, cast, get_args, get_origin

import numpy as np
import pytest
from catalogues import write_catalogue
from conformance import described_items, fit, random_world, select
from fitted import NO_SPARK, without_spark
from pydantic import BaseModel, ValidationError
from snapshots import write_blocks

from toplists.config.model import ModelSettings
from toplists.config.recommend import RecommendSettings
from toplists.engine.blocks import BlockSet, Lesson
from toplists.models.definition import Parameters
from toplists.models.models_page import settings_of
from toplists.models.protocol import TrainingData
from toplists.models.registry import MODELS, learns_values, make_model

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

Overrides = dict[str, Any]

SMALL: dict[str, Overrides] = {
    "als.rank": 4,
    "als.iterations": 4,
    "bayesian_mf.rank": 2,
    "bayesian_mf.burn_in": 1,
    "bayesian_mf.rounds": 4,
    "bayesian_mf.keep_every": 2,
    "svd.rank": 4,
    "svd_plus_plus.rank": 4,
    "bpr.rank": 4,
    "bpr.epochs": 5,
    "fpmc.rank": 4,
    "fpmc.epochs": 5,
    "transrec.rank": 4,
    "transrec.epochs": 5,
    "item2vec.rank": 4,
    "item2vec.epochs": 2,
    "item2vec.window": 3,
    "item2vec.min_likings": 2,
    "nmf.rank": 4,
    "nmf.iterations": 5,
    "low_pass.rank": 4,
    "low_pass.passes": 1,
    "truncated_svd.rank": 4,
    "truncated_svd.passes": 1,
    "residual_als.rank": 4,
    "residual_als.iterations": 2,
    "slim.neighbours": 10,
    "slim.passes": 2,
    "local_ridge.neighbours": 10,
    "co_clustering.epochs": 1,
    "hybrid.members": ["local_ridge", "low_pass"],
    "stack.members": ["svd", "baseline"],
}
"""What fits to a small world are made with: little work, and room to change."""

AMONG: dict[str, Overrides] = {
    "als.regularization_exponent": {"als.regularization_scaling": "frequency_scaled"},
    "als.biases": {"als.feedback": "explicit"},
    "baseline.regularization": {"baseline.method": "sgd"},
    "baseline.learning_rate": {"baseline.method": "sgd"},
    **{
        f"{model}.{name}": {f"{model}.{other}": value}
        for model in ("item_knn", "user_knn", "rating_knn")
        for name, other, value in (
            ("asymmetry", "measure", "asymmetric_cosine"),
            ("tversky_source", "measure", "tversky"),
            ("tversky_target", "measure", "tversky"),
            ("weighting", "measure", "cosine"),
            ("common_exponent", "measure", "cosine"),
        )
    },
    **{
        f"{model}.{name}": {f"{model}.measure": "cosine", f"{model}.weighting": "bm25"}
        for model in ("item_knn", "user_knn", "rating_knn")
        for name in ("bm25_k1", "bm25_b")
    },
    **{
        f"hybrid.{name}": {"hybrid.weights": []}
        for name in ("members", "validation_share", "validation_users")
    },
    "rating_knn.min_k": {"rating_knn.k": 5},
    "low_pass.linear_neighbours": {"low_pass.linear": 1.0},
    **{
        f"{model}.number_scale": {f"{model}.parts": {"genres": 1.0, "number:price": 1.0}}
        for model in ("content_knn", "content_ratings")
    },
}
"""Settings that a parameter needs to count, by its key."""

OTHER: dict[str, Any] = {
    "als.tolerance": 0.5,
    "hybrid.members": ["low_pass", "local_ridge", "item_knn"],
    "hybrid.weights": [3.0, 1.0],
    "hybrid.validation_users": 5,
    "stack.members": ["svd", "baseline", "rating_knn"],
    "constant.value": 2.0,
    "markov.gap_hours": 24.0,
    "item2vec.session_gap_hours": 30.0,
    "item_knn.session_gap_hours": 24.0,
    "association.session_gap_hours": 24.0,
    "markov.last": 1,
    "low_pass.linear_neighbours": 3,
    "baseline.epochs": 2,
    **{f"{model}.neighbours": 3 for model in MODELS},
    **{f"{model}.cap": 3 for model in ("item_knn", "user_knn", "rating_knn", "association")},
    "association.min_confidence": 0.5,
    "association.min_lift": 1.5,
    "slim.positive": False,
    "rating_knn.k": 2,
    "content_ratings.k": 2,
    "content_ratings.min_k": 30,
    "content_ratings.denominator": 0.5,
    **{f"{model}.parts": {"genres": 1.0} for model in ("content_knn", "content_ratings")},
    **{f"{model}.threshold": 0.6 for model in ("content_knn", "content_ratings")},
}
"""What a parameter is changed to where its type does not say."""

SAME: dict[tuple[str, str], str] = {
    ("als.solver", "exact"): "auto is exact at a low rank",
    ("item_knn.measure", "asymmetric_cosine"): "the cosine where asymmetry is 0.5",
    ("user_knn.measure", "asymmetric_cosine"): "the cosine where asymmetry is 0.5",
}
"""Choices that change nothing, and why."""

NOT_HERE = {
    "association.max_antecedents": "mined by Spark: test_rule_sets.py",
    "als.engine": "the other one is Spark's: test_als.py",
    "als.published": "no matter of a single fit: test_als.py",
    "als.warm_start": "there is nothing to start from: tests/pipeline/test_lineage.py",
    "als.warm_iterations": "there is nothing to start from: tests/pipeline/test_lineage.py",
    "als.cold_every": "no matter of a single fit: tests/pipeline/test_lineage.py",
    "content_knn.vectors": "needs a table of them: test_content.py",
    "content_ratings.vectors": "needs a table of them: test_content.py",
    "recommend.segment_by": "the snapshot knows who is in which segment: tests/dataset/test_axes.py",
    "recommend.max_segments": "the snapshot knows who is in which segment: tests/dataset/test_axes.py",
}
"""Parameters that no fit in this file can show, and where they are shown."""

BY_TABLES = ("markov", "item2vec", "window", "trending")
"""Models that ask the table of interactions, and so need Spark."""


def parameters_of(model: str) -> list[str]:
    """The keys of a model's parameters, without the `model.` in front."""
    return [one.key.removeprefix("model.") for one in settings_of(MODELS[model])]


ALL = [(model, key) for model in MODELS for key in parameters_of(model)]


def test_what_is_left_out_exists() -> None:
    assert {key for _, key in ALL} >= {*NOT_HERE, *AMONG, *(key for key, _ in SAME)}


def others(key: str, among: Overrides) -> Iterator[Any]:
    """Other values of a parameter: all choices, or one that is far enough away."""
    present = value_of(key, among)
    if key in OTHER:
        yield OTHER[key]
        return
    annotation = field_type(key)
    if get_origin(annotation) is Literal:
        yield from (value for value in get_args(annotation) if value != present)
    elif annotation is bool:
        yield not present
    elif annotation in (int, float) and present is not None:
        for value in (annotation(2 * present + 1), present / 2):
            if value != present and is_allowed({**among, key: value}):
                yield value
                return
        pytest.fail(f"say in OTHER what {key} is to be changed to")
    else:
        pytest.fail(f"say in OTHER what {key} is to be changed to")


def field_type(key: str) -> Any:
    section, name = key.split(".")
    owner: type[BaseModel] = RecommendSettings
    if section != "recommend":
        owner = cast("type[BaseModel]", ModelSettings.model_fields[section].annotation)
    return owner.model_fields[name].annotation


def is_allowed(overrides: Overrides) -> bool:
    try:
        given(overrides)
    except ValidationError:
        return False
    return True


def given(overrides: Overrides) -> Parameters:
    """Parameters with small fits, changed as `overrides` say."""
    sections: dict[str, Overrides] = {}
    for key, value in (SMALL | overrides).items():
        section, name = key.split(".")
        sections.setdefault(section, {})[name] = value
    lists = RecommendSettings.model_validate(sections.pop("recommend", {}))
    return Parameters(ModelSettings.model_validate(sections), lists)


def value_of(key: str, overrides: Overrides) -> Any:
    section, name = key.split(".")
    found = given(overrides)
    return getattr(
        found.recommend if section == "recommend" else getattr(found.model, section), name
    )


def differ(scores: np.ndarray, others: np.ndarray) -> bool:
    """Whether two fits say anything else of any user and item."""
    return not np.allclose(scores, others, rtol=1e-5, atol=1e-7, equal_nan=True)


Fit = Callable[[str, Overrides], np.ndarray]


@pytest.fixture(scope="module")
def blocks(tmp_path_factory: pytest.TempPathFactory) -> tuple[BlockSet, BlockSet]:
    """40 users and 60 items: more than directions are looked for at once; some likings count twice."""
    rng = np.random.default_rng(5)
    values = 3 + rng.normal(size=(40, 1)) + rng.normal(size=60) + 0.7 * rng.normal(size=(40, 60))
    values = np.clip(np.round(values), 1, 5)
    values[rng.random(values.shape) < 0.6] = np.nan
    liked = np.maximum(values - 3, 0)
    times = rng.integers(0, 30, values.shape) * 86_400_000_000
    return write_blocks(tmp_path_factory.mktemp("blocks"), liked, values=values, times=times)


@pytest.fixture(scope="module")
def catalogue(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, ...]:
    return write_catalogue(tmp_path_factory.mktemp("catalogue"), described_items(60))


@pytest.fixture(scope="module")
def known() -> dict[str, np.ndarray]:
    """Fits that several tests compare with."""
    return {}


@pytest.fixture
def fit_here(
    blocks: tuple[BlockSet, BlockSet],
    catalogue: tuple[str, ...],
    known: dict[str, np.ndarray],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Fit:
    """Fits in this process."""
    without_spark(monkeypatch)

    def fit_here(name: str, overrides: Overrides) -> np.ndarray:
        called = repr((name, sorted(overrides.items(), key=str)))
        if called not in known:
            folder = tmp_path / str(len(known))
            known[called] = _fit(name, overrides, blocks, catalogue, folder)
        return known[called]

    return fit_here


def _fit(
    name: str,
    overrides: Overrides,
    blocks: tuple[BlockSet, BlockSet],
    catalogue: tuple[str, ...],
    folder: Path,
) -> np.ndarray:
    model, (users, items) = make_model(name, given(overrides)), blocks
    lesson: Lesson = "rated" if learns_values(model) else "liked"
    data = TrainingData(
        spark=NO_SPARK,
        interactions=cast("DataFrame", None),
        users=users,
        items=items,
        part="train",
        size=sum(len(ref.open().learnt(lesson, "train").data) for ref in users.blocks),
        end=datetime(2024, 1, 1, tzinfo=UTC),
        segments=cast("DataFrame", None),
        segment_names=(),
        seed=42,
        folder=folder,
        catalogue=catalogue,
    )
    fitted = model.fit(data)
    return select(fitted.shape, users, items, 1, seen=False).target_scores


@pytest.mark.fits
@pytest.mark.parametrize(
    ("model", "key"),
    [(model, key) for model, key in ALL if key not in NOT_HERE and model not in BY_TABLES],
)
def test_a_parameter_changes_something(fit_here: Fit, model: str, key: str) -> None:
    among = AMONG.get(key, {})
    before = fit_here(model, among)
    for value in others(key, among):
        if (key, str(value)) not in SAME:
            after = fit_here(model, {**among, key: value})
            assert differ(after, before), f"{key}={value} changes nothing"


@pytest.mark.parametrize(
    ("model", "key"), [(model, key) for model, key in ALL if model in BY_TABLES]
)
def test_a_parameter_of_models_by_tables_changes_something(
    spark: SparkSession, tmp_path: Path, known: dict[str, np.ndarray], model: str, key: str
) -> None:
    world = random_world()

    def fit_there(overrides: Overrides) -> np.ndarray:
        called = repr((model, overrides))
        if called not in known:
            folder = tmp_path / str(len(known))
            made = fit(spark, folder, model, world, given=given(overrides))
            known[called] = made.select(1, seen=False).target_scores
        return known[called]

    before = fit_there({})
    for value in others(key, {}):
        assert differ(fit_there({key: value}), before), f"{key}={value} changes nothing"
