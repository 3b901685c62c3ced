"""Gibbs sampling of factors over blocks: Bayesian matrix factorization of ratings.

Salakhutdinov and Mnih, "Bayesian probabilistic matrix factorization using Markov chain Monte Carlo",
2008, with the biases in the vectors. A round draws the items given the users, then the users given the
items; before each half the prior of its side is drawn, before each round the precision of the noise.
Tasks exchange vectors as those of an alternation do: parts, and a manifest after every half.

What is predicted is the mean over rounds of the expected value given that round's items. A mean of
products is no product of means, so the rounds' vectors stand side by side: the result is of
`rank` × kept rounds + 2 dimensions. Of what a user's vector adds, the expectation is taken instead of
the draw, which is the same in the long run and closer after few rounds (Rao and Blackwell).

Draws belong to seed, round, side and external id, sums over rows are taken in position order: the
result depends neither on the blocks nor on where or how often they are drawn.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from shutil import rmtree
from typing import Any

import numpy as np
from pyspark.sql import SparkSession
from threadpoolctl import threadpool_limits

from toplists.engine.alone import fit_alone
from toplists.engine.biases import Biases
from toplists.engine.blocks import BlockRef, BlockSet, Part, Side, other_side, tiles
from toplists.engine.exchange import write_parts, write_parts_here
from toplists.engine.half import WriteParts
from toplists.engine.kernels.draws import derive_seed, hash_ids, random_normals
from toplists.engine.kernels.normal_wishart import (
    Moments,
    Prior,
    draw_noise_precision,
    draw_prior,
)
from toplists.engine.progress import Progress, fingerprint_of
from toplists.engine.shapes import Factors
from toplists.engine.storage import (
    Array,
    Arrays,
    create_array,
    open_array,
    save_arrays,
)
from toplists.lake.failpoints import written

_ROWS_AT_A_TIME = 8_192
_SUM_ROWS = 4_096  # sums are taken in chunks of so many positions, wherever blocks are cut
_START_SCALE = 0.1
_FIRST_PRECISION = 2.0


@dataclass(frozen=True)
class Chain:
    """What is to be sampled: `rounds` after `burn_in` ones, of which every `keep_every`-th counts.

    `mean` is the mean of the values that `part` lets learn from.
    """

    blocks: Mapping[Side, BlockSet]
    part: Part
    mean: float
    rank: int
    burn_in: int
    rounds: int
    keep_every: int
    seed: int

    @property
    def fingerprint(self) -> str:
        """Tells chains apart whose halves are not one another's."""
        length = (self.burn_in, self.rounds, self.keep_every)
        return fingerprint_of(self.blocks, self.part, self.mean, self.rank, self.seed, length)

    @property
    def expected_side(self) -> Side:
        """The side whose expectation is taken: the larger, whose rows have fewer entries to go by."""
        users, items = self.blocks["users"].rows, self.blocks["items"].rows
        return "items" if items > users else "users"

    def counts(self, number: int) -> bool:
        """Whether predictions are averaged over round `number`."""
        return number > self.burn_in and (number - self.burn_in) % self.keep_every == 0


def sample(spark: SparkSession, chain: Chain, folder: Path, single_task_entries: int) -> Factors:
    """Sample, and leave the factors under `folder`, which every executor sees.

    It goes on after the last half that an earlier attempt completed. With at most
    `single_task_entries` all is done in one task.
    """
    if chain.blocks["users"].entries > single_task_entries:
        return _sample(chain, folder, partial(write_parts, spark))
    return fit_alone(spark, partial(sample_here, chain), folder)


def sample_here(chain: Chain, folder: Path) -> Factors:
    """The same in this process."""
    return _sample(chain, folder, write_parts_here)


