"""Drawing what a held-out item is ranked among."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from toplists.engine.kernels.candidates import ItemSets
from toplists.engine.kernels.draws import hash_ids
from toplists.engine.kernels.negatives import draw_negatives

N_ITEMS = 12


def sets(rows: list[set[int]]) -> ItemSets:
    ends = np.cumsum([0, *map(len, rows)], dtype=np.int64)
    items = [item for own in rows for item in sorted(own)]
    return ItemSets(ends, np.array(items, dtype=np.int32))


@given(
    st.lists(st.sets(st.integers(0, N_ITEMS - 1)), max_size=5),
    st.integers(1, 20),
    st.integers(0, 2**64 - 1),
)
def test_drawn_are_others_as_many_as_asked_for(
    known: list[set[int]], count: int, seed: int
) -> None:
    hashes = hash_ids(f"u{user}" for user in range(len(known)))
    drawn = draw_negatives(hashes, sets(known), N_ITEMS, count, seed)
    for user, own in enumerate(known):
        items = drawn.row(user).tolist()
        assert items == sorted(set(items))
        assert not own & set(items)
        assert len(items) == min(count, N_ITEMS - len(own))
        # It does not depend on the others.
        alone = draw_negatives(hashes[user : user + 1], sets([own]), N_ITEMS, count, seed)
        assert alone.items.tolist() == items


def test_every_other_item_is_equally_likely() -> None:
    n, known = 6_000, {0, 5}
    hashes = hash_ids(f"u{user}" for user in range(n))
    drawn = draw_negatives(hashes, sets([known] * n), N_ITEMS, 3, seed=1)
    counts = np.bincount(drawn.items, minlength=N_ITEMS)
    expected = n * 3 / (N_ITEMS - len(known))
    others = np.delete(counts, list(known))
    assert counts[list(known)].sum() == 0
    # Five standard deviations of a count with probability 0.3.
    assert np.abs(others - expected).max() < 5 * np.sqrt(n * 0.3 * 0.7)
