"""The shapes of answer that a fitted model may have; the ranking code knows only these.

A shape lies in files of the run's work folder, one part per block of the snapshot, so that a row of a
part belongs to the position at which it stands. What is kept by user is opened by the task that needs
it; everything by item is needed whole by every task and is put together once per worker process.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, ClassVar, TypeAlias

import numpy as np
import numpy.typing as npt
import scipy.sparse as sp

from toplists.engine.blocks import Side
from toplists.engine.kernels.weight_sums import Sparse
from toplists.engine.storage import Arrays, bring_here, commit_manifest, open_array, read_manifest


@dataclass(frozen=True)
class Factors:
    """Score of item i for user u: the product of their vectors.

    A part holds `vectors` float32[rows, rank] and `known` bool[rows]: who has none cannot be scored.
    """

    kind: ClassVar[str] = "factors"
    rounded: ClassVar[bool] = False
    """Whether scores are rounded before they are put in order."""
    users: tuple[str, ...]
    items: tuple[str, ...]


class InexactFactors(Factors):
    """Factors whose last digits differ from fit to fit, as those of MLlib do.

    Their scores are rounded before they are put in order, so that the lists do not differ as well.
    """

    kind: ClassVar[str] = "inexact_factors"
    rounded: ClassVar[bool] = True


@dataclass(frozen=True)
class ItemWeights:
    """Score of item i for user u: the sum over u's items j of weight(i, j) times u's weight of j.

    A part holds each item's neighbours, best first: `indptr` int64[rows + 1], `neighbours`
    int32[entries], `weights` float32[entries].
    """

    kind: ClassVar[str] = "item_weights"
    items: tuple[str, ...]


EVERYBODY = "all"
"""The segment that every user belongs to."""


@dataclass(frozen=True)
class Ranking:
    """One ordered list per segment of users.

    A part holds `scores` float64[segments, rows], high is first, -inf for an item that is not in the
    list.
    """

    kind: ClassVar[str] = "ranking"
    items: tuple[str, ...]
    segments: tuple[str, ...] = (EVERYBODY,)


NEIGHBOURS = ("indptr", "neighbours", "weights")
"""The arrays of neighbours in a part: where each row's begin, who they are, and their weights."""

RATED = ("indptr", "rated", "deviations")
"""The arrays of users' ratings in a part of `RatedNeighbours`."""

LIKED = ("liked_indptr", "liked", "likings")
"""The arrays of what users like in a part of `UserWeights`."""


@dataclass(frozen=True)
class UserWeights:
    """Score of item i for user u: the sum over u's neighbours v of weight(u, v) times v's weight of i.

    A part holds each user's neighbours, best first, as those of `ItemWeights` do, and what the user liked:
    `liked_indptr` int64[rows + 1], `liked` int32[entries], ascending, `likings` float32[entries].
    """

    kind: ClassVar[str] = "user_weights"
    users: tuple[str, ...]


@dataclass(frozen=True)
class Transitions(ItemWeights):
    """Item weights of which not all counts that a user liked, but what `users` say.

    A part of theirs holds what counts of each user, and how much, as one of `UserWeights` holds what users
    like.
    """

    kind: ClassVar[str] = "transitions"
    users: tuple[str, ...]


@dataclass(frozen=True)
class RatedNeighbours:
    """Value of item i for user u: their level, and what similar ones with a rating are above theirs.

    See `toplists.engine.kernels.neighbour_ratings`, also for the numbers that say how neighbours are
    combined. `by` says what is similar: users, or items. Parts of both sides hold `level` float64[rows],
    NaN for who has none, and `spread` float64[rows]; those of `users` also their ratings: `indptr`
    int64[rows + 1], `rated` int32[entries], `deviations` float32[entries]. Parts of `neighbours` are of the
    side that is similar: `indptr` int64[rows + 1], `neighbours` int32[entries], best first, `weights`
    float32[entries].
    """

    kind: ClassVar[str] = "rated_neighbours"
    users: tuple[str, ...]
    items: tuple[str, ...]
    neighbours: tuple[str, ...]
    by: Side
    k: int
    min_k: int
    shift: float
    counted: bool
    otherwise: float


Member: TypeAlias = Factors | ItemWeights | Ranking | UserWeights | RatedNeighbours


@dataclass(frozen=True)
class Mixture:
    """Score of item i for user u: the weighted sum of what the members say.

    With `standardized` each member's scores are brought to mean 0 and deviation 1 first, for each user over
    all items that the member knows anything of. A score of 0 says nothing; what nobody says anything of has no score. Otherwise scores are
    added as they are; what any member has none of has none.
    """

    kind: ClassVar[str] = "mixture"
    members: tuple[Member, ...]
    weights: tuple[float, ...]
    standardized: bool = True


