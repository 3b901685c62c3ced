"""Models by content: what their lists and predictions are made of, against the formula."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from catalogues import write_catalogue
from conformance import World, fit, select
from fitted import fit_here, fitted_weights
from pydantic import ValidationError
from snapshots import write_blocks

from toplists.config.model_content import ContentKnnSettings, ContentRatingsSettings
from toplists.config.model_ratings import BaselineSettings
from toplists.engine.baselines import Rated, fit_baselines
from toplists.engine.content import Aspect, Content, describe
from toplists.engine.exchange import write_parts_here
from toplists.engine.rating_levels import Leveling
from toplists.engine.shapes import NEIGHBOURS, open_rows, open_vectors
from toplists.engine.words import write_words
from toplists.errors import ConfigurationError, InputRefusedError
from toplists.models.baseline import baseline_method
from toplists.models.content_knn import ContentKnn
from toplists.models.content_ratings import ContentRatings, fit_similar_content

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

ENTRIES: dict[str, dict[str, Any]] = {
    "i000": {"genres": ["Action"], "year": 1977, "numbers": {"price": 1.0}},
    "i001": {"genres": ["Action", "Drama"], "year": 1980, "numbers": {"price": 2.0}},
    "i002": {"genres": ["Drama"], "year": 1981, "numbers": {"price": 3.0}},
    "i003": {"genres": ["Action"], "year": 1990, "numbers": {"price": 1.5}},  # nobody knows it yet
    "i004": {},  # nothing is known of it
}
LIKED = np.array(
    [
        [1, 0, 0, 0, 0],
        [0, 1, 2, 0, 0],
        [0, 0, 1, 0, 1],
    ],
    dtype=np.float64,
)


def by_genres_and_years(i: int, j: int, scale: float = 10.0) -> float:
    """Genres count 1, years 0.5; every genre alike."""
    one, other = list(ENTRIES.values())[i], list(ENTRIES.values())[j]
    if i == j or "year" not in one or "year" not in other:
        return 0.0
    common = len(set(one["genres"]) & set(other["genres"]))
    cosine = common / math.sqrt(len(one["genres"]) * len(other["genres"]))
    return (cosine + 0.5 * math.exp(-abs(one["year"] - other["year"]) / scale)) / 1.5


SIMILAR = np.array([[by_genres_and_years(i, j) for j in range(5)] for i in range(5)])


def weights(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, **settings: Any) -> np.ndarray:
    """Of items of a history for items that are scored."""
    model = ContentKnn(ContentKnnSettings(**settings))
    files = write_catalogue(tmp_path / "catalogue", ENTRIES)
    return fitted_weights(model, LIKED, tmp_path, monkeypatch, catalogue=files)


def test_items_are_as_likely_as_they_are_like_what_was_liked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = weights(tmp_path, monkeypatch, weighting="none")
    # The new item is nobody's neighbour, as nobody likes it, but has neighbours.
    expected = np.where(LIKED.any(axis=0)[:, np.newaxis], SIMILAR, 0)
    np.testing.assert_allclose(found, expected, rtol=1e-6)
    assert found[:, 3].max() > 0.5
    assert not found[3].any()
    assert not found[:, 4].any()


def test_similar_items_are_those_that_may_be_recommended(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = ContentKnn(ContentKnnSettings(weighting="none"), only_recommendable=True)
    files = write_catalogue(tmp_path / "catalogue", ENTRIES)
    found = fitted_weights(model, LIKED, tmp_path, monkeypatch, catalogue=files)
    np.testing.assert_allclose(found, SIMILAR.T, rtol=1e-6)


def vectors(folder: Path, name: str, numbers: list[list[float]]) -> str:
    schema = pa.schema({"item_id": pa.string(), "vector": pa.list_(pa.float32())})
    rows = [{"item_id": f"i{n:03}", "vector": vector} for n, vector in enumerate(numbers)]
    pq.write_table(pa.Table.from_pylist(rows, schema), folder / name)
    return str(folder / name)


ALL_PARTS = {"genres": 1.0, "year": 0.5, "number:price": 0.5, "vectors": 1.0}


@pytest.mark.parametrize(
    "other",
    [
        {"parts": {**ALL_PARTS, "genres": 2.0}},
        {"weighting": "none"},
        {"year_scale": 3.0},
        {"number_scale": 3.0},
        {"vectors": "other.parquet"},
        {"threshold": 0.6},
        {"neighbours": 1},
    ],
)
def test_every_setting_counts(
    other: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    numbers = [[1.0, 0.0], [1.0, 1.0], [0.0, 1.0], [1.0, 0.2]]
    plain = {"parts": ALL_PARTS, "vectors": vectors(tmp_path, "one.parquet", numbers)}
    if "vectors" in other:
        other = {"vectors": vectors(tmp_path, other["vectors"], numbers[::-1])}
    found = weights(tmp_path, monkeypatch, **plain)
    assert not np.allclose(found, weights(tmp_path, monkeypatch, **{**plain, **other}))


@pytest.mark.parametrize(
    ("settings", "why"),
    [
        ({"parts": {}}, "at least 1"),
        ({"parts": {"colour": 1}}, "colour is no part"),
        ({"parts": {"values:": 1}}, "values: is no part"),
        ({"parts": {"genres": 0}}, "greater than 0"),
        ({"parts": {"genres": 1}, "year_scale": 5}, "year_scale is for parts year"),
        ({"parts": {"year": 1}, "weighting": "none"}, "weighting is for parts genres and values"),
        ({"number_scale": 2}, "number_scale is for parts number"),
        ({"vectors": "somewhere"}, "vectors is for parts vectors"),
        ({"parts": {"vectors": 1}}, "name the table"),
    ],
)
def test_settings_that_change_nothing_are_refused(settings: dict[str, Any], why: str) -> None:
    with pytest.raises(ValidationError, match=why):
        ContentKnnSettings(**settings)


@pytest.mark.parametrize(
    ("settings", "why"),
    [
        ({"k": 2, "min_k": 3}, "min_k must not exceed k"),
        ({"center": "none", "denominator": 1.0}, "which center none has not"),
    ],
)
def test_predictions_have_a_level(settings: dict[str, Any], why: str) -> None:
    with pytest.raises(ValidationError, match=why):
        ContentRatingsSettings(**settings)


def test_who_has_no_catalogue_is_told_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    refusal = r"content_knn compares items by genres, year, .* that of no item\. Take in a catalogue .*=item_knn"
    model = ContentKnn(ContentKnnSettings())
    with pytest.raises(InputRefusedError, match=refusal):
        fit_here(model, LIKED, tmp_path, monkeypatch)
    elsewhere = write_catalogue(tmp_path / "catalogue", {"other": {"genres": ["Drama"]}})
    with pytest.raises(InputRefusedError, match=refusal):
        fit_here(model, LIKED, tmp_path, monkeypatch, catalogue=elsewhere)


def test_a_part_that_no_item_has_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(ConfigurationError, match=r"content_knn\.parts has number:prize, but"):
        weights(tmp_path, monkeypatch, parts={"genres": 1.0, "number:prize": 1.0})
    with pytest.raises(ConfigurationError, match="is no table of vectors"):
        weights(tmp_path, monkeypatch, parts={"vectors": 1.0}, vectors=str(tmp_path / "none"))
    # Of what every catalogue may have and this one has not, the others make up for it.
    without = {item: {"genres": entry.get("genres", [])} for item, entry in ENTRIES.items()}
    files = write_catalogue(tmp_path / "without", without)
    fitted = fit_here(
        ContentKnn(ContentKnnSettings()), LIKED, tmp_path, monkeypatch, catalogue=files
    )
    assert fitted.report == {"known": {"genres": 4, "year": 0}}


def test_what_all_items_have_is_known_of_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It makes none more alike than others; the catalogue says it all the same."""
    alike = {item: {"genres": ["Drama"], "attributes": {"shop": "here"}} for item in ENTRIES}
    model = ContentKnn(ContentKnnSettings(parts={"genres": 1.0, "values:shop": 1.0}))
    files = write_catalogue(tmp_path / "catalogue", alike)
    fitted = fit_here(model, LIKED, tmp_path, monkeypatch, catalogue=files)
    assert fitted.report == {"known": {"genres": 5, "values:shop": 5}}


