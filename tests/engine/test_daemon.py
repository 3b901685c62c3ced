"""Workers that Spark has no more use for."""

from __future__ import annotations

import socket

import pytest

from toplists.engine.daemon import without_complaint


def test_who_is_not_listened_to_any_more_leaves_in_silence() -> None:
    ours, theirs = socket.socketpair()

    def work(sock: socket.socket, authenticated: bool) -> int:
        theirs.close()
        while authenticated:
            sock.sendall(b"more")
        return 0

    with ours:
        assert without_complaint(work)(ours, True) == 1


def test_anything_else_is_told() -> None:
    def work(sock: socket.socket, authenticated: bool) -> int:
        raise ZeroDivisionError(f"{sock.fileno()} {authenticated}")

    ours, theirs = socket.socketpair()
    with ours, theirs, pytest.raises(ZeroDivisionError):
        without_complaint(work)(ours, True)
