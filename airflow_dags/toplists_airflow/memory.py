"""How much memory a job asks the cluster for, by its Spark properties."""

from __future__ import annotations

import re
from collections.abc import Mapping

from toplists.errors import ConfigurationError

_UNITS = {"k": 2.0**-20, "m": 2.0**-10, "g": 1.0, "t": 2.0**10}
_SIZE = re.compile(r"(\d+)\s*([kmgt])?i?b?", re.IGNORECASE)
# What Spark adds to the memory of a container of its own, unless the properties say otherwise:
# https://spark.apache.org/docs/latest/configuration.html (spark.executor.memoryOverhead)
_OVERHEAD_SHARE, _OVERHEAD_LEAST_MB = 0.1, 384


def requested_gb(properties: Mapping[str, str]) -> float | None:
    """What the driver and all executors ask for together, overhead included, in GiB.

    Args:
        properties: Spark properties, such as those of `conf/spark/production.conf`.

    Returns:
        `None` where the number of executors is not bounded by the properties.

    Raises:
        ConfigurationError: a property is no size or number.
    """
    driver = _with_overhead(properties, "driver")
    if properties.get("spark.master", "local").startswith("local"):
        return _size_gb(properties, "spark.driver.memory", "1g")
    count = properties.get("spark.dynamicAllocation.maxExecutors") or properties.get(
        "spark.executor.instances"
    )
    if count is None:
        return None
    if not count.isdigit():
        raise ConfigurationError(f"{count!r} is no number of executors.")
    return driver + int(count) * _with_overhead(properties, "executor")


def require_within(properties: Mapping[str, str], limit_gb: float | None, where: str) -> None:
    """Refuse to ask for more than `limit_gb`, or for an unknown amount.

    Args:
        properties: Spark properties.
        limit_gb: In GiB; `None` = any amount will do.
        where: The file of the properties, for the message.

    Raises:
        ConfigurationError: more is asked for.
    """
    if limit_gb is None:
        return
    asked = requested_gb(properties)
    if asked is None:
        raise ConfigurationError(
            f"airflow.memory_limit_gb is {limit_gb:g}, and {where} does not bound the number of executors: set "
            "spark.executor.instances or spark.dynamicAllocation.maxExecutors there."
        )
    if asked > limit_gb:
        raise ConfigurationError(
            f"{where} asks for {asked:.1f} GiB in all, and airflow.memory_limit_gb allows {limit_gb:g}: ask for "
            "fewer or smaller executors, or raise the limit."
        )


def _with_overhead(properties: Mapping[str, str], part: str) -> float:
    memory = _size_gb(properties, f"spark.{part}.memory", "1g")
    if (key := f"spark.{part}.memoryOverhead") in properties:
        return memory + _size_gb(properties, key, "0")
    factor = properties.get(f"spark.{part}.memoryOverheadFactor", str(_OVERHEAD_SHARE))
    try:
        share = float(factor)
    except ValueError:
        raise ConfigurationError(
            f"{factor!r} of spark.{part}.memoryOverheadFactor is no number."
        ) from None
    return memory + max(memory * share, _OVERHEAD_LEAST_MB / 1024)


def _size_gb(properties: Mapping[str, str], key: str, default: str) -> float:
    """A size as Spark writes it, such as 8g; without a unit it counts MiB, as Spark's memory does."""
    text = properties.get(key, default)
    found = _SIZE.fullmatch(text.strip())
    if found is None:
        raise ConfigurationError(f"{text!r} of {key} is no size, such as 8g.")
    return int(found[1]) * _UNITS[(found[2] or "m").lower()]
