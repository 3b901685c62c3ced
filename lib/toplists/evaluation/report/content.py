"""What a report is about, as plain data, before anything is said of how it looks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Literal, TypeAlias

from toplists.evaluation.gate import Verdict
from toplists.evaluation.list_checks import CheckResult

Standing: TypeAlias = Literal["live", "was live", "declared bad", "not published"]


@dataclass(frozen=True)
class Figure:
    """A row of the `metrics` table: one figure, with its interval if it has one.

    With an empty `versus` it is the subject's own, else the difference subject - versus. An empty `slice` is
    everybody.
    """

    subject: str
    metric: str
    versus: str
    value: float
    low: float | None
    high: float | None
    users: int | None
    slice: str = ""

    @property
    def interval(self) -> tuple[float, float] | None:
        """Both ends of the interval."""
        return None if self.low is None or self.high is None else (self.low, self.high)


@dataclass(frozen=True)
class Night:
    """The deciding metric of one run: the candidate's own figure, and popularity's."""

    run_id: str
    passed: bool | None
    own: Figure
    popularity: Figure | None


@dataclass(frozen=True)
class Change:
    """How alike the lists of a run were to those that were live, by measure, such as `jaccard@10`."""

    run_id: str
    similarities: Mapping[str, float]


@dataclass(frozen=True)
class InputSentence:
    """What the input gate said; `judged` is whether it could tell."""

    passed: bool
    judged: bool
    sentence: str


@dataclass(frozen=True)
class LoadRows:
    """What became of the rows of a load, or of several together.

    Attributes:
        name: The day on which it was taken in, or which they are.
        rows: Rows in the input.
        accepted: Rows that became events.
        duplicates: Rows that repeat an event.
        corrections: Rows that replaced an older version of their event.
        rejected: Rows that were refused.
    """

    name: str
    rows: int
    accepted: int
    duplicates: int
    corrections: int
    rejected: int

    @property
    def rejected_share(self) -> float:
        """Refused rows as a share of all."""
        return self.rejected / self.rows if self.rows else 0.0


@dataclass(frozen=True)
class Arrivals:
    """The rows that a run is over.

    Attributes:
        total: All loads together.
        loads: The last loads, oldest first.
        reasons: Code of a reason → rows refused for it; a row with two reasons counts in both.
        sentences: What the input gate said.
    """

    total: LoadRows
    loads: Sequence[LoadRows] = ()
    reasons: Mapping[str, int] = field(default_factory=dict)
    sentences: Sequence[InputSentence] = ()


@dataclass(frozen=True)
class FitFacts:
    """A fit of the run, and what it says of itself.

    `role` is what it is for, `part` what it learnt from (`train`, `all`), `objective` what it minimized,
    after each iteration.
    """

    model_id: str
    role: str
    model: str
    part: str
    shape: str
    interactions: int
    seconds: float
    objective: Sequence[float] = ()


@dataclass(frozen=True)
class StepTime:
    """A step of the run: wall time in seconds of its last attempt, and how that ended."""

    verb: str
    seconds: float
    state: str


@dataclass(frozen=True)
class TailPoint:
    """The most popular `catalogue` of all items have `lists` of all places and `history` of all interactions."""

    catalogue: float
    lists: float
    history: float


@dataclass(frozen=True)
class LongTail:
    """How recommendations spread over items, by how popular these are.

    Attributes:
        points: Cumulative shares, from the most popular item to all of them.
        items: Items that may be recommended.
        listed: Items of them in the lists that were read.
        lists: Lists that were read.
        all_lists: Lists there are.
    """

    points: Sequence[TailPoint]
    items: int
    listed: int
    lists: int
    all_lists: int


@dataclass(frozen=True)
class ShownItem:
    """An item as a person sees it. `title` falls back to nothing; `notes` are a value, a score, a day."""

    item_id: str
    title: str | None
    year: int | None
    notes: Sequence[str] = ()


@dataclass(frozen=True)
class SampleUser:
    """One user: why this one, history newest first, and the list."""

    user_id: str
    why: str
    interactions: int
    history: Sequence[ShownItem]
    items: Sequence[ShownItem]


@dataclass(frozen=True)
class Lineage:
    """Where a run comes from, and what it was made on."""

    parent: str | None
    generation: int
    loads: Sequence[str]
    code_version: str
    configuration_hash: str
    surroundings: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class RunContent:
    """Everything that is reported of a run. What is not known, or not there, is empty.

    Attributes:
        dataset: Name of the dataset.
        run_id: The run.
        as_of: Everything before its 00:00 UTC is known.
        at: When something was last recorded of the run.
        standing: What became of it.
        candidate: Name of the model that was measured.
        protocol: How the holdout was chosen.
        deciding: The metric that decides.
        confidence: Probability that an interval is meant to cover.
        verdict: What the gate decided.
        figures: Everything measured of models.
        changes: How lists and snapshot compare with those of the run that was live.
        checks: Checks of the lists.
        sizes: What the run is over: name → count.
        arrivals: The rows it is over.
        nights: Runs judged by the same metric, oldest first, this one the last.
        churn: The same nights' lists beside those that were live.
        steps: Steps in order.
        fits: Fits, in the order they ended.
        tail: How recommendations spread over items.
        users: Sample users.
        settings: Dotted name → value of what decided the result.
        changed: Names of settings that are not at their default.
        lineage: Where it comes from.
    """

    dataset: str
    run_id: str
    as_of: date | None
    at: datetime
    standing: Standing
    candidate: str
    protocol: str
    deciding: str
    confidence: float
    verdict: Verdict | None
    lineage: Lineage
    figures: Sequence[Figure] = ()
    changes: Sequence[Figure] = ()
    checks: Sequence[CheckResult] = ()
    sizes: Mapping[str, int] = field(default_factory=dict)
    arrivals: Arrivals | None = None
    nights: Sequence[Night] = ()
    churn: Sequence[Change] = ()
    steps: Sequence[StepTime] = ()
    fits: Sequence[FitFacts] = ()
    tail: LongTail | None = None
    users: Sequence[SampleUser] = ()
    settings: Mapping[str, str] = field(default_factory=dict)
    changed: frozenset[str] = frozenset()


@dataclass(frozen=True)
class ComparedModel:
    """One model of a comparison: its figures by metric, what it cost, and a sample list.

    With a `failure`, which says why there are none, it has no figures.
    """

    name: str
    figures: Mapping[str, Figure] = field(default_factory=dict)
    fit_seconds: float | None = None
    score_seconds: float | None = None
    peak_mib: float | None = None
    failure: str | None = None
    sample: Sequence[ShownItem] = ()


@dataclass(frozen=True)
class Comparison:
    """Several models, judged on the same users in the same way.

    Attributes:
        dataset: Name of the dataset.
        comparison_id: Names the comparison.
        at: When it was finished.
        protocol: How the holdout was chosen.
        deciding: The metric that models are ordered by.
        confidence: Probability that an interval is meant to cover.
        metrics: Names of the metrics, in order.
        models: The models, in any order.
        findings: What the paired tests say, in sentences.
        sample_user: Whose lists the samples are.
    """

    dataset: str
    comparison_id: str
    at: datetime
    protocol: str
    deciding: str
    confidence: float
    metrics: Sequence[str]
    models: Sequence[ComparedModel]
    findings: Sequence[str] = ()
    sample_user: str | None = None


@dataclass(frozen=True)
class Study:
    """A search for the settings of a model.

    Attributes:
        model: The model.
        tried: How many settings were tried.
        trials: The best of them, on the validation part.
        test: The best settings beside the present ones, on what no trial saw; without models, if no trial
            keeps all constraints.
        verdict: What tuning gained, in a few words.
        gained: Whether that is sure.
        findings: What is to be done with it, in sentences.
        best: The best settings by name, where they are not the present ones.
        out: Why other trials are out, and how many.
    """

    model: str
    tried: int
    trials: Comparison
    test: Comparison
    verdict: str
    gained: bool
    findings: Sequence[str] = ()
    best: Mapping[str, str] = field(default_factory=dict)
    out: Sequence[tuple[str, int]] = ()
