"""The steps of a night and their order, whether done in one go or each by itself."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date

from toplists.errors import ConfigurationError, GateRefusedError, StoreError
from toplists.ingest.load import LoadReport
from toplists.ingest.recovery import take_back_unfinished
from toplists.ingest.source import Source
from toplists.lake.bookkeeping import read_rows
from toplists.lake.dataset import Dataset, partition_files
from toplists.lake.ledger import Outcome, Run
from toplists.lake.pointer import read_pointer, write_current
from toplists.lake.schema import Table
from toplists.lake.tables import INTERACTIONS, LOADS, METRICS, MODELS, RECOMMENDATIONS
from toplists.pipeline.closing import summarise
from toplists.pipeline.console import Narrator
from toplists.pipeline.contest import contest_of
from toplists.pipeline.identity import default_as_of, identify_run
from toplists.pipeline.lineage import place_in_line
from toplists.pipeline.recording import record
from toplists.pipeline.reporting.writing import write_report
from toplists.pipeline.steps.evaluate import evaluate, refusal, stored_verdict
from toplists.pipeline.steps.export import export_step, open_stores
from toplists.pipeline.steps.fits import check_contenders
from toplists.pipeline.steps.ingest import ingest_source, redrive_refused
from toplists.pipeline.steps.prepare import prepare
from toplists.pipeline.steps.publish import publish
from toplists.pipeline.steps.recommend import recommend
from toplists.pipeline.steps.train import train
from toplists.pipeline.workplace import Workplace
from toplists.publish.publication import is_older, require_newer

_LOG = logging.getLogger(__name__)

Step = Callable[[Workplace, Run], Outcome]

STEPS: dict[str, Step] = {
    "prepare": prepare,
    "train": train,
    "recommend": recommend,
    "evaluate": evaluate,
}
"""What lies between taking in and publishing, in order."""

_LEFT_BY: dict[str, Table] = {
    "prepare": INTERACTIONS,
    "train": MODELS,
    "recommend": RECOMMENDATIONS,
    "evaluate": METRICS,
}


@dataclass(frozen=True)
class NightlyOptions:
    """What `nightly` was asked for.

    `as_of` None = the day after the newest event. `cold`: no fit starts from an earlier one.
    """

    source: Source
    as_of: date | None = None
    publish: bool = True
    force: bool = False
    cold: bool = False


def nightly(place: Workplace, narrator: Narrator, options: NightlyOptions) -> None:
    """Take in, prepare, train, recommend, evaluate, publish, export; what is done already is not repeated.

    Raises:
        InputRefusedError: the input cannot be taken in.
        GateRefusedError: the lists are not fit to be published.
        ConfigurationError: something newer is live, and `force` is not given; or a model that it shall be
            judged beside cannot be made.
        StoreError: the run is live in Delta, but not in every store.
    """
    check_contenders(place.settings)
    exports = bool(options.publish and place.settings.publish.stores)
    if exports:
        open_stores(place)  # not to find out in the end that an address does not do
    total = len(["ingest", *STEPS]) + options.publish + exports
    report = ingest_step(place, narrator, options.source, 1, total)
    run = begin_run(place, options.as_of, cold=options.cold)
    narrator.about(run.run_id)
    if _named_before(place, narrator, run):
        if exports:  # the stores may be behind
            export_step(place, narrator, total, total, resume=True)
        return
    if options.publish:
        require_newer(read_pointer(place.dataset), run, force=options.force)
    for number, verb in enumerate(STEPS, start=2):
        perform(place, narrator, run, verb, number, total)
    behind: StoreError | None = None
    if options.publish:
        publish_step(place, narrator, run, total - exports, total, force=options.force)
        behind = _export(place, narrator, total) if exports else None
    else:
        narrator.note(
            f"Run {run.run_id} is complete, and not published (--no-publish). "
            f"./spark-submit.sh publish --dataset {place.dataset.name} --run-id {run.run_id} does it."
        )
    narrator.summary(summarise(place, run, report, narrator.steps))
    if behind is not None:
        raise behind


def _export(place: Workplace, narrator: Narrator, total: int) -> StoreError | None:
    """Bring the stores up to date as the last step; that some are behind does not undo the night."""
    try:
        export_step(place, narrator, total, total, resume=True)
    except StoreError as error:
        return error
    return None


def ingest_step(
    place: Workplace, narrator: Narrator, source: Source, number: int, total: int
) -> LoadReport:
    """Take the source in, as step `number` of `total`."""
    with narrator.step(number, total, "ingest") as step:
        step.detail(str(source))
        report, outcome = ingest_source(place, source)
        step.detail(outcome.detail)
    return report


def redrive_step(place: Workplace, narrator: Narrator, reason: str) -> None:
    """Judge the rows again that were refused for `reason`, as the only step."""
    with narrator.step(1, 1, "redrive") as step:
        step.detail(reason)
        step.detail("; ".join(outcome.detail for outcome in redrive_refused(place, reason)))


def begin_run(place: Workplace, as_of: date | None, *, cold: bool = False) -> Run:
    """The run over everything loaded so far, under the present settings and code.

    A load that died half-way is not part of it, nor is what it did to the events of others.

    Raises:
        ConfigurationError: nothing was ever loaded.
    """
    loads = read_rows(place.dataset, LOADS)
    chosen = as_of or default_as_of(loads)
    load_ids = [load["load_id"] for load in loads]
    take_back_unfinished(place.dataset, load_ids)
    return place_in_line(place, chosen, load_ids, cold=cold)


def find_run(place: Workplace, as_of: date | None, run_id: str | None) -> Run:
    """The run that a single step goes on with: the named one, or the one prepared last.

    Raises:
        ConfigurationError: there is none, or it was begun under other settings or code.
    """
    expected = identify_run(as_of or date.min, [], place.settings, [])
    run = place.ledger.find_run(run_id) if run_id else place.ledger.newest_run(as_of, like=expected)
    if run is None:
        wanted = run_id or (f"as of {as_of}" if as_of else "any")
        raise ConfigurationError(
            f"No run ({wanted}) was prepared in dataset {place.dataset.name} under the present "
            "settings and code. Run prepare first."
        )
    if run.configuration != expected.configuration:
        raise ConfigurationError(
            f"Run {run.run_id} was begun under other settings than the present ones. Go on with the "
            "same --env and --set, or begin a new run with prepare."
        )
    if run.code_version != expected.code_version:
        raise ConfigurationError(
            f"Run {run.run_id} was begun by version {run.code_version}, this is "
            f"{expected.code_version}. Begin a new run with prepare."
        )
    return run


def perform(
    place: Workplace, narrator: Narrator, run: Run, verb: str, number: int = 1, total: int = 1
) -> None:
    """One step of a run, unless it is finished already.

    Raises:
        GateRefusedError: the step is `evaluate`, and the gate refuses the run.
    """
    narrator.about(run.run_id)
    with narrator.step(number, total, verb) as step:
        finished = place.ledger.facts(run.run_id, verb)
        if finished is not None and _is_there(place.dataset, _LEFT_BY[verb], run):
            step.detail(f"{finished['detail']} (done before)")
            return
        step.detail(f"run {run.run_id}")
        try:
            outcome = record(
                place.ledger,
                run,
                verb,
                lambda: STEPS[verb](place, run),
                lambda o: _refuse(place, run, o),
            )
        except GateRefusedError:
            leave_report(place, narrator, run)
            raise
        step.detail(outcome.detail)
    if verb == "evaluate":
        _tell_contest(place, narrator, run, outcome)
        _tell_verdict(place, narrator, run)
        leave_report(place, narrator, run)


def publish_step(
    place: Workplace, narrator: Narrator, run: Run, number: int, total: int, *, force: bool
) -> None:
    """Make the run live, as step `number` of `total`."""
    narrator.about(run.run_id)
    with narrator.step(number, total, "publish") as step:
        step.detail(f"run {run.run_id}")
        outcome = record(place.ledger, run, "publish", lambda: publish(place, run, force=force))
        step.detail(outcome.detail)
    leave_report(place, narrator, run)


def publish_everywhere(
    place: Workplace,
    narrator: Narrator,
    run: Run,
    *,
    force: bool,
    if_newest: bool = False,
    export: bool = True,
) -> None:
    """Make the run live, and bring it to the stores: all that is done where only that is asked for.

    Args:
        place: The workplace.
        narrator: Who is told.
        run: The run.
        force: Publish although a newer `as_of` is live.
        if_newest: Where a newer `as_of` is live, leave it so, and say that.
        export: Whether the stores are filled, too.

    Raises:
        ConfigurationError: the run was not evaluated; or something newer is live, and neither `force` nor
            `if_newest` is given.
        GateRefusedError: the gate refused it.
        StoreError: it is live in Delta, but not in every store.
    """
    live = read_pointer(place.dataset).live
    if if_newest and live is not None and is_older(run, live):
        narrator.about(run.run_id)
        narrator.note(
            f"Run {run.run_id} is not published: run {live.run_id}, as of {live.as_of}, is live and newer."
        )
        return
    total = 1 + bool(export and place.settings.publish.stores)
    publish_step(place, narrator, run, 1, total, force=force)
    if total > 1:
        export_step(place, narrator, total, total, resume=True)


def leave_report(place: Workplace, narrator: Narrator, run: Run) -> None:
    """Write the run's report anew; without one the night goes on all the same."""
    try:
        write_report(place.dataset, run.run_id)
    except Exception as error:
        _LOG.exception("the report of run %s was not written", run.run_id)
        narrator.warning(
            f"The report of run {run.run_id} was not written ({type(error).__name__}: {error}); see the log."
        )


