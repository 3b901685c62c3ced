"""A low-pass filter over what users like: only what many likings have in common passes.

The score of item i for a user with likings x is entry i of `x C^-a V Vᵀ C^a`: V are leading right
singular vectors of the likings after each user's row was divided by `n^b` and each item's column by
`c^a`, and C is the diagonal of the c. With a = b = 0.5 it is the ideal low-pass filter of GF-CF
(Shen et al., "How powerful is graph convolution for recommendation?", CIKM 2021), with a = b = 0 PureSVD
(Cremonesi, Koren and Turrin, "Performance of recommender algorithms on top-N recommendation tasks",
RecSys 2010).

The whole of GF-CF has its linear filter besides, what items have in common beyond the leading vectors: `linear`
times `x C^-a Xᵀ N^-2b X C^-a`, with the likings X of all users and the diagonal N of the n. The authors count
it once and the ideal filter 0.3 times, which is linear = 3.3. What an item has in common with itself is left
out: it would speak for nothing but what the user likes already.
"""

from __future__ import annotations

from toplists.config.model_linear import LowPassSettings
from toplists.engine.comparison import Comparison
from toplists.engine.measures import LinearFilter
from toplists.engine.shapes import Factors, ItemWeights, Mixture
from toplists.engine.spectrum import Spectrum, find_vectors
from toplists.errors import InputRefusedError
from toplists.models.definition import WHOLE, Definition
from toplists.models.protocol import Fitted, FromSettings, TrainingData
from toplists.models.search import Choices, Range, Space


class LowPass(FromSettings[LowPassSettings]):
    """Likings without what is particular to them."""

    name = "low_pass"

    def __init__(self, settings: LowPassSettings, single_task_entries: int) -> None:
        """Take the parameters from `settings`; a fit to at most so many entries is one task."""
        super().__init__(settings)
        self._single_task_entries = single_task_entries

    def fit(self, data: TrainingData) -> Fitted:
        """Find the singular vectors by products, in tasks by block.

        Raises:
            InputRefusedError: there is no liking to learn from.
        """
        if data.size == 0:
            raise InputRefusedError(
                "There is nothing for low_pass to learn from: no interaction counts as positive. Lower "
                "prepare.positive_from, or loosen filters."
            )
        settings = self._settings
        spectrum = Spectrum(
            users=data.users,
            items=data.items,
            part=data.part,
            rank=settings.rank,
            passes=settings.passes,
            user_exponent=settings.user_exponent,
            item_exponent=settings.item_exponent,
            seed=data.seed,
        )
        ideal = find_vectors(data.spark, spectrum, data.folder, self._single_task_entries)
        if settings.linear == 0.0:
            return Fitted(ideal)
        members = (ideal, self._filter_linearly(data))
        return Fitted(Mixture(members, (1.0, settings.linear), standardized=False))

    def _filter_linearly(self, data: TrainingData) -> ItemWeights:
        """What items have in common."""
        settings = self._settings
        comparison = Comparison(
            rows=data.items,
            columns=data.users,
            part=data.part,
            lesson="liked",
            settings=LinearFilter(settings.item_exponent, settings.user_exponent),
            users_are_rows=False,
        )
        folder = data.folder / "linear"
        return ItemWeights(
            comparison.write_neighbours(data.spark, settings.linear_neighbours, folder)
        )


LOW_PASS = Definition(
    name="low_pass",
    summary="Only what many likings have in common: PureSVD and GF-CF are cases of it.",
    shape=(Factors, Mixture),
    feedback="likings",
    memory=(
        "4 bytes x (rank + 32) x users, mapped by each node, and some 1,300 bytes x (rank + 32)^2; with linear "
        "all likings once per executor besides"
    ),
    holds=lambda given: WHOLE if given.get("linear") else 0,
    time=(
        "2 x (passes + 1) x (rank + 32) x interactions, and rank^2 x users; with linear the sum over users of the "
        "square of what each liked besides"
    ),
    reference="Shen et al., How powerful is graph convolution for recommendation?, CIKM 2021",
    make=lambda given: LowPass(given.model.low_pass, given.engine.single_task_entries),
    space=lambda _: Space(
        {
            "rank": Choices((128, 256, 384, 512, 768, 1_024)),
            "linear": Range(0.0, 10.0),
            "user_exponent": Range(0.0, 0.6),
            "item_exponent": Range(0.0, 0.6),
        }
    ),
    lengths=lambda settings: (settings.low_pass.rank + 32, settings.low_pass.rank),
)
"""See `LowPass`."""
