"""How alike items are by what is said of them, against the formula pair by pair."""

from __future__ import annotations

import math
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from catalogues import write_catalogue
from hypothesis import given
from hypothesis import strategies as st
from snapshots import write_blocks

from toplists.engine.content import Aspect, Candidates, Content, describe, similar_content
from toplists.engine.exchange import write_parts_here
from toplists.engine.kernels.content_similarity import Described, Nearness, alike
from toplists.engine.kernels.weight_sums import Sparse
from toplists.errors import InputRefusedError

Entries = dict[str, dict[str, Any]]

FILMS: Entries = {
    "i000": {"genres": ["Action", "Sci-Fi"], "year": 1977},
    "i001": {"genres": ["Sci-Fi", "Action"], "year": 1980},
    "i002": {"genres": ["Drama"], "year": 1942},
    "i003": {"genres": [], "year": 1999},  # no genre is listed
    "i004": {"genres": ["Action", "Sci-Fi"], "year": 1977},  # in all like the first
    "i005": {},  # nothing is known
    "elsewhere": {"genres": ["Western"], "year": 1960},  # no item of the run
}
N = 6


def similarities(
    folder: Path,
    entries: Entries,
    aspects: list[Aspect],
    *,
    n: int = N,
    rarity: bool = False,
    scales: tuple[float, float] = (10.0, 1.0),
    k: int | None = None,
    cuts: tuple[int, ...] = (),
    lowest: float = 0.0,
) -> tuple[np.ndarray, list[list[int]], dict[str, int]]:
    """Of all pairs, 0 where there is none; each item's neighbours in their order; what is known of how many."""
    _, items = write_blocks(folder / "blocks", np.ones((2, n)), cuts=((), cuts))
    files = write_catalogue(folder / "catalogue", entries)
    content = Content(items, files, tuple(aspects), rarity, *scales)
    path, known = describe(content, folder / "content", write_parts_here)
    found, lists = np.zeros((n, n)), []
    for ref in items.blocks:
        part = similar_content(path, Candidates(items, "all", None), ref, k=k, lowest=lowest)
        for row in range(ref.rows):
            own = slice(part["indptr"][row], part["indptr"][row + 1])
            lists.append(part["neighbours"][own].tolist())
            found[ref.first + row, lists[-1]] = part["weights"][own]
    return found, lists, known


def test_small_truths_of_genres(tmp_path: Path) -> None:
    found, lists, known = similarities(tmp_path, FILMS, [Aspect("genres", "", 1.0)])
    assert known == {"genres": 4}
    # Two of two genres are common; of equal ones the first comes first.
    assert lists == [[1, 4], [0, 4], [], [], [0, 1], []]
    np.testing.assert_allclose(found[found > 0], 1.0, rtol=1e-6)


def test_small_truths_of_years(tmp_path: Path) -> None:
    found, lists, known = similarities(tmp_path, FILMS, [Aspect("year", "", 1.0)])
    assert known == {"year": 5}
    assert found[0, 1] == pytest.approx(math.exp(-0.3), rel=1e-6)
    assert found[0, 4] == 1.0
    assert lists[0] == [4, 1, 3, 2]
    assert lists[5] == []  # without a year
    assert not found[:, 5].any()


def test_ten_equal_items_stand_in_order(tmp_path: Path) -> None:
    entries = {f"i{n:03}": {"genres": ["Drama"], "year": 1990} for n in range(10)}
    aspects = [Aspect("genres", "", 1.0), Aspect("year", "", 0.5)]
    _, lists, _ = similarities(tmp_path, entries, aspects, n=10, k=4)
    assert lists[0] == [1, 2, 3, 4]
    assert lists[2] == [0, 1, 3, 4]
    assert lists[9] == [0, 1, 2, 3]


