"""What readers in a loop see of runs whose items are all called after them."""

from __future__ import annotations

from threading import Event

from toplists.reader import Lists, RecommendationList


class Watched:
    USERS = ("ann", "bob")

    def __init__(self) -> None:
        self.over = Event()
        self.runs: set[str] = set()

    def keep_reading(self, lists: Lists) -> int:
        """Until it is over; how many answers there were."""
        answers = 0
        while not self.over.is_set():
            self.look_at(lists.user(self.USERS[answers % 2]), places=2, fallback=False)
            self.look_at(lists.user("nobody"), places=1, fallback=True)
            self.look_at(lists.similar("film"), places=2, fallback=False)
            answers += 3
        return answers

    def look_at(self, found: RecommendationList | None, *, places: int, fallback: bool) -> None:
        """It is complete, and of one run."""
        assert found is not None
        assert found.fallback is fallback
        ids = [item.item_id for item in found.items]
        assert ids == [f"{found.run_id}-{place}" for place in range(1, places + 1)]
        self.runs.add(found.run_id)
