"""What figures must come to where that is known before: from blocks through judging and aggregation."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import comb, log2
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from score_tables import write_scores
from snapshots import write_blocks

from toplists.dataset.segments import Segments
from toplists.engine.blocks import BlockSet
from toplists.engine.shapes import Factors, Ranking, Shape
from toplists.engine.storage import save_part
from toplists.evaluation.aggregation import EVERYBODY, Aggregation, Judged, Subject
from toplists.evaluation.comparison import Added, Figure, compare
from toplists.evaluation.judging import Judging
from toplists.evaluation.measuring import Measuring
from toplists.evaluation.slices import Slices
from toplists.evaluation.traits import Traits
from toplists.ranking.fallback import Fallback
from toplists.ranking.lists import personal_lists

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

N_USERS, N_ITEMS, K = 600, 40, 10
SEEN = 6
RANKING = ("hit_rate", "precision", "recall", "capped_recall", "ndcg", "map", "mrr", "arhr")
METRICS = (*(f"{kind}@{K}" for kind in RANKING), "auc", f"personal_share@{K}")
NOTHING = Fallback((), Segments(("all",), ()))
Cuts = tuple[Sequence[int], Sequence[int]]
WHOLE: Cuts = ((), ())


@dataclass(frozen=True)
class Contest:
    """Users who have seen `SEEN` items and go on to like 1 to 12 others: bool[users, items] both."""

    folder: Path
    spark: SparkSession
    seen: np.ndarray
    liked: np.ndarray

    def blocks(self, cuts: Cuts = WHOLE) -> tuple[BlockSet, BlockSet]:
        weights = np.where(self.seen | self.liked, 1.0, np.nan)
        return write_blocks(self.folder, weights, holdout=self.liked, cuts=cuts)

    def popularity(self) -> Ranking:
        scores = self.seen.sum(axis=0).astype(np.float64)[np.newaxis]
        return Ranking((save_part(str(self.folder), "popularity", {"scores": scores}),))

    def lists(
        self, shape: Shape, fallback: Fallback, cuts: Cuts, tile_bytes: int
    ) -> list[pa.RecordBatch]:
        """The rows of `user_metrics`, a batch per tile."""
        users, items = self.blocks(cuts)
        tasks = Judging(users, fallback, K, tile_bytes).judge(shape, self.measuring(users, items))
        return [batch for piece in tasks.pieces for batch in tasks.function(piece)]

    def measuring(self, users: BlockSet, items: BlockSet) -> Measuring:
        return Measuring(METRICS, Traits(items.blocks, N_USERS, (), 1.0, 1.0, 0.0, 12, ()), users)

    def figures(
        self,
        shape: Shape,
        fallback: Fallback = NOTHING,
        *,
        cuts: Cuts = WHOLE,
        tile_bytes: int = 1 << 20,
        confidence: float = 0.95,
    ) -> dict[str, Figure]:
        """What is said of a model in the end, by metric."""
        files = []
        for number, batch in enumerate(self.lists(shape, fallback, cuts, tile_bytes)):
            files.append(str(self.folder / f"rows-{number}.parquet"))
            pq.write_table(pa.Table.from_batches([batch]), files[-1])
        measuring = self.measuring(*self.blocks(cuts))
        subject = Subject("model", (Judged(tuple(files), measuring, Slices()),))
        aggregation = Aggregation(measuring.traits.scale, (), 400, seed=1)
        totals = aggregation.add_up(self.spark, [subject])["model"]
        added = Added(METRICS, totals.slices[EVERYBODY], totals.bounds)
        return {figure.metric: figure for figure in compare({"model": added}, confidence)}

    def scored(self, scores: np.ndarray, cuts: Cuts = WHOLE) -> Factors:
        return write_scores(self.folder, scores, cuts)


@pytest.fixture
def contest(tmp_path: Path, spark: SparkSession) -> Contest:
    rng = np.random.default_rng(6)
    order = rng.random((N_USERS, N_ITEMS)).argsort(axis=1).argsort(axis=1)
    likings = rng.integers(1, 13, (N_USERS, 1))
    return Contest(tmp_path, spark, order < SEEN, (order >= SEEN) & (order < SEEN + likings))


def test_an_oracle_scores_one(contest: Contest) -> None:
    figures = contest.figures(contest.scored(contest.liked.astype(np.float64)))
    for kind in ("hit_rate", "capped_recall", "ndcg", "map", "mrr"):
        found = figures[f"{kind}@{K}"]
        assert (found.value, found.low, found.high, found.users) == (1, 1, 1, N_USERS), kind
    assert figures["auc"].value == 1
    # These say that there is more, or less, to find than there are places.
    likings = contest.liked.sum(axis=1)
    assert figures[f"recall@{K}"].value == pytest.approx(np.mean(np.minimum(1, K / likings)))
    assert figures[f"precision@{K}"].value == pytest.approx(np.mean(np.minimum(1, likings / K)))


def test_who_answers_half_of_the_users_scores_half(contest: Contest) -> None:
    rng = np.random.default_rng(1)
    # Halves that are alike: every user twice.
    twins = Contest(contest.folder, contest.spark, *map(twice, (contest.seen, contest.liked)))
    scores = twice(rng.integers(0, 50, contest.seen.shape) + 40.0 * contest.liked)
    of_half = np.where(np.arange(N_USERS)[:, np.newaxis] < N_USERS // 2, scores, np.nan)
    whole, half = (twins.figures(twins.scored(one)) for one in (scores, of_half))
    for kind in RANKING:
        metric = f"{kind}@{K}"
        assert whole[metric].value > 0
        assert half[metric].value == pytest.approx(whole[metric].value / 2), metric
        assert half[metric].users == N_USERS
    # Without a score every pair is a guess, and a guess is right in a half.
    assert half["auc"].value == pytest.approx((whole["auc"].value + 0.5) / 2)
    assert half[f"personal_share@{K}"].value == 0.5
    # What the fallback gives to the others counts, and is told apart.
    popularity = twins.popularity()
    fallback = Fallback((("popularity", popularity),), Segments(("all",), ()))
    filled, popular = (twins.figures(one, fallback) for one in (twins.scored(of_half), popularity))
    for kind in RANKING:
        metric = f"{kind}@{K}"
        together = (whole[metric].value + popular[metric].value) / 2
        assert filled[metric].value == pytest.approx(together), metric
    assert filled[f"personal_share@{K}"].value == 0.5


def twice(rows: np.ndarray) -> np.ndarray:
    """The first half of the rows, and the same again."""
    return np.concatenate([rows[: len(rows) // 2]] * 2)


def test_random_lists_land_on_their_expectation(contest: Contest) -> None:
    scores = np.random.default_rng(5).random((N_USERS, N_ITEMS)).argsort(axis=1).argsort(axis=1)
    figures = contest.figures(contest.scored(scores.astype(np.float64)), confidence=0.99)
    candidates = N_ITEMS - SEEN
    expected = [at_random(int(likings), candidates) for likings in contest.liked.sum(axis=1)]
    for metric in expected[0]:
        found, value = figures[metric], np.mean([one[metric] for one in expected])
        assert found.low < value < found.high, metric
        assert found.high - found.low < 0.35 * value, metric  # it does say something


def at_random(likings: int, candidates: int) -> dict[str, float]:
    """The expectation of every metric where the list is drawn from the candidates."""
    share = likings / candidates
    attainable = min(likings, K)
    ranks = range(1, K + 1)
    discounts = [1 / log2(rank + 1) for rank in ranks]
    # None of the first so many places has a hit.
    empty = [comb(candidates - likings, n) / comb(candidates, n) for n in range(K + 1)]
    # A hit at a rank, and how many are expected before it.
    precisions = [
        share * (1 + (rank - 1) * (likings - 1) / (candidates - 1)) / rank for rank in ranks
    ]
    firsts = [before - after for before, after in pairwise(empty)]
    return {
        f"hit_rate@{K}": 1 - empty[K],
        f"precision@{K}": share,
        f"recall@{K}": K / candidates,
        f"capped_recall@{K}": K * share / attainable,
        f"ndcg@{K}": share * sum(discounts) / sum(discounts[:attainable]),
        f"map@{K}": sum(precisions) / attainable,
        f"mrr@{K}": sum(first / rank for rank, first in zip(ranks, firsts, strict=True)),
        f"arhr@{K}": share * sum(1 / rank for rank in ranks) / likings,
        "auc": 0.5,
    }


def test_ties_are_cut_as_in_serving_however_the_data_are_cut(contest: Contest) -> None:
    tied = np.full((N_USERS, N_ITEMS), 0.25)
    # By position: what was not seen, in the order of the ids.
    lists = [np.flatnonzero(~seen)[:K].tolist() for seen in contest.seen]
    hits = np.array([liked[own].sum() for liked, own in zip(contest.liked, lists, strict=True)])
    found = []
    for cuts, tile_bytes in (
        (WHOLE, 1 << 20),
        (((7, 300), (1,)), 1 << 20),
        (((250, 251, 599), (13, 20, 39)), 1 << 16),  # several tiles of users, too
    ):
        shape = contest.scored(tied, cuts)
        batches = contest.lists(shape, NOTHING, cuts, tile_bytes)
        assert [row for batch in batches for row in batch["items"].to_pylist()] == lists
        found.append(contest.figures(shape, cuts=cuts, tile_bytes=tile_bytes))
    assert found[0] == found[1] == found[2]  # to the last bit, intervals included
    assert found[0][f"precision@{K}"].value == pytest.approx(hits.mean() / K)

    # Whoever gives all items one score is served the same, whatever way he keeps his scores.
    weights = np.where(contest.seen, 1.0, np.nan)
    users, items = write_blocks(contest.folder / "served", weights, cuts=((100,), (20,)))
    one_score = save_part(str(contest.folder), "tied", {"scores": np.ones((1, N_ITEMS))})
    for shape in (contest.scored(tied, ((100,), (20,))), Ranking((one_score,))):
        tasks = personal_lists(users, items, shape, NOTHING, K, 1 << 16, "personal")
        rows = [
            row for piece in tasks.pieces for b in tasks.function(piece) for row in b.to_pylist()
        ]
        served = [[int(entry["item_id"][1:]) for entry in row["items"]] for row in rows]
        assert served == lists
