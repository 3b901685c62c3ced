"""A fit that cannot fit is refused before it is begun."""

from __future__ import annotations

import pytest

from toplists.config.model import ModelSettings
from toplists.config.model_als import AlsSettings
from toplists.config.model_ratings import BayesianMfSettings
from toplists.config.operation import EngineSettings
from toplists.engine.plan import GIB, Cluster
from toplists.errors import ConfigurationError
from toplists.models.definition import Parameters
from toplists.models.registry import held_bytes, make_model, vector_lengths
from toplists.pipeline.steps.room import require_room, share_out

CLUSTER = Cluster(nodes=1, cores=2, memory=8 * GIB)
AMOUNTS = {"users": 20_000_000, "items": 100_000, "interactions": 500_000_000}


def room(model: ModelSettings, cluster: Cluster = CLUSTER, **amounts: int) -> tuple[str, ...]:
    held = held_bytes(make_model(model.name, Parameters(model)))
    return require_room(
        vector_lengths(model), held, EngineSettings(), cluster, **(AMOUNTS | amounts)
    )


def test_a_side_larger_than_half_a_node_is_refused_with_its_remedies() -> None:
    with pytest.raises(ConfigurationError) as refused:
        room(ModelSettings(name="als", als=AlsSettings(rank=128)))
    text = str(refused.value)
    assert text.startswith("The vectors of 20,000,000 users at rank 128 are 9.6 GiB")
    for remedy in (
        "Lower the rank to 52 or less",
        "model.als.engine=mllib",
        "engine.node_memory_gb",
    ):
        assert remedy in text


def test_what_fits_passes() -> None:
    assert room(ModelSettings(name="als", als=AlsSettings(rank=32))) == ()


def test_mllib_and_models_without_vectors_pass() -> None:
    assert room(ModelSettings(name="als", als=AlsSettings(rank=128, engine="mllib"))) == ()
    assert room(ModelSettings(name="popularity")) == ()


def test_kept_rounds_count_where_lists_are_made() -> None:
    bayesian = BayesianMfSettings(rank=16, rounds=4000, keep_every=1)
    with pytest.raises(ConfigurationError, match="while lists are made"):
        room(ModelSettings(name="bayesian_mf", bayesian_mf=bayesian))


@pytest.mark.parametrize("name", ["svd", "svd_plus_plus", "bpr"])
def test_what_is_fitted_in_cells_has_to_have_room_where_lists_are_made(name: str) -> None:
    wide = ModelSettings.model_validate({"name": name, name: {"rank": 1024}})
    assert room(wide) == ()  # no task has the vectors of 20 million users
    with pytest.raises(ConfigurationError, match="while lists are made"):
        room(wide, items=2_000_000)


def test_there_has_to_be_room_for_members() -> None:
    wide = AlsSettings(rank=1024)
    for name, members in (("hybrid", {"members": ("als", "slim")}), ("als", {})):
        model = ModelSettings.model_validate(
            {"name": name, "als": wide.model_dump()} | ({name: members} if members else {})
        )
        with pytest.raises(ConfigurationError, match="Lower the rank"):
            room(model)
    few = {"members": ["slim"], "weights": [1.0]}
    slim = ModelSettings.model_validate({"name": "hybrid", "hybrid": few})
    assert room(slim, interactions=1_000_000) == ()
    stack = {"name": "stack", "stack": {"members": ["baseline", "nmf"]}, "nmf": {"rank": 20}}
    # One after the other while they are fitted, side by side when they are stored.
    assert vector_lengths(ModelSettings.model_validate(stack)) == (20, 1 + 2 + 20)


@pytest.mark.parametrize(
    ("name", "settings", "gib"),
    [
        ("hybrid", {"als": {"rank": 8}}, 22.4),
        ("slim", {}, 22.4),
        ("item_knn", {}, 14.9),
        ("item_knn", {"item_knn": {"session_gap_hours": 4.0}}, 29.8),
        ("rp3beta", {}, 14.9),
    ],
)
def test_there_has_to_be_room_for_all_interactions_where_tasks_hold_them(
    name: str, settings: dict[str, object], gib: float
) -> None:
    with pytest.raises(ConfigurationError) as refused:
        room(ModelSettings.model_validate({"name": name, **settings}))
    assert f"holds all 500,000,000 interactions, together {gib} GiB of a node's 8.0 GiB" in str(
        refused.value
    )
    assert "such as model.name=als with recommend.similar=factors" in str(refused.value)


def test_a_rank_above_the_smaller_side_is_warned_of() -> None:
    (warning,) = room(ModelSettings(name="als", als=AlsSettings(rank=32)), items=20)
    assert "32 numbers for 20 items" in warning


@pytest.mark.parametrize(
    ("hosts", "cores", "parallelism", "cluster"),
    [
        (["a", "b"], None, 8, (2, 4, 64)),  # as a standalone cluster: all cores of each machine
        (["a", "a", "b"], 2, 6, (3, 2, 32)),  # two executors share a machine
        ([], 4, 40, (10, 4, 64)),  # none has come yet
        ([], None, 2, (2, 1, 64)),
    ],
)
def test_executors_share_the_memory_of_their_machine(
    hosts: list[str], cores: int | None, parallelism: int, cluster: tuple[int, int, int]
) -> None:
    assert share_out(hosts, cores, parallelism, 64) == Cluster(*cluster)
