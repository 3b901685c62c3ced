"""What is saved of a model comes back, by the ids of whoever asks."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
import scipy.sparse as sp
from snapshots import write_blocks

from toplists.engine.shapes import (
    Factors,
    InexactFactors,
    ItemWeights,
    Mixture,
    Ranking,
    RatedNeighbours,
    Shape,
    Transitions,
    UserWeights,
    item_weights,
    open_vectors,
    ranking_scores,
)
from toplists.engine.storage import open_array, save_arrays
from toplists.lake.dataset import Dataset
from toplists.models.store import load_shape, save_shape

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

N_USERS, N_ITEMS = 5, 4
CUTS = ([2], [3])
RNG = np.random.default_rng(0)
VECTORS = {"users": RNG.normal(size=(N_USERS, 3)), "items": RNG.normal(size=(N_ITEMS, 3))}
KNOWN = {"users": [True, True, False, True, True], "items": [True, False, True, True]}
NEIGHBOURS = [[1, 3], [], [3, 0, 1], [2]]  # best first, not by position
SCORES = [[3.0, -np.inf, 12345678.0, 0.5], [-np.inf, 1.0, 2.0, -np.inf]]  # by segment


def parts(folder: Path, cuts: list[int], n: int, **arrays: object) -> tuple[str, ...]:
    """Arrays by row as the parts of blocks that begin at `cuts`."""
    paths = []
    for first, end in zip([0, *cuts], [*cuts, n], strict=True):
        path = folder / f"{first}"
        path.mkdir(parents=True)
        save_arrays(path, {name: np.array(rows[first:end]) for name, rows in arrays.items()})  # type: ignore[index]  # sequences
        paths.append(str(path))
    return tuple(paths)


def factors(folder: Path) -> Factors:
    users, items = (
        parts(
            folder / side,
            cuts,
            len(VECTORS[side]),
            vectors=(VECTORS[side] * np.array(KNOWN[side])[:, None]).astype(np.float32),
            known=KNOWN[side],
        )
        for side, cuts in zip(("users", "items"), CUTS, strict=True)
    )
    return Factors(users, items)


def weights(folder: Path) -> ItemWeights:
    paths = []
    for first, end in ((0, 3), (3, 4)):
        own = NEIGHBOURS[first:end]
        path = folder / f"{first}"
        path.mkdir(parents=True)
        flat = [n for neighbours in own for n in neighbours]
        save_arrays(
            path,
            {
                "indptr": np.cumsum([0, *map(len, own)]),
                "neighbours": np.array(flat, dtype=np.int32),
                "weights": np.array([n / 10 + 0.1 for n in flat], dtype=np.float32),
            },
        )
        paths.append(str(path))
    return ItemWeights(tuple(paths))


def ranking(folder: Path) -> Ranking:
    paths = []
    for first, end in ((0, 3), (3, 4)):
        path = folder / f"{first}"
        path.mkdir(parents=True)
        save_arrays(path, {"scores": np.array(SCORES)[:, first:end]})
        paths.append(str(path))
    return Ranking(tuple(paths), ("all", "de"))


def rated_by_users(folder: Path) -> RatedNeighbours:
    """Levels and ratings by the vectors' first number; users' neighbours as the items' above, and a fifth."""
    level = {side: np.where(KNOWN[side], VECTORS[side][:, 0], np.nan) for side in VECTORS}
    lists = {"users": [*NEIGHBOURS, [0]], "items": NEIGHBOURS}

    def ragged(side: str, first: int, end: int, names: tuple[str, str]) -> dict[str, np.ndarray]:
        own = lists[side][first:end]
        flat = [n for row in own for n in row]
        numbers = np.array([n / 10 - 0.1 for n in flat], dtype=np.float32)
        indptr = np.cumsum([0, *map(len, own)])
        return {"indptr": indptr, names[0]: np.array(flat, np.int32), names[1]: numbers}

    def write(name: str, cuts: list[int], side: str, **of: tuple[str, str]) -> tuple[str, ...]:
        paths = []
        bounds = zip([0, *cuts], [*cuts, len(VECTORS[side])], strict=True)
        for first, end in bounds:
            path = folder / name / f"{first}"
            path.mkdir(parents=True)
            spread = np.linspace(1, 2, 5)[first:end]
            arrays = {"level": level[side][first:end], "spread": spread} if name in level else {}
            for names in of.values():
                arrays |= ragged(side, first, end, names)
            save_arrays(path, arrays)
            paths.append(str(path))
        return tuple(paths)

    return RatedNeighbours(
        write("users", CUTS[0], "users", ratings=("rated", "deviations")),
        write("items", CUTS[1], "items"),
        write("neighbours", CUTS[0], "users", similar=("neighbours", "weights")),
        by="users",
        k=3,
        min_k=2,
        shift=0.3,
        counted=False,
        otherwise=3.5,
    )


