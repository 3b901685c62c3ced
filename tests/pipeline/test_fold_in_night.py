"""A night whose published vectors are those of its evaluation fit, with everybody folded in."""

from __future__ import annotations

import json

import numpy as np
from worlds import N_USERS, SMALL, World, two_tastes

from toplists.engine.shapes import Factors, open_shape, open_vectors
from toplists.lake.bookkeeping import read_rows
from toplists.lake.tables import MODELS


def test_published_items_are_those_that_were_judged(world: World) -> None:
    als = {**SMALL["model"]["als"], "published": "fold_in"}
    world.night(world.feed(two_tastes()), model={"name": "als", "als": als})
    run_id = world.live()
    models = world.dataset.work / run_id / "models"
    judged, published = (
        open_shape(models / f"{run_id}.personal.{part}") for part in ("train", "all")
    )
    assert isinstance(judged, Factors)
    assert isinstance(published, Factors)
    (before, known), (after, _) = (
        [*map(np.concatenate, zip(*map(open_vectors, shape.items), strict=True))]
        for shape in (judged, published)
    )
    assert np.array_equal(after[known], before[known])
    # Users' vectors are of all their events.
    users = [
        np.concatenate([open_vectors(part)[0] for part in shape.users])
        for shape in (judged, published)
    ]
    assert not np.array_equal(*users)
    (row,) = read_rows(world.dataset, MODELS, model_id=f"{run_id}.personal.all")
    assert json.loads(row["report"]) == {"folded_in": True}
    assert len(world.lists()) == N_USERS
