"""Timing single look-ups, by one reader and by several at once. Nothing of the library: rivals are timed alike."""

from __future__ import annotations

import json
import random
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

READERS = 8
_WARM_UP = 300
_SECONDS = 20.0

Ask = Callable[[str], Sequence[str]]
"""The item ids of a user's list."""


def time_lookups(
    open_reader: Callable[[], Ask], users: int, questions: int, user_id: Callable[[int], str]
) -> dict[str, Any]:
    """Milliseconds of look-ups of users at random, warm, by one reader; then how many readers at once get.

    Args:
        open_reader: Makes what is asked; shared by all threads.
        users: How many there are.
        questions: How many to time at most, within some seconds.
        user_id: The id of the user of a number.
    """
    chance = random.Random(7)
    asked = [user_id(chance.randrange(users)) for _ in range(questions)]
    began = time.perf_counter()
    ask = open_reader()
    ask(asked[0])
    first = time.perf_counter() - began
    _for_a_while(ask, asked[:_WARM_UP])
    alone, answers = _for_a_while(ask, asked)
    single = sum(alone)
    # Each of several readers asks the same, from another place on.
    begun = time.perf_counter()
    with ThreadPoolExecutor(READERS) as pool:
        parts = list(
            pool.map(
                lambda reader: _for_a_while(ask, asked[: len(alone)][reader::READERS]),
                range(READERS),
            )
        )
    together = time.perf_counter() - begun
    taken = [seconds for part, _ in parts for seconds in part]
    same = all(
        found == answers[reader::READERS][: len(found)] for reader, (_, found) in enumerate(parts)
    )
    return {
        "first": first,
        "asked": len(alone),
        "p50": _percentile(alone, 0.5),
        "p99": _percentile(alone, 0.99),
        "per_second": len(alone) / single,
        "per_second_by_8": len(taken) / together,
        "p50_by_8": _percentile(taken, 0.5),
        "p99_by_8": _percentile(taken, 0.99),
        "same_answers": same,
        "answers": {user: list(found) for user, found in zip(asked[:50], answers, strict=False)},
    }


def write_result(path: str, timed: dict[str, Any], versions: dict[str, str]) -> None:
    """Leave what was timed for who started this process."""
    Path(path).write_text(json.dumps({**timed, "versions": versions}))


def _for_a_while(ask: Ask, asked: Sequence[str]) -> tuple[list[float], list[Sequence[str]]]:
    taken, answers = [], []
    until = time.perf_counter() + _SECONDS
    for user in asked:
        began = time.perf_counter()
        answers.append(ask(user))
        ended = time.perf_counter()
        taken.append(ended - began)
        if ended > until:
            break
    return taken, answers


def _percentile(seconds: Sequence[float], share: float) -> float:
    return sorted(seconds)[min(len(seconds) - 1, int(share * len(seconds)))]
