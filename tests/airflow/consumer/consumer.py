"""A DAG of somebody else's, that begins when lists were published."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from airflow.sdk import Asset, dag, task

# Name and URI: a run that begins for a mere reference to the name is not told of the event (Airflow 3.3.2).
PUBLICATIONS = Asset("toplists.sample-movielens", "toplists://sample-movielens/publications")


@dag(schedule=[PUBLICATIONS], is_paused_upon_creation=False)
def consumer() -> None:
    """Notes what was published."""

    @task
    def note(triggering_asset_events: Any = None) -> None:
        (events,) = triggering_asset_events.values()
        (Path(os.environ["AIRFLOW_HOME"]) / "seen.json").write_text(json.dumps(events[-1].extra))

    note()


consumer()
