"""recommend: lists for every eligible user and every item, from the publication fits."""

from __future__ import annotations

from toplists.engine.tasks import at_once
from toplists.lake.frames import read_frame, replace_part
from toplists.lake.ledger import Outcome, Run
from toplists.lake.tables import (
    ITEM_WEIGHTS,
    POPULAR_ITEMS,
    RANKINGS,
    RECOMMENDATIONS,
    SIMILAR_ITEMS,
)
from toplists.pipeline.steps.prepare import open_snapshot
from toplists.pipeline.steps.staging import stage_fit
from toplists.pipeline.steps.train import plan_fits, require_model
from toplists.pipeline.workplace import Workplace
from toplists.ranking.lists import personal_lists, popular_list, published, similar_lists


def recommend(place: Workplace, run: Run) -> Outcome:
    """Write the run's lists into the published tables, where no reader looks before `publish`.

    Raises:
        ConfigurationError: a model is not fitted yet.
    """
    spark, dataset, settings = place.spark, place.dataset, place.settings.recommend
    snapshot = open_snapshot(place, run)
    plan = plan_fits(place, run)
    blocks = snapshot.blocks(place.settings.engine.block_entries)
    lists = personal_lists(
        spark,
        blocks.users,
        blocks.items,
        stage_fit(place, run, snapshot, plan.published),
        stage_fit(place, run, snapshot, plan.fallback),
        settings.n,
    )
    similar, fallback = (fit.model_id(run) for fit in (plan.similar, plan.fallback))
    require_model(place, similar)
    weights = read_frame(spark, dataset, ITEM_WEIGHTS, model_id=similar)
    alike = similar_lists(weights, snapshot.items, settings.similar_n)
    popular = popular_list(read_frame(spark, dataset, RANKINGS, model_id=fallback), settings.n)
    at_once(
        lambda: replace_part(published(lists), dataset, RECOMMENDATIONS, run_id=run.run_id),
        lambda: replace_part(published(alike), dataset, SIMILAR_ITEMS, run_id=run.run_id),
        lambda: replace_part(published(popular), dataset, POPULAR_ITEMS, run_id=run.run_id),
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
