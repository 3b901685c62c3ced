"""What every step works with: settings, dataset, ledger, lease, clock, and a session on demand."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from pyspark.sql import SparkSession

from toplists.config.settings import Settings
from toplists.lake.dataset import Dataset
from toplists.lake.lease import Lease
from toplists.lake.ledger import Clock, Ledger
from toplists.pipeline.shared_folder import require_exchange, require_shared_folder


@dataclass(frozen=True)
class Workplace:
    """The surroundings of one command on one dataset.

    `start_session` starts Spark. It is called on first use of `spark` only, so that a command which
    finds nothing to do ends without it. `accept_input`: the person says that an unusual input is right.
    `surroundings` says what the command runs on, for the ledger. `intact` are the folders of fits that
    the command made, or has looked through.
    """

    settings: Settings
    dataset: Dataset
    lease: Lease
    clock: Clock
    start_session: Callable[[], SparkSession]
    accept_input: bool = False
    surroundings: Callable[[], Mapping[str, object]] = dict
    intact: set[Path] = field(default_factory=set, compare=False)

    @cached_property
    def spark(self) -> SparkSession:
        """The session.

        Raises:
            ConfigurationError: its executors do not see the lake, or the storage that tasks exchange
                files through cannot be used.
        """
        session = self.start_session()
        if not (session.sparkContext.master or "").startswith("local"):
            require_shared_folder(session, self.dataset.work)
        if self.settings.engine.exchange is not None:
            require_exchange(session, self.settings.engine.exchange)
        return session

    @cached_property
    def ledger(self) -> Ledger:
        """The dataset's ledger."""
        return Ledger(self.dataset, self.clock, self.surroundings)
