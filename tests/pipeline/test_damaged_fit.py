"""Files of a finished fit that are not as they were written are noticed, and made again."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from worlds import World, two_tastes

from toplists.engine.shapes import Factors, open_shape, open_vectors
from toplists.engine.storage import is_intact
from toplists.pipeline.steps.train import train


def factors_in(folder: Path) -> Factors:
    shape = open_shape(folder)
    assert isinstance(shape, Factors)
    return shape


def vectors_in(folder: Path) -> np.ndarray:
    return np.concatenate([open_vectors(part)[0] for part in factors_in(folder).users])


@pytest.mark.parametrize("part", ["train", "all"])
def test_a_damaged_fit_is_made_again(world: World, part: str) -> None:
    world.night(world.feed(two_tastes()), publish=False)
    (models,) = world.dataset.work.glob("*/models")
    run_id = models.parent.name
    folder = models / f"{run_id}.personal.{part}"
    before = vectors_in(folder)
    (damaged,) = factors_in(folder).users
    file = Path(damaged) / "vectors.npy"
    # As long as it was: only its checksum tells.
    file.write_bytes(file.read_bytes()[:-4] + b"\x00\x00\x80\x3f")
    world.workplace(
        world.settings(),
        lambda place: train(place, place.ledger.find_run(run_id)),
        lambda: world.spark,
    )
    assert np.array_equal(vectors_in(folder), before)
    assert all(map(is_intact, factors_in(folder).users))
