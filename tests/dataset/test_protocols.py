"""What each protocol learns from, holds out and leaves aside, on rows small enough to write down."""

from __future__ import annotations

from datetime import datetime, timedelta
from functools import reduce
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from events import END, days_ago
from plans import windows_over_all_rows
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from toplists.config.protocol_names import parse_protocol
from toplists.config.protocol_ways import Days
from toplists.dataset.protocols import Fold, folds_of, validation_folds
from toplists.errors import ConfigurationError, InputRefusedError

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

SCHEMA = "user_id string, item_id string, value double, event_time timestamp, event_id string, weight float"
Row = tuple[str, str, float | None, datetime | None, str, float]
Parts = dict[str, str]

EVERY_WAY = (
    "days(3)", "days(2,gap=2)", "rolling(2,2)", "replay(3)", "last(2)", "loo", "hash(30%)",
    "random(30%)", "random_per_user(30%)", "kfold(2)", "kfold_users(2)", "cold_users(30%)",
    "cold_items(30%)", "ratios(50/20/30)",
)  # fmt: skip


def row(
    pair: str, time: datetime | None = None, *, liked: bool = True, value: float | None = None
) -> Row:
    """One interaction of `ann-i1`; its event id is that text."""
    user, item = pair.split("-")
    return user, item, value, time, pair, float(liked)


def frame(spark: SparkSession, rows: list[Row], partitions: int = 1) -> DataFrame:
    return spark.createDataFrame(rows, SCHEMA).repartition(partitions)


def parts(fold: Fold) -> Parts:
    """The part of every row that is in a fold."""
    (placed,) = all_parts([fold])
    return placed


def all_parts(folds: list[Fold]) -> list[Parts]:
    """The same of several, by one query."""
    numbered = [
        fold.rows.select(F.lit(number), "user_id", "item_id", "split")
        for number, fold in enumerate(folds)
    ]
    found: list[Parts] = [{} for _ in folds]
    for number, user, item, split in reduce(DataFrame.union, numbered).collect():
        pair = f"{user}-{item}"
        assert pair not in found[number]
        found[number][pair] = split
    return found


def split(spark: SparkSession, text: str, rows: list[Row], partitions: int = 1) -> list[Parts]:
    return all_parts(folds_of(parse_protocol(text), frame(spark, rows, partitions), END))


def held_out(placed: Parts) -> set[str]:
    return {pair for pair, part in placed.items() if part == "holdout"}


def trained(placed: Parts) -> set[str]:
    return {pair for pair, part in placed.items() if part == "train"}


def many(seed: int = 1, users: int = 25, items: int = 12) -> list[Row]:
    """Interactions at random, some at equal times and some without one."""
    rng = np.random.default_rng(seed)
    pairs = sorted({tuple(pair) for pair in rng.integers(0, (users, items), (150, 2)).tolist()})
    times = [days_ago(int(days)) if days < 9 else None for days in rng.integers(1, 10, len(pairs))]
    return [
        row(
            f"u{user}-i{item}",
            time,
            liked=bool(rng.random() < 0.8),
            value=float(rng.integers(1, 6)),
        )
        for (user, item), time in zip(pairs, times, strict=True)
    ]


MOMENT = timedelta(microseconds=1)


def test_days_cut_the_time_for_everybody(spark: SparkSession) -> None:
    rows = [
        row("ann-before", days_ago(3) - MOMENT),
        row("ann-at", days_ago(3)),  # the cut itself is held out
        row("bob-last", END - MOMENT),
        row("bob-timeless"),  # what has no time is known from the beginning
    ]
    (placed,) = split(spark, "days(3)", rows)
    assert held_out(placed) == {"ann-at", "bob-last"}
    assert trained(placed) == {"ann-before", "bob-timeless"}


def test_what_happens_in_a_gap_is_in_neither_part(spark: SparkSession) -> None:
    rows = [
        row("ann-early", days_ago(5) - MOMENT),
        row("ann-gap", days_ago(5)),
        row("ann-gap_end", days_ago(3) - MOMENT),
        row("ann-late", days_ago(3)),
    ]
    (placed,) = split(spark, "days(3,gap=2)", rows)
    assert placed == {"ann-early": "train", "ann-late": "holdout"}


