"""A reader in a loop, while runs are published, rolled back and pruned under it."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from threading import Event

import pytest

from toplists import reader
from toplists.reader import Lists, RecommendationList

MOVES, READERS, KEPT = 50, 4, 3
USERS = ("ann", "bob")


class Watched:
    """What readers saw of runs whose items are all called after them."""

    def __init__(self) -> None:
        self.over = Event()
        self.runs: set[str] = set()

    def keep_reading(self, lists: Lists) -> int:
        answers = 0
        while not self.over.is_set():
            self.look_at(lists.user(USERS[answers % 2]), places=2, fallback=False)
            self.look_at(lists.user("nobody"), places=1, fallback=True)
            self.look_at(lists.similar("film"), places=2, fallback=False)
            answers += 3
        return answers

    def look_at(self, found: RecommendationList | None, *, places: int, fallback: bool) -> None:
        assert found is not None
        assert found.fallback is fallback
        # Complete, and of one run.
        ids = [item.item_id for item in found.items]
        assert ids == [f"{found.run_id}-{place}" for place in range(1, places + 1)]
        self.runs.add(found.run_id)


@pytest.mark.long
def test_readers_see_whole_lists_of_one_run_whatever_is_published(lake):
    lake.write_run("r0")
    lake.point_to("r0")
    watched = Watched()
    live, stored = "r0", ["r0"]
    with (
        reader.open(f"delta:{lake.dataset.root}") as lists,
        ThreadPoolExecutor(READERS) as pool,
    ):
        reading = [pool.submit(watched.keep_reading, lists) for _ in range(READERS)]
        try:
            for move in range(1, MOVES + 1):
                if move % 3 == 0:  # back to the run before, as long as that is kept
                    lake.point_to(stored[-2], action="rollback", previous=live)
                    live = stored[-2]
                    continue
                run = f"r{move}"
                lake.write_run(run, users=USERS)
                lake.point_to(run, previous=live)
                live = run
                stored.append(run)
                while len(stored) > KEPT:
                    lake.prune(stored.pop(0))
        finally:
            watched.over.set()
        answers = sum(one.result() for one in reading)
        assert lists.publication().run_id == live
    assert answers > MOVES
    assert len(watched.runs) > MOVES // 5
