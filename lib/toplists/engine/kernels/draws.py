"""Random numbers that belong to somebody: a function of seed, external id and counter only.

They do not depend on positions, blocks, order or retries. The generator is counter-based (SplitMix64:
Steele, Lea & Flood, "Fast splittable pseudorandom number generators", 2014), keyed by the hash of an id.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

import numpy as np
import numpy.typing as npt

_STEP = np.uint64(0x9E3779B97F4A7C15)


def hash_ids(ids: Iterable[str]) -> npt.NDArray[np.uint64]:
    """64 bits of BLAKE2b of each id's UTF-8 bytes: uint64[n]. About 1 µs each."""
    digests = [hashlib.blake2b(one.encode(), digest_size=8).digest() for one in ids]
    return np.frombuffer(b"".join(digests), dtype="<u8").astype(np.uint64, copy=False)


def derive_seed(seed: int, *names: str | int) -> int:
    """A seed of its own for everything that is named differently: from 0 below 2^64."""
    return int(hash_ids(["/".join(map(str, (seed, *names)))])[0])


def random_bits(hashes: npt.NDArray[np.uint64], words: int, seed: int) -> npt.NDArray[np.uint64]:
    """The first `words` draws of every id: uint64[n, words]. More draws begin with the fewer.

    Args:
        hashes: uint64[n], well-mixed hashes of the external ids; see `hash_ids`.
        words: Draws per id.
        seed: From 0 below 2^64.
    """
    keys = _mix(hashes + _mix(np.array([seed], dtype=np.uint64)))
    return _mix(keys[:, np.newaxis] + np.arange(1, words + 1, dtype=np.uint64) * _STEP)


def random_normals(
    hashes: npt.NDArray[np.uint64], count: int, seed: int
) -> npt.NDArray[np.float64]:
    """Standard normal draws (Box and Muller 1958): float64[n, count]; arguments as `random_bits`."""
    pairs = -(-count // 2)
    # 53 bits each, moved off zero for the logarithm.
    uniform = ((random_bits(hashes, 2 * pairs, seed) >> np.uint64(11)) + 0.5) * 2.0**-53
    radius = np.sqrt(-2.0 * np.log(uniform[:, :pairs]))
    angle = 2.0 * np.pi * uniform[:, pairs:]
    both = np.concatenate((radius * np.cos(angle), radius * np.sin(angle)), axis=1)
    normals: npt.NDArray[np.float64] = both[:, :count]
    return normals


def normal_vectors(
    ids: Iterable[str], rank: int, deviation: float, seed: int
) -> npt.NDArray[np.float32]:
    """Vectors to begin with: normal draws by the hash of each id, float32[n, rank]."""
    draws = random_normals(hash_ids(ids), rank, seed)
    return (deviation * draws).astype(np.float32)


def _mix(words: npt.NDArray[np.uint64]) -> npt.NDArray[np.uint64]:
    """The finaliser of SplitMix64, in place."""
    words ^= words >> np.uint64(30)
    words *= np.uint64(0xBF58476D1CE4E5B9)
    words ^= words >> np.uint64(27)
    words *= np.uint64(0x94D049BB133111EB)
    words ^= words >> np.uint64(31)
    return words
