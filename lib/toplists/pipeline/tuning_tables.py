"""A study as a person sees it: the best trials, what tuning gained, and how to use it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from toplists.evaluation.comparison import Figure
from toplists.pipeline.searching import Tried
from toplists.pipeline.summary import TextTable
from toplists.pipeline.tuning import PRESENT, TUNED, Study

_SHOWN = 10


def trials_of(study: Study) -> TextTable:
    """The best trials, the present settings marked as such."""
    search = study.search
    length = ("iterations",) if search.rungs else ()
    return TextTable(
        title=f"{study.protocol}, validation: the best of {len(study.tried)} trials",
        columns=("", *search.present, search.deciding, *length, "fit s"),
        rows=[_row(study, one) for one in study.tried[:_SHOWN]],
        left=1,
    )


def outs_of(study: Study) -> TextTable | None:
    """Why trials are out, and how many; `None` where all are in."""
    rows = [[reason, str(count)] for reason, count in out_of(study)]
    return TextTable("Out", ("why", "trials"), rows, left=1) if rows else None


def out_of(study: Study) -> list[tuple[str, int]]:
    """The constraints that trials break, or why they failed, and how many; the most frequent first."""
    reasons = (
        f"not {' and '.join(one.broken)}" if one.broken else one.out
        for one in study.tried
        if one.out is not None
    )
    return Counter(map(str, reasons)).most_common()


def findings(study: Study) -> Iterator[str]:
    """What the test says, and what to do with it, in sentences."""
    deciding, test = study.search.deciding, study.test
    if study.best is None:
        yield (
            "No trial keeps all constraints: loosen one, or try more settings (--trials). The test part was "
            "not looked at."
        )
    elif study.gain is None:
        yield (
            "The present settings are the best of all trials: there is nothing to change. On the test "
            f"part: {_text(test[PRESENT], deciding)}."
        )
    else:
        yield (
            f"On the test part the best settings have {_text(test[TUNED], deciding)}, the present ones "
            f"{test[PRESENT].value:.4f}: {gain_in_words(study.gain)}."
        )
        if study.overlay is None:
            yield "Keep the present settings: what was best to choose by is worse on the test part."
            return
        yield (
            f"The best settings: {study.overlay}. To use them: ./spark-submit.sh nightly --overlay "
            f"{study.overlay}"
        )


def gain_in_words(gain: Figure) -> str:
    """What tuning gained, with its interval; sure only if all of that lies on one side of 0."""
    if gain.low > 0:
        verdict = "tuning gained"
    elif gain.high < 0:
        verdict = "tuning lost"
    else:
        verdict = "no real difference,"
    return f"{verdict} {gain.value:+.4f} ({gain.low:+.4f} to {gain.high:+.4f})"


def _text(figure: Figure, metric: str) -> str:
    return f"{metric} {figure.value:.4f} ({figure.low:.4f} to {figure.high:.4f})"


def _row(study: Study, tried: Tried) -> list[str]:
    search = study.search
    marks = {
        "best": tried is study.best,
        "present": not tried.given,
        "failed": tried.failed,
        "out": tried.out is not None and not tried.failed,
    }
    return [
        ", ".join(mark for mark, holds in marks.items() if holds),
        *(str(value) for value in {**search.present, **tried.given}.values()),
        "–" if tried.value is None else f"{tried.value:.4f}",
        *([str(tried.iterations or "–")] if search.rungs else []),
        f"{tried.spent['fit_seconds']:.1f}" if tried.spent else "–",
    ]