Shape: TypeAlias = Member | Mixture


def parts_of(shape: Shape) -> tuple[str, ...]:
    """Where everything lies that a shape consists of."""
    match shape:
        case Factors() | Transitions():
            return (*shape.users, *shape.items)
        case UserWeights():
            return shape.users
        case RatedNeighbours():
            return (*shape.users, *shape.items, *shape.neighbours)
        case ItemWeights() | Ranking():
            return shape.items
        case Mixture():
            return tuple(part for member in shape.members for part in parts_of(member))


_KINDS: dict[str, type[Member]] = {
    kind.kind: kind
    for kind in (
        *(Factors, InexactFactors, ItemWeights, Ranking),
        *(UserWeights, Transitions, RatedNeighbours),
    )
}


def commit_shape(folder: Path, shape: Shape) -> None:
    """Make a shape exist: what `open_shape` finds."""
    commit_manifest(folder / "shape.json", _described(shape))


def open_shape(folder: Path) -> Shape | None:
    """The shape that was committed in the folder, or `None`."""
    manifest = read_manifest(folder / "shape.json")
    return None if manifest is None else _of_description(manifest)


def _described(shape: Shape) -> dict[str, Any]:
    if isinstance(shape, Mixture):
        return {
            "kind": shape.kind,
            "members": list(map(_described, shape.members)),
            "weights": shape.weights,
            "standardized": shape.standardized,
        }
    return {"kind": shape.kind, "parts": asdict(shape)}


def _of_description(manifest: Mapping[str, Any]) -> Shape:
    if manifest["kind"] == Mixture.kind:
        members = tuple(map(_member, manifest["members"]))
        return Mixture(members, tuple(manifest["weights"]), manifest["standardized"])
    return _member(manifest)


def _member(manifest: Mapping[str, Any]) -> Member:
    fields: dict[str, Any] = {
        name: tuple(field) if isinstance(field, list) else field
        for name, field in manifest["parts"].items()
    }
    return _KINDS[manifest["kind"]](**fields)


def open_vectors(part: str) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.bool_]]:
    """The vectors of one part of `Factors`: `(float32[rows, rank], bool[rows] who has one)`."""
    return open_array(part, "vectors"), open_array(part, "known")


def neighbours_part(neighbours: Sparse) -> Arrays:
    """The arrays of a part of `ItemWeights`, of the neighbours of each row."""
    return dict(zip(NEIGHBOURS, neighbours, strict=True))


def item_weights(shape: ItemWeights) -> sp.csr_array:
    """The weights as float32[n_items (of the history), n_items (scored)]."""
    return weights_by_history(shape.items)


@lru_cache(maxsize=4)
def weights_by_history(parts: tuple[str, ...]) -> sp.csr_array:
    """Weights of items' neighbours, turned round: float32[n_items (the neighbours), n_items].

    Args:
        parts: As `ItemWeights` has them.
    """
    lengths = np.concatenate([np.diff(open_array(part, "indptr")) for part in parts])
    history, weights = (
        np.concatenate([open_array(part, name) for part in parts])
        for name in ("neighbours", "weights")
    )
    n_items = len(lengths)
    scored = np.repeat(np.arange(n_items, dtype=np.int32), lengths)
    matrix: sp.csr_array = sp.coo_array(
        (weights, (history, scored)), shape=(n_items, n_items)
    ).tocsr()
    return matrix


@lru_cache(maxsize=2)
def liked_by_users(shape: UserWeights) -> Sparse:
    """What all users liked, opened once per worker: users by items."""
    bring_here(shape.users, *LIKED)
    return Sparse.stacked([open_rows(part, LIKED) for part in shape.users])


def open_rows(part: str, arrays: tuple[str, str, str]) -> Sparse:
    """Lists of a part's rows, under the names that its arrays have."""
    indptr, columns, values = (open_array(part, name) for name in arrays)
    return Sparse(indptr, columns, values)


def as_sparse(matrix: sp.csr_array) -> Sparse:
    """The rows of a matrix of float32 for kernels."""
    # scipy gives both index arrays one type.
    return Sparse(
        matrix.indptr.astype(np.int64), matrix.indices.astype(np.int32, copy=False), matrix.data
    )


@lru_cache(maxsize=8)
def ranking_scores(shape: Ranking) -> npt.NDArray[np.float32]:
    """The scores as float32[segments, n_items], -inf where an item is not in the list."""
    scores = np.concatenate([open_array(part, "scores") for part in shape.items], axis=1)
    return scores.astype(np.float32)
