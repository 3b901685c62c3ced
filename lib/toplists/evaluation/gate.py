"""The decision whether a run's lists may be published, and why, in sentences.

The gate refuses only what it is sure of: a contender must be better by more than the allowed loss
over the whole interval. Nights that differ by chance therefore pass, and say that there is no real
difference.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass

from toplists.config.evaluate import GateSettings
from toplists.config.gate_rules import MetricRule
from toplists.evaluation.comparison import LISTS, LIVE, POPULARITY, SNAPSHOT, Figure
from toplists.evaluation.list_checks import CheckResult
from toplists.evaluation.rules import Evidence, RuleOutcome, State, judge_rule


@dataclass(frozen=True)
class Verdict:
    """What the gate decided.

    Attributes:
        passed: Whether the lists may be published.
        reasons: Why not, one sentence each; empty if passed.
        warnings: What a person should look at although it does not block.
        findings: What else was found, such as how the model compares with its contenders.
        rules: What came of every rule, in the order of `gate.rules`.
    """

    passed: bool
    reasons: tuple[str, ...]
    warnings: tuple[str, ...]
    findings: tuple[str, ...]
    rules: tuple[RuleOutcome, ...] = ()

    def to_json(self) -> str:
        """The verdict as a JSON object, for the ledger."""
        return json.dumps(asdict(self), ensure_ascii=False)

    @classmethod
    def from_json(cls, text: str) -> Verdict:
        """The verdict that `to_json` wrote; one of release 0.2.0 has no outcomes of rules."""
        stored = json.loads(text)
        return cls(
            passed=stored["passed"],
            reasons=tuple(stored["reasons"]),
            warnings=tuple(stored["warnings"]),
            findings=tuple(stored["findings"]),
            rules=tuple(RuleOutcome(**outcome) for outcome in stored.get("rules", ())),
        )


def decide(
    figures: Sequence[Figure],
    checks: Sequence[CheckResult],
    settings: GateSettings,
    *,
    has_live: bool,
    changed: Sequence[str] = (),
    earlier: Sequence[Sequence[Figure]] = (),
    unreadable: bool = False,
    failed: Mapping[str, str] | None = None,
) -> Verdict:
    """Judge a run by its figures, rule by rule, and by the checks of its lists.

    Args:
        figures: What `comparison.compare` measured on the holdout, the candidate first, and how lists and snapshot compare
            with the live run's. Without a difference to `live`, that comparison is taken as
            unnecessary: nothing is live, or it is the same configuration.
        checks: Results of the list checks; a failed one blocks.
        settings: Rules, and sizes to decide by.
        has_live: Whether anything is live.
        changed: In what the run was prepared otherwise than what is live. All contenders learn from,
            and are judged on, what the run was prepared from, so nothing measures that change; it is
            said, and the list checks see to it that no users are lost.
        earlier: Figures of earlier nights, oldest first.
        unreadable: Whether the live run has settings that this release does not know.
        failed: Contenders that could not be fitted, and why.
    """
    evidence = Evidence(figures, earlier, settings.min_users, settings.confidence)
    outcomes = tuple(judge_rule(rule, evidence) for rule in settings.rules)
    measured = [figure for figure in figures if figure.subject not in (LISTS, SNAPSHOT)]
    reasons = _sentences(outcomes, "blocked")
    reasons += [check.sentence for check in checks if not check.passed]
    warnings = [*_about_users(measured, settings), *_sentences(outcomes, "warned")]
    warnings += [*_about_gaps(outcomes, measured)]
    if unreadable:
        warnings.append(
            "the live run has settings that this release does not know, so it was not compared with"
        )
    warnings += [f"{name} was not compared with: {why}" for name, why in (failed or {}).items()]
    findings = [
        one.sentence
        for one in outcomes
        if one.state in ("passed", "not_judged") and one.value is not None
    ]
    compared = any(figure.versus == LIVE for figure in measured)
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
    elif not (compared or unreadable):
        findings.append(
            "the live configuration is the same, so there was nothing to compare it with"
            if has_live
            else "nothing is live yet, so there was nothing to compare with"
        )
    return Verdict(not reasons, tuple(reasons), tuple(warnings), tuple(findings), outcomes)


def _sentences(outcomes: Sequence[RuleOutcome], state: State) -> list[str]:
    return [outcome.sentence for outcome in outcomes if outcome.state == state]


def _about_users(measured: Sequence[Figure], settings: GateSettings) -> Iterator[str]:
    """Whether there were users enough to judge the model by."""
    candidate = measured[0].subject if measured else ""
    users = max((one.users for one in measured if one.subject == candidate), default=0)
    if users == 0:
        yield (
            "the holdout has no users, so the model was not measured; "
            "the lists were judged by the list checks alone"
        )
    elif users < settings.min_users:
        metrics = dict.fromkeys(r.metric for r in settings.rules if isinstance(r, MetricRule))
        yield (
            f"the holdout has only {users:,} users (gate.min_users = {settings.min_users:,}), too "
            f"few to decide; the lists were judged by the list checks, not by {', '.join(metrics)}"
        )


def _about_gaps(outcomes: Sequence[RuleOutcome], measured: Sequence[Figure]) -> Iterator[str]:
    """What could not be judged although the model was measured, and nothing else says why."""
    if not measured:
        return
    if not any(figure.subject == POPULARITY for figure in measured):
        yield "the model was not compared with popularity"
    for outcome in outcomes:
        if outcome.state != "not_judged" or outcome.value is not None:
            continue
        kind, against = outcome.rule["rule"], outcome.rule.get("against", "")
        # A contender that was not there at all is spoken of elsewhere.
        there = not against or any(figure.versus == against for figure in measured)
        if kind in ("loss", "floor", "ceiling") and there:
            yield outcome.sentence
