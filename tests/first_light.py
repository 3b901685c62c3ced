"""A small lake as the first release left it, after two nights on `worlds.two_tastes`.

Made by the code of commit 60a1476: `nightly` over two_tastes and Zoe (two rows of it refused), then over
100 rows of the same and 30 new ones; rank 4, 3 iterations, lists of 6. Without its work folder.
"""

from __future__ import annotations

import tarfile
from pathlib import Path

from toplists.lake.dataset import Dataset

ARCHIVE = Path(__file__).with_name("lake") / "first-light.tar.xz"
RUNS = ("2024-01-13-02ef2df5", "2024-01-21-3d5bf37c")


def unpack_first_light(lake: Path) -> Dataset:
    """The dataset `first-light` in the folder `lake`."""
    with tarfile.open(ARCHIVE) as archive:
        archive.extractall(lake / "first-light", filter="data")
    return Dataset(lake / "first-light")
