"""The gate's rules, judged one at a time.

A rule is broken only by what is clear: the whole interval of a figure lies beyond what is allowed. What
is not measured, or on too few users, blocks nothing and says why it could not be judged.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import ceil, isnan, log10
from typing import Literal, TypeAlias

from toplists.config.gate_rules import (
    Action,
    BoundRule,
    ChurnRule,
    DriftRule,
    GateRule,
    LossRule,
    MetricRule,
    NewShareRule,
    TrendRule,
)
from toplists.engine.kernels.metric_kind import asked
from toplists.engine.kernels.metrics import ALL_KINDS
from toplists.evaluation.comparison import LISTS, LIVE, POPULARITY, SNAPSHOT, Figure
from toplists.evaluation.trend import follow, standing

State: TypeAlias = Literal["passed", "warned", "blocked", "not_judged"]

_POSSESSIVE = {POPULARITY: "popularity's", LIVE: "the live configuration's"}
_BROKEN: Mapping[Action, State] = {"block": "blocked", "warn": "warned"}
_DISTRIBUTED = {"activity": "users' numbers of interactions", "values": "values of interactions"}


@dataclass(frozen=True)
class RuleOutcome:
    """What came of a rule.

    Attributes:
        rule: The rule as it is configured.
        state: Whether it holds, what it does if it does not, or that it could not be judged.
        sentence: What was found, or why there was nothing to judge by.
        value: The figure that was judged.
        low: Lower end of its interval, if it has one.
        high: Upper end of its interval, if it has one.
        threshold: What it was compared with, in the same unit.
    """

    rule: Mapping[str, object]
    state: State
    sentence: str
    value: float | None = None
    low: float | None = None
    high: float | None = None
    threshold: float | None = None


@dataclass(frozen=True)
class Evidence:
    """What rules are judged by.

    Attributes:
        figures: Everything that was measured of the run, the candidate's own first, and with it how
            its lists and its snapshot compare with the live run's.
        earlier: Figures of earlier nights, oldest first.
        min_users: Users below which nothing that is estimated from them can block.
        confidence: Confidence of the intervals.
    """

    figures: Sequence[Figure]
    earlier: Sequence[Sequence[Figure]]
    min_users: int
    confidence: float

    def own(self, metric: str, slice_: str, versus: str = "") -> Figure | None:
        """A figure of the candidate, or its difference to a contender."""
        candidate = self.figures[0].subject if self.figures else ""
        return self.of(candidate, metric, slice_, versus)

    def of(self, subject: str, metric: str, slice_: str = "", versus: str = "") -> Figure | None:
        """The figure of that name; `None` where it was not measured."""
        wanted = (subject, metric, slice_, versus)
        return next((one for one in self.figures if _key(one) == wanted), None)


def _key(figure: Figure) -> tuple[str, str, str, str]:
    return figure.subject, figure.metric, figure.slice, figure.versus


def judge_rule(rule: GateRule, evidence: Evidence) -> RuleOutcome:
    """What comes of a rule."""
    match rule:
        case LossRule():
            return _judge_loss(rule, evidence)
        case BoundRule():
            return _judge_bound(rule, evidence)
        case TrendRule():
            return _judge_trend(rule, evidence)
        case ChurnRule():
            return _judge_churn(rule, evidence)
        case DriftRule():
            return _judge_drift(rule, evidence)
        case NewShareRule():
            return _judge_new_share(rule, evidence)


def _judge_loss(rule: LossRule, evidence: Evidence) -> RuleOutcome:
    """Compare the interval of a difference with the loss that is allowed."""
    difference = evidence.own(rule.metric, rule.slice, rule.against)
    candidate = evidence.own(rule.metric, rule.slice)
    contender = evidence.of(rule.against, rule.metric, rule.slice)
    if difference is None or candidate is None or contender is None:
        return _not_judged(rule, f"{_name(rule)} was not compared with {_POSSESSIVE[rule.against]}")
    low, high = _interval(difference)
    margin = rule.max_loss * contender.value
    falls = ALL_KINDS[asked(rule.metric).kind].better == "larger"
    least, most = (-high, -low) if falls else (low, high)  # of what is lost
    clearly_worse = least > margin
    relation = _relation(least, most, margin, ("below", "above") if falls else ("above", "below"))
    allowed = -margin if falls else margin

    # As many decimals as show the margin; three where that is plenty.
    places = min(6, max(3, ceil(-log10(margin)))) if margin > 0 else 3
    sentence = (
        f"{_name(rule)} {candidate.value:.{places}f} {relation} "
        f"{_POSSESSIVE[rule.against]} {contender.value:.{places}f} "
        f"(difference {difference.value:+.{places}f}, {evidence.confidence * 100:g} % interval "
        f"{low:+.{places}f} to {high:+.{places}f}, "
        f"allowed {allowed:+.{places}f})"
    )
    return _estimated(rule, evidence, difference, clearly_worse, sentence, allowed)


def _relation(least: float, most: float, margin: float, sides: tuple[str, str]) -> str:
    """How a candidate stands that lost `least` to `most`; `sides` are where the worse and the better are."""
    worse, better = sides
    if least > margin:
        return f"is clearly {worse}"
    if least > 0:
        return f"is {worse}, but not clearly by more than is allowed,"
    return f"is clearly {better}" if most < 0 else "is no real difference from"


def _judge_bound(rule: BoundRule, evidence: Evidence) -> RuleOutcome:
    """Compare the interval of the run's own figure with a limit."""
    figure = evidence.own(rule.metric, rule.slice)
    if figure is None:
        return _not_judged(rule, f"{_name(rule)} was not measured")
    low, high = _interval(figure)
    broken = high < rule.limit if rule.rule == "floor" else low > rule.limit
    side = "below" if rule.rule == "floor" else "above"
    sentence = (
        f"{_name(rule)} {figure.value:.4g} is {'clearly' if broken else 'not clearly'} {side} its "
        f"{rule.rule} of {rule.limit:g} ({evidence.confidence * 100:g} % interval {low:.4g} to {high:.4g})"
    )
    return _estimated(rule, evidence, figure, broken, sentence, rule.limit)