def test_windows_roll_towards_the_end_and_leave_the_future_aside(spark: SparkSession) -> None:
    rows = [row(f"ann-{days}", days_ago(days)) for days in (5, 4, 3, 2, 1)]
    folds = folds_of(parse_protocol("rolling(2,2)"), frame(spark, rows), END)
    assert [fold.label for fold in folds] == ["2024-02-26", "2024-02-28"]
    assert [fold.cut for fold in folds] == [days_ago(4), days_ago(2)] == [f.end for f in folds]
    first, second = all_parts(folds)
    assert (trained(first), held_out(first)) == ({"ann-5"}, {"ann-4", "ann-3"})
    assert (trained(second), held_out(second)) == ({"ann-5", "ann-4", "ann-3"}, {"ann-2", "ann-1"})


def test_a_replay_predicts_the_next_day_then_learns_it(spark: SparkSession) -> None:
    rows = [row(f"ann-{days}", days_ago(days)) for days in (4, 3, 2, 1)]
    folds = split(spark, "replay(3)", rows)
    assert [held_out(placed) for placed in folds] == [{"ann-3"}, {"ann-2"}, {"ann-1"}]
    assert [len(trained(placed)) for placed in folds] == [1, 2, 3]


def test_last_holds_out_the_newest_but_never_more_than_half(spark: SparkSession) -> None:
    rows = [
        row("one-a", days_ago(1)),  # nothing would be left to learn from
        *(row(f"two-{days}", days_ago(days)) for days in (1, 2)),
        *(row(f"six-{days}", days_ago(days), liked=days > 1) for days in (1, 2, 3, 4, 5)),
        row("six-timeless"),  # older than anything with a time
    ]
    (placed,) = split(spark, "last(2)", rows)
    assert held_out(placed) == {"two-1", "six-1", "six-2"}


def test_equal_times_are_told_apart_by_event_then_item(spark: SparkSession) -> None:
    time = days_ago(1)
    rows = [
        ("ann", "b", None, time, "e1", 1.0),
        ("ann", "a", None, time, "e2", 1.0),  # the greater event id is the newer one
        ("bob", "b", None, time, "e1", 1.0),
        ("bob", "a", None, time, "e1", 1.0),  # the first item
    ]
    (placed,) = split(spark, "last(1)", rows)
    assert held_out(placed) == {"ann-a", "bob-a"}
    # A stored snapshot has no event ids.
    protocol = parse_protocol("last(1)")
    (fold,) = folds_of(protocol, frame(spark, rows).drop("event_id"), END)
    assert held_out(parts(fold)) == {"ann-a", "bob-a"}


def test_leave_one_out_takes_the_newest_liking(spark: SparkSession) -> None:
    rows = [
        row("ann-disliked", days_ago(1), liked=False),  # in the future of what is held out
        row("ann-newest", days_ago(2)),
        row("ann-older", days_ago(3)),
        row("ann-oldest", days_ago(4), liked=False),
        row("bob-only", days_ago(1)),  # one liking: nothing is held out
        row("bob-disliked", days_ago(2), liked=False),
    ]
    (placed,) = split(spark, "loo", rows)
    assert held_out(placed) == {"ann-newest"}
    assert trained(placed) == {"ann-older", "ann-oldest", "bob-only", "bob-disliked"}


def test_a_share_of_every_user_is_rounded_and_leaves_one(spark: SparkSession) -> None:
    sizes = {"one": 1, "two": 2, "three": 3, "eight": 8}
    rows = [row(f"{user}-i{item}") for user, size in sizes.items() for item in range(size)]
    expected = {
        "random_per_user(20%)": [0, 0, 1, 2],  # of 0.2, 0.4, 0.6, 1.6
        "random_per_user(25%)": [0, 1, 1, 2],  # halves count
        "random_per_user(90%)": [0, 1, 2, 7],
    }
    given = frame(spark, rows)
    folds = [fold for text in expected for fold in folds_of(parse_protocol(text), given, END)]
    for (text, counts), placed in zip(expected.items(), all_parts(folds), strict=True):
        found = [sum(pair.startswith(f"{user}-") for pair in held_out(placed)) for user in sizes]
        assert found == counts, text


@pytest.mark.parametrize(("text", "share"), [("hash(30%)", 0.3), ("random(30%)", 0.3)])
def test_about_a_share_of_all_pairs(spark: SparkSession, text: str, share: float) -> None:
    rows = spark.range(2_000).selectExpr("concat('u', id % 40) user_id", "concat('i', id) item_id")
    placed = parts(folds_of(parse_protocol(text), rows, END)[0])
    # Four standard deviations.
    assert abs(len(held_out(placed)) / 2_000 - share) < 4 * (share * (1 - share) / 2_000) ** 0.5


