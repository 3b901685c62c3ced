"""Telling everybody who watches how a command ended."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from toplists.config.operation import WatchSettings
from toplists.errors import ConfigurationError
from toplists.lake.dataset import Dataset
from toplists.lake.failpoints import written
from toplists.lake.files import write_atomically
from toplists.pipeline.watching.outcomes import keep_outcome, read_outcomes
from toplists.pipeline.watching.prometheus import write_prometheus
from toplists.pipeline.watching.report import Report, to_json
from toplists.pipeline.watching.webhook import WebhookError, resolve_url, send

Warn = Callable[[str], None]


def tell(
    report: Report,
    dataset: Dataset | None,
    settings: WatchSettings,
    environ: Mapping[str, str],
    warn: Warn,
) -> None:
    """Tell Prometheus and the webhook how a command ended.

    Args:
        report: How it ended.
        dataset: Its dataset, if it got that far.
        settings: Who is to be told.
        environ: The process environment.
        warn: Called with a sentence for each who could not be told; nothing is raised.
    """
    if dataset is not None and dataset.exists():
        _keep(report, dataset, settings, warn)
    tell_webhook(report, settings, environ, warn)


def tell_webhook(
    report: Report, settings: WatchSettings, environ: Mapping[str, str], warn: Warn
) -> None:
    """Tell the webhook, if there is one; `warn` is called where it cannot be told."""
    if settings.webhook is None:
        return
    try:
        send(resolve_url(settings.webhook, environ), report, seconds=settings.webhook_seconds)
    except WebhookError as error:
        warn(f"The webhook was not told of this {report.event}: {error}.")


def _keep(report: Report, dataset: Dataset, settings: WatchSettings, warn: Warn) -> None:
    try:
        keep_outcome(dataset, report)
        if settings.prometheus_file is not None:
            outcomes = read_outcomes(dataset)
            write_prometheus(settings.prometheus_file, dataset.name, report.live, outcomes)
    except (
        Exception
    ) as error:  # a full disk, a file of somebody else's: the night is done all the same
        warn(f"The figures for monitoring were not written: {type(error).__name__}: {error}.")


def clear_result(path: Path) -> None:
    """Remove the result of an earlier command, which must not be taken for that of this one.

    Raises:
        ConfigurationError: there is no folder for it, or the file cannot be replaced.
    """
    try:
        with written("removal of the result file"):
            path.unlink(missing_ok=True)
    except OSError as error:
        raise _unusable(path, error) from error
    if not path.parent.is_dir():
        raise ConfigurationError(
            f"--result-file {path}: there is no folder {path.parent}. Create it, or name another."
        )


def write_result(path: Path, report: Report) -> None:
    """Write the result file, complete or not at all.

    Raises:
        ConfigurationError: it cannot be written.
    """
    try:
        write_atomically(path, to_json(report))
    except OSError as error:
        raise _unusable(path, error) from error


def _unusable(path: Path, error: OSError) -> ConfigurationError:
    return ConfigurationError(f"--result-file {path} cannot be written: {error.strerror}.")