def test_what_all_have_says_nothing_where_rarity_counts(tmp_path: Path) -> None:
    entries = {f"i{n:03}": {"genres": ["Film", *"AB"[n % 2]]} for n in range(4)}
    _, lists, known = similarities(tmp_path, entries, [Aspect("genres", "", 1.0)], n=4, rarity=True)
    assert lists == [[2], [3], [0], [1]]
    assert known == {"genres": 4}
    # Where all that is said of an item is what all have, nothing is.
    _, lists, known = similarities(
        tmp_path / "same",
        {f"i{n:03}": {"genres": ["Film"]} for n in range(4)},
        [Aspect("genres", "", 1.0)],
        n=4,
        rarity=True,
    )
    assert lists == [[], [], [], []]
    assert known == {"genres": 4}  # it was said


def test_attributes_may_be_values_or_numbers(tmp_path: Path) -> None:
    entries = {
        "i000": {"attributes": {"tags": "dark | slow", "pages": "100"}},
        "i001": {"attributes": {"tags": "slow|funny||"}, "numbers": {"pages": 300.0}},
        "i002": {"attributes": {"tags": "", "pages": "many"}},
        "i003": {"attributes": {"pages": "300"}, "numbers": None},
    }
    found, _, known = similarities(tmp_path, entries, [Aspect("values", "tags", 1.0)], n=4)
    assert known == {"values:tags": 2}
    assert found[0, 1] == pytest.approx(0.5, rel=1e-6)
    found, _, known = similarities(tmp_path / "n", entries, [Aspect("number", "pages", 1.0)], n=4)
    assert known == {"number:pages": 3}
    deviation = np.std([100, 300, 300])
    assert found[0, 1] == pytest.approx(math.exp(-200 / deviation), rel=1e-6)
    assert found[1, 3] == 1.0


def vectors(folder: Path, by_item: dict[str, list[float] | None], name: str = "v.parquet") -> str:
    schema = pa.schema({"item_id": pa.string(), "vector": pa.list_(pa.float32())})
    rows = [{"item_id": item, "vector": vector} for item, vector in by_item.items()]
    folder.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.Table.from_pylist(rows, schema), folder / name)
    return str(folder / name)


def test_ready_made_vectors_are_compared_by_direction(tmp_path: Path) -> None:
    files = (
        vectors(tmp_path, {"i000": [2.0, 0.0], "i001": [1.0, 1.0], "i009": [1.0, 0.0]}),
        vectors(tmp_path, {"i002": [-1.0, 0.0], "i003": [0.0, 0.0], "i004": None}, "w.parquet"),
    )
    found, lists, known = similarities(tmp_path, {}, [Aspect("vectors", "", 1.0, files)])
    assert known == {"vectors": 3}
    assert lists == [[1], [0], [], [], [], []]  # what points the other way is not alike
    assert found[0, 1] == pytest.approx(math.sqrt(0.5), rel=1e-6)


def test_vectors_are_of_one_length(tmp_path: Path) -> None:
    files = (vectors(tmp_path, {"i000": [1.0], "i001": [1.0, 2.0]}),)
    with pytest.raises(InputRefusedError, match="vectors of 1, 2 numbers"):
        similarities(tmp_path, {}, [Aspect("vectors", "", 1.0, files)])


def random_entries(n: int, seed: int = 1) -> Entries:
    rng = np.random.default_rng(seed)
    names = [f"g{one}" for one in range(6)]
    return {
        f"i{item:03}": {
            "genres": [str(g) for g in rng.permutation(names)[: rng.integers(0, 4)]],
            "year": int(rng.integers(1950, 2000)) if rng.random() < 0.8 else None,
            "numbers": {"price": float(rng.normal())},
        }
        for item in range(n)
    }


def by_hand(entries: Entries, *, rarity: bool) -> np.ndarray:
    """Genres count 2, years 1, prices 0.5."""
    rows = list(entries.values())
    counts = Counter(genre for row in rows for genre in set(row["genres"]))
    described = sum(bool(row["genres"]) for row in rows)
    price = np.array([row["numbers"]["price"] for row in rows])
    found = np.zeros((len(rows), len(rows)))
    for i, one in enumerate(rows):
        for j, other in enumerate(rows):
            if i == j:
                continue
            weight = {
                genre: math.log((described + 1) / (count + 1)) if rarity else 1.0
                for genre, count in counts.items()
            }
            lengths = [
                math.sqrt(sum(weight[genre] ** 2 for genre in set(row["genres"])))
                for row in (one, other)
            ]
            common = set(one["genres"]) & set(other["genres"])
            if common:
                found[i, j] += 2 * sum(weight[genre] ** 2 for genre in common) / math.prod(lengths)
            if one["year"] and other["year"]:
                found[i, j] += math.exp(-abs(one["year"] - other["year"]) / 5)
            found[i, j] += 0.5 * math.exp(-abs(price[i] - price[j]) / (2 * price.std()))
    return found / 3.5


