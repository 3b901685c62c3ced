"""Made-up content of reports: a night like many, and one as hostile and as large as any."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime

from toplists.evaluation.gate import Verdict
from toplists.evaluation.list_checks import CheckResult
from toplists.evaluation.report.content import (
    Arrivals,
    Change,
    ComparedModel,
    Comparison,
    Figure,
    FitFacts,
    InputSentence,
    Lineage,
    LoadRows,
    LongTail,
    Night,
    RunContent,
    SampleUser,
    ShownItem,
    StepTime,
    Study,
    TailPoint,
)
from toplists.evaluation.rules import RuleOutcome, State

NOW = datetime(2026, 3, 10, 3, 41, tzinfo=UTC)
RUN = "2026-03-10-11111111"
METRICS = ("hit_rate@10", "recall@10", "ndcg@10", "hit_rate@50", "recall@50", "ndcg@50")

RULES: dict[str, State] = {
    "loss": "passed",
    "trend": "not_judged",
    "churn": "warned",
    "bound": "blocked",
}

HOSTILE = (
    "<script>alert(1)</script>",
    "\"><img src='https://example.org/x.png' onerror=alert(1)>",
    'o\'brien & "sons" {{ 7 * 7 }} {% raw %}',
    "שלום עולם, مرحبا بالعالم",
    "turned \u202e round\u2066",
    "emoji 👩‍👩‍👧 and 🎬",
    "null \x00, bell \x07,\nnew line, lone \ud800",
    "x" * 10_000,
    "",
)


def own(subject: str, metric: str, value: float, spread: float = 0.01) -> Figure:
    """A contender's own figure."""
    return Figure(subject, metric, "", value, value - spread, value + spread, 610)


def difference(metric: str, versus: str, value: float, low: float, high: float) -> Figure:
    """The candidate's difference to another contender."""
    return Figure("als", metric, versus, value, low, high, 610)


def made_up_figures() -> list[Figure]:
    """Three contenders: better than popularity, no different from live."""
    figures = []
    for place, metric in enumerate(METRICS):
        value = 0.06 + 0.05 * place
        figures += [
            own("als", metric, value),
            own("popularity", metric, value * 0.6),
            own("live", metric, value - 0.001),
            difference(metric, "popularity", value * 0.4, 0.01, value * 0.5),
            difference(metric, "live", 0.001, -0.004, 0.006),
        ]
    return figures


def sliced_figures() -> list[Figure]:
    """The deciding metric by activity and by an attribute, and figures of variety."""
    figures = [
        replace(own("als", "ndcg@10", value), slice=name)
        for name, value in (
            ("activity=high", 0.08),
            ("activity=low", 0.05),
            ("country=<b>de</b>", 0.06),
        )
    ]
    figures.append(
        replace(difference("ndcg@10", "live", -0.05, -0.06, -0.04), slice="activity=low")
    )
    for subject, coverage, novelty in (("als", 0.31, 7.2), ("popularity", 0.02, 3.1)):
        figures += [
            Figure(subject, "coverage@10", "", coverage, None, None, 610),
            own(subject, "novelty@10", novelty),
        ]
    return figures


def made_up_user(number: int, texts: tuple[str, ...] = ("Heat", "Brazil", "Alien")) -> SampleUser:
    """A user whose items have these titles."""
    return SampleUser(
        user_id=str(number),
        why=("the most active", "in the middle", "active last")[number % 3],
        interactions=1200 // (number + 1),
        history=[
            ShownItem(f"i{place}", text, 1980 + place % 40, ("2026-03-01", "4.5"))
            for place, text in enumerate(texts)
        ],
        items=[
            ShownItem(f"i{place}", text or None, None, ("0.8765", "personal"))
            for place, text in enumerate(texts)
        ],
    )


