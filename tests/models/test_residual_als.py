"""ALS on what a baseline leaves: the sum of both, and the blocks in between."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from fitted import NO_SPARK, fit_here, without_spark
from snapshots import write_blocks

from toplists.config.model_ratings import BaselineSettings, ResidualAlsSettings
from toplists.engine.alternation import Alternation, alternate_by
from toplists.engine.baselines import Rated, fit_baselines
from toplists.engine.blocks import BlockRef, Side
from toplists.engine.derived_blocks import derive_blocks
from toplists.engine.exchange import write_parts_here
from toplists.engine.shapes import Factors, Shape, open_vectors
from toplists.engine.storage import Arrays
from toplists.models.als import Explicit, Penalty
from toplists.models.baseline import baseline_method
from toplists.models.residual_als import ResidualAls

RNG = np.random.default_rng(4)
VALUES = 3 + RNG.normal(size=(70, 1)) + RNG.normal(size=66) + RNG.normal(size=(70, 66))
VALUES[RNG.random(VALUES.shape) > 0.4] = np.nan
VALUES = np.abs(VALUES)  # fit_here takes what is above 0


def predicted(shape: Shape) -> np.ndarray:
    assert isinstance(shape, Factors)
    users, items = (
        np.concatenate([open_vectors(part)[0] for part in parts])
        for parts in (shape.users, shape.items)
    )
    return users.astype(np.float64) @ items.T


@pytest.mark.parametrize("cuts", [((), ()), ([64], [64])])
def test_it_is_the_baseline_and_als_on_the_rest(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, cuts: tuple[list[int], list[int]]
) -> None:
    settings = ResidualAlsSettings(rank=3, iterations=4, regularization=0.2)
    model = ResidualAls(settings, BaselineSettings(), 1_000_000)
    known = np.nan_to_num(VALUES)
    found = predicted(fit_here(model, known, tmp_path / "fit", monkeypatch, cuts=cuts).shape)

    users, items = write_blocks(tmp_path / "blocks", VALUES)
    rated = Rated(users, items, "all", float(np.nanmean(VALUES.astype(np.float32))))
    method = baseline_method(BaselineSettings())
    baseline = predicted(fit_baselines(rated, method, tmp_path / "baseline", write_parts_here))
    users, items = write_blocks(tmp_path / "left", VALUES - baseline)
    objective = Explicit(3, None, Penalty(0.2, "by_count", 1.0, 1.0), 42, "all")
    fit = Alternation({"users": users, "items": items}, objective, "exact", 4)
    rest = predicted(alternate_by(fit, tmp_path / "rest", write_parts_here).factors)
    np.testing.assert_allclose(found, baseline + rest, atol=1e-4)


def test_derived_blocks_are_the_same_but_for_what_is_changed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    without_spark(monkeypatch)
    sides = write_blocks(
        tmp_path / "blocks",
        VALUES,
        rating_weights=np.full(VALUES.shape, 0.5),
        times=np.arange(VALUES.size).reshape(VALUES.shape),
        holdout=RNG.random(VALUES.shape) < 0.3,
        cuts=([64], [10]),
    )

    def negative(_: Side, ref: BlockRef) -> Arrays:
        return {"values": -np.asarray(ref.open().values)}

    derived = derive_blocks(NO_SPARK, sides, negative, tmp_path, "negative")
    for before, after in zip(sides, derived, strict=True):
        assert before.starts() == after.starts()
        for one, other in zip(before.blocks, after.blocks, strict=True):
            old, new = one.open(), other.open()
            assert np.array_equal(new.values, -np.asarray(old.values))
            assert new.ids.equals(old.ids)
            for name in ("indptr", "indices", "weights", "holdout", "flags", "rating_weights"):
                assert np.array_equal(getattr(new, name), getattr(old, name)), name
            assert np.array_equal(new.times, old.times)
