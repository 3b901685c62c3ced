"""The webhook, against a server on this machine that answers as it is told."""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from pydantic import SecretStr

from toplists.config.operation import WatchSettings
from toplists.pipeline.watching.report import Report
from toplists.pipeline.watching.telling import tell_webhook
from toplists.pipeline.watching.webhook import WebhookError, resolve_url, send

NOW = datetime(2026, 3, 10, 4, 0, tzinfo=UTC)
REFUSAL = Report("nightly", "refusal", 3, NOW, NOW, "films", "run-1", "worse than popularity")


class Server(ThreadingHTTPServer):
    """Remembers what was posted; answers with `answers` in turn, the last one for ever."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.answers: list[int] = [200]
        self.posted: list[dict[str, object]] = []
        self.paths: list[str] = []
        self.slow = threading.Event()
        self.slow.set()  # not slow

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/hooks/hunter2"


class Handler(BaseHTTPRequestHandler):
    server: Server

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        assert self.headers["Content-Type"] == "application/json"
        self.server.posted.append(json.loads(body))
        self.server.paths.append(self.path)
        if not self.server.slow.is_set():
            self.wfile.write(b"HTTP/1.1 200 OK\r\n")  # and then nothing for long
            self.server.slow.wait(30)
        answers = self.server.answers
        answer = answers.pop(0) if len(answers) > 1 else answers[0]
        self.send_response(answer)
        if answer == 302:
            self.send_header("Location", "/elsewhere")
        self.send_header("Content-Length", "0")
        self.end_headers()

    def do_GET(self) -> None:
        self.server.paths.append(self.path)
        self.send_error(404)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def server() -> Iterator[Server]:
    with Server() as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield server
        server.slow.set()
        server.shutdown()
        thread.join()


def test_the_event_arrives_with_its_figures(server: Server) -> None:
    send(server.url, REFUSAL, seconds=5)
    [posted] = server.posted
    assert posted["event"] == "refusal"
    assert (posted["dataset"], posted["run_id"], posted["exit_code"]) == ("films", "run-1", 3)
    assert posted["reason"] == "worse than popularity"
    assert posted["ended"] == "2026-03-10T04:00:00+00:00"
    assert {"metrics", "users", "rows_in", "steps", "verdict"} <= posted.keys()


@pytest.mark.parametrize("trouble", [500, 503, 429])
def test_passing_trouble_is_tried_again(server: Server, trouble: int) -> None:
    server.answers = [trouble, trouble, 204]
    send(server.url, REFUSAL, seconds=5, pauses=(0, 0))
    assert len(server.posted) == 3


def test_it_is_not_tried_for_ever(server: Server) -> None:
    server.answers = [500]
    with pytest.raises(WebhookError, match="it answered 500"):
        send(server.url, REFUSAL, seconds=5, pauses=(0, 0))
    assert len(server.posted) == 3


@pytest.mark.parametrize("answer", [404, 400, 302])
def test_what_stays_wrong_is_not_tried_again_nor_followed(server: Server, answer: int) -> None:
    server.answers = [answer]
    with pytest.raises(WebhookError, match=f"it answered {answer}"):
        send(server.url, REFUSAL, seconds=5, pauses=(0, 0))
    assert server.paths == ["/hooks/hunter2"]


def test_a_slow_one_is_given_up(server: Server) -> None:
    server.slow.clear()
    began = time.monotonic()
    with pytest.raises(WebhookError, match=r"it did not answer"):
        send(server.url, REFUSAL, seconds=0.1, pauses=(0,))
    assert time.monotonic() - began < 2
    assert len(server.posted) == 2


def test_a_dead_one_is_given_up() -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        port = closed.getsockname()[1]
    with pytest.raises(WebhookError, match="Connection refused"):
        send(f"http://127.0.0.1:{port}/hunter2", REFUSAL, seconds=5, pauses=(0,))


def test_the_url_may_come_from_a_variable() -> None:
    assert resolve_url(SecretStr("env:HOOK"), {"HOOK": "https://h/x"}) == "https://h/x"
    assert resolve_url(SecretStr("https://h/y"), {}) == "https://h/y"


@pytest.mark.parametrize(
    ("setting", "problem"),
    [
        ("env:HOOK", "the variable HOOK that watch.webhook names is not set"),
        ("file:///etc/hunter2", "not a URL that begins with http"),
        ("hunter2", "not a URL"),
        ("http://", "not a URL"),
        ("http://hunter2:port/", "not a URL"),
    ],
)
def test_one_that_cannot_be_told_makes_a_warning_without_its_url(setting, problem) -> None:
    warnings: list[str] = []
    settings = WatchSettings(webhook=setting, webhook_seconds=0.5)
    tell_webhook(REFUSAL, settings, {}, warnings.append)
    [warning] = warnings
    assert problem in warning
    assert "hunter2" not in warning
    assert warning.startswith("The webhook was not told of this refusal: ")


def test_without_one_nobody_is_told() -> None:
    tell_webhook(REFUSAL, WatchSettings(), {}, pytest.fail)
