"""`toplists report`: where the report of a run lies; written now, if it is not there."""

from __future__ import annotations

import webbrowser

from rich.console import Console

from toplists.errors import ConfigurationError, ToplistsError
from toplists.lake.dataset import Dataset
from toplists.lake.ledger import run_of
from toplists.pipeline.reporting.files import newest_judged_run, report_path


def show_report(
    console: Console, dataset: Dataset, run_id: str | None, *, in_browser: bool
) -> None:
    """Print the path of a report.

    Args:
        console: Where to.
        dataset: The dataset.
        run_id: The run, or a study on the snapshot of one; without one the run that was judged last.
        in_browser: Whether to open it in a browser, too.

    Raises:
        ConfigurationError: there is no such run, nothing was judged yet, or the study has no report.
        ToplistsError: the report cannot be written.
    """
    chosen = run_id or newest_judged_run(dataset)
    if chosen is None:
        raise ConfigurationError(
            f"No run of dataset {dataset.name} was evaluated yet, so there is nothing to report. "
            "./spark-submit.sh nightly evaluates; ./toplists status says what ran so far."
        )
    path = report_path(dataset, chosen)
    if not path.is_file():
        if run_of(chosen) != chosen:
            raise ConfigurationError(
                f"{chosen} is a study and no run, and it has no report yet: compare or tune writes it "
                "when it ends, and goes on where it was if the same command is run again."
            )
        from toplists.pipeline.reporting.writing import write_report  # only here: it loads much

        try:
            write_report(dataset, chosen)
        except OSError as error:
            raise ToplistsError(
                f"The report of run {chosen} cannot be written to {dataset.reports}: {error.strerror}. "
                "Ask somebody who may write there, or copy the dataset and name its folder by --lake."
            ) from error
    console.print(str(path), soft_wrap=True)
    if in_browser:
        webbrowser.open(path.as_uri())
