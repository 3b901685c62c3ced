"""The scoring pass against a plain oracle: masks, order, and who fills what is left."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st
from snapshots import write_blocks

from toplists.dataset.segments import Segments
from toplists.engine.shapes import Ranking
from toplists.engine.storage import save_arrays
from toplists.ranking.fallback import Fallback, Filler
from toplists.ranking.scoring import list_tiles

NONE = -np.inf
N_ITEMS = 5


def ranking(folder: Path, segments: dict[str, Sequence[float]], cut: int = 0) -> Ranking:
    """A ranking by the scores of each segment, in one part or cut in two."""
    scores = np.array(list(segments.values()))
    parts = []
    for number, piece in enumerate(np.split(scores, [cut], axis=1) if cut else [scores]):
        path = folder / f"{number}"
        path.mkdir(parents=True)
        save_arrays(path, {"scores": piece})
        parts.append(str(path))
    return Ranking(tuple(parts), tuple(segments))


def fill(
    fallback: Fallback,
    n: int,
    *,
    have: Sequence[int] = (),
    seen: Sequence[int] = (),
    segment: int = 0,
    listable: Sequence[bool] | None = None,
) -> list[tuple[int, float, int]]:
    """A list after filling: item, score and source."""
    items = np.full(n, -1, dtype=np.int32)
    items[: len(have)] = have
    scores, sources = np.zeros(n), np.zeros(n, dtype=np.int8)
    filler = Filler(fallback, np.array(listable or [True] * N_ITEMS))
    filler.fill(items, scores, sources, seen=np.array(seen, dtype=np.int32), segment=segment)
    return [
        (int(i), float(s), int(k)) for i, s, k in zip(items, scores, sources, strict=True) if i >= 0
    ]


@pytest.fixture
def chain(tmp_path: Path) -> Fallback:
    """By segment, then what trends, then popularity; five items, of which the last is unpopular."""
    return Fallback(
        (
            ("segment", ranking(tmp_path / "s", {"de": [NONE, NONE, 1, 2, NONE]})),
            ("trending", ranking(tmp_path / "t", {"all": [NONE, 1.5, NONE, 1.5, NONE]})),
            ("popularity", ranking(tmp_path / "p", {"all": [9, 8, 8, 1, NONE]}, cut=2)),
        ),
        Segments(("all", "de"), ()),
    )


def test_rankings_fill_in_turn_and_each_is_named(chain: Fallback) -> None:
    assert chain.sources == ("segment", "trending", "popularity")
    # Everybody: what trends (a tie goes to the smaller id), then popularity. Item 4 is in no list.
    assert fill(chain, 5) == [(1, 1.5, 2), (3, 1.5, 2), (0, 9.0, 3), (2, 8.0, 3)]
    assert fill(chain, 3, segment=1) == [(3, 2.0, 1), (2, 1.0, 1), (1, 1.5, 2)]


def test_what_is_there_stays_and_nothing_comes_twice(chain: Fallback) -> None:
    assert fill(chain, 3, have=[4, 3]) == [(4, 0.0, 0), (3, 0.0, 0), (1, 1.5, 2)]


def test_neither_seen_nor_hidden_items_fill(chain: Fallback) -> None:
    assert fill(chain, 3, seen=[1, 0]) == [(3, 1.5, 2), (2, 8.0, 3)]
    assert fill(chain, 2, listable=[True, False, True, False, True]) == [(0, 9.0, 3), (2, 8.0, 3)]


@dataclass(frozen=True)
class World:
    """Five to nine users and items with a model, two rankings, and masks."""

    model: np.ndarray
    segment: np.ndarray
    popularity: np.ndarray
    seen: np.ndarray
    listable: np.ndarray
    of_user: np.ndarray


@st.composite
def worlds(draw: st.DrawFn) -> World:
    users, items = draw(st.integers(1, 6)), draw(st.integers(1, 7))
    rng = np.random.default_rng(draw(st.integers(0, 10_000)))
    scores = lambda rows: rng.choice([NONE, 1.0, 2.0, 3.0], (rows, items))  # noqa: E731 - ties are many
    return World(
        scores(1),
        scores(2),
        scores(1),
        rng.random((users, items)) < draw(st.sampled_from([0.1, 0.6])),
        rng.random(items) < draw(st.sampled_from([0.3, 0.8, 1.0])),
        rng.integers(0, 3, users),
    )


def expected(world: World, user: int, n: int) -> list[tuple[int, int]]:
    """Item and source, in plain Python."""
    own = world.of_user[user]
    rows = [world.model[0], world.segment[own - 1] if own else None, world.popularity[0]]
    listed: list[tuple[int, int]] = []
    for source, row in enumerate(rows):
        order = [] if row is None else sorted(range(len(row)), key=lambda i: (-row[i], i))
        for item in order:
            taken = {other for other, _ in listed}
            usable = row[item] > NONE and world.listable[item] and not world.seen[user, item]
            if usable and item not in taken and len(listed) < n:
                listed.append((item, source))
    return listed


@given(worlds(), st.integers(1, 8))
def test_lists_equal_a_plain_oracle(world: World, n: int) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        users = len(world.seen)
        names = ("all", "a", "b")
        pq.write_table(
            pa.table(
                {
                    "user_pos": pa.array(range(users), pa.int32()),
                    "segment": pa.array([None if s == 0 else names[s] for s in world.of_user]),
                }
            ),
            folder / "users.parquet",
        )
        fallback = Fallback(
            (
                ("segment", ranking(folder / "s", dict(zip("ab", world.segment, strict=True)))),
                ("popularity", ranking(folder / "p", {"all": world.popularity[0]})),
            ),
            Segments(names, (str(folder / "users.parquet"),)),
        )
        weights = np.where(world.seen, 1.0, np.nan)
        blocks, _ = write_blocks(folder / "blocks", weights, cuts=(range(2, users, 2), ()))
        found = []
        for ref in blocks.blocks:
            for tile in list_tiles(
                ref.open(),
                ranking(folder / f"m{ref.index}", {"all": world.model[0]}),
                fallback,
                part="all",
                n=n,
                wanted=np.ones(ref.rows, dtype=np.bool_),
                listable=world.listable,
                tile_bytes=1,
            ):
                for row, own, sources in zip(tile.rows, tile.items, tile.sources, strict=True):
                    listed = [(int(i), int(s)) for i, s in zip(own, sources, strict=True) if i >= 0]
                    found.append((ref.first + int(row), listed))
        assert found == [(user, expected(world, user, n)) for user in range(users)]
