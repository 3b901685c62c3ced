"""recommend: lists for every eligible user and every item, from the publication fits."""

from __future__ import annotations

from toplists.dataset.snapshot import Snapshot
from toplists.engine.neighbours import nearest_items
from toplists.engine.shapes import Factors, ItemWeights
from toplists.engine.table_files import replace_part_by_tasks
from toplists.engine.tasks import T, Tasks, at_once
from toplists.lake.ledger import Outcome, Run
from toplists.lake.schema import Table
from toplists.lake.tables import POPULAR_ITEMS, RECOMMENDATIONS, SIMILAR_ITEMS
from toplists.pipeline.steps.fits import (
    FitPlan,
    open_fallback,
    open_fit,
    open_fit_as,
    plan_fits,
)
from toplists.pipeline.steps.prepare import open_snapshot
from toplists.pipeline.workplace import Workplace
from toplists.ranking.lists import personal_lists, popular_lists, similar_lists


def recommend(place: Workplace, run: Run) -> Outcome:
    """Write the run's lists into the published tables, where no reader looks before `publish`.

    Raises:
        ConfigurationError: a model is not fitted yet.
    """
    settings = place.settings.recommend
    snapshot = open_snapshot(place, run)
    plan = plan_fits(place, run)
    blocks = snapshot.blocks(place.settings.engine)
    model = open_fit(place, run, snapshot, plan.published)
    fallback = open_fallback(place, run, snapshot, plan.fallback)
    similar = _similar_items(place, run, snapshot, plan)
    filler = (
        open_fit_as(ItemWeights, place, run, snapshot, plan.similar_fallback)
        if plan.similar_fallback is not None
        else None
    )
    lists = personal_lists(
        blocks.users,
        blocks.items,
        model,
        fallback,
        settings.n,
        place.settings.engine.tile_bytes,
        plan.published.source,
    )
    alike = similar_lists(blocks.items, similar, filler, settings.similar_n)
    popular = popular_lists(blocks.items, fallback, settings.n)

    def write(lists: Tasks[T], table: Table) -> None:
        replace_part_by_tasks(place.spark, lists, place.dataset, table, run_id=run.run_id)

    at_once(
        lambda: write(lists, RECOMMENDATIONS),
        lambda: write(alike, SIMILAR_ITEMS),
        lambda: write(popular, POPULAR_ITEMS),
    )
    facts = snapshot.facts
    return Outcome(
        detail=(
            f"{facts.eligible:,} lists of {settings.n}, similar items for {facts.items:,} items"
        ),
        facts={"lists": facts.eligible, "n": settings.n, "similar": facts.items},
        rows_in=facts.interactions,
        rows_out=facts.eligible,
    )


def _similar_items(place: Workplace, run: Run, snapshot: Snapshot, plan: FitPlan) -> ItemWeights:
    """Each item's neighbours: fitted for themselves, or the nearest by the published factors."""
    if plan.similar is not None:
        return open_fit_as(ItemWeights, place, run, snapshot, plan.similar)
    engine = place.settings.engine
    return nearest_items(
        place.spark,
        snapshot.blocks(engine).items,
        open_fit_as(Factors, place, run, snapshot, plan.published),
        k=place.settings.recommend.similar_n,
        measure="cosine",
        tile_bytes=engine.tile_bytes,
        folder=place.dataset.work / run.run_id / "similar",
    )
