"""Who enters a comparison, by what a person writes."""

from __future__ import annotations

from pathlib import Path

import pytest

from toplists.config.settings import Settings
from toplists.errors import ConfigurationError
from toplists.models.registry import MODELS
from toplists.pipeline.entrants import parse_entrants
from toplists.pipeline.steps.fits import vector_tables

SETTINGS = Settings()


def test_models_are_named_with_settings_of_their_own() -> None:
    als, wide, cosine, popular, trending = parse_entrants(
        "als, als[rank=64; alpha=5.5; seed=7],item_knn[neighbours=20],popular, trending",
        SETTINGS,
    )
    assert [one.name for one in (als, wide, cosine, popular, trending)] == [
        "als",
        "als[rank=64; alpha=5.5; seed=7]",
        "item_knn[neighbours=20]",
        "popularity",
        "trending",
    ]
    assert als.model.parameters["rank"] == 32
    assert (wide.model.parameters["rank"], wide.model.parameters["alpha"]) == (64, 5.5)
    assert (als.seed, wide.seed) == (42, 7)
    assert cosine.model.parameters["neighbours"] == 20
    assert popular.model.name == "popularity"
    assert not als.learns_values


def test_settings_that_are_lists_stand_in_brackets_of_their_own() -> None:
    mixed, plain = parse_entrants(
        "hybrid[members=[slim, local_ridge]; weights=[0.25, 0.75]],slim", SETTINGS
    )
    assert mixed.name == "hybrid[members=[slim, local_ridge]; weights=[0.25, 0.75]]"
    assert mixed.model.parameters["members"] == ["slim", "local_ridge"]
    assert mixed.model.parameters["weights"] == [0.25, 0.75]
    assert plain.name == "slim"
    (again,) = parse_entrants(mixed.name, SETTINGS)
    assert again.definition == mixed.definition


def test_a_model_is_known_by_its_old_name() -> None:
    (old,), (new,) = (parse_entrants(text, SETTINGS) for text in ("item_cosine", "item_knn"))
    assert old.definition == new.definition


def test_every_model_can_enter_by_its_name() -> None:
    names = [name for name in MODELS if name != "segment"]
    assert [one.name for one in parse_entrants(", ".join(names), SETTINGS)] == names


def test_a_model_of_values_is_told_from_others() -> None:
    explicit, bayesian = parse_entrants("als[feedback=explicit],bayesian_mf", SETTINGS)
    assert explicit.learns_values
    assert bayesian.learns_values


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("alss", "There is no model 'alss'. Did you mean als?"),
        ("deepfm", "There is no model 'deepfm'. Models: als, bayesian_mf, item_knn"),
        ("als,als", "--models names als twice: leave one out."),
        ("als,als[rank=32]", "--models names als[rank=32] twice"),  # it is the default
        ("als[rank=0]", "als[rank=0]: model.als.rank: Input should be greater than or equal to 1."),
        ("als[rnk=8]", "als[rnk=8]: model.als.rnk: Extra inputs are not permitted."),
        ("als[rank]", "'rank' sets nothing. Write such as als[rank=64; alpha=5]."),
        ("hybrid[members=[slim]", "is no list of models. Write such as als,als[rank=64; alpha=5]"),
        ("als[rank=8", "is no list of models. Write such as als,als[rank=64; alpha=5]"),
        ("als item_knn", "'als item_knn' is no list of models."),
        ("popularity[days=3]", "popularity has no settings of its own: write popularity alone."),
        ("trending[days=3]", "trending has no settings of its own"),
        ("segment", "segment needs an attribute of users: --set recommend.segment_by=NAME"),
    ],
)
def test_what_is_said_of_models_that_cannot_enter(text: str, message: str) -> None:
    with pytest.raises(ConfigurationError) as raised:
        parse_entrants(text, SETTINGS)
    assert message in str(raised.value)


@pytest.mark.parametrize(
    "entrant",
    [
        "content_knn[parts={{vectors: 1}}; vectors={table}]",
        "content_ratings[parts={{vectors: 1}}; vectors={table}]",
    ],
)
def test_changed_vectors_are_another_fit(entrant: str, tmp_path: Path) -> None:
    table = tmp_path / "v.parquet"
    named = entrant.format(table=table)
    definitions = []
    for content in (b"one", b"other", b"other"):
        table.write_bytes(content)
        definitions.append(parse_entrants(named, SETTINGS)[0].definition)
    first, changed, same = definitions
    assert first != changed
    assert changed == same


def test_a_run_reads_the_vectors_of_its_contenders_too() -> None:
    contender = "content_knn[parts={vectors: 1}; vectors=/mine.parquet]"
    own = {"content_knn": {"parts": {"vectors": 1}, "vectors": "/own.parquet"}}
    assert vector_tables(Settings.model_validate({"model": own})) == ("/own.parquet",)
    both = {"model": own, "evaluate": {"contenders": ["slim", contender]}}
    assert vector_tables(Settings.model_validate(both)) == ("/own.parquet", "/mine.parquet")
