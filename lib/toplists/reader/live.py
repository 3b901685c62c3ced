"""The lists and the catalogue as one publication shows them."""

from __future__ import annotations

from pathlib import Path

from toplists.reader.records import Publication
from toplists.reader.run_lists import RunLists


class LiveLists(RunLists):
    """What can be asked while one publication is live; all answers are of its run.

    Handed out by `DeltaLists.read`.
    """

    def __init__(self, root: Path, publication: Publication) -> None:
        """Open the tables of the dataset at `root`.

        Raises:
            SnapshotGoneError: the tables hold no lists of the published run.
        """
        super().__init__(root, publication.run_id, publication.as_of)
        self.publication = publication