BLEND = [
    Aspect("genres", "", 2.0),
    Aspect("year", "", 1.0),
    Aspect("number", "price", 0.5),
]


@pytest.mark.parametrize("rarity", [False, True])
def test_a_blend_is_the_weighted_mean_of_its_parts(rarity: bool, tmp_path: Path) -> None:
    entries = random_entries(40)
    found, _, _ = similarities(tmp_path, entries, BLEND, n=40, rarity=rarity, scales=(5.0, 2.0))
    np.testing.assert_allclose(found, by_hand(entries, rarity=rarity), rtol=1e-5, atol=1e-7)


def test_cuts_change_nothing(tmp_path: Path) -> None:
    entries = random_entries(150)
    whole = similarities(tmp_path / "whole", entries, BLEND, n=150, k=9)
    cut = similarities(tmp_path / "cut", entries, BLEND, n=150, k=9, cuts=(1, 2, 70))
    assert whole[1] == cut[1]
    assert np.array_equal(whole[0], cut[0])


def test_less_similar_ones_are_no_neighbours(tmp_path: Path) -> None:
    entries = random_entries(40)
    found, _, _ = similarities(tmp_path, entries, BLEND, n=40, lowest=0.4)
    every, _, _ = similarities(tmp_path / "every", entries, BLEND, n=40)
    assert np.array_equal(found, np.where(every >= np.float32(0.4), every, 0))


@given(st.integers(0, 10_000), st.sampled_from([1, 7, 200]))
def test_the_best_are_those_of_all(seed: int, k: int) -> None:
    """Against sorting everything, with vectors among the parts, and candidates."""
    rng = np.random.default_rng(seed)
    n, width = int(rng.integers(1, 170)), 3
    dense = rng.normal(size=(n, 4)).astype(np.float32) * (rng.random((n, 1)) < 0.8)
    sparse = np.where(rng.random((n, width)) < 0.4, 0.5, 0.0)
    codes = rng.integers(-1, 3, n).astype(np.int32)
    values = np.array([1.0, 2.0, 4.0])
    candidates = rng.random(n) < 0.7
    described = Described(
        as_sparse(sparse), as_sparse(sparse.T), (Nearness(values, codes, 2.0, 0.5),), dense, 2.0
    )
    scores = dense.astype(np.float64) @ dense.T + sparse @ sparse.T
    near = 0.5 * np.exp(-np.abs(values[codes][:, np.newaxis] - values[codes]) / 2)
    scores += np.where((codes[:, np.newaxis] >= 0) & (codes >= 0), near, 0)
    scores = np.minimum(scores / 2, 1)
    np.fill_diagonal(scores, 0)
    scores[:, ~candidates] = 0
    found = alike(described, 0, n, candidates, k=k, tile_bytes=3_000)
    for row, own in enumerate(scores):
        listed = slice(found.indptr[row], found.indptr[row + 1])
        columns, similar = found.columns[listed], found.values[listed]
        assert (np.diff(similar) <= 0).all()
        np.testing.assert_allclose(similar, own[columns], atol=1e-6)
        assert len(columns) == min(k, np.count_nonzero(own > 1e-7))
        if len(columns):
            left = np.delete(own, columns)
            assert left.max(initial=0) <= similar.min() + 1e-6


def as_sparse(matrix: np.ndarray) -> Sparse:
    rows, columns = np.nonzero(matrix)
    indptr = np.searchsorted(rows, np.arange(len(matrix) + 1)).astype(np.int64)
    return Sparse(indptr, columns.astype(np.int32), matrix[rows, columns].astype(np.float32))