def _judge_trend(rule: TrendRule, evidence: Evidence) -> RuleOutcome:
    """Count the nights that were clearly worse than those before them."""
    tonight = standing(evidence.figures, rule.metric, rule.slice)
    if tonight is None:
        return _not_judged(rule, f"{_name(rule)} was not compared with {_POSSESSIVE[POPULARITY]}")
    nights = [standing(figures, rule.metric, rule.slice) for figures in evidence.earlier]
    stood = [*(night for night in nights if night is not None), tonight]
    trend = follow(stood, rule.nights, rule.max_loss)
    if trend is None:
        return _not_judged(
            rule,
            f"the trend of {_name(rule)} is judged from {2 * rule.nights} nights on; there are "
            f"{len(stood)}, with this one",
        )
    count = sum(trend.degraded)
    sentence = (
        f"{_name(rule)} was clearly below what it had been in {count} of the last {rule.nights} nights "
        f"({tonight.ratio:.3f} times {_POSSESSIVE[POPULARITY]} tonight, {trend.usual:.3f} in the "
        f"{rule.nights} nights before those; fewer than {rule.degraded} may be)"
    )
    state: State = _BROKEN[rule.action] if count >= rule.degraded else "passed"
    return RuleOutcome(rule.model_dump(), state, sentence, count, threshold=rule.degraded)


def _judge_churn(rule: ChurnRule, evidence: Evidence) -> RuleOutcome:
    """Compare the share of users whose list changed with what is allowed."""
    changed = evidence.of(LISTS, rule.figure, versus=LIVE)
    if changed is None:
        return _not_judged(rule, "the lists were not compared with the live ones")
    sentence = (
        f"{changed.value:.1%} of {changed.users:,} users have another list than the live one "
        f"({rule.similarity}@{rule.k} below {rule.below:g}; allowed {rule.max_share:.1%})"
    )
    return _counted(rule, changed, sentence, rule.max_share)


def _judge_drift(rule: DriftRule, evidence: Evidence) -> RuleOutcome:
    """Compare the stability index of two snapshots with what is allowed."""
    figure = evidence.of(SNAPSHOT, rule.figure, versus=LIVE)
    if figure is None:
        return _not_judged(
            rule, f"the {_DISTRIBUTED[rule.of]} were not compared with the live run's"
        )
    sentence = (
        f"the {_DISTRIBUTED[rule.of]} differ from the live run's by {figure.value:.3f} "
        f"(population stability index, allowed {rule.max_index:g})"
    )
    broken = figure.value > rule.max_index
    return _estimated(rule, evidence, figure, broken, sentence, rule.max_index)


def _judge_new_share(rule: NewShareRule, evidence: Evidence) -> RuleOutcome:
    """Compare the share of ids that the live run did not have with what is allowed."""
    figure = evidence.of(SNAPSHOT, rule.figure, versus=LIVE)
    if figure is None:
        return _not_judged(rule, f"the {rule.of} were not compared with the live run's")
    sentence = (
        f"{figure.value:.1%} of {figure.users:,} {rule.of} are not in the live run "
        f"(allowed {rule.max_share:.1%})"
    )
    return _counted(rule, figure, sentence, rule.max_share)


def _estimated(
    rule: GateRule,
    evidence: Evidence,
    figure: Figure,
    broken: bool,
    sentence: str,
    threshold: float,
) -> RuleOutcome:
    """The outcome of a rule over an estimate, which too few users only warn of."""
    state: State = _BROKEN[rule.action] if broken else "passed"
    if figure.users < evidence.min_users:
        state = "warned" if broken else "not_judged"
    return _outcome(rule, state, sentence, figure, threshold)


def _counted(rule: GateRule, figure: Figure, sentence: str, threshold: float) -> RuleOutcome:
    """The outcome of a rule over a share that was counted, and is certain however few there are."""
    state: State = _BROKEN[rule.action] if figure.value > threshold else "passed"
    return _outcome(rule, state, sentence, figure, threshold)


def _outcome(
    rule: GateRule, state: State, sentence: str, figure: Figure, threshold: float
) -> RuleOutcome:
    low, high = (None if isnan(end) else end for end in (figure.low, figure.high))
    return RuleOutcome(rule.model_dump(), state, sentence, figure.value, low, high, threshold)


def _not_judged(rule: GateRule, why: str) -> RuleOutcome:
    return RuleOutcome(rule.model_dump(), "not_judged", why)


def _name(rule: MetricRule) -> str:
    """The metric that a rule is over, with its slice."""
    return f"{rule.metric} ({rule.slice})" if rule.slice else rule.metric


def _interval(figure: Figure) -> tuple[float, float]:
    """Both ends of a figure's interval; what has none is certain."""
    low = figure.value if isnan(figure.low) else figure.low
    return low, figure.value if isnan(figure.high) else figure.high
