"""Contenders from blocks to figures, against a plain oracle, however users are cut."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from score_tables import write_scores
from snapshots import write_blocks

from toplists.config.protocol_names import Drawn
from toplists.dataset.segments import Segments
from toplists.engine.blocks import BlockSet
from toplists.engine.shapes import Factors, Ranking
from toplists.engine.storage import save_part
from toplists.evaluation.aggregation import EVERYBODY, Aggregation, Judged, Subject
from toplists.evaluation.comparison import Added, compare
from toplists.evaluation.judging import Judging
from toplists.evaluation.measuring import Measuring
from toplists.evaluation.slices import Slices
from toplists.evaluation.traits import Traits, survey_traits
from toplists.ranking.fallback import Fallback

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

N_USERS, N_ITEMS = 30, 12
METRICS = ("hit_rate@3", "ndcg@3", "mrr@3")
OF_ALL_HELD_OUT = ("novelty@3", "auc", "user_coverage@3")
GONE = np.nan


@dataclass(frozen=True)
class World:
    """Users with ratings of 1 to 5, of which those from 4 are likings, some of all held out."""

    folder: Path
    values: np.ndarray
    held_out: np.ndarray
    scores: np.ndarray

    @property
    def likings(self) -> np.ndarray:
        return self.values >= 4

    def blocks(self, cuts: tuple[int, ...]) -> tuple[BlockSet, BlockSet]:
        weights = np.where(np.isnan(self.values), np.nan, self.likings)
        folder = self.folder / f"blocks-{len(cuts)}"
        return write_blocks(
            folder, weights, values=self.values, holdout=self.held_out, cuts=(cuts, ())
        )

    def factors(self, cuts: tuple[int, ...]) -> Factors:
        return write_scores(self.folder, self.scores, (cuts, ()))

    def fallback(self) -> Fallback:
        likes = (self.likings & ~self.held_out).sum(axis=0).astype(np.float64)
        part = save_part(str(self.folder), "popularity", {"scores": likes[np.newaxis]})
        return Fallback((("popularity", Ranking((part,))),), Segments(("all",), ()))


@pytest.fixture
def world(tmp_path: Path) -> World:
    rng = np.random.default_rng(3)
    values = rng.integers(1, 6, (N_USERS, N_ITEMS)).astype(np.float64)
    values[rng.random(values.shape) < 0.4] = np.nan
    held_out = (rng.random(values.shape) < 0.3) & ~np.isnan(values)
    held_out[7] = False  # has nothing to be judged on
    held_out[8] = ~np.isnan(values[8])  # has nothing in the training part
    scores = rng.integers(-2, 5, values.shape) / 4.0  # many are equal
    scores[9] = np.nan  # the model does not know this user
    return World(tmp_path, values, held_out, scores)


def rows_of(judging: Judging, shape: Factors, measuring: Measuring) -> list[pa.RecordBatch]:
    tasks = judging.judge(shape, measuring)
    return [batch for piece in tasks.pieces for batch in tasks.function(piece)]


def traits_of(world: World, users: BlockSet, items: BlockSet) -> Traits:
    train = world.likings & ~world.held_out
    known = int(train.any(axis=1).sum())
    return Traits(items.blocks, known, (), 1.0, 5.0, 4.0, N_ITEMS, ())


def test_lists_and_ranks_are_those_of_a_plain_sort(world: World) -> None:
    users, items = world.blocks((11, 20))
    judging = Judging(users, world.fallback(), 3, 1 << 20)
    measuring = Measuring(METRICS, traits_of(world, users, items), users)
    judged = {
        row["user_pos"]: row
        for batch in rows_of(judging, world.factors((11, 20)), measuring)
        for row in batch.to_pylist()
    }
    learnt = world.likings & ~world.held_out
    assert [*judged] == [
        user for user in range(N_USERS) if world.held_out[user].any() and learnt[user].any()
    ]
    assert not {7, 8} & judged.keys()
    for user, row in judged.items():
        seen = ~np.isnan(world.values[user]) & ~world.held_out[user]
        free = [item for item in range(N_ITEMS) if not seen[item]]
        order = sorted(free, key=lambda item, user=user: (-world.scores[user, item], item))
        known = user != 9
        assert row["candidates"] == len(free)
        assert row["scored"] == (len(free) if known else 0)
        assert row["trained"] == learnt[user].sum()
        if known:
            assert row["items"] == order[:3]
        assert row["personal"] == (min(3, len(free)) if known else 0)
        assert len(row["items"]) == min(3, len(free))  # the fallback fills what the model has not
        assert row["targets"] == [
            {
                "item_pos": item,
                "liked": bool(world.likings[user, item]),
                "value": world.values[user, item],
                "score": world.scores[user, item] if known else None,
                "rank": order.index(item) + 1 if known else 0,
            }
            for item in np.flatnonzero(world.held_out[user])
        ]


def test_unknown_users_are_judged_where_that_is_asked_for(world: World) -> None:
    users, items = world.blocks(())
    judging = Judging(users, world.fallback(), 3, 1 << 20, with_unknown=True)
    measuring = Measuring(METRICS, traits_of(world, users, items), users)
    (batch,) = rows_of(judging, world.factors(()), measuring)
    assert 8 in batch["user_pos"].to_pylist()
    assert 7 not in batch["user_pos"].to_pylist()


def test_a_sampled_ranking_lists_held_out_items_and_what_was_drawn(world: World) -> None:
    users, items = world.blocks((11, 20))
    judging = Judging(users, world.fallback(), N_ITEMS, 1 << 20, negatives=Drawn(2))
    measuring = Measuring(METRICS, traits_of(world, users, items), users)
    judged = [
        row
        for batch in rows_of(judging, world.factors((11, 20)), measuring)
        for row in batch.to_pylist()
    ]
    assert judged
    for row in judged:
        held_out = {target["item_pos"] for target in row["targets"]}
        unknown = np.isnan(world.values[row["user_pos"]])
        drawn = {*row["items"]} - held_out
        assert held_out <= {*row["items"]}
        assert unknown[[*drawn]].all()
        assert len(drawn) == min(2, unknown.sum())
        assert row["candidates"] == len(row["items"])
        if row["user_pos"] != 9:  # whom the model does not know
            assert {target["rank"] for target in row["targets"]} <= {
                *range(1, len(row["items"]) + 1)
            }


def test_predictions_are_clipped_and_measured_of_who_predicts(world: World) -> None:
    users, items = world.blocks(())
    measuring = Measuring(("mae",), traits_of(world, users, items), users)
    judging = Judging(users, world.fallback(), 3, 1 << 20)
    (batch,) = rows_of(judging, world.factors(()), measuring)
    for row in batch.to_pylist():
        errors = [
            abs(min(max(target["score"], 1.0), 5.0) - target["value"])
            for target in row["targets"]
            if target["score"] is not None
        ]
        assert dict(row["values"]) == ({"mae": pytest.approx(np.mean(errors))} if errors else {})


def test_figures_do_not_depend_on_how_users_are_cut(world: World, spark: SparkSession) -> None:
    found = []
    for cuts in ((), (11, 20)):
        users, items = world.blocks(cuts)
        traits = survey_traits(spark, users, items, ())
        judging = Judging(users, world.fallback(), 3, 1 << 20)
        measuring = Measuring(METRICS, traits, users)
        batches = rows_of(judging, world.factors(cuts), measuring)
        files = []
        for number, batch in enumerate(batches):
            files.append(str(world.folder / f"rows-{len(cuts)}-{number}.parquet"))
            pq.write_table(pa.Table.from_batches([batch]), files[-1])
        slices = Slices(("activity", "popularity"), active_from=(2, 4))
        subject = Subject("als", (Judged(tuple(files), measuring, slices),))
        totals = Aggregation(traits.scale, (3,), 50, 1).add_up(spark, [subject])["als"]
        figures = {
            (figure.slice, figure.metric): figure
            for part, sums in totals.slices.items()
            for figure in compare({"als": Added(METRICS, sums, totals.bounds)}, 0.95, part=part)
        }
        (exposures,) = totals.exposures[3]
        found.append((figures, exposures.tolist()))
        rows = pa.Table.from_batches(batches).to_pylist()
        for metric in METRICS:
            of_users = [dict(row["values"])[metric] for row in rows if dict(row["values"])]
            assert figures[EVERYBODY, metric].value == pytest.approx(np.mean(of_users))
            assert figures[EVERYBODY, metric].users == len(of_users)
        assert sum(exposures) == sum(len(row["items"]) for row in rows)
    assert found[0] == found[1]
    parts = {part for part, _ in found[0][0]}
    assert {EVERYBODY, "activity=low", "activity=high", "popularity=tail"} <= parts


def test_slices_of_items_have_figures_of_held_out_items_only(
    world: World, spark: SparkSession
) -> None:
    users, items = world.blocks(())
    traits = survey_traits(spark, users, items, ())
    metrics = (OF_ALL_HELD_OUT[0], *METRICS, *OF_ALL_HELD_OUT[1:])
    measuring = Measuring(metrics, traits, users)
    batches = rows_of(Judging(users, world.fallback(), 3, 1 << 20), world.factors(()), measuring)
    file = str(world.folder / "rows.parquet")
    pq.write_table(pa.Table.from_batches(batches), file)
    slices = Slices(("activity", "popularity"), active_from=(2, 4))
    subject = Subject("als", (Judged((file,), measuring, slices),))
    totals = Aggregation(traits.scale, (), 50, 1).add_up(spark, [subject])["als"]
    measured = {
        part: {
            figure.metric
            for figure in compare({"als": Added(metrics, sums, totals.bounds)}, 0.95, part=part)
        }
        for part, sums in totals.slices.items()
    }
    assert measured[EVERYBODY] == measured["activity=low"] == {*metrics}
    assert measured["popularity=tail"] == {*METRICS}


def test_traits_say_what_the_training_part_holds(world: World, spark: SparkSession) -> None:
    world.values[3, 2], world.held_out[3, 2] = 100, True  # an amount above all that is learnt from
    users, items = world.blocks((11,))
    catalogue = world.folder / "items.parquet"
    genres = [["War"], ["Drama", "War"], None, []]
    rows = {"item_id": [f"i{number:03}" for number in range(4)], "genres": genres}
    pq.write_table(pa.table(rows), catalogue)
    traits = survey_traits(spark, users, items, (str(catalogue),))
    train = world.likings & ~world.held_out
    valued = world.values[~world.held_out & ~np.isnan(world.values)]
    assert traits.users == train.any(axis=1).sum()
    assert (traits.low, traits.high) == (valued.min(), valued.max())
    # What is held out may lie beyond what predictions are clipped to.
    assert traits.width == np.nanmax(world.values) - np.nanmin(world.values) == 100 - 1
    assert traits.most_targets == world.held_out.sum(axis=1).max()
    counts = train.sum(axis=1)
    assert dict(traits.activity) == {
        int(likings): int((counts == likings).sum()) for likings in np.unique(counts[counts > 0])
    }
    opened = traits.open()
    assert opened.raters.tolist() == train.sum(axis=0).tolist()
    half = np.sqrt(0.5)
    np.testing.assert_allclose(opened.features[:4], [[1, 0], [half, half], [0, 0], [0, 0]])
    assert not opened.features[4:].any()


def test_an_error_beyond_the_values_that_are_learnt_from_is_added_up(
    world: World, spark: SparkSession
) -> None:
    world.values[3, 2], world.held_out[3, 2] = 100, True
    users, items = world.blocks(())
    traits = survey_traits(spark, users, items, ())
    measuring = Measuring(("rmse", "mae"), traits, users)
    (batch,) = rows_of(Judging(users, world.fallback(), 3, 1 << 20), world.factors(()), measuring)
    path = str(world.folder / "rows.parquet")
    pq.write_table(pa.Table.from_batches([batch]), path)
    subject = Subject("als", (Judged((path,), measuring, Slices()),))
    totals = Aggregation(traits.scale, (), 50, 1).add_up(spark, [subject])["als"]
    added = Added(totals.metrics, totals.slices[EVERYBODY], totals.bounds)
    rmse, mae = compare({"als": added}, 0.95)
    assert rmse.value > mae.value > 0


def test_lists_of_folds_are_described_each_by_itself(world: World, spark: SparkSession) -> None:
    users, items = world.blocks(())
    traits = survey_traits(spark, users, items, ())
    measuring = Measuring(METRICS, traits, users)
    (batch,) = rows_of(Judging(users, world.fallback(), 3, 1 << 20), world.factors(()), measuring)
    path = str(world.folder / "rows.parquet")
    pq.write_table(pa.Table.from_batches([batch]), path)
    fold = Judged((path,), measuring, Slices())
    totals = Aggregation(traits.scale, (3,), 50, 1).add_up(spark, [Subject("als", (fold, fold))])
    first, second = totals["als"].exposures[3]
    assert first.tolist() == second.tolist()


def test_who_has_no_metric_of_its_own_has_lists_all_the_same(
    world: World, spark: SparkSession
) -> None:
    users, items = world.blocks(())
    traits = survey_traits(spark, users, items, ())
    measuring = Measuring((), traits, users)  # as popularity, where only errors are asked for
    (batch,) = rows_of(Judging(users, world.fallback(), 3, 1 << 20), world.factors(()), measuring)
    assert not any(batch["values"].to_pylist())
    path = str(world.folder / "rows.parquet")
    pq.write_table(pa.Table.from_batches([batch]), path)
    subject = Subject("popularity", (Judged((path,), measuring, Slices(("popularity",))),))
    totals = Aggregation(traits.scale, (3,), 50, 1).add_up(spark, [subject])["popularity"]
    assert totals.exposures[3][0].sum() > 0
    assert compare({"popularity": Added((), totals.slices[EVERYBODY], totals.bounds)}, 0.95) == []


def test_where_nobody_is_judged_sums_are_of_nobody(world: World, spark: SparkSession) -> None:
    users, items = world.blocks(())
    traits = survey_traits(spark, users, items, ())
    nobody = Subject("als", (Judged((), Measuring(METRICS, traits, users), Slices()),))
    totals = Aggregation(traits.scale, (3,), 50, 1).add_up(spark, [nobody])["als"]
    assert compare({"als": Added(METRICS, totals.slices[EVERYBODY], totals.bounds)}, 0.95) == []
