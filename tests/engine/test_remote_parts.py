"""Parts that lie in another storage than their manifests: fits through it, and what is found damaged."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path, PurePosixPath

import numpy as np
import pyarrow as pa
import pytest
from snapshots import write_blocks
from storages import damage, files_in

from toplists.config.model_ratings import BayesianMfSettings
from toplists.engine import alternation, remote_parts, scratch, storage
from toplists.engine.alternation import Alternation, alternate_by
from toplists.engine.blocks import id_arrays, read_ids
from toplists.engine.exchange import write_parts_here
from toplists.engine.gibbs import Chain, sample_by
from toplists.engine.remote_folder import open_storage
from toplists.engine.remote_parts import keep_parts_in
from toplists.engine.shapes import Factors, open_vectors
from toplists.engine.storage import is_intact, open_array, save_part
from toplists.errors import ConfigurationError, ToplistsError
from toplists.models.als import Confidence, Implicit, Penalty

ONES = np.ones(3)


@pytest.fixture
def node(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str], Path]]:
    """Goes to the node of a name, which has copies of its own; its scratch space."""

    def go(name: str) -> Path:
        place = tmp_path / "nodes" / name
        monkeypatch.setattr(remote_parts, "scratch", lambda: place)
        remote_parts.find_part.cache_clear()
        return place

    yield go
    remote_parts.find_part.cache_clear()


@pytest.fixture
def uri(tmp_path: Path, request: pytest.FixtureRequest) -> str:
    """A storage: a folder, unless a test asks for a fixture."""
    named = getattr(request, "param", "file")
    if named != "file":
        address: str = request.getfixturevalue(named)
        return address
    return (tmp_path / "elsewhere").as_uri()


through_all = pytest.mark.parametrize(
    "uri",
    ["file", *(pytest.param(far, marks=pytest.mark.long) for far in ("bucket", "hdfs_folder"))],
    indirect=True,
)


def likings() -> np.ndarray:
    rng = np.random.default_rng(0)
    return np.where(rng.random((150, 140)) < 0.1, 1.0, np.nan)


def fit(folder: Path, iterations: int = 3) -> Factors:
    """A fit with long rows, so that all kinds of parts come about."""
    users, items = write_blocks(folder / "blocks", likings(), cuts=([64], [64, 128]), longest=23)
    objective = Implicit(
        4, Confidence(5.0, "linear"), 1.0, Penalty(0.1, "plain", 1.0, 1.0), 42, "all"
    )
    plan = Alternation({"users": users, "items": items}, objective, "cg", iterations)
    return alternate_by(plan, folder / "model", write_parts_here).factors


def sampled(folder: Path) -> Factors:
    users, items = write_blocks(folder / "blocks", likings(), cuts=([64], [64, 128]))
    settings = BayesianMfSettings(rank=2, burn_in=1, rounds=2, keep_every=1)
    chain = Chain({"users": users, "items": items}, "all", 1.0, **settings.model_dump(), seed=42)
    return sample_by(chain, folder / "model", write_parts_here)


def vectors(factors: Factors) -> np.ndarray:
    return np.concatenate([open_vectors(part)[0] for part in (*factors.users, *factors.items)])


@through_all
@pytest.mark.parametrize("make", [fit, sampled])
def test_a_fit_is_the_same_wherever_its_parts_lie(
    make: Callable[[Path], Factors], uri: str, tmp_path: Path, node: Callable[[str], Path]
) -> None:
    run = tmp_path / "run"
    keep_parts_in(run, uri)
    node("one")
    far = make(run)
    assert not list(run.rglob("*.npy"))
    node("two")  # which has to fetch what it reads
    assert np.array_equal(vectors(far), vectors(make(tmp_path / "here")))
    assert all(map(is_intact, (*far.users, *far.items)))
    storage.remove_parts([run])
    assert files_in(uri) == []


@through_all
def test_a_fit_goes_on_on_another_node(
    uri: str, tmp_path: Path, node: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    solve_side, halves = alternation.solve_side, []

    def dies_once(*arguments: object, **how: object) -> tuple[str, ...]:
        halves.append(how["number"])
        if halves == [0, 1, 2, 3]:
            raise KeyboardInterrupt
        return solve_side(*arguments, **how)  # type: ignore[arg-type]  # as the caller gave them

    monkeypatch.setattr(alternation, "solve_side", dies_once)
    run = tmp_path / "run"
    keep_parts_in(run, uri)
    node("one")
    with pytest.raises(KeyboardInterrupt):
        fit(run)
    node("two")
    assert np.array_equal(vectors(fit(run)), vectors(fit(tmp_path / "here")))
    assert halves[4:8] == [3, 4, 5, 6]


@through_all
def test_damage_in_the_storage_costs_one_half(
    uri: str, tmp_path: Path, node: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    run = tmp_path / "run"
    keep_parts_in(run, uri)
    node("one")
    fit(run)
    damage(uri, "*/model/users-007-*/vectors.npy")
    halves: list[object] = []
    solve_side = alternation.solve_side

    def noted(*arguments: object, **how: object) -> tuple[str, ...]:
        halves.append(how["number"])
        return solve_side(*arguments, **how)  # type: ignore[arg-type]  # as the caller gave them

    monkeypatch.setattr(alternation, "solve_side", noted)
    # The node's own copies are whole: what counts is what others would read.
    again = fit(run)
    assert halves == [6]
    assert np.array_equal(vectors(again), vectors(fit(tmp_path / "here")))


@through_all
@pytest.mark.parametrize("broken", ["array.npy", "seal.json"])
def test_a_damaged_download_is_named_and_never_used(
    broken: str, uri: str, tmp_path: Path, node: Callable[[str], Path]
) -> None:
    keep_parts_in(tmp_path / "run", uri)
    node("one")
    part = save_part(str(tmp_path / "run" / "model"), "users", {"array": ONES})
    damage(uri, f"*/model/users-*/{broken}")
    node("two")
    for _ in range(2):
        with pytest.raises(ToplistsError, match=rf"{broken} of .*delete .*/run/model and repeat"):
            open_array(part, "array")
    assert not is_intact(part)


def test_a_damaged_seal_is_not_kept(uri: str, tmp_path: Path, node: Callable[[str], Path]) -> None:
    keep_parts_in(tmp_path / "run", uri)
    node("one")
    part = save_part(str(tmp_path / "run"), "users", {"array": ONES})
    (seal,) = (tmp_path / "elsewhere").rglob("seal.json")
    whole = seal.read_bytes()
    damage(uri, "*/users-*/seal.json")
    node("two")
    with pytest.raises(ToplistsError, match=r"seal\.json"):
        open_array(part, "array")
    seal.write_bytes(whole)
    assert np.array_equal(open_array(part, "array"), ONES)


def test_what_is_gone_is_named(uri: str, tmp_path: Path, node: Callable[[str], Path]) -> None:
    keep_parts_in(tmp_path / "run", uri)
    node("one")
    part = save_part(str(tmp_path / "run"), "users", {"array": ONES})
    assert storage.find_array(part, "other") is None
    with pytest.raises(ToplistsError, match=r"other\.npy of .* is gone"):
        open_array(part, "other")
    node("two")
    shutil.rmtree(tmp_path / "elsewhere")
    assert not is_intact(part)
    with pytest.raises(ToplistsError, match="is gone or not as it was written"):
        open_array(part, "array")


@through_all
def test_a_node_forgets_what_is_gone(uri: str, tmp_path: Path, node: Callable[[str], Path]) -> None:
    keep_parts_in(tmp_path / "run", uri)
    copies = node("one") / "parts"
    fit(tmp_path / "run", iterations=6)
    parts = {file.parent.name.rsplit("-", 2)[0] for file in copies.rglob("model/*/vectors.npy")}
    # Those of two manifests, and of the half before, which the next one would find gone.
    assert len({name for name in parts if name.startswith("users")}) <= 3
    assert len({name for name in parts if name.startswith("items")}) <= 3


def test_a_run_goes_on_where_it_began(uri: str, tmp_path: Path) -> None:
    keep_parts_in(tmp_path / "run", uri)
    part = save_part(str(tmp_path / "run" / "model"), "users", {"array": ONES})
    keep_parts_in(tmp_path / "run", (tmp_path / "third").as_uri())
    assert np.array_equal(open_array(part, "array"), ONES)
    assert not (tmp_path / "third").exists()


def test_only_a_run_s_own_folder_says_where_its_parts_lie(tmp_path: Path) -> None:
    (tmp_path / remote_parts.PLACE).write_text("{}")  # somebody else's
    part = save_part(str(tmp_path / "work" / "run" / "model"), "users", {"array": ONES})
    assert np.array_equal(open_array(part, "array"), ONES)
    assert list((tmp_path / "work").rglob("array.npy"))


@through_all
def test_an_emptied_folder_keeps_its_place(uri: str, tmp_path: Path) -> None:
    run = tmp_path / "run"
    keep_parts_in(run, uri)
    part = save_part(str(run / "model"), "users", {"array": ONES})
    storage.commit_manifest(run / "model" / "shape.json", {})
    (run / "stray").touch()
    assert storage.are_there([part])
    storage.empty_folder(run)
    assert files_in(uri) == []
    assert not storage.are_there([part])
    assert [path.name for path in run.iterdir()] == [remote_parts.PLACE]


def test_a_process_removes_the_copies_of_one_that_was_killed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(scratch, "gettempdir", lambda: str(tmp_path))
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    alive, _held = scratch._of_this_process.__wrapped__()
    killed = tmp_path / "toplists-scratch-killed"
    killed.mkdir()
    (killed / "lock").touch()
    scratch._of_this_process.__wrapped__()
    assert Path(alive.name).is_dir()
    assert not killed.exists()


def test_a_storage_that_cannot_be_opened_says_so(tmp_path: Path) -> None:
    keep_parts_in(tmp_path, "gopher://somewhere")
    with pytest.raises(
        ConfigurationError, match=r"engine\.exchange = gopher://somewhere cannot be"
    ):
        save_part(str(tmp_path), "users", {"array": ONES})


def test_the_root_of_a_storage_is_its_root() -> None:
    assert open_storage("file:///").inner(PurePosixPath("run")).path == "/run"


def test_a_storage_that_cannot_be_written_says_so(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    keep_parts_in(tmp_path / "run", (tmp_path / "file").as_uri())
    with pytest.raises(ToplistsError, match=r"could not be written: .*engine\.exchange"):
        save_part(str(tmp_path / "run"), "users", {"array": ONES})


@pytest.mark.parametrize("ids", [["a", "", "ü", "long one"], [""]])
def test_ids_are_arrays(ids: list[str], tmp_path: Path) -> None:
    padded = pa.array(["before", *ids, "after"])[1:-1]  # a slice of a larger array
    part = save_part(str(tmp_path), "ids", id_arrays(padded))
    assert read_ids(part).to_pylist() == ids
