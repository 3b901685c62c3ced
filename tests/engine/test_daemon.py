"""Workers as Spark forks them."""

from __future__ import annotations

import gc
import socket
import sys
from collections.abc import Iterator
from types import ModuleType

import pytest
from pyspark.sql import SparkSession

from toplists.engine.daemon import keeping_modules, without_complaint
from toplists.engine.tasks import collect_tasks


@pytest.fixture
def thawed() -> Iterator[None]:
    """Garbage is looked for everywhere before and after the test."""
    gc.unfreeze()
    yield
    gc.unfreeze()


@pytest.mark.usefixtures("thawed")
@pytest.mark.parametrize("imports", [True, False])
def test_what_a_task_imports_is_not_looked_at_again(
    imports: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    def work(sock: socket.socket, authenticated: bool) -> int:
        if imports:
            monkeypatch.setitem(sys.modules, "imported_by_a_task", ModuleType("imported_by_a_task"))
        return 0

    with socket.socket() as unused:
        assert keeping_modules(work)(unused, True) == 0
    assert (gc.get_freeze_count() > 0) == imports


def test_sparks_workers_keep_their_modules(spark: SparkSession) -> None:
    def seen(_: int) -> int:
        from toplists.models import registry  # the models, with all that they are made of

        return sum(one is registry.__dict__ for one in gc.get_objects())

    # The first task of each worker imports it; later ones find it among what stays.
    cores = spark.sparkContext.defaultParallelism
    assert 0 in collect_tasks(spark, range(20 * cores), seen)[-cores:]


def test_who_is_not_listened_to_any_more_leaves_in_silence() -> None:
    ours, theirs = socket.socketpair()

    def work(sock: socket.socket, authenticated: bool) -> int:
        theirs.close()
        while authenticated:
            sock.sendall(b"more")
        return 0

    with ours:
        assert without_complaint(work)(ours, True) == 1


def test_anything_else_is_told() -> None:
    def work(sock: socket.socket, authenticated: bool) -> int:
        raise ZeroDivisionError(f"{sock.fileno()} {authenticated}")

    ours, theirs = socket.socketpair()
    with ours, theirs, pytest.raises(ZeroDivisionError):
        without_complaint(work)(ours, True)
