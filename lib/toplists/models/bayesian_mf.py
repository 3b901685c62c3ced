"""Bayesian matrix factorization of ratings (Salakhutdinov and Mnih 2008), with noise of each user's own."""

from __future__ import annotations

from toplists.config.model import ModelSettings
from toplists.config.model_ratings import BayesianMfSettings
from toplists.engine.gibbs import Chain, sample
from toplists.engine.shapes import Factors
from toplists.models.definition import Definition
from toplists.models.protocol import Fitted, FromSettings, TrainingData
from toplists.models.search import Choices, Space


class BayesianMf(FromSettings[BayesianMfSettings]):
    """Values as mean, biases and a product of vectors, averaged over draws from their posterior."""

    name = "bayesian_mf"
    learns_values = True

    def __init__(self, settings: BayesianMfSettings, single_task_entries: int) -> None:
        """Take the parameters from `settings`; sampling from at most so many entries is one task."""
        super().__init__(settings)
        self._single_task_entries = single_task_entries

    def fit(self, data: TrainingData) -> Fitted:
        """Sample on all values of the part.

        Raises:
            InputRefusedError: no interaction of the part has a value.
        """
        settings = self._settings
        chain = Chain(
            blocks={"users": data.users, "items": data.items},
            part=data.part,
            mean=data.rated_values(self.name).mean,
            rank=settings.rank,
            burn_in=settings.burn_in,
            rounds=settings.rounds,
            keep_every=settings.keep_every,
            count_prior=settings.count_prior,
            user_noise=settings.user_noise,
            seed=data.seed,
        )
        return Fitted(sample(data.spark, chain, data.folder, self._single_task_entries))


def _lengths(settings: ModelSettings) -> tuple[int, int]:
    own = settings.bayesian_mf
    return own.rank + 1, own.rank * (own.rounds // own.keep_every) + 2


BAYESIAN_MF = Definition(
    name="bayesian_mf",
    summary="Predicts values by vectors that are averaged over draws, with no penalty to tune.",
    shape=Factors,
    feedback="values",
    memory="4 bytes x rank x the larger side, once per executor, and as much for each kept round in the end",
    time="(burn_in + rounds) x (interactions x rank^2 + (users + items) x rank^3)",
    reference=(
        "Salakhutdinov and Mnih, Bayesian probabilistic matrix factorization using Markov chain Monte "
        "Carlo, ICML 2008; Lakshminarayanan et al., Robust Bayesian matrix factorisation, AISTATS 2011"
    ),
    make=lambda given: BayesianMf(given.model.bayesian_mf, given.engine.single_task_entries),
    # Its priors need no search.
    space=lambda _: Space(
        {"rank": Choices((4, 8, 12, 16, 24, 32)), "rounds": Choices((50, 100, 200))}
    ),
    lengths=_lengths,
)
"""See `BayesianMf`."""