def test_another_seed_draws_others(spark: SparkSession) -> None:
    rows = frame(spark, many())
    texts = ("random(30%)", "random(30%,seed=0)", "random(30%,seed=1)")
    drawn = all_parts([folds_of(parse_protocol(text), rows, END)[0] for text in texts])
    assert drawn[0] == drawn[1] != drawn[2]


@pytest.mark.parametrize("text", ["kfold(3)", "kfold_users(3)"])
def test_folds_hold_out_every_row_exactly_once(spark: SparkSession, text: str) -> None:
    rows = many()
    folds = split(spark, text, rows)
    pairs = sorted(pair for placed in folds for pair in held_out(placed))
    assert pairs == sorted(f"{one[0]}-{one[1]}" for one in rows)
    assert all(len(placed) == len(rows) for placed in folds)
    if text.startswith("kfold_users"):
        for placed in folds:
            assert not users(held_out(placed)) & users(trained(placed))


@pytest.mark.parametrize(("text", "side"), [("cold_users(30%)", 0), ("cold_items(30%)", 1)])
def test_who_is_cold_has_no_row_to_learn_from(spark: SparkSession, text: str, side: int) -> None:
    (placed,) = split(spark, text, many())
    cold, warm = ({pair.split("-")[side] for pair in of(placed)} for of in (held_out, trained))
    assert cold
    assert warm
    assert not cold & warm


def test_ratios_keep_a_part_to_choose_settings_by(spark: SparkSession) -> None:
    rows = many()
    protocol = parse_protocol("ratios(50/20/30)")
    (fold,) = folds_of(protocol, frame(spark, rows), END)
    (inner,) = validation_folds(fold)
    outside, inside = all_parts([fold, inner])
    assert trained(outside) == trained(inside)
    three = [trained(outside), held_out(outside), held_out(inside)]
    assert all(three)
    assert sum(map(len, three)) == len(rows) == len(set.union(*three))


def users(pairs: set[str]) -> set[str]:
    return {pair.split("-")[0] for pair in pairs}


def test_only_what_is_named_is_judged(spark: SparkSession) -> None:
    late, early = days_ago(1), days_ago(5)
    rows = [
        row("ann-a", early, value=5.0),
        row("bob-b", early, liked=False, value=1.0),  # a dislike makes nobody known
        row("ann-b", late, value=5.0),  # an item that nobody liked
        row("ann-c", late, value=4.0),  # a new item
        row("bob-a", late, value=4.0),
        row("cat-a", late, value=3.0),  # a new user
        row("dan-a", late),  # no value
    ]
    expected = {
        "days(3)": {"ann-b", "ann-c", "bob-a", "cat-a", "dan-a"},
        "days(3), value>=4": {"ann-b", "ann-c", "bob-a"},
        "days(3), known users only": {"ann-b", "ann-c"},
        "days(3), known items only": {"bob-a", "cat-a", "dan-a"},
        "days(3), value>=4, known items only": {"bob-a"},
        "days(3), known users only, known items only": set(),
    }
    given = frame(spark, rows)
    folds = [fold for text in expected for fold in folds_of(parse_protocol(text), given, END)]
    for (text, pairs), placed in zip(expected.items(), all_parts(folds), strict=True):
        assert held_out(placed) == pairs, text
        assert trained(placed) == {"ann-a", "bob-b"}, text


def every_fold(rows: DataFrame) -> list[Fold]:
    return [fold for text in EVERY_WAY for fold in folds_of(parse_protocol(text), rows, END)]


def test_folds_are_the_same_for_any_order_and_partitioning(spark: SparkSession) -> None:
    rows = many()
    one, other = frame(spark, rows), frame(spark, rows[::-1], partitions=3)
    assert all_parts(every_fold(one)) == all_parts(every_fold(other))


def test_nothing_of_a_training_part_happened_at_its_cut_or_later(
    spark: SparkSession, capsys: pytest.CaptureFixture[str]
) -> None:
    times = {f"{one[0]}-{one[1]}": one[3] for one in many()}
    folds = every_fold(frame(spark, many()))
    for fold, placed in zip(folds, all_parts(folds), strict=True):
        known = [times[pair] for pair in trained(placed) if times[pair] is not None]
        assert (fold.cut is not None) == isinstance(fold.protocol.way, Days)
        assert fold.end == (fold.cut or END)
        assert all(time < fold.end for time in known), fold.name
        fold.rows.explain("formatted")
        assert windows_over_all_rows(capsys.readouterr().out) == [], fold.name