def rated_by_items(folder: Path) -> RatedNeighbours:
    shape = rated_by_users(folder)
    similar = weights(folder / "similar").items
    return replace(shape, neighbours=similar, by="items", counted=True)


LIKED = [[0, 2], [], [3], [1, 2, 3], [0]]  # by user, ascending
SIMILAR = [[1, 4], [0], [], [2, 1], [3]]


def of_users(folder: Path, **lists: list[list[int]]) -> tuple[str, ...]:
    """Lists of users as parts: `NAME_indptr`, or `indptr` of neighbours, and what is listed with a number."""
    paths = []
    for first, end in ((0, 2), (2, 5)):
        arrays = {}
        for name, rows in lists.items():
            flat = [n for row in rows[first:end] for n in row]
            indptr, numbers = names_of(name)
            arrays[indptr] = np.cumsum([0, *map(len, rows[first:end])])
            arrays[name] = np.array(flat, dtype=np.int32)
            arrays[numbers] = np.array([n / 10 + 0.1 for n in flat], dtype=np.float32)
        path = folder / f"{first}"
        path.mkdir(parents=True)
        save_arrays(path, arrays)
        paths.append(str(path))
    return tuple(paths)


def names_of(name: str) -> tuple[str, str]:
    """What the arrays beside it are called."""
    return ("liked_indptr", "likings") if name == "liked" else ("indptr", "weights")


def user_weights(folder: Path) -> UserWeights:
    return UserWeights(of_users(folder, neighbours=SIMILAR, liked=LIKED))


def transitions(folder: Path) -> Transitions:
    return Transitions(weights(folder / "items").items, of_users(folder / "users", liked=LIKED))


def dense(
    parts: tuple[str, ...], columns: int, names: str, numbers: str, indptr: str = "indptr"
) -> np.ndarray:
    """Lists as rows of a matrix."""
    lists = [[open_array(part, name) for name in (indptr, names, numbers)] for part in parts]
    rows = [sp.csr_array((v, n, i), (len(i) - 1, columns)).toarray() for i, n, v in lists]
    return np.concatenate(rows)


def content(shape: Shape) -> list[np.ndarray]:
    match shape:
        case Factors():
            opened = [map(open_vectors, side) for side in (shape.users, shape.items)]
            return [np.concatenate(arrays) for side in opened for arrays in zip(*side, strict=True)]
        case Transitions():
            n_items = item_weights(shape).shape[0]
            liked = dense(shape.users, n_items, "liked", "likings", "liked_indptr")
            return [item_weights(shape).toarray(), liked]
        case UserWeights():
            n_users = sum(len(open_array(part, "indptr")) - 1 for part in shape.users)
            similar = dense(shape.users, n_users, "neighbours", "weights")
            liked = dense(shape.users, N_ITEMS, "liked", "likings", "liked_indptr")
            return [similar, liked[:, :-1]]  # the last item is not in the later snapshot
        case ItemWeights():
            return [item_weights(shape).toarray()]
        case Ranking():
            return [ranking_scores(shape).T]  # by item, as the others
        case Mixture():
            return [array for member in shape.members for array in content(member)]
        case RatedNeighbours():
            levels = [
                np.nan_to_num(np.concatenate([open_array(part, name) for part in parts]), nan=-9)
                for parts in (shape.users, shape.items)
                for name in ("level", "spread")
            ]
            ratings = dense(shape.users, len(levels[2]), "rated", "deviations")
            columns = len(levels[0] if shape.by == "users" else levels[2])
            return [*levels, ratings, dense(shape.neighbours, columns, "neighbours", "weights")]


