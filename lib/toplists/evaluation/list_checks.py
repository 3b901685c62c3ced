"""What published lists must satisfy whatever model made them.

The counts come from `list_counts`, which reads the lists as any reader would and shares no code
with the pass that made them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from toplists.config.evaluate import GateSettings
from toplists.lake.bookkeeping import Row


@dataclass(frozen=True)
class ListCounts:
    """What was counted in the lists of a run.

    Attributes:
        lists: Lists there are.
        eligible: Users who should have one.
        missing: Eligible users without a list.
        extra: Users with a list who are not eligible.
        repeated: Users with more than one list.
        wrong_length: Lists that are too long, or too short without a reason.
        short: Lists that are too short although more items could have been recommended.
        with_duplicates: Lists that hold an item twice.
        with_bad_scores: Lists with a score that is null, NaN or infinite.
        unordered: Lists in which a later item of the same source has a higher score.
        trained: Eligible users the model has learnt from.
        personal: Those of them whose list holds at least one personal item.
        seen: Items in lists whose user has interacted with them.
        hidden: Items in lists that may not be recommended.
    """

    lists: int
    eligible: int
    missing: int
    extra: int
    repeated: int
    wrong_length: int
    short: int
    with_duplicates: int
    with_bad_scores: int
    unordered: int
    trained: int
    personal: int
    seen: int
    hidden: int


@dataclass(frozen=True)
class LiveUsers:
    """Users of the live run: those eligible, and those of them it was trained on; None = not noted."""

    eligible: int | None
    trained: int | None


@dataclass(frozen=True)
class CheckResult:
    """One check: what was found, what is allowed (at most, or at least), and a sentence on it."""

    name: str
    value: float
    allowed: float
    passed: bool
    sentence: str


def check_lists(
    counts: ListCounts,
    settings: GateSettings,
    *,
    n: int,
    live: LiveUsers | None,
    expect_personal: bool,
) -> list[CheckResult]:
    """Judge the lists of a run.

    Args:
        counts: What `list_counts.count_lists` found.
        settings: Shares that are allowed.
        n: Length that lists should have.
        live: Users of the live run; None where nothing comparable is live.
        expect_personal: Whether the model makes personal lists at all (popularity does not).
    """
    results = [
        _some("lists", counts.lists, "lists in this run"),
        _none("missing_lists", counts.missing, "eligible users without a list"),
        _none("extra_lists", counts.extra, "users with a list who are not eligible"),
        _none("repeated_lists", counts.repeated, "users with more than one list"),
        _none("wrong_length", counts.wrong_length, f"lists with neither {n} items nor a reason"),
        _short_share(counts, settings.max_short_share),
        _none("duplicate_items", counts.with_duplicates, "lists that hold an item twice"),
        _none("seen_items", counts.seen, "listed items that their user has already seen"),
        _none("hidden_items", counts.hidden, "listed items that may not be recommended"),
        _none("bad_scores", counts.with_bad_scores, "lists with a score that is no finite number"),
        _none("score_order", counts.unordered, "lists that are not in the order of their scores"),
    ]
    if expect_personal:
        results.append(_personal_share(counts, settings.min_personal_share))
    if live is not None and live.eligible is not None:
        results.append(
            _retention("user_retention", "eligible", counts.eligible, live.eligible, settings)
        )
    # They would get what is popular instead of a list of their own.
    if live is not None and live.trained is not None:
        results.append(
            _retention("trained_retention", "trained", counts.trained, live.trained, settings)
        )
    return results


def _some(name: str, found: int, meaning: str) -> CheckResult:
    return CheckResult(name, found, 1, found > 0, f"{meaning}: {found:,} (there must be some)")


def _none(name: str, found: int, meaning: str) -> CheckResult:
    return CheckResult(name, found, 0, found == 0, f"{meaning}: {found:,} (none is allowed)")


def _short_share(counts: ListCounts, allowed: float) -> CheckResult:
    share = counts.short / counts.lists if counts.lists else 0.0
    sentence = (
        f"lists that are shorter than they need be: {counts.short:,} of {counts.lists:,} "
        f"({share:.1%}, gate.max_short_share = {allowed:g})"
    )
    return CheckResult("short_share", share, allowed, share <= allowed, sentence)


def _personal_share(counts: ListCounts, required: float) -> CheckResult:
    share = counts.personal / counts.trained if counts.trained else 1.0
    sentence = (
        f"trained users whose list holds a personal item: {counts.personal:,} of "
        f"{counts.trained:,} ({share:.1%}, gate.min_personal_share = {required:g})"
    )
    return CheckResult("personal_share", share, required, share >= required, sentence)


def _retention(
    name: str, which: str, found: int, before: int, settings: GateSettings
) -> CheckResult:
    share, required = found / before if before else 1.0, settings.min_user_retention
    sentence = (
        f"{which} users: {found:,}, in the live run {before:,} "
        f"({share:.1%}, gate.min_user_retention = {required:g})"
    )
    return CheckResult(name, share, required, share >= required, sentence)


def to_rows(results: Sequence[CheckResult], run_id: str) -> list[Row]:
    """The results as rows of the `metrics` table."""
    return [
        {
            "run_id": run_id,
            "subject": "lists",
            "protocol": "list_checks",
            "metric": result.name,
            "versus": "",
            "value": result.value,
            "low": None,
            "high": None,
            "users": None,
            "slice": "",
        }
        for result in results
    ]
