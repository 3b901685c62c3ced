"""Folds as files and blocks: what a protocol said is what fits learn from and judging reads."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from events import END, days_ago
from stored import Pair, store_snapshot

from toplists.config.operation import EngineSettings
from toplists.config.protocol_names import parse_protocol
from toplists.dataset.folds import FoldData, FoldSizes, make_folds, make_validation_folds
from toplists.dataset.sampling import allowed_items
from toplists.dataset.snapshot import Snapshot, SnapshotBlocks
from toplists.engine import block_builder
from toplists.errors import ConfigurationError, InputRefusedError
from toplists.lake import failpoints

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

PAIRS: list[Pair] = [
    ("ann", "a", 5.0, days_ago(9)),
    ("ann", "b", 4.0, days_ago(8)),
    ("ann", "c", 5.0, days_ago(2)),
    ("ann", "d", 1.0, days_ago(1)),  # a dislike: its value is judged, it is no liking
    ("bob", "a", 2.0, days_ago(7)),
    ("bob", "b", 5.0, days_ago(6)),
    ("bob", "e", 4.0, days_ago(1)),  # an item without a row to learn from
    ("cat", "b", 5.0, days_ago(1)),  # a user without one
    ("dan", "a", 4.0, days_ago(5)),  # one who is not judged
    ("eve", "f", 4.0, None),
]


@pytest.fixture
def snapshot(spark: SparkSession, no_rows: Path, tmp_path: Path) -> Snapshot:
    return store_snapshot(spark, no_rows, tmp_path / "lake" / "world", PAIRS)


def only_fold(snapshot: Snapshot, text: str) -> FoldData:
    (fold,) = make_folds(snapshot, parse_protocol(text))
    return fold


def pairs_in(blocks: SnapshotBlocks, what: str) -> set[str]:
    """The pairs of the user blocks of which something is said, by id."""
    items = [one for ref in blocks.items.blocks for one in ref.open().ids.to_pylist()]
    found = set()
    for ref in blocks.users.blocks:
        block = ref.open()
        if what in ("truth", "held_out"):
            indptr, indices, *_ = getattr(block, what)()
        else:
            indptr, indices, *_ = block.learnt(what, "train")
        owners = np.repeat(np.arange(ref.rows), np.diff(indptr))
        ids = block.ids.to_pylist()
        found |= {f"{ids[row]}-{items[item]}" for row, item in zip(owners, indices, strict=True)}
    return found


def test_blocks_hold_what_the_protocol_said(
    snapshot: Snapshot, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(block_builder, "CHUNK_ROWS", 1)  # else all rows were in one block
    fold = only_fold(snapshot, "days(3)")
    blocks = fold.blocks(EngineSettings(block_entries=2, single_task_entries=0))
    assert len(blocks.users.blocks) > 1
    assert (blocks.users.rows, blocks.items.rows) == (5, 6)  # those of the snapshot
    assert pairs_in(blocks, "truth") == {"ann-c", "bob-e", "cat-b"}
    assert pairs_in(blocks, "held_out") == {"ann-c", "ann-d", "bob-e", "cat-b"}
    learnt = {"ann-a", "ann-b", "bob-b", "dan-a", "eve-f"}
    assert pairs_in(blocks, "liked") == learnt
    assert pairs_in(blocks, "rated") == learnt | {"bob-a"}
    assert fold.sizes == FoldSizes(trained=5, rated=6, held_out=4, liked=3, users=3, new_users=1)
    assert fold.fold.cut == days_ago(3)


def test_users_and_items_without_a_row_are_in_the_blocks_all_the_same(snapshot: Snapshot) -> None:
    blocks = only_fold(snapshot, "days(4,gap=4), known users only").blocks(
        EngineSettings(block_entries=100)
    )
    # Left are ann-a, which is learnt from, eve-f without a time, and ann-c and ann-d, which are held out.
    (users,), (items,) = blocks.users.blocks, blocks.items.blocks
    assert np.diff(users.open().indptr).tolist() == [3, 0, 0, 0, 1]
    assert items.open().ids.to_pylist() == list("abcdef")
    assert np.diff(items.open().indptr).tolist() == [1, 0, 1, 1, 0, 1]


def test_what_a_night_held_out_is_held_out_under_the_same_name(
    spark: SparkSession, no_rows: Path, tmp_path: Path
) -> None:
    time = days_ago(1)
    pairs: list[Pair] = [("ann", "a", 5.0, time), ("ann", "b", 5.0, time), ("bob", "a", 5.0, time)]
    # At equal times, the night went by the ids of events: the first item would have been held out.
    held_out = [("ann", "b")]
    folder = tmp_path / "lake" / "world"
    name = "last(1), known users only"
    night = store_snapshot(spark, no_rows, folder, pairs, name, held_out)
    for text in (name, "last(1), value>=5"):
        assert pairs_in(
            only_fold(night, text).blocks(EngineSettings(block_entries=100)), "truth"
        ) == {"ann-b"}
    assert pairs_in(only_fold(night, "loo").blocks(EngineSettings(block_entries=100)), "truth") == {
        "ann-a"
    }


def test_a_fold_that_is_there_is_not_made_again(snapshot: Snapshot) -> None:
    fold = only_fold(snapshot, "days(3)")
    before = {path: path.stat().st_mtime_ns for path in fold.folder.rglob("*")}
    assert only_fold(snapshot, "days(3)").sizes == fold.sizes
    assert {path: path.stat().st_mtime_ns for path in fold.folder.rglob("*")} == before


def test_a_fold_that_was_interrupted_anywhere_is_made_again(
    snapshot: Snapshot, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    moments = tmp_path / "moments"
    monkeypatch.setenv(failpoints.FAIL_AT, f">{moments}")
    fold = only_fold(snapshot, "days(3)")
    expected = sorted(map(tuple, fold.interactions.collect()))
    shutil.rmtree(fold.folder)

    class KilledError(Exception):
        pass

    def die() -> None:
        raise KilledError

    monkeypatch.setattr(failpoints, "die", die)
    noted = moments.read_text().splitlines()
    assert "after rows of days(3) #2024-02-27" in noted
    for moment in noted:  # each time over what the time before left
        monkeypatch.setenv(failpoints.FAIL_AT, moment)
        with pytest.raises(KilledError):
            only_fold(snapshot, "days(3)")
        assert (fold.folder / "fold.json").exists() == (moment == noted[-1])
    monkeypatch.delenv(failpoints.FAIL_AT)
    again = only_fold(snapshot, "days(3)")
    assert sorted(map(tuple, again.interactions.collect())) == expected
    assert again.sizes == fold.sizes


def test_validation_leaves_the_test_part_out_entirely(snapshot: Snapshot) -> None:
    outer = only_fold(snapshot, "days(3)")
    (inner,) = make_validation_folds(outer, parse_protocol("last(1)"))
    assert inner.folder != outer.folder
    blocks = inner.blocks(EngineSettings(block_entries=100))
    assert pairs_in(blocks, "truth") == {"ann-b", "bob-b"}
    everything = pairs_in(blocks, "held_out") | pairs_in(blocks, "rated")
    assert everything == pairs_in(outer.blocks(EngineSettings(block_entries=100)), "rated")


def test_days_on_which_nobody_is_judged_are_left_out_of_a_replay(snapshot: Snapshot) -> None:
    folds = make_folds(snapshot, parse_protocol("replay(6)"))
    # bob-b, dan-a, ann-c, and on the last day bob-e and cat-b.
    assert [fold.fold.label for fold in folds] == [
        f"{days_ago(days):%Y-%m-%d}" for days in (6, 5, 2, 1)
    ]
    assert [fold.sizes.users for fold in folds] == [1, 1, 1, 2]


@pytest.mark.parametrize(
    ("text", "pairs", "said"),
    [
        ("days(3)", [("ann", "a", 5.0, None)], "needs times, and no event has one"),
        ("loo", [("ann", "a", 5.0, None)], "needs times, and no event has one"),
        ("loo", [("ann", "a", 5.0, END), ("bob", "b", 5.0, END)], "users with at least two"),
        ("last(1)", [("ann", "a", 5.0, END)], "users with at least two"),
        ("days(3)", [("ann", "a", 5.0, days_ago(9))], "Hold out more days"),
        ("replay(3)", [("ann", "a", 5.0, days_ago(9))], "Hold out more days"),
        ("days(3)", [("ann", "a", 5.0, days_ago(1))], "leaves nothing to learn from"),
        ("cold_users(1%)", [("ann", "a", 5.0, END)], "Hold out a larger share"),
        ("kfold(5)", [("ann", "a", 5.0, END), ("bob", "b", 5.0, END)], "Use fewer folds"),
        # Only dislikes are held out.
        ("days(3)", [("a", "a", 5.0, days_ago(9)), ("a", "b", 1.0, days_ago(1))], "no liking of"),
        (
            "days(3), known items only",
            [("ann", "a", 5.0, days_ago(9)), ("bob", "b", 5.0, days_ago(1))],
            "loosen what narrows it",
        ),
    ],
)
def test_a_protocol_that_is_impossible_on_the_data_is_refused(
    spark: SparkSession, no_rows: Path, tmp_path: Path, text: str, pairs: list[Pair], said: str
) -> None:
    snapshot = store_snapshot(spark, no_rows, tmp_path / "lake" / "world", pairs)
    with pytest.raises(InputRefusedError, match=said) as refused:
        make_folds(snapshot, parse_protocol(text))
    assert refused.value.exit_code == 5
    assert str(refused.value).startswith(text)


@pytest.mark.parametrize(
    ("test", "said"),
    [
        (["ann,d"], "Put pairs into its test files that somebody liked"),  # disliked
        ([], "Put pairs into its test files that somebody liked"),
        ([f"{user},{item}" for user, item, *_ in PAIRS], "or less into its test files"),
    ],
)
def test_given_parts_of_which_one_is_empty_are_refused(
    snapshot: Snapshot, tmp_path: Path, test: list[str], said: str
) -> None:
    (tmp_path / "test.csv").write_text("\n".join(["user,item", *test]) + "\n")
    with pytest.raises(InputRefusedError, match=said):
        only_fold(snapshot, f"given({tmp_path})")


def allowed(fold: FoldData, block_entries: int = 100) -> dict[str, set[str]]:
    """What each user may be given."""
    assert fold.negatives is not None
    blocks = fold.blocks(EngineSettings(block_entries=block_entries))
    items = [one for ref in blocks.items.blocks for one in ref.open().ids.to_pylist()]
    found = {}
    for ref in blocks.users.blocks:
        block, rows = ref.open(), np.arange(ref.rows)[::2]  # some of them
        sets = allowed_items(fold.negatives, block, rows, blocks.items.rows)
        ids = block.ids.to_pylist()
        for place, row in enumerate(rows):
            found[ids[row]] = {items[item] for item in sets.row(place)}
    return found


def test_drawn_items_are_allowed_beside_what_is_held_out(snapshot: Snapshot) -> None:
    found = allowed(only_fold(snapshot, "days(3), sampled(1)"))
    assert found.keys() == {"ann", "cat", "eve"}
    assert found["ann"] >= {"c", "d"}
    assert found["ann"] - {"c", "d"} <= {"e", "f"}
    assert len(found["ann"]) == 3
    assert len(found["cat"]) == 2
    assert "b" in found["cat"]
    assert found["eve"] <= set("abcde")
    # All others, where they are fewer.
    assert allowed(only_fold(snapshot, "days(3), sampled(50)"))["ann"] == set("cdef")


def test_items_to_rank_among_may_be_given(snapshot: Snapshot, tmp_path: Path) -> None:
    folder = tmp_path / "negatives"
    folder.mkdir()
    text = f"days(3), sampled({folder})"
    with pytest.raises(ConfigurationError, match=r"has no file negatives\.csv"):
        only_fold(snapshot, text)
    file = folder / "negatives.csv"
    file.write_text("user,item\nann,f\nann,e\nbob,f\ncat,zzz\n")
    with pytest.raises(InputRefusedError, match="0 users who are judged have none, and 1 of them"):
        only_fold(snapshot, text)
    file.write_text("user,item\nann,f\nann,e\nbob,f\n")
    with pytest.raises(InputRefusedError, match="1 users who are judged have none"):
        only_fold(snapshot, text)
    file.write_text("user,item\nann,f\nann,e\nbob,f\ncat,a\neve,a\nnobody,a\n")
    first = only_fold(snapshot, text)
    assert allowed(first) == {"ann": set("cdef"), "cat": set("ab"), "eve": set()}
    # Other files make another fold.
    file.write_text("user,item\nann,f\nbob,f\ncat,c\n")
    assert allowed(only_fold(snapshot, text))["cat"] == set("bc")