def test_words_count_as_their_rarity_says(spark: SparkSession, tmp_path: Path) -> None:
    titles = {
        "i000": "The Lord of the Rings",
        "i001": "Lord, of the FLIES!",
        "i002": "",
        "i003": "Der Nöck — the 2nd",
        "x": "The End",  # no item of the run, but a text all the same
    }
    _, items = write_blocks(tmp_path / "blocks", np.ones((1, 4)), cuts=((), (2,)))
    rows = spark.createDataFrame(list(titles.items()), "item_id string, text string")
    parts = write_words(rows, items, tmp_path / "words", "words")
    found = {}
    for part, ref in zip(parts, items.blocks, strict=True):
        lists = open_rows(part, NEIGHBOURS)
        for row in range(ref.rows):
            own = slice(lists.indptr[row], lists.indptr[row + 1])
            found[ref.first + row] = sorted(lists.values[own].tolist())

    def idf(carriers: int) -> float:
        return math.log(5 / (carriers + 1))

    # "the" is in all four texts, and counts nothing; a text of it alone is one all the same.
    assert found[0] == pytest.approx([0, *sorted([idf(2), idf(2), idf(1)])], rel=1e-6)
    assert found[1] == pytest.approx([0, *sorted([idf(2), idf(2), idf(1)])], rel=1e-6)
    assert found[2] == []
    assert found[3] == pytest.approx([0, *[idf(1)] * 3], rel=1e-6)


