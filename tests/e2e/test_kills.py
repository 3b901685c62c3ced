"""`kill -9` at the worst moments, and the same command again."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from operators import Operator

from toplists.reader.delta import open_delta

DATASET = "sample-movielens"


def holds_data(folder: Path, pattern: str) -> bool:
    return any(folder.glob(pattern))


MOMENTS: dict[str, Callable[[Path], bool]] = {
    # The events are being written, or just were; `loads` does not know of them.
    "ingest": lambda lake: holds_data(lake, "events/**/*.parquet"),
    # A few halves of the published fit are done, each by tasks of its own.
    "train": lambda lake: holds_data(
        lake, "work/*/models/*.personal.all/**/users-003-*/vectors.npy"
    ),
    # The same, through another storage than the lake's folder.
    "train elsewhere": lambda lake: holds_data(
        lake.parent / "storage", "*/models/*.personal.all/**/users-003-*/vectors.npy"
    ),
    # Some lists are on disk, and no commit names them.
    "recommend": lambda lake: holds_data(lake, "recommendations/**/*.parquet"),
    # The figures are stored, the ledger does not know it, the pointer has not moved.
    "before publish": lambda lake: holds_data(lake, "metrics/**/*.parquet"),
    # The pointer moved; the ledger and current.json do not know it.
    "after publish": lambda lake: holds_data(lake, "publications/**/*.parquet"),
}


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[tuple[str, float]]]:
    operator = Operator(tmp_path_factory.mktemp("undisturbed") / "lake")
    assert operator.submit("nightly").returncode == 0
    publication = open_delta(operator.lake / DATASET).publication()
    assert publication is not None
    return operator.recommendations(DATASET, publication.run_id)


@contextmanager
def watching_reader(lake: Path) -> Iterator[list[tuple[str | None, int]]]:
    """A reader in a loop: which run it saw, and for how many users that run had a list."""
    seen: list[tuple[str | None, int]] = []
    stop = threading.Event()

    def read() -> None:
        lists = open_delta(lake / DATASET)
        while not stop.wait(0.02):
            if (lake / DATASET / "publications" / "_delta_log").is_dir():
                live = lists.publication()
                counts = lists.read(lambda found: found.counts()) if live else None
                seen.append((live.run_id if live else None, counts.users if counts else 0))

    reader = threading.Thread(target=read)
    reader.start()
    try:
        yield seen
    finally:
        stop.set()
        reader.join()


@pytest.mark.long
@pytest.mark.parametrize("moment", MOMENTS)
def test_a_killed_night_run_again_ends_in_the_same_lists(
    operator: Operator, undisturbed: dict[str, list[tuple[str, float]]], moment: str
) -> None:
    night = ["nightly"]
    if moment.startswith("train"):
        night += ["--set", "engine.single_task_entries=0"]
    if moment == "train elsewhere":
        night += ["--set", f"engine.exchange={(operator.lake / 'storage').as_uri()}"]
    with watching_reader(operator.lake) as seen:
        operator.submit_and_kill(lambda: MOMENTS[moment](operator.lake / DATASET), *night)
        again = operator.submit(*night)
    assert again.returncode == 0, again.stdout + again.stderr
    publication = open_delta(operator.lake / DATASET).publication()
    assert publication is not None
    assert operator.recommendations(DATASET, publication.run_id) == undisturbed
    # Whoever looked meanwhile saw nothing, or all of the one run.
    assert set(seen) <= {(None, 0), (publication.run_id, len(undisturbed))}
