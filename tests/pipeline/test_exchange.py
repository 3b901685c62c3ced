"""Nights whose tasks exchange files through another storage than the lake's folder."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from worlds import World, two_tastes

from toplists.engine.exchange import write_parts
from toplists.engine.remote_parts import keep_parts_in
from toplists.engine.storage import open_array, save_part
from toplists.errors import ConfigurationError
from toplists.pipeline import shared_folder
from toplists.pipeline.failure import failure_text
from toplists.pipeline.shared_folder import require_exchange
from toplists.pipeline.steps.maintain import clear_files

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

IN_TASKS = {"single_task_entries": 0, "block_entries": 400}


def files_in(folder: Path) -> set[Path]:
    return {path for path in folder.rglob("*") if path.is_file()}


def clear(world: World, **maintain: int) -> int:
    """Remove what nobody needs; bytes of it."""
    settings = world.settings(maintain=maintain)
    freed = world.workplace(
        settings, lambda place: clear_files(place, logs=None, dry_run=False), None
    )
    return int(freed.bytes)


def test_a_night_is_the_same_through_another_storage(
    world: World, first_night: World, tmp_path: Path
) -> None:
    storage = tmp_path / "storage"
    world.night(first_night.first_feed, engine=IN_TASKS | {"exchange": storage.as_uri()})
    assert world.live() == first_night.live()  # where files lie decides no list, and so no run
    assert world.lists() == first_night.lists()
    work = world.dataset.work / world.live()
    assert not list(work.rglob("*.npy"))
    kept = files_in(storage)
    assert {path.name for path in kept} > {"vectors.npy", "indices.npy", "seal.json"}
    # What is set now does not matter to a run that began elsewhere.
    save_part(str(work / "models"), "of-a-task-that-died", {})
    assert files_in(storage) > kept
    assert clear(world) > 0
    assert files_in(storage) == kept
    size = sum(path.stat().st_size for path in kept)
    assert clear(world, work_runs=0) > size
    assert files_in(storage) == set()
    assert not work.exists()


def test_a_night_starts_from_one_through_another_storage(
    world: World, first_night: World, tmp_path: Path
) -> None:
    storage, lost = (tmp_path / name for name in ("storage", "lost"))
    through = IN_TASKS | {"exchange": storage.as_uri()}
    world.night(first_night.first_feed, engine=through)
    before = world.live()
    more = world.feed([f"u{user:02},i{user % 7:02},5,2024-02-01T00:00:00" for user in range(20)])
    world.night(more, engine=through)
    assert world.parent(world.live()) == before
    # A storage that cannot be reached costs the start, not the night.
    (tmp_path / "moved").write_bytes(b"")
    storage.rename(lost)
    (tmp_path / "moved").rename(storage)
    third = world.feed(["u00,i09,5,2024-02-02T00:00:00"], "third.csv")
    world.night(third, engine=IN_TASKS)
    assert world.parent(world.live()) is None


def test_a_storage_that_all_can_use_is_left_as_it_was(spark: SparkSession, tmp_path: Path) -> None:
    require_exchange(spark, tmp_path.as_uri())
    assert list(tmp_path.iterdir()) == []


def test_a_storage_that_cannot_be_used_ends_a_night_before_its_work(
    world: World, tmp_path: Path
) -> None:
    (tmp_path / "file").touch()
    uri = (tmp_path / "file").as_uri()
    with pytest.raises(ConfigurationError, match=r"engine\.exchange = .*/file cannot be used: "):
        world.night(world.feed(two_tastes()), engine={"exchange": uri})
    assert not world.dataset.work.exists()


@pytest.mark.parametrize(
    ("theirs", "said"),
    [
        ("folder", "what the driver wrote to .* is not there"),
        ("file", r"could not be read: .* \("),
    ],
)
def test_tasks_that_cannot_use_it_are_named(
    spark: SparkSession, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, theirs: str, said: str
) -> None:
    (tmp_path / "file").touch()
    tries, uri = shared_folder._tries, (tmp_path / theirs).as_uri()
    monkeypatch.setattr(shared_folder, "_tries", lambda _, name: tries(uri, name))
    with pytest.raises(ConfigurationError, match=said):
        require_exchange(spark, (tmp_path / "drivers").as_uri())
    assert list((tmp_path / "drivers").iterdir()) == []


def test_a_task_that_reads_what_is_damaged_says_what_and_where(
    spark: SparkSession, tmp_path: Path
) -> None:
    keep_parts_in(tmp_path / "run", (tmp_path / "storage").as_uri())
    part = save_part(str(tmp_path / "run"), "vectors", {"values": np.ones(3)})
    (file,) = (tmp_path / "storage").rglob("values.npy")
    file.write_bytes(file.read_bytes()[:-1])
    with pytest.raises(Exception, match="ToplistsError") as told:
        write_parts(
            spark,
            [part],
            lambda part: {"values": open_array(part, "values")},
            tmp_path / "run",
            "copies",
        )
    said = failure_text(told.value)
    assert said.startswith("values.npy of ")
    assert said.endswith(
        f"delete {tmp_path / 'run'} and repeat it: what belongs there is made anew."
    )
