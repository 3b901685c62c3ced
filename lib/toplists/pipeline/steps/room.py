"""Whether the fits of a run can be made where it runs, before any is begun."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from pyspark.sql import SparkSession

from toplists.config.operation import EngineSettings
from toplists.dataset.snapshot import SnapshotFacts
from toplists.engine.plan import GIB, Cluster, Fit, plan_fit
from toplists.engine.tasks import cores_of_executor
from toplists.errors import ConfigurationError
from toplists.models.protocol import Model
from toplists.models.registry import held_bytes
from toplists.pipeline.watching.surroundings import memory_gib
from toplists.pipeline.workplace import Workplace


def require_room_here(
    place: Workplace, facts: SnapshotFacts, model: Model, lengths: tuple[int, int] | None
) -> tuple[str, ...]:
    """Refuse a model that cannot be fitted to a snapshot where this session runs; what to warn of if it can.

    Args:
        place: The workplace.
        facts: What is known of the snapshot.
        model: The model.
        lengths: How long its vectors are, as `registry.vector_lengths` says it.

    Raises:
        ConfigurationError: it cannot; the message says what to change.
    """
    engine = place.settings.engine
    return require_room(
        lengths,
        held_bytes(model),
        engine,
        describe_cluster(place.spark, engine),
        users=facts.users,
        items=facts.items,
        interactions=facts.interactions,
    )


def require_room(
    lengths: tuple[int, int] | None,
    held: int,
    engine: EngineSettings,
    cluster: Cluster,
    *,
    users: int,
    items: int,
    interactions: int,
) -> tuple[str, ...]:
    """Refuse a model that cannot be fitted to so much; what to warn of if it can.

    Args:
        lengths: How long its vectors are, as `registry.vector_lengths` says it.
        held: Bytes of each interaction that every task holds, as `registry.held_bytes` says it.
        engine: How the work is cut.
        cluster: Where it is done.
        users: How many there are.
        items: How many there are.
        interactions: How many there are.

    Raises:
        ConfigurationError: it cannot; the message says what to change.
    """
    if lengths is None and not held:
        return ()
    rank, stored = lengths or (0, 0)
    fit = Fit(
        *(users, items, interactions, rank, stored),
        *(engine.block_entries, engine.tile_bytes, held),
    )
    plan = plan_fit(fit, cluster)
    if plan.objections:
        sentences = " ".join(
            f"{one.reason[0].upper()}{one.reason[1:]}. {one.remedy}" for one in plan.objections
        )
        raise ConfigurationError(
            f"{sentences} If machines have other memory than assumed, say so by engine.node_memory_gb."
        )
    return plan.warnings


def describe_cluster(spark: SparkSession, engine: EngineSettings) -> Cluster:
    """The executors and cores that a session has."""
    context = spark.sparkContext
    memory = int((engine.node_memory_gb or memory_gib()) * GIB)
    if (context.master or "").startswith("local"):
        return Cluster(1, context.defaultParallelism, memory)
    hosts = [info.host() for info in context._jsc.sc().statusTracker().getExecutorInfos()]
    if (driver := context.getConf().get("spark.driver.host")) in hosts:
        hosts.remove(driver)  # it is listed as one of them
    return share_out(hosts, cores_of_executor(spark), context.defaultParallelism, memory)


def share_out(hosts: Sequence[str], cores: int | None, parallelism: int, memory: int) -> Cluster:
    """A cluster of executors, as far as is known.

    Args:
        hosts: The machine of each executor that has come; none has right after a session began.
        cores: Cores of an executor, if they are configured.
        parallelism: Cores of all of them.
        memory: Bytes of a machine, which its executors share.
    """
    if not hosts:
        return Cluster(max(1, parallelism // (cores or 1)), cores or 1, memory)
    return Cluster(
        nodes=len(hosts),
        cores=cores or max(1, parallelism // len(hosts)),
        memory=memory // max(Counter(hosts).values()),
    )
