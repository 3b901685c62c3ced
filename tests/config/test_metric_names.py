"""What may be measured, and what is said of everything else."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from toplists.config.settings import Settings


def test_any_kind_at_any_number_of_places() -> None:
    names = ("map@1", "capped_recall@1000", "mrr@7")
    settings = Settings.model_validate(
        {"evaluate": {"metrics": names}, "gate": {"metric": "mrr@7"}}
    )
    assert settings.evaluate.metrics == names


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"evaluate": {"metrics": ["ndgc@10"]}}, "there is no metric 'ndgc'. Did you mean ndcg?"),
        ({"evaluate": {"metrics": ["auc@10"]}}, "there is no metric 'auc'. Use one of hit_rate, "),
        ({"evaluate": {"metrics": [""]}}, "there is no metric ''"),
        ({"evaluate": {"metrics": ["ndcg"]}}, "'ndcg' has no whole number behind an @"),
        ({"evaluate": {"metrics": ["ndcg@ten"]}}, "has no whole number"),
        ({"evaluate": {"metrics": ["ndcg@-1"]}}, "has no whole number"),
        ({"evaluate": {"metrics": ["ndcg@010"]}}, "has no whole number"),
        ({"evaluate": {"metrics": ["ndcg@0"]}}, "ndcg@0 looks at 0 places: choose 1 to 1,000"),
        ({"evaluate": {"metrics": ["ndcg@1001"]}}, "choose 1 to 1,000"),
        ({"evaluate": {"metrics": ["ndcg@10", "ndcg@10"]}}, "ndcg@10 is there twice"),
        ({"evaluate": {"metrics": []}}, "at least 1 item"),
        ({"gate": {"metric": "ndcg@0"}}, "looks at 0 places"),
        # What decides has to be measured.
        (
            {"gate": {"metric": "mrr@10"}},
            "add it to evaluate.metrics, or decide by one of hit_rate@10",
        ),
    ],
)
def test_anything_else_is_refused(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError) as refused:
        Settings.model_validate(changes)
    assert message in str(refused.value)
