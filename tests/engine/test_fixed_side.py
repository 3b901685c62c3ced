"""The side that is held fixed, as tasks of a node lay it out together."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import count
from pathlib import Path

import numpy as np
import pytest

from toplists.engine.fixed_side import FixedSide
from toplists.engine.scratch import locked, scratch
from toplists.engine.storage import save_part

ROWS = (3, 5000, 0, 1)  # of the parts: one is longer than what is turned at a time, one is empty


@pytest.fixture
def parts(tmp_path: Path) -> list[np.ndarray]:
    """The vectors of each part, which lie in `tmp_path`."""
    rng = np.random.default_rng(0)
    return [rng.standard_normal((rows, 4)).astype(np.float32) for rows in ROWS]


@pytest.fixture
def fixed(tmp_path: Path, parts: list[np.ndarray]) -> FixedSide:
    """The side, in a basis that turns its directions round."""
    scratch()  # one folder of this process, whichever thread asks first
    paths = [save_part(str(tmp_path), "items-000", {"vectors": vectors}) for vectors in parts]
    basis = np.eye(4, dtype=np.float32)[::-1].copy()
    return FixedSide(str(tmp_path), 1, tuple(paths), "users", None, np.zeros(4), basis)


def test_all_who_come_lay_it_out_together(
    fixed: FixedSide, parts: Sequence[np.ndarray], monkeypatch: pytest.MonkeyPatch
) -> None:
    write, both, calls = FixedSide._lay_out_part, threading.Barrier(2), count()

    def meets(self: FixedSide, place: Path, part: str, first: int) -> None:
        if next(calls) < 2:
            both.wait(timeout=60)  # is broken if one lays out all parts
        write(self, place, part, first)

    monkeypatch.setattr(FixedSide, "_lay_out_part", meets)
    with ThreadPoolExecutor(4) as pool:
        opened = list(pool.map(lambda _: fixed.open(), range(8)))
    for features in opened:
        assert np.array_equal(features.values, np.concatenate(parts)[:, ::-1])
        assert features.offsets.tolist() == [0.0] * sum(ROWS)


def test_what_one_did_not_end_is_done_by_the_next(
    fixed: FixedSide, parts: Sequence[np.ndarray], monkeypatch: pytest.MonkeyPatch
) -> None:
    write, written = FixedSide._lay_out_part, []

    def dies(self: FixedSide, place: Path, part: str, first: int) -> None:
        if len(written) == 2:
            raise OSError("no space left")
        written.append(part)
        write(self, place, part, first)

    monkeypatch.setattr(FixedSide, "_lay_out_part", dies)
    with pytest.raises(OSError, match="no space left"):
        fixed.open()
    monkeypatch.setattr(FixedSide, "_lay_out_part", write)
    assert np.array_equal(fixed.open().values, np.concatenate(parts)[:, ::-1])


def test_the_side_before_goes(fixed: FixedSide) -> None:
    fixed.open()
    later = FixedSide(
        fixed.folder, 2, fixed.parts[:1], "items", None, np.zeros(4), np.eye(4, dtype=np.float32)
    )
    assert len(later.open().values) == ROWS[0]
    (left,) = later._place().parent.glob("fixed-*")
    assert left == later._place()


def test_a_lock_that_is_not_waited_for(tmp_path: Path) -> None:
    with locked(tmp_path / "lock") as first, locked(tmp_path / "lock", wait=False) as second:
        assert (first, second) == (True, False)
    with locked(tmp_path / "lock", wait=False) as free:
        assert free