def test_a_protocol_can_be_applied_inside_a_training_part(spark: SparkSession) -> None:
    rows = frame(spark, many())
    outer = [folds_of(parse_protocol(text), rows, END)[-1] for text in EVERY_WAY]
    inner = [validation_folds(fold)[-1] for fold in outer]
    for fold, one, outside, inside in zip(
        outer, inner, all_parts(outer), all_parts(inner), strict=True
    ):
        assert one.depth == 1
        assert one.name.startswith(f"{fold.name} > ")
        assert not inside.keys() & held_out(outside), fold.name
        # By the same draws the training part would have nothing to hold out.
        assert held_out(inside), fold.name
        assert trained(inside), fold.name


def test_days_inside_a_training_part_count_back_from_its_cut(spark: SparkSession) -> None:
    rows = [row(f"ann-{days}", days_ago(days)) for days in (5, 4, 3, 2, 1)]
    (fold,) = folds_of(parse_protocol("days(2)"), frame(spark, rows), END)
    (again,) = validation_folds(fold)
    assert (again.cut, again.end) == (days_ago(4), days_ago(4))
    assert parts(again) == {"ann-5": "train", "ann-4": "holdout", "ann-3": "holdout"}
    # Another way inside keeps what is known of the time outside.
    (other,) = validation_folds(fold, parse_protocol("last(1)"))
    assert (other.cut, other.end) == (days_ago(2), days_ago(2))
    assert held_out(parts(other)) == {"ann-3"}


def given(folder: Path, **files: str) -> str:
    folder.mkdir(parents=True)
    for name, pairs in files.items():
        lines = ["userId,movieId", *(pair.replace("-", ",") for pair in pairs.split())]
        (folder / f"{name}.csv").write_text("\n".join(lines) + "\n")
    return f"given({folder})"


def test_a_fold_may_be_given(spark: SparkSession, tmp_path: Path) -> None:
    rows = [row("ann-a"), row("ann-b"), row("bob-a")]
    test_only = given(tmp_path / "my [folds]", test="ann-a")
    assert split(spark, test_only, rows) == [
        {"ann-a": "holdout", "ann-b": "train", "bob-a": "train"}
    ]
    both = given(tmp_path / "both", test="ann-a ann-a", train="bob-a")
    assert split(spark, both, rows) == [{"ann-a": "holdout", "bob-a": "train"}]


def test_each_folder_in_a_folder_is_a_given_fold(spark: SparkSession, tmp_path: Path) -> None:
    rows = [row("ann-a"), row("ann-b")]
    given(tmp_path / "folds" / "u2", test="ann-b")
    given(tmp_path / "folds" / "u1", test="ann-a")
    folds = folds_of(parse_protocol(f"given({tmp_path / 'folds'})"), frame(spark, rows), END)
    assert [(fold.label, held_out(parts(fold))) for fold in folds] == [
        ("u1", {"ann-a"}),
        ("u2", {"ann-b"}),
    ]
    assert folds[0].digest != folds[1].digest
    with pytest.raises(ConfigurationError, match=r"Name a protocol for the validation part"):
        validation_folds(folds[0])
    # What lies inside changes with the files, too.
    (inner,) = validation_folds(folds[0], parse_protocol("random(50%)"))
    assert inner.digest == folds[0].digest


@pytest.mark.parametrize(
    ("files", "error", "said"),
    [
        ({"test": "ann-a", "train": "ann-a ann-b"}, InputRefusedError, "1 pairs of the given fold"),
        ({"test": "ann-a eve-x"}, InputRefusedError, "1 of the 2 pairs of the given fold"),
        ({"train": "ann-a"}, ConfigurationError, "there is no file test.csv"),
    ],
)
def test_files_that_do_not_fit_are_refused(
    spark: SparkSession, tmp_path: Path, files: dict[str, str], error: Any, said: str
) -> None:
    with pytest.raises(error, match=said):
        split(spark, given(tmp_path / "folds", **files), [row("ann-a"), row("ann-b")])


def test_folders_and_columns_that_are_not_there_are_named(
    spark: SparkSession, tmp_path: Path
) -> None:
    with pytest.raises(ConfigurationError, match="there is no such folder"):
        split(spark, f"given({tmp_path / 'nowhere'})", [row("ann-a")])
    (tmp_path / "test.csv").write_text("who,what\nann,a\n")
    with pytest.raises(ConfigurationError, match="Call these user_id and item_id"):
        split(spark, f"given({tmp_path})", [row("ann-a")])