def inexact_factors(folder: Path) -> InexactFactors:
    exact = factors(folder)
    return InexactFactors(exact.users, exact.items)


def mixture(folder: Path) -> Mixture:
    members = factors(folder / "0"), weights(folder / "1"), factors(folder / "2")
    return Mixture(members, (0.5, 0.25, 0.25))


def mixture_of_values(folder: Path) -> Mixture:
    members = factors(folder / "0"), rated_by_users(folder / "1")
    return Mixture(members, (1.0, 0.5), standardized=False)


@pytest.mark.parametrize(
    "make",
    [
        *(factors, inexact_factors, weights, ranking, user_weights, transitions),
        *(mixture, mixture_of_values, rated_by_users, rated_by_items),
    ],
)
def test_it_comes_back(spark: SparkSession, tmp_path: Path, make) -> None:
    dataset = Dataset.open(str(tmp_path / "lake"), "test")
    dataset.create_tables()
    seen = np.zeros((N_USERS, N_ITEMS))
    users, items = write_blocks(tmp_path / "blocks", seen, cuts=CUTS)
    shape = make(tmp_path / "shape")
    save_shape(spark, shape, dataset, "m", users, items)

    again = load_shape(spark, dataset, shape.kind, "m", users, items, tmp_path / "again")
    assert type(again) is type(shape)
    for left, right in zip(content(shape), content(again), strict=True):
        assert np.array_equal(left, right)

    # A later snapshot: cut elsewhere, without the last user and the last item.
    users, items = write_blocks(tmp_path / "later", seen[:-1, :-1], cuts=([1], [1]))
    later = load_shape(spark, dataset, shape.kind, "m", users, items, tmp_path / "moved")
    for left, right in zip(content(shape), content(later), strict=True):
        assert np.array_equal(left[tuple(slice(n) for n in right.shape)], right)
    if isinstance(shape, Mixture) and isinstance(later, Mixture):
        assert later.weights == shape.weights
        assert [one.kind for one in later.members] == [one.kind for one in shape.members]
        assert later.standardized == shape.standardized
    if isinstance(later, Ranking):
        assert later.segments == ("all", "de")
    if isinstance(shape, RatedNeighbours):
        parts = {"users": (), "items": (), "neighbours": ()}
        assert replace(shape, **parts) == replace(again, **parts) == replace(later, **parts)


@pytest.mark.parametrize("make", [factors, ranking, rated_by_users])
def test_what_holds_nobody_comes_back_too(spark: SparkSession, tmp_path: Path, make) -> None:
    dataset = Dataset.open(str(tmp_path / "lake"), "test")
    dataset.create_tables()
    users, items = write_blocks(tmp_path / "blocks", np.zeros((N_USERS, N_ITEMS)), cuts=CUTS)
    kind = make(tmp_path / "shape").kind
    shape = load_shape(spark, dataset, kind, "nobody", users, items, tmp_path / "empty")
    save_shape(spark, shape, dataset, "nobody", users, items)
    if isinstance(shape, Factors):
        assert not any(open_vectors(part)[1].any() for part in shape.items)
    elif isinstance(shape, RatedNeighbours):
        assert not any(np.isfinite(open_array(part, "level")).any() for part in shape.users)
    elif isinstance(shape, Ranking):
        assert not np.isfinite(ranking_scores(shape)).any()
