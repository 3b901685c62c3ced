"""Gibbs sampling of factors over blocks: Bayesian matrix factorization of ratings.

Salakhutdinov and Mnih, "Bayesian probabilistic matrix factorization using Markov chain Monte Carlo",
2008, with the biases in the vectors. The mean of a row's prior may depend on how many values it has, and the
precision of the noise on the user. A round draws the items given the users, then the users given the
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

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from pyspark.sql import SparkSession
from threadpoolctl import threadpool_limits

from toplists.engine.alone import fit_alone
from toplists.engine.biases import Biases
from toplists.engine.blocks import BlockRef, BlockSet, Part, Side, other_side, tiles
from toplists.engine.exchange import WriteParts, write_parts
from toplists.engine.fixed_side import FixedSide
from toplists.engine.kernels.draws import derive_seed, hash_ids, random_normals
from toplists.engine.kernels.normal_wishart import (
    Moments,
    Prior,
    draw_noise_precision,
    draw_prior,
    draw_trust,
)
from toplists.engine.progress import Progress, fingerprint_of
from toplists.engine.shapes import Factors
from toplists.engine.side_sums import SideSums, read_sums, sum_block
from toplists.engine.storage import Array, Arrays, bring_here, open_array, open_whole

_ROWS_AT_A_TIME = 8_192
_START_SCALE = 0.1
_FIRST_PRECISION = 2.0


@dataclass(frozen=True)
class Chain:
    """What is to be sampled: `rounds` after `burn_in` ones, of which every `keep_every`-th counts.

    `mean` is the mean of the values that `part` lets learn from. With `count_prior` the mean of a row's prior
    goes with the logarithm of how many values it has, with `user_noise` users are not trusted alike.
    """

    blocks: Mapping[Side, BlockSet]
    part: Part
    mean: float
    rank: int
    burn_in: int
    rounds: int
    keep_every: int
    count_prior: bool
    user_noise: bool
    seed: int

    @property
    def fingerprint(self) -> str:
        """Tells chains apart whose halves are not one another's."""
        length = (self.burn_in, self.rounds, self.keep_every)
        kind = (self.count_prior, self.user_noise)
        return fingerprint_of(self.blocks, self.part, self.mean, self.rank, self.seed, length, kind)

    @property
    def biases(self) -> Biases:
        """How a round's vectors are stored."""
        return Biases(self.rank, self.mean)

    @property
    def expected_side(self) -> Side:
        """The side whose expectation is taken: the larger, whose rows have fewer entries to go by."""
        users, items = self.blocks["users"].rows, self.blocks["items"].rows
        return "items" if items > users else "users"

    def counts(self, number: int) -> bool:
        """Whether predictions are averaged over round `number`."""
        return number > self.burn_in and (number - self.burn_in) % self.keep_every == 0

    def regressors(self, counts: npt.NDArray[np.int64]) -> npt.NDArray[np.float32]:
        """What the mean of a row's prior depends on, given its number of values: float32[rows, d]."""
        ones = np.ones((len(counts), 1), dtype=np.float32)
        if not self.count_prior:
            return ones
        return np.column_stack((ones, np.log(np.maximum(counts, 1)).astype(np.float32)))


def sample(spark: SparkSession, chain: Chain, folder: Path, single_task_entries: int) -> Factors:
    """Sample, and leave the factors under `folder`, which every executor sees.

    It goes on after the last half that an earlier attempt completed. With at most
    `single_task_entries` all is done in one task.
    """
    if chain.blocks["users"].entries > single_task_entries:
        return sample_by(chain, folder, partial(write_parts, spark))
    return fit_alone(spark, partial(sample_by, chain), folder)


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


def sample_by(chain: Chain, folder: Path, write: WriteParts) -> Factors:
    """The same with parts written by `write`."""
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
    # The first vectors are no draws yet: they say nothing about prior or noise.
    begun = half >= 2
    random = np.random.Generator(np.random.Philox(derive_seed(chain.seed, number, side, "prior")))
    k = chain.rank + 1
    with threadpool_limits(limits=1):
        prior = draw_prior(_moments(read_sums(old), k), random) if begun else _first_prior(chain)
    precision = draw_noise_precision(*_errors(given), random) if begun else _FIRST_PRECISION
    seed = derive_seed(chain.seed, number, side, "rows")
    base, basis = np.zeros(k), np.eye(k, dtype=np.float32)
    fixed = FixedSide(str(folder), half, given, side, chain.biases, base, basis)
    trusted = state.users if chain.user_noise else ()
    draw = partial(_draw, chain, fixed, trusted, prior, precision, seed)
    new = write(chain.blocks[side].blocks, draw, folder, f"{side}-{half + 1:04d}")
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
    vectors = chain.biases.store(draws.astype(np.float32), "items")
    return {"vectors": vectors, "known": np.ones(ref.rows, dtype=np.bool_)}


