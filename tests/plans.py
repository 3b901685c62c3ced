"""Physical plans as Spark describes them: which windows bring all rows into one task."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

_WINDOW = re.compile(r"windowspecdefinition\(")
# A window is described by its keys, then by its order, then by its frame: here no key comes first.
_WITHOUT_KEY = re.compile(
    r"windowspecdefinition\((?=specifiedwindowframe|[^,]* (?:ASC|DESC) NULLS)[^\n]*"
)


def executed_plans(spark: SparkSession) -> list[str]:
    """The queries executed lately, as Spark remembers them for its web pages."""
    spark.sparkContext._jsc.sc().listenerBus().waitUntilEmpty()
    found = spark._jsparkSession.sharedState().statusStore().executionsList()
    return [found.apply(place).physicalPlanDescription() for place in range(found.size())]


def has_windows(plan: str) -> bool:
    """Whether there is any window in a plan."""
    return _WINDOW.search(plan) is not None


def windows_over_all_rows(plan: str) -> list[str]:
    """The windows of a plan that have no key."""
    return _WITHOUT_KEY.findall(plan)
