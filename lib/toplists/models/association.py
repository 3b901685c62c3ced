"""Association rules: who likes one item, or several, also likes another."""

from __future__ import annotations

import numpy as np

from toplists.config.model_knn import AssociationSettings, SimilaritySettings
from toplists.engine.blocks import BlockRef
from toplists.engine.comparison import Comparison
from toplists.engine.exchange import write_parts
from toplists.engine.shapes import ItemWeights, Transitions, neighbours_part
from toplists.engine.storage import Arrays
from toplists.models.definition import Definition, whole
from toplists.models.protocol import Fitted, FromSettings, TrainingData
from toplists.models.rule_sets import fit_rule_sets
from toplists.models.search import Choices, LogRange, Range, Space

_ROUNDING = 1e-6
"""Share that a lift may be off: confidences are kept in single precision."""


class Association(FromSettings[AssociationSettings]):
    """Rules that lead to an item: of one item on the left all there are, by counts of pairs.

    Those of several are mined, see `toplists.models.rule_sets`.
    """

    name = "association"

    def fit(self, data: TrainingData) -> Fitted:
        """The rules that lead to each item, by confidence: of one item that is the order of lift as well.

        Raises:
            InputRefusedError: they are of sessions, and no liking has a time.
        """
        settings = self._settings
        data.require_sessions(self.name, settings.session_gap_hours)
        if settings.max_antecedents > 1:
            return Fitted(fit_rule_sets(data, settings))
        rules = Comparison(
            rows=data.items,
            columns=data.users,
            part=data.part,
            lesson="liked",
            settings=SimilaritySettings(
                measure="conditional_probability",
                min_common=settings.min_support,
                threshold=settings.min_confidence,
                cap=settings.cap,
            ),
            users_are_rows=False,
            source="neighbour",
            session_gap_hours=settings.session_gap_hours,
        )

        def find(ref: BlockRef) -> Arrays:
            confident = rules.neighbours(ref, settings.neighbours)
            lift = confident.values / np.repeat(rules.shares(ref), np.diff(confident.indptr))
            if settings.score == "lift":
                confident = confident._replace(values=lift.astype(np.float32))
            return neighbours_part(confident.where(lift >= settings.min_lift * (1 - _ROUNDING)))

        return Fitted(
            ItemWeights(write_parts(data.spark, data.items.blocks, find, data.folder, "items"))
        )


ASSOCIATION = Definition(
    name="association",
    summary="What is liked (bought) together with what a user liked, by rules with confidence and lift.",
    shape=(ItemWeights, Transitions),
    feedback="likings",
    memory=(
        "16 bytes x items, and all likings once per executor, of sessions twice; with several items on the left "
        "all sets of items that have the support besides"
    ),
    holds=whole,
    time=(
        "the sum over users, or sessions, of the square of what each liked; with several items on the left "
        "it grows with the sets of items that have the support, 2^n of n items that min_support users or "
        "sessions share: cap bounds n of users, and only session_gap_hours that of sessions"
    ),
    reference=(
        "Agrawal et al., Mining association rules between sets of items in large databases, SIGMOD 1993; "
        "lift: Brin et al., Dynamic itemset counting and implication rules for market basket data, SIGMOD "
        "1997; several items: Han, Pei and Yin, Mining frequent patterns without candidate generation, SIGMOD "
        "2000"
    ),
    make=lambda given: Association(given.model.association),
    space=lambda _: Space(
        {
            "neighbours": LogRange(10, 500),
            "score": Choices(("confidence", "lift")),
            "min_support": LogRange(1, 20),
            "min_lift": Range(0.0, 5.0),
        }
    ),
)
"""See `Association`."""
