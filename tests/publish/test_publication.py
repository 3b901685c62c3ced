"""The pointer's way forward and back, without Spark: rows stand for whole runs."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from shutil import copytree

import pyarrow as pa
import pytest
from deltalake import DeltaTable, write_deltalake

from toplists.errors import ConfigurationError, ConflictError, GateRefusedError
from toplists.lake.bookkeeping import append_rows, arrow_schema
from toplists.lake.dataset import Dataset
from toplists.lake.lease import Lease, hold_lease
from toplists.lake.ledger import Ledger, Outcome, Run
from toplists.lake.pointer import Publication, move_pointer, read_pointer
from toplists.lake.tables import MODELS, POPULAR_ITEMS, RECOMMENDATIONS, SIMILAR_ITEMS
from toplists.publish.publication import publish, rollback, stored_runs
from toplists.publish.retention import prune

NOW = datetime(2024, 6, 1, tzinfo=UTC)
LEASE = Lease(1)


def run(name: str, day: int = 1) -> Run:
    return Run(name, date(2024, 5, day), '{"loads": []}', "{}", "c", "v")


@pytest.fixture
def dataset(no_rows: Path, tmp_path: Path) -> Dataset:
    return Dataset(copytree(no_rows, tmp_path / "world"))


def store(dataset: Dataset, one: Run) -> Run:
    """One list in each published table, as `recommend` leaves them."""
    row = {"run_id": one.run_id, "placement": "default", "items": [], "schema_version": 1}
    for table, key in (
        (RECOMMENDATIONS, "user_id"),
        (SIMILAR_ITEMS, "item_id"),
        (POPULAR_ITEMS, "segment"),
    ):
        opened = DeltaTable(dataset.path(table))
        rows = pa.Table.from_pylist([row | {key: "x"}], schema=arrow_schema(opened))
        write_deltalake(opened, rows, mode="append")
    # Each run was prepared a minute after the one before it.
    count = len(stored_runs(dataset))
    ledger = Ledger(dataset, lambda: NOW + timedelta(minutes=count))
    ledger.finish(ledger.begin(one, "prepare"), Outcome("prepared"))
    return one


def put_live(dataset: Dataset, one: Run, *, force: bool = False) -> Publication:
    return publish(dataset, one, LEASE, now=NOW, force=force)


def back(dataset: Dataset, to: str | None = None, *, mark_bad: bool = False) -> str:
    return rollback(dataset, LEASE, now=NOW, to=to, mark_bad=mark_bad).run_id


def test_rolling_back_twice_leads_further_back(dataset: Dataset) -> None:
    for name in "abc":
        put_live(dataset, store(dataset, run(name)))
    assert (back(dataset), back(dataset)) == ("b", "a")
    with pytest.raises(ConfigurationError, match="no earlier publication"):
        back(dataset)
    assert back(dataset, "c") == "c"


def test_the_publication_before_counts_not_the_first_of_the_run(dataset: Dataset) -> None:
    for name in "aba":
        put_live(dataset, run(name) if name in stored_runs(dataset) else store(dataset, run(name)))
    assert back(dataset) == "b"


def test_a_bad_run_is_never_live_again(dataset: Dataset) -> None:
    for name in "ab":
        put_live(dataset, store(dataset, run(name)))
    assert back(dataset, mark_bad=True) == "a"
    with pytest.raises(ConfigurationError, match="declared bad"):
        back(dataset, "b")
    with pytest.raises(GateRefusedError, match="declared bad"):
        put_live(dataset, run("b"))


def test_an_older_as_of_needs_force(dataset: Dataset) -> None:
    put_live(dataset, store(dataset, run("new", day=9)))
    old = store(dataset, run("old", day=2))
    with pytest.raises(ConfigurationError, match="--force"):
        put_live(dataset, old)
    assert put_live(dataset, old, force=True).run_id == "old"


def test_a_run_without_lists_cannot_be_published(dataset: Dataset) -> None:
    with pytest.raises(GateRefusedError, match="no rows of run gone"):
        put_live(dataset, run("gone"))
    assert read_pointer(dataset).live is None


def test_publishing_what_is_live_changes_nothing(dataset: Dataset) -> None:
    one = store(dataset, run("a"))
    assert put_live(dataset, one) == put_live(dataset, one)
    assert len(read_pointer(dataset).history) == 1


def test_of_two_that_read_the_same_pointer_one_moves_it(dataset: Dataset) -> None:
    seen = read_pointer(dataset)
    move = {"as_of": date(2024, 5, 1), "action": "publish", "now": NOW}
    move_pointer(dataset, seen, LEASE, run_id="first", **move)
    with pytest.raises(ConflictError, match="changed by another process"):
        move_pointer(dataset, seen, LEASE, run_id="second", **move)
    assert [p.run_id for p in read_pointer(dataset).history] == ["first"]


def test_a_lost_lease_cannot_move_the_pointer_behind_its_successor(dataset: Dataset) -> None:
    publish(dataset, store(dataset, run("a")), Lease(7), now=NOW, force=False)
    with pytest.raises(ConflictError, match="later writer"):
        publish(dataset, store(dataset, run("b")), Lease(6), now=NOW, force=False)


def test_the_lease_is_held_by_one_and_numbered(dataset: Dataset) -> None:
    with (
        hold_lease(dataset, "nightly") as first,
        pytest.raises(ConflictError, match=r"nightly, pid \d+"),
        hold_lease(dataset, "other"),
    ):
        pytest.fail("two hold the lease")
    with hold_lease(dataset, "nightly") as second:
        assert second.fence > first.fence


@pytest.mark.parametrize("record", [None, '{"fence": 3}', ""], ids=["lost", "old", "damaged"])
def test_a_lost_record_lets_no_old_lease_win(dataset: Dataset, record: str | None) -> None:
    publish(dataset, store(dataset, run("a")), Lease(7), now=NOW, force=False)
    path = dataset.root / "lease.json"
    path.unlink(missing_ok=True)
    if record is not None:
        path.write_text(record)
    with hold_lease(dataset, "nightly") as lease:
        assert lease.fence == 8
        publish(dataset, store(dataset, run("b")), lease, now=NOW, force=False)
    with pytest.raises(ConflictError, match="later writer"):
        publish(dataset, store(dataset, run("c")), Lease(7), now=NOW, force=False)


def test_pruning_keeps_what_can_be_gone_back_to_and_what_waits(dataset: Dataset) -> None:
    for name in ("z1", "bad", "z3", "z4"):
        put_live(dataset, store(dataset, run(name)))
        if name == "bad":
            back(dataset, mark_bad=True)
    for name in ("w9", "w1", "w2"):  # never published; w9 waits longest, whatever its name
        store(dataset, run(name))
    fit = {"model_id": "bad.personal.all", "run_id": "bad", "model": "als", "part": "all"}
    rest = {"shape": "factors", "parameters": "{}", "seed": 1, "interactions": 1, "seconds": 1.0}
    append_rows(dataset, MODELS, [fit | rest | {"fitted_at": NOW}])

    removed = prune(dataset, read_pointer(dataset), keep_runs=2)
    assert sorted(removed) == ["bad", "w9", "z1"]
    assert stored_runs(dataset) == {"z3", "z4", "w1", "w2"}
    assert DeltaTable(dataset.path(MODELS)).to_pyarrow_table().num_rows == 0