def _first_prior(chain: Chain) -> Prior:
    k, d = chain.rank + 1, chain.regressors(np.zeros(0, dtype=np.int64)).shape[1]
    return Prior(np.zeros((d, k)), np.eye(k))


def _moments(sums: SideSums, k: int) -> Moments:
    """Sums over the rows that have entries, from the Gram matrix of draws of length k and their regressors."""
    gram = sums.gram
    if gram is None:
        raise RuntimeError("draws have no Gram matrix beside them")
    return Moments(gram[k:, k:], gram[k:, :k], gram[:k, :k])


def _errors(parts: Sequence[str]) -> tuple[int, float]:
    """The number of ratings that the parts were drawn from, and their squared errors."""
    bring_here(parts, "ratings")
    count = sum(int(open_array(part, "ratings")[0]) for part in parts)
    return count, read_sums(parts).loss


def _draw(
    chain: Chain,
    fixed: FixedSide,
    trusted: tuple[str, ...],
    prior: Prior,
    precision: float,
    seed: int,
    ref: BlockRef,
) -> Arrays:
    """Draws of one block, what is expected of them, and the sums over them.

    Parts of users `trusted` say how much they are; there are none where all are alike.
    """
    # Here, in the task: numba takes a second to load, and the driver never draws a row.
    from toplists.engine.kernels.gaussian_rows import Ratings, draw_rows

    block = ref.open()
    features, offsets = fixed.open()
    indptr, indices, values, weights = block.learnt("rated", chain.part)
    residuals = values - offsets[indices]
    if weights is None:
        weights = np.ones_like(residuals)
    of_users, counts = fixed.side == "users", np.diff(indptr)
    trust = np.ones(ref.rows)
    if trusted:
        of_all = open_whole(trusted, "trust")
        if of_users:
            trust = of_all[ref.first : ref.first + ref.rows]
        owners = np.repeat(trust, counts) if of_users else of_all[indices]
        weights = weights * owners.astype(np.float32)
    hashes = hash_ids(block.ids.to_pylist())
    regressors, known = chain.regressors(counts), counts > 0
    drawn = []
    for rows in tiles(ref.rows, _ROWS_AT_A_TIME):
        ratings = Ratings(indptr[rows.start : rows.stop + 1], indices, residuals, weights)
        normals = random_normals(hashes[rows], features.shape[1], seed)
        drawn.append(draw_rows(ratings, features, prior, regressors[rows], precision, normals))
    means, draws, errors = (np.concatenate(arrays) for arrays in zip(*drawn, strict=True))
    further: dict[str, Array] = {}
    if of_users and chain.user_noise:
        normals = random_normals(hashes, 1, derive_seed(seed, "trust"))[:, 0]
        further["trust"] = draw_trust(counts, errors / trust, precision, normals)
        errors *= further["trust"] / trust
    counted = np.column_stack((draws, regressors * known[:, np.newaxis]))
    return {
        **further,
        "vectors": chain.biases.store(draws, fixed.side),
        "means": chain.biases.store(means, fixed.side),
        "known": known,
        "ratings": np.array([len(indices)]),
        **sum_block(ref, counted, losses=errors, with_gram=True),
    }


def _join(chain: Chain, side: Side, kept: Sequence[str]) -> Arrays:
    """The vectors of a block's kept rounds side by side."""
    name = "means" if side == chain.expected_side else "vectors"
    rounds = [chain.biases.solved(open_array(part, name), side) for part in kept]
    # The product of two such vectors is the mean over rounds.
    scale = np.float32(1 / np.sqrt(len(rounds)))
    vectors = np.concatenate([scale * vectors[:, :-1] for vectors in rounds], axis=1)
    biases = np.mean([vectors[:, -1] for vectors in rounds], axis=0, dtype=np.float64)
    solved = np.column_stack((vectors, biases.astype(np.float32)))
    known = open_array(kept[0], "known")
    stored = Biases(chain.rank * len(rounds), chain.mean).store(solved, side)
    stored[~known] = 0
    return {"vectors": stored, "known": known}
