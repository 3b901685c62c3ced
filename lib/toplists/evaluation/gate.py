"""The decision whether a run's lists may be published, and why, in sentences.

The gate refuses only what it is sure of: a contender must be better by more than the allowed loss
over the whole interval. Nights that differ by chance therefore pass, and say that there is no real
difference.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from math import ceil, log10

from toplists.config.evaluate import GateSettings
from toplists.evaluation.comparison import LIVE, POPULARITY, Figure
from toplists.evaluation.list_checks import CheckResult

_POSSESSIVE = {POPULARITY: "popularity's", LIVE: "the live configuration's"}


@dataclass(frozen=True)
class Verdict:
    """What the gate decided.

    Attributes:
        passed: Whether the lists may be published.
        reasons: Why not, one sentence each; empty if passed.
        warnings: What a person should look at although it does not block.
        findings: What else was found, such as how the model compares with its contenders.
    """

    passed: bool
    reasons: tuple[str, ...]
    warnings: tuple[str, ...]
    findings: tuple[str, ...]

    def to_json(self) -> str:
        """The verdict as a JSON object, for the ledger."""
        return json.dumps(asdict(self), ensure_ascii=False)

    @classmethod
    def from_json(cls, text: str) -> Verdict:
        """The verdict that `to_json` wrote."""
        stored = json.loads(text)
        return cls(
            passed=stored["passed"],
            reasons=tuple(stored["reasons"]),
            warnings=tuple(stored["warnings"]),
            findings=tuple(stored["findings"]),
        )


def decide(
    figures: Sequence[Figure],
    checks: Sequence[CheckResult],
    settings: GateSettings,
    *,
    has_live: bool,
    changed: Sequence[str] = (),
) -> Verdict:
    """Judge a run by its figures on the holdout and by the checks of its lists.

    Args:
        figures: All figures of `comparison.compare`. Without a difference to `live`, that
            comparison is taken as unnecessary: nothing is live, or it is the same configuration.
        checks: Results of the list checks; a failed one blocks.
        settings: Margin, metric and sizes to decide by.
        has_live: Whether anything is live.
        changed: In what the run was prepared otherwise than what is live. All contenders learn from,
            and are judged on, what the run was prepared from, so nothing measures that change; it is
            said, and the list checks see to it that no users are lost.
    """
    reasons: list[str] = []
    warnings: list[str] = []
    findings: list[str] = []

    users = max((figure.users for figure in figures), default=0)
    enough_users = users >= settings.min_users
    if users == 0:
        warnings.append(
            "the holdout has no users, so the model was not measured; "
            "the lists were judged by the list checks alone"
        )
    elif not enough_users:
        warnings.append(
            f"the holdout has only {users:,} users (gate.min_users = {settings.min_users:,}), too "
            f"few to decide; the lists were judged by the list checks, not by {settings.metric}"
        )
    for comparison in _comparisons(figures, settings):
        if not comparison.clearly_worse:
            findings.append(comparison.sentence)
        elif enough_users:
            reasons.append(comparison.sentence)
        else:
            warnings.append(comparison.sentence)

    if users and not any(figure.subject == POPULARITY for figure in figures):
        warnings.append("the model was not compared with popularity")
    compared = any(figure.versus == LIVE for figure in figures)
    if changed:
        how = (
            "the live model settings were fitted to"
            if compared
            else "the live run was not compared on"
        )
        warnings.append(
            f"the input is prepared otherwise than for the live run ({'; '.join(changed)}): {how} what "
            "is learnt and judged now, and no figure says what that change is worth"
        )
    elif not compared:
        findings.append(
            "the live configuration is the same, so there was nothing to compare it with"
            if has_live
            else "nothing is live yet, so there was nothing to compare with"
        )
    reasons.extend(check.sentence for check in checks if not check.passed)
    return Verdict(not reasons, tuple(reasons), tuple(warnings), tuple(findings))


@dataclass(frozen=True)
class _Comparison:
    """How the candidate stands against one contender."""

    clearly_worse: bool
    sentence: str


def _comparisons(figures: Sequence[Figure], settings: GateSettings) -> list[_Comparison]:
    """The candidate against popularity and live, as far as they were measured."""
    deciding = [
        figure for figure in figures if figure.metric == settings.metric and not figure.slice
    ]
    own = {figure.subject: figure.value for figure in deciding if not figure.versus}
    return [
        _judge(figure, own[figure.subject], own[figure.versus], settings)
        for figure in deciding
        if figure.versus in _POSSESSIVE
    ]


def _judge(
    difference: Figure, candidate: float, contender: float, settings: GateSettings
) -> _Comparison:
    """Compare the interval of a difference with the loss that is allowed."""
    margin = settings.max_loss * contender
    clearly_worse = difference.high < -margin
    if clearly_worse:
        relation = "is clearly below"
    elif difference.high < 0:
        relation = "is below, but not clearly by more than is allowed,"
    elif difference.low > 0:
        relation = "is clearly above"
    else:
        relation = "is no real difference from"

    # As many decimals as show the margin; three where that is plenty.
    places = min(6, max(3, ceil(-log10(margin)))) if margin > 0 else 3
    sentence = (
        f"{settings.metric} {candidate:.{places}f} {relation} "
        f"{_POSSESSIVE[difference.versus]} {contender:.{places}f} "
        f"(difference {difference.value:+.{places}f}, {settings.confidence * 100:g} % interval "
        f"{difference.low:+.{places}f} to {difference.high:+.{places}f}, "
        f"allowed {-margin:+.{places}f})"
    )
    return _Comparison(clearly_worse, sentence)
