"""What a fit takes, by hand, and what is said of one that cannot fit."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from toplists.engine.plan import GIB, Cluster, Fit, Rates, plan_fit

FIT = Fit(
    users=1_000_000,
    items=50_000,
    events=100_000_000,
    rank=64,
    stored=64,
    block_entries=1_000_000,
    tile_bytes=32 << 20,
)
CLUSTER = Cluster(nodes=4, cores=8, memory=32 * GIB)


def test_the_fixed_side_is_the_larger_one() -> None:
    assert plan_fit(FIT, CLUSTER).fixed == 1_000_000 * (64 * 4 + 4)
    assert plan_fit(replace(FIT, items=2_000_000), CLUSTER).fixed == 2_000_000 * (64 * 4 + 4)


def test_every_side_is_written_once_and_read_by_every_node() -> None:
    assert plan_fit(FIT, CLUSTER).moved == 5 * 1_050_000 * 64 * 4


def test_a_task_holds_its_entries_and_its_rows() -> None:
    rates = Rates(entry_bytes=10)
    # A block of 1 M of 100 M entries has 10,000 of the users.
    assert plan_fit(FIT, CLUSTER, rates).task == 10_000_000 + 3 * 10_000 * 64 * 4


def test_time_is_arithmetic_over_cores_overhead_and_network() -> None:
    rates = Rates(
        adding=1e-9, factorizing=2e-9, descending=3e-9, turning=0.0, overhead=0.5, network=1e9
    )
    adding = 2 * 100e6 * 64**2 * 1e-9  # both sides' rows are longer than the rank
    factorizing = 1_050_000 * 64**3 * 2e-9
    rest = 1.0 + 5 * 1_050_000 * 64 * 4 / 4 / 1e9
    descending = 2 * 100e6 * 64 * 4 * 3e-9
    assert plan_fit(FIT, CLUSTER, rates).seconds == {
        "exact": pytest.approx((adding + factorizing) / 32 + rest),
        "cg": pytest.approx(descending / 32 + rest),
    }


def test_one_node_moves_nothing_over_a_network() -> None:
    slow, fast = Rates(network=1.0), Rates(network=1e12)
    alone = replace(CLUSTER, nodes=1)
    assert plan_fit(FIT, alone, slow).seconds == plan_fit(FIT, alone, fast).seconds


def test_what_fits_has_no_objection() -> None:
    assert plan_fit(FIT, CLUSTER).objections == ()
    assert plan_fit(FIT, CLUSTER).warnings == ()


def test_a_rank_above_the_smaller_side_is_warned_of() -> None:
    assert plan_fit(replace(FIT, items=64), CLUSTER).warnings == ()
    (warning,) = plan_fit(replace(FIT, items=63), CLUSTER).warnings
    assert "64 numbers for 63 items" in warning


def test_a_side_that_is_too_large_names_the_rank_that_fits_and_mllib() -> None:
    fit = replace(FIT, users=100_000_000, rank=128)
    (objection,) = plan_fit(fit, CLUSTER).objections
    assert "100,000,000 users at rank 128 are 48.1 GiB" in objection.reason
    assert "model.als.engine=mllib" in objection.remedy
    assert "rank to 41 or less" in objection.remedy
    assert not plan_fit(replace(fit, rank=41), CLUSTER).objections
    assert plan_fit(replace(fit, rank=42), CLUSTER).objections


def test_tasks_that_are_too_large_name_the_setting_of_blocks() -> None:
    fit = replace(FIT, block_entries=100_000_000)
    (objection,) = plan_fit(fit, replace(CLUSTER, memory=16 * GIB)).objections
    assert "engine.block_entries" in objection.remedy


def test_the_vectors_that_score_are_counted_where_lists_are_made() -> None:
    (objection,) = plan_fit(replace(FIT, items=5_000_000, stored=3200), CLUSTER).objections
    assert "while lists are made" in objection.reason


def test_positions_are_numbered_in_32_bits() -> None:
    fit = replace(FIT, users=3_000_000_000, rank=1)
    assert any("positions can number" in one.reason for one in plan_fit(fit, CLUSTER).objections)


@given(
    users=st.integers(1, 10**8),
    items=st.integers(1, 10**7),
    events=st.integers(1, 10**10),
    rank=st.integers(1, 256),
    nodes=st.integers(1, 100),
)
def test_more_of_anything_takes_no_less(
    users: int, items: int, events: int, rank: int, nodes: int
) -> None:
    fit = Fit(users, items, events, rank, rank, 1_000_000, 1 << 20)
    cluster = Cluster(nodes, 4, 64 * GIB)
    plan = plan_fit(fit, cluster)
    assert min(plan.seconds.values()) > 0
    assert plan.node > plan.fixed > 0
    for more in (replace(fit, users=users + 1000), replace(fit, rank=rank + 1)):
        larger = plan_fit(more, cluster)
        assert (larger.fixed, larger.moved) >= (plan.fixed, plan.moved)
    twice = plan_fit(replace(fit, events=2 * events), cluster).seconds
    assert all(twice[solver] >= seconds for solver, seconds in plan.seconds.items())
