"""Telling a webhook how a command ended. Nothing that goes wrong here harms the command."""

from __future__ import annotations

import os
import ssl
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from queue import Empty, SimpleQueue
from urllib.parse import urlsplit

from pydantic import SecretStr

from toplists.pipeline.watching.report import Report, to_json

_PAUSES = (1.0, 2.0)
_REFERENCE = "env:"


class WebhookError(Exception):
    """The webhook was not reached. The message does not hold its URL, which may be secret."""


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    """A redirected POST would arrive as a GET without its content."""

    def redirect_request(self, *_: object) -> None:
        return None


def resolve_url(setting: SecretStr, environ: Mapping[str, str]) -> str:
    """The webhook's URL.

    Args:
        setting: `watch.webhook`: the URL, or `env:NAME`.
        environ: The process environment.

    Raises:
        WebhookError: the variable is not set, or the URL is not one of http or https.
    """
    url = setting.get_secret_value()
    if url.startswith(_REFERENCE):
        name = url.removeprefix(_REFERENCE)
        url = environ.get(name, "")
        if not url:
            raise WebhookError(f"the variable {name} that watch.webhook names is not set")
    if not _is_web_address(url):
        raise WebhookError("watch.webhook is not a URL that begins with http:// or https://")
    return url


def _is_web_address(url: str) -> bool:
    try:
        parts = urlsplit(url)
        return parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:  # a port that is no number
        return False


def send(url: str, report: Report, *, seconds: float, pauses: Sequence[float] = _PAUSES) -> None:
    """Post the report as JSON, and try again after each of `pauses` (in seconds).

    Args:
        url: Where to.
        report: What to tell.
        seconds: How long one attempt may take, from name look-up to the answer.
        pauses: Waits between attempts; there is one more attempt than pauses.

    Raises:
        WebhookError: no attempt succeeded, or the first answer was one that does not change (4xx).
    """
    body = to_json(report).encode()
    for pause in (*pauses, None):
        problem, lasting = _attempt(url, body, seconds)
        if problem is None:
            return
        if pause is None or lasting:
            raise WebhookError(problem)
        time.sleep(pause)


def _attempt(url: str, body: bytes, seconds: float) -> tuple[str | None, bool]:
    """One attempt: what went wrong, if anything, and whether trying again is of no use.

    In a thread: a timeout of a socket counts from its last byte, and a name look-up has none at all.
    """
    answers: SimpleQueue[tuple[str | None, bool]] = SimpleQueue()
    poster = threading.Thread(
        target=lambda: answers.put(_post(url, body, seconds)), name="webhook", daemon=True
    )
    poster.start()
    try:
        return answers.get(timeout=seconds)
    except Empty:
        return f"it did not answer within {seconds:g} s", False


def _post(url: str, body: bytes, seconds: float) -> tuple[str | None, bool]:
    request = urllib.request.Request(  # noqa: S310 - resolve_url lets http and https pass only
        url, body, {"Content-Type": "application/json", "User-Agent": "toplists"}
    )
    try:
        with urllib.request.build_opener(_NoRedirects).open(request, timeout=seconds):
            return None, False
    except urllib.error.HTTPError as error:
        again = error.code >= HTTPStatus.INTERNAL_SERVER_ERROR
        return f"it answered {error.code}", not again and error.code != HTTPStatus.TOO_MANY_REQUESTS
    except urllib.error.URLError as error:
        return _network_problem(error.reason), False
    except Exception as error:
        return _network_problem(error), False


def _network_problem(reason: object) -> str:
    """The operating system's words; those of other errors may quote the URL."""
    if isinstance(reason, TimeoutError):
        return "it did not answer in time"
    if isinstance(reason, ssl.SSLError):
        return f"no secure connection ({reason.reason or type(reason).__name__})"
    if isinstance(reason, OSError) and reason.errno is not None:
        return os.strerror(reason.errno) if reason.errno > 0 else "its name cannot be resolved"
    return f"no connection ({type(reason).__name__})"