def test_titles_and_texts_make_items_alike(spark: SparkSession, tmp_path: Path) -> None:
    """The conformance world's titles are `The GENRE of YEAR`, of which the last item has none."""
    values = np.full((2, 9), 5.0)
    made = fit(spark, tmp_path, "content_knn", World(values), changed={"parts": {"title": 1.0}})
    assert made.fitted.report == {"known": {"title": 8}}
    found = made.select(9, seen=False).target_scores.reshape(2, 9)
    assert np.isnan(found[0, 8])
    assert (found[0, :8] > 0).all()
    assert [path.name[:5] for path in (tmp_path / "model").iterdir()] == ["items"]
    with pytest.raises(ConfigurationError, match=r"content_knn\.parts has text:plot, but"):
        fit(
            spark,
            tmp_path / "other",
            "content_knn",
            World(values),
            changed={"parts": {"text:plot": 1.0}},
        )


RATINGS = np.array(
    [
        [5.0, 3.0, np.nan, np.nan, 1.0],
        [4.0, np.nan, 2.0, np.nan, np.nan],
        [np.nan, np.nan, np.nan, np.nan, np.nan],  # a user without a rating
        [2.0, 4.0, 4.5, np.nan, np.nan],
    ]
)


class Rating:
    """Ratings, and what is predicted of them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.users, self.items = write_blocks(folder / "blocks", RATINGS)
        self.rated = Rated(self.users, self.items, "all", float(np.nanmean(RATINGS)))
        self.baselines = fit_baselines(
            self.rated, baseline_method(BaselineSettings()), folder / "baselines", write_parts_here
        )
        files = write_catalogue(folder / "catalogue", ENTRIES)
        aspects = (Aspect("genres", "", 1.0), Aspect("year", "", 0.5))
        content = Content(self.items, files, aspects, False, 10.0, 1.0)
        self.path, _ = describe(content, folder / "content", write_parts_here)

    def predictions(self, **settings: Any) -> np.ndarray:
        own = ContentRatingsSettings(**settings)
        leveling = Leveling(self.rated, own.center, "items", self.baselines, unrated=True)
        shape = fit_similar_content(
            leveling, own, self.path, self.folder / "model", write_parts_here
        )
        found = select(shape, self.users, self.items, 1, seen=False).target_scores
        return found.reshape(RATINGS.shape)

    def expected(self, *, center: str, k: int = 40, denominator: float) -> np.ndarray:
        there = ~np.isnan(RATINGS)
        level = np.zeros(RATINGS.shape)
        if center == "baseline":
            users, items = (
                np.concatenate([open_vectors(part)[0] for part in parts])
                for parts in (self.baselines.users, self.baselines.items)
            )
            of_items = np.where(there.any(axis=0), items[:, 1], self.rated.mean)
            level = users[:, :1].astype(np.float64) + of_items
        found = np.full(RATINGS.shape, np.nan)
        for user in np.flatnonzero(there.any(axis=1)):
            for item in range(5):
                others = [(SIMILAR[item, j], j) for j in np.flatnonzero(there[user])]
                others = sorted(
                    (one for one in others if one[0] > 0),
                    key=lambda one: (-one[0], there[:, one[1]].sum(), one[1]),
                )[:k]
                top = sum(s * (RATINGS[user, j] - level[user, j]) for s, j in others)
                bottom = sum(s for s, _ in others) + denominator
                left = self.rated.mean if center == "none" else 0.0
                found[user, item] = level[user, item] + (top / bottom if others else left)
        return found


@pytest.mark.parametrize("center", ["none", "baseline"])
@pytest.mark.parametrize("k", [1, 40])
def test_ratings_are_those_of_what_is_alike(center: str, k: int, tmp_path: Path) -> None:
    world = Rating(tmp_path)
    found = world.predictions(center=center, k=k)
    usual = 5.0 if center == "baseline" else 0.0
    expected = world.expected(center=center, k=k, denominator=usual)
    np.testing.assert_allclose(found, expected, rtol=1e-5)
    assert np.isfinite(found[[0, 1, 3], 3]).all()  # what nobody knows yet is predicted, too
    assert np.isnan(found[2]).all()


@pytest.mark.parametrize(
    "other",
    [
        {"center": "none"},
        {"k": 1},
        {"k": 4, "min_k": 3},
        {"denominator": 0.5},
        {"neighbours": 1},
        {"threshold": 0.6},
    ],
)
def test_every_setting_of_predictions_counts(other: dict[str, Any], tmp_path: Path) -> None:
    world = Rating(tmp_path)
    assert not np.allclose(world.predictions(), world.predictions(**other), equal_nan=True)


def test_a_denominator_pulls_towards_the_level(tmp_path: Path) -> None:
    world = Rating(tmp_path)
    np.testing.assert_allclose(
        world.predictions(denominator=0.7),
        world.expected(center="baseline", denominator=0.7),
        rtol=1e-5,
    )


def test_parameters_say_what_decides() -> None:
    def parameters(**settings: Any) -> dict[str, Any]:
        model = ContentRatings(ContentRatingsSettings(**settings), BaselineSettings())
        return dict(model.parameters)

    assert parameters()["feedback"] == "explicit"
    assert parameters()["parts"] == {"genres": 1.0, "year": 0.5}
    assert parameters()["baseline"]["user_penalty"] == 15.0
    assert "baseline" not in parameters(center="none")
    assert "feedback" not in ContentKnn(ContentKnnSettings()).parameters
    # That there is no such table is for the fit to say.
    assert parameters(parts={"vectors": 1}, vectors="/nowhere")["vectors_digest"] is None
    assert "vectors_digest" not in parameters()