@dataclass(frozen=True)
class _State:
    """The parts of each side's last half, and `(users, items)` of the rounds that count."""

    halves: int
    users: tuple[str, ...]
    items: tuple[str, ...]
    kept: tuple[tuple[tuple[str, ...], tuple[str, ...]], ...] = ()

    @classmethod
    def from_json(cls, content: Mapping[str, Any]) -> _State:
        kept = ((tuple(users), tuple(items)) for users, items in content["kept"])
        return cls(content["halves"], tuple(content["users"]), tuple(content["items"]), tuple(kept))

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    def parts(self, side: Side) -> tuple[str, ...]:
        return self.users if side == "users" else self.items

    @property
    def named(self) -> set[str]:
        return {*self.users, *self.items, *(part for both in self.kept for part in sum(both, ()))}


def _sample(chain: Chain, folder: Path, write: WriteParts) -> Factors:
    progress = Progress(folder, chain.fingerprint, _State.from_json)
    state = progress.resume()
    if state is None:
        items = write(chain.blocks["items"].blocks, partial(_start, chain), folder, "items-0000")
        state = _State(0, (), items)
        progress.commit(state)
    # The users once from the first items, then in every round the items and after them the users.
    while state.halves <= 2 * (chain.burn_in + chain.rounds):
        state = _draw_half(chain, state, folder, write)
        progress.commit(state)

    def join(side: Side, kept: Sequence[tuple[str, ...]]) -> tuple[str, ...]:
        blocks = list(zip(*kept, strict=True))
        return write(blocks, partial(_join, chain, side), folder, f"{side}-mean")

    return Factors(
        users=join("users", [users for users, _ in state.kept]),
        items=join("items", [items for _, items in state.kept]),
    )


def _draw_half(chain: Chain, state: _State, folder: Path, write: WriteParts) -> _State:
    half = state.halves
    side: Side = "items" if half % 2 else "users"
    given, old = state.parts(other_side(side)), state.parts(side)
    number = (half + 1) // 2
    fixed = folder / f"fixed-{half:04d}"
    with written(f"fixed side of half {half}"):
        _fix(chain.mean, given, fixed)
    # The first vectors are no draws yet: they say nothing about prior or noise.
    begun = half >= 2
    random = np.random.Generator(np.random.Philox(derive_seed(chain.seed, number, side, "prior")))
    with threadpool_limits(limits=1):
        prior = draw_prior(_moments(old), random) if begun else _first_prior(chain.rank + 1)
    precision = draw_noise_precision(*_errors(given), random) if begun else _FIRST_PRECISION
    seed = derive_seed(chain.seed, number, side, "rows")
    draw = partial(_draw, chain, str(fixed), prior, precision, seed)
    new = write(chain.blocks[side].blocks, draw, folder, f"{side}-{half + 1:04d}")
    with written(f"removal of what half {half} needed"):
        rmtree(fixed, ignore_errors=True)
    drawn = {"users": state.users, "items": state.items, side: new}
    kept = state.kept
    if side == chain.expected_side and chain.counts(number):
        kept = (*kept, (drawn["users"], drawn["items"]))
    return _State(half + 1, drawn["users"], drawn["items"], kept)


def _start(chain: Chain, ref: BlockRef) -> Arrays:
    """Small draws by the hash of the item's id, and no bias."""
    hashes = hash_ids(ref.open().ids.to_pylist())
    scale = _START_SCALE / np.sqrt(chain.rank)
    draws = scale * random_normals(hashes, chain.rank + 1, derive_seed(chain.seed, "start"))
    draws[:, -1] = 0
    return {"draws": draws.astype(np.float32)}


def _first_prior(k: int) -> Prior:
    return Prior(np.zeros(k), np.eye(k))


def _fix(mean: float, parts: Sequence[str], folder: Path) -> None:
    """Lay out the fixed side for the tasks that draw the other.

    `features` end in the 1 that a row's own bias is times; `offsets` are mean and bias, which the fixed
    side predicts by itself.
    """
    folder.mkdir(parents=True, exist_ok=True)
    opened = [open_array(part, "draws") for part in parts]
    shape = (sum(map(len, opened)), opened[0].shape[1])
    # Mapped, not held: one side may be larger than this process should be.
    features = create_array(folder, "features", shape)
    offsets = np.empty(len(features), dtype=np.float32)
    first = 0
    for draws in opened:
        rows = slice(first, first + len(draws))
        features[rows, :-1], features[rows, -1] = draws[:, :-1], 1
        offsets[rows] = draws[:, -1] + np.float32(mean)
        first = rows.stop
    features.flush()
    save_arrays(folder, {"offsets": offsets})


