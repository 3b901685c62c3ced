"""How much a job asks for, and that it is not too much."""

from __future__ import annotations

import pytest

from toplists.errors import ConfigurationError
from toplists_airflow.memory import requested_gb, require_within

CLUSTER = {
    "spark.master": "yarn",
    "spark.driver.memory": "8g",
    "spark.executor.memory": "8g",
    "spark.executor.memoryOverheadFactor": "0.5",
    "spark.executor.instances": "4",
}


@pytest.mark.parametrize(
    ("properties", "expected"),
    [
        # One JVM does all.
        ({"spark.master": "local[*]", "spark.driver.memory": "4g"}, 4.0),
        # 8 + 10 % for the driver, four times 8 + 50 %.
        (CLUSTER, 8.8 + 4 * 12.0),
        # The largest number that it may grow to counts.
        (CLUSTER | {"spark.dynamicAllocation.maxExecutors": "10"}, 8.8 + 10 * 12.0),
        # An overhead that is given, in MiB without a unit; at least 384 MiB without.
        (
            CLUSTER | {"spark.driver.memory": "1024", "spark.executor.memoryOverhead": "1024"},
            1.375 + 4 * 9.0,
        ),
        ({"spark.master": "yarn", "spark.executor.instances": "1"}, 2 * 1.375),
    ],
)
def test_all_that_a_job_asks_for(properties: dict[str, str], expected: float) -> None:
    assert requested_gb(properties) == pytest.approx(expected)


def test_a_limit_is_kept() -> None:
    require_within(CLUSTER, None, "a.conf")
    require_within(CLUSTER, 56.8, "a.conf")
    with pytest.raises(ConfigurationError, match=r"a\.conf asks for 56\.8 GiB in all"):
        require_within(CLUSTER, 56.0, "a.conf")


def test_what_is_not_bounded_is_not_within_a_limit() -> None:
    unbounded = {key: CLUSTER[key] for key in CLUSTER if key != "spark.executor.instances"}
    assert requested_gb(unbounded) is None
    with pytest.raises(ConfigurationError, match="does not bound the number of executors"):
        require_within(unbounded, 1000.0, "a.conf")


@pytest.mark.parametrize(
    "wrong",
    [
        {"spark.driver.memory": "much"},
        {"spark.executor.instances": "-1"},
        {"spark.executor.memoryOverheadFactor": "half"},
    ],
)
def test_nonsense_is_named(wrong: dict[str, str]) -> None:
    with pytest.raises(ConfigurationError, match=next(iter(wrong.values()))):
        requested_gb(CLUSTER | wrong)
