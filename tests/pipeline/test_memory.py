"""The memory of what runs beside and below this process."""

from __future__ import annotations

import subprocess
import sys

import numpy as np

from toplists.pipeline.memory import watched

_HOLD = "b = bytearray(200_000_000); print('ready', flush=True); input()"


def test_what_a_child_holds_counts() -> None:
    with watched() as before:
        pass
    child = subprocess.Popen(
        [sys.executable, "-c", _HOLD], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert child.stdout is not None
    assert child.stdout.readline() == b"ready\n"
    with watched() as during:
        pass
    child.communicate(b"\n")
    assert before.bytes is not None
    assert during.bytes is not None
    # Others run beside this test: much more than half of it is the child's.
    assert during.bytes - before.bytes > 100_000_000


def test_the_peak_stays_when_it_is_let_go() -> None:
    with watched() as peak:
        np.ones(30_000_000).sum()
        held = peak.bytes
    assert peak.bytes is not None
    assert held is None or peak.bytes >= held
