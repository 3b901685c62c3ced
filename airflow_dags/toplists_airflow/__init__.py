"""What the DAGs share: how a verb is submitted, what its end means to Airflow, and who is told.

It runs in Airflow's own environment, which has neither pyspark nor the packages of the jobs. Of the
library only `toplists.config` and `toplists.errors` are used, which need neither.
"""

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
"""The checkout that the DAGs are part of, and whose jobs they submit."""

# Last, so that it hides nothing of Airflow's environment.
if str(ROOT / "lib") not in sys.path:
    sys.path.append(str(ROOT / "lib"))

from toplists.config.night import NIGHT  # noqa: E402 - found by the lines above

__all__ = ["NIGHT", "ROOT"]