def made_up_run() -> RunContent:
    """A night that passed, with one warning."""
    checks = [
        CheckResult("lists", 671, 1, True, "lists in this run: 671 (there must be some)"),
        CheckResult("seen_items", 2, 0, False, "listed items that were seen: 2 (none is allowed)"),
    ]
    points = [TailPoint(x / 100, (x / 100) ** 0.3, (x / 100) ** 0.5) for x in range(101)]
    return RunContent(
        dataset="films",
        run_id=RUN,
        as_of=date(2026, 3, 10),
        at=NOW,
        standing="live",
        candidate="als",
        protocol="last 5 per user",
        deciding="ndcg@10",
        confidence=0.95,
        verdict=Verdict(
            passed=True,
            reasons=(),
            warnings=("the input is prepared otherwise than for the live run",),
            findings=("ndcg@10 0.0627 is clearly above popularity's 0.0369",),
            rules=tuple(
                RuleOutcome({"rule": rule, "action": "warn"}, state, f"{rule}: {state}", 0.1)
                for rule, state in RULES.items()
            ),
        ),
        lineage=Lineage(
            parent="2026-03-09-00000000",
            generation=3,
            loads=("0123456789abcdef",),
            code_version="0.3.0+0123abcd",
            configuration_hash="433226ec",
            surroundings={"python": "3.11.7", "cores": "2", "memory_gib": "23.5"},
        ),
        figures=made_up_figures(),
        checks=checks,
        sizes={"interactions": 100_004, "users": 671, "items": 9_066},
        arrivals=Arrivals(
            total=LoadRows("all 12", 100_104, 100_000, 3, 1, 100),
            loads=[LoadRows(f"2026-03-{day:02}", 8_000, 7_990, 2, 1, 7) for day in range(1, 11)],
            reasons={"value_missing": 60, "id_missing": 41},
            sentences=(
                InputSentence(True, True, "2026-03-09 has 3,201 events"),
                InputSentence(False, True, "38.0 % of the day's users were never seen before"),
                InputSentence(True, False, "volume is not judged: only 2 Mondays have events"),
            ),
        ),
        changes=[Figure("lists", "jaccard@10", "live", 0.61, None, None, 640)],
        churn=[
            Change(f"2026-03-{day:02}-11111111", {"jaccard@10": 0.6, "rbo@10": 0.7})
            for day in range(1, 11)
        ],
        nights=[
            Night(
                f"2026-03-{day:02}-11111111",
                passed=day != 7,
                own=own("als", "ndcg@10", 0.06 + day % 3 / 200),
                popularity=own("popularity", "ndcg@10", 0.037),
            )
            for day in range(1, 11)
        ],
        steps=[
            StepTime("ingest", 1.0, "done"),
            StepTime("prepare", 18.6, "done"),
            StepTime("train", 2.3, "done"),
            StepTime("recommend", 0.3, "done"),
            StepTime("evaluate", 0.4, "refused"),
        ],
        fits=[
            FitFacts(
                f"{RUN}.personal.{part}",
                "personal",
                "als",
                part,
                "factors",
                49_658,
                1.02,
                [183_352.6, 160_396.9, 150_968.9, 145_295.6, 141_358.5],
            )
            for part in ("train", "all")
        ],
        tail=LongTail(points, items=6_170, listed=2_040, lists=671, all_lists=671),
        users=[made_up_user(number) for number in range(3)],
        settings={"model.name": "als", "model.als.rank": "48", "recommend.n": "50"},
        changed=frozenset({"model.als.rank"}),
    )


def hostile_run() -> RunContent:
    """The same night, in which every text from outside means harm."""
    run = made_up_run()
    assert run.verdict is not None
    assert run.arrivals is not None
    return replace(
        run,
        dataset=HOSTILE[0],
        protocol=HOSTILE[1],
        verdict=replace(run.verdict, passed=False, reasons=HOSTILE),
        arrivals=replace(run.arrivals, reasons=dict.fromkeys(HOSTILE, 1)),
        users=[replace(made_up_user(0, HOSTILE), user_id=text, why=text) for text in HOSTILE],
        figures=[own(text, text, 0.1) for text in ("als", *HOSTILE)],
        settings={text: text for text in HOSTILE},
        steps=[StepTime(text, 1.0, text) for text in HOSTILE],
        nights=[replace(night, run_id=HOSTILE[0]) for night in run.nights],
        fits=[replace(fit, role=HOSTILE[1], model=HOSTILE[0]) for fit in run.fits],
    )


def large_run() -> RunContent:
    """The same night with more of everything than there will ever be."""
    run = made_up_run()
    many = [f"metric_{number}@10" for number in range(200)]
    return replace(
        run,
        figures=[own(who, metric, 0.1) for who in ("als", "popularity", "live") for metric in many],
        nights=run.nights * 20,
        fits=[replace(run.fits[0], objective=[1.0 / n for n in range(1, 500)])] * 20,
        users=[made_up_user(number, ("A title of usual length",) * 50) for number in range(3)],
        settings={f"section.setting_{number}": "x" * 200 for number in range(500)},
    )


def made_up_comparison() -> Comparison:
    """Four models, one of which failed."""
    metrics = ("ndcg@10", "recall@10")
    values = {"als": (0.0627, 0.0887), "item_knn": (0.0601, 0.0912), "popularity": (0.03, 0.05)}
    models = [
        ComparedModel(
            name,
            {m: own(name, m, value) for m, value in zip(metrics, pair, strict=True)},
            fit_seconds=2.3,
            score_seconds=0.4,
            peak_mib=812.0,
            sample=[ShownItem(f"i{n}", f"Title {n}", 1990) for n in range(5)],
        )
        for name, pair in values.items()
    ]
    failed = ComparedModel("svd<b>", failure="rank 64 is more than there are items <40>")
    return Comparison(
        dataset="films",
        comparison_id="2026-03-10-compare-1",
        at=NOW,
        protocol="last 5 per user",
        deciding="ndcg@10",
        confidence=0.95,
        metrics=metrics,
        models=[failed, *models],
        findings=("als and item_knn: no real difference (p = 0.31 after Holm)",),
        sample_user="15",
    )


def made_up_study() -> Study:
    """Twelve trials of ALS, of which two are out; what tuning gained is not sure."""
    trials = made_up_comparison()
    tested = [model for model in trials.models if model.failure is None][:2]
    return Study(
        model="als",
        tried=12,
        trials=replace(trials, protocol="last(5), validation", findings=(), sample_user=None),
        test=replace(
            trials,
            protocol="last(5)",
            findings=(),
            models=[
                replace(model, name=name)
                for name, model in zip(("tuned", "present"), tested, strict=True)
            ],
        ),
        verdict="ndcg@10: no real difference, +0.0026 (-0.0010 to +0.0062)",
        gained=False,
        findings=("The best settings: /lake/films/studies/x/best.yaml.",),
        best={"rank": "64", "alpha": "5.5"},
        out=[("not coverage@10>=0.2", 2)],
    )
