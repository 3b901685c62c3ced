"""A reader in a loop, while runs are published, rolled back and pruned under it."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
from reader.watched import Watched

from toplists import reader

MOVES, READERS, KEPT = 50, 4, 3


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
                lake.write_run(run, users=Watched.USERS)
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