def _is_there(dataset: Dataset, table: Table, run: Run) -> bool:
    """Whether a table holds rows of the run; they may have been pruned since."""
    if table.partition_by:
        return bool(partition_files(dataset, table, run_id=run.run_id))
    return bool(read_rows(dataset, table, run_id=run.run_id))


def _refuse(place: Workplace, run: Run, outcome: Outcome) -> GateRefusedError | None:
    verdict = outcome.facts.get("verdict")
    if verdict is None or verdict["passed"]:
        return None
    return refusal(place, run, tuple(verdict["reasons"]))


def _tell_contest(place: Workplace, narrator: Narrator, run: Run, outcome: Outcome) -> None:
    """Show how the models did that the night was told to be judged beside."""
    settings, candidate = place.settings.evaluate, outcome.facts.get("candidate")
    if settings.contenders and settings.deciding_metrics and candidate is not None:
        table = contest_of(place.dataset, run.run_id, str(candidate), settings.deciding_metrics[0])
        if table is not None:
            narrator.table(table)


def _tell_verdict(place: Workplace, narrator: Narrator, run: Run) -> None:
    verdict = stored_verdict(place, run)
    for finding in verdict.findings if verdict else ():
        narrator.note(finding)
    for warning in verdict.warnings if verdict else ():
        narrator.warning(warning)


def _named_before(place: Workplace, narrator: Narrator, run: Run) -> bool:
    """Whether the run was live before, so that there is nothing to do; says so."""
    pointer = read_pointer(place.dataset)
    live = pointer.live
    if live is None or not pointer.has_named(run.run_id):
        return False
    write_current(place.dataset, live)
    if run.run_id in pointer.bad_runs:
        raise GateRefusedError(
            f"Nothing changed since run {run.run_id}, which was declared bad; run {live.run_id} stays "
            "live. Correct the input or the configuration and run again."
        )
    since = f"{live.published_at:%Y-%m-%d %H:%M} UTC"
    if live.run_id == run.run_id:
        narrator.note(f"Nothing changed: run {run.run_id} is live since {since}.")
    else:
        narrator.note(
            f"Nothing changed since run {run.run_id}, which was live before; run {live.run_id} is "
            f"live since {since}. ./spark-submit.sh rollback --to {run.run_id} puts the former "
            "back."
        )
    return True