def _moments(parts: Sequence[str]) -> Moments:
    """Sums over the rows that have entries."""
    opened = [(open_array(part, "draws"), open_array(part, "known")) for part in parts]
    k = opened[0][0].shape[1]
    count, total, products = 0, np.zeros(k), np.zeros((k, k))
    for chunk in _chunks(draws[known] for draws, known in opened):
        rows = chunk.astype(np.float64)
        count += len(rows)
        total += rows.sum(axis=0)
        products += rows.T @ rows
    return Moments(count, total, products)


def _errors(parts: Sequence[str]) -> tuple[int, float]:
    """The number of ratings that the parts were drawn from, and their squared errors."""
    count = sum(int(open_array(part, "ratings")[0]) for part in parts)
    return count, sum(float(c.sum()) for c in _chunks(open_array(p, "errors") for p in parts))


def _chunks(arrays: Iterable[Array]) -> Iterator[Array]:
    """The same rows in chunks that do not depend on how they were cut."""
    waiting: list[Array] = []
    size = 0
    for array in arrays:
        first = 0
        while size + len(array) - first >= _SUM_ROWS:
            last = first + _SUM_ROWS - size
            yield np.concatenate((*waiting, array[first:last]))
            waiting, size, first = [], 0, last
        waiting.append(array[first:])
        size += len(array) - first
    yield np.concatenate(waiting)


def _draw(
    chain: Chain,
    fixed: str,
    prior: Prior,
    precision: float,
    seed: int,
    ref: BlockRef,
) -> Arrays:
    """Draws of one block, and what is expected of them."""
    # Here, in the task: numba takes a second to load, and the driver never draws a row.
    from toplists.engine.kernels.gaussian_rows import Ratings, draw_rows

    block = ref.open()
    features, offsets = open_array(fixed, "features"), open_array(fixed, "offsets")
    indptr, indices, values, weights = block.learnt("rated", chain.part)
    residuals = values - offsets[indices]
    if weights is None:
        weights = np.ones_like(residuals)
    hashes = hash_ids(block.ids.to_pylist())
    drawn = []
    for rows in tiles(ref.rows, _ROWS_AT_A_TIME):
        ratings = Ratings(indptr[rows.start : rows.stop + 1], indices, residuals, weights)
        normals = random_normals(hashes[rows], features.shape[1], seed)
        drawn.append(draw_rows(ratings, features, prior, precision, normals))
    means, draws, errors = (np.concatenate(arrays) for arrays in zip(*drawn, strict=True))
    return {
        "draws": draws,
        "means": means,
        "errors": errors,
        "known": np.diff(indptr) > 0,
        "ratings": np.array([len(indices)]),
    }


def _join(chain: Chain, side: Side, kept: Sequence[str]) -> Arrays:
    """The vectors of a block's kept rounds side by side."""
    name = "means" if side == chain.expected_side else "draws"
    rounds = [open_array(part, name) for part in kept]
    # The product of two such vectors is the mean over rounds.
    scale = np.float32(1 / np.sqrt(len(rounds)))
    vectors = np.concatenate([scale * vectors[:, :-1] for vectors in rounds], axis=1)
    biases = np.mean([vectors[:, -1] for vectors in rounds], axis=0, dtype=np.float64)
    solved = np.column_stack((vectors, biases.astype(np.float32)))
    known = open_array(kept[0], "known")
    stored = Biases(chain.rank * len(rounds), chain.mean).store(solved, side)
    stored[~known] = 0
    return {"vectors": stored, "known": known}
