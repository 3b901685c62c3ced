"""The example of docs/adding-a-model.md works as it stands there."""

from __future__ import annotations

import re
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING

import numpy as np
import pytest
from conformance import World, training_data, write_world

from toplists.engine.shapes import ranking_scores
from toplists.errors import InputRefusedError

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

PAGE = Path(__file__).resolve().parents[2] / "docs/adding-a-model.md"

VALUES = np.array(
    [
        [5.0, 3.0, np.nan],
        [4.0, np.nan, np.nan],
        [np.nan, 4.0, np.nan],  # nobody has rated the third item
    ]
)


def test_it_works(spark: SparkSession, tmp_path: Path) -> None:
    (code,) = re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    assert len(code.splitlines()) < 50
    example: dict[str, object] = {}
    exec(compile(code, str(PAGE), "exec"), example)
    settings = example["BestRatedSettings"](damping=2.0)
    definition = example["BEST_RATED"]
    model = definition.make(SimpleNamespace(model=SimpleNamespace(best_rated=settings)))
    world = write_world(tmp_path / "world", World(VALUES))
    fitted = model.fit(training_data(spark, world, tmp_path / "fit", values=True))
    assert isinstance(fitted.shape, definition.shape)
    # The mean is 4: (5 + 4 + 2 x 4) / 4, (3 + 4 + 2 x 4) / 4.
    assert ranking_scores(fitted.shape).tolist() == [[4.25, 3.75, -np.inf]]

    without = write_world(tmp_path / "without", World(VALUES, with_values=False))
    with pytest.raises(InputRefusedError, match="best_rated learns from values"):
        model.fit(training_data(spark, without, tmp_path / "none", values=True))
