"""Sorting whole numbers, against NumPy's."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from toplists.engine.kernels.radix_sort import order_by

# Few, so that there are ties; around the end of a digit; the largest there is.
KEYS = st.sampled_from([0, 1, 2, 65_535, 65_536, 65_537, 2**31 - 1])
PAIRS = st.lists(st.tuples(KEYS, st.integers(0, 3)), max_size=30)


@given(PAIRS)
def test_it_is_a_stable_sort(pairs: list[tuple[int, int]]) -> None:
    first, second = np.array(pairs, dtype=np.int32).reshape(-1, 2).T
    assert order_by(first).tolist() == np.argsort(first, kind="stable").tolist()
    both = order_by(first, order_by(second))
    assert both.tolist() == np.lexsort((second, first)).tolist()
