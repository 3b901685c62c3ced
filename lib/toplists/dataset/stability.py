"""How far two distributions are apart, by counts in the same bins."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from math import fsum, log

_SHARE = 0.1


def stability_index(bins: Sequence[tuple[int, int]]) -> float:
    """How far two distributions are apart: Σ (p - q) ln(p / q) over their bins.

    The population stability index of Siddiqi, "Credit risk scorecards", 2006: below 0.1 is no change,
    above 0.25 a great one. Half a value is added to every bin, so that an empty one has a share.

    Args:
        bins: Counts of both in each bin.
    """
    first, second = (sum(side) + 0.5 * len(bins) for side in zip(*bins, strict=True))
    shares = [((one + 0.5) / first, (other + 0.5) / second) for one, other in bins]
    return fsum((p - q) * log(p / q) for p, q in shares)


def merge_bins(bins: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
    """Neighbouring bins put together, until each holds a tenth of one of the distributions.

    Narrow bins hold few values, whose shares differ by chance: the index would add that up. Bins that are
    left over at the end go to the last one.

    Args:
        bins: Counts of both in each bin, in the order of the bins.
    """
    narrow = list(bins)
    least = [_SHARE * sum(side) for side in zip(*narrow, strict=True)]
    merged: list[tuple[int, int]] = []
    open_ = (0, 0)
    for one, other in narrow:
        open_ = (open_[0] + one, open_[1] + other)
        if any(count >= enough > 0 for count, enough in zip(open_, least, strict=True)):
            merged.append(open_)
            open_ = (0, 0)
    if any(open_) and merged:
        one, other = merged.pop()
        open_ = (one + open_[0], other + open_[1])
    return [*merged, open_] if any(open_) else merged
