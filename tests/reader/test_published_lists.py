from __future__ import annotations

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, date, datetime
from threading import Event

import pytest
from deltalake import DeltaTable

from toplists.lake.tables import RECOMMENDATIONS
from toplists.reader import (
    CatalogueItem,
    Interaction,
    ListCounts,
    ListsUnavailableError,
    Publication,
)
from toplists.reader.delta import open_delta
from toplists.reader.live import LiveLists

STRANGE_IDS = (
    "o'brien",
    "''",
    "x' OR '1'='1",
    'say "hi"',
    "a,b",
    "back\\slash",
    "100%",
    "_",
    "007",
    "7",
    "9223372036854775807",
    "👩‍🚀 Ünïcödé",
    "two\nlines",
    "\x1b[31m",
    " padded ",
)


def first_item(lists, user_id="ann"):
    found = lists.user(user_id)
    return found.items[0].item_id if found and not found.fallback else None


class TestWhatIsLive:
    def test_nothing_where_there_is_no_dataset(self, tmp_path):
        lists = open_delta(tmp_path / "nowhere")
        assert lists.publication() is None
        assert lists.publications() == []
        assert lists.user("ann") is None

    def test_a_run_that_was_never_published_is_not_read(self, lake):
        lake.write_run("r1")
        lake.write_interactions("r1", ("ann", "film", 5.0, None))
        lists = open_delta(lake.dataset.root)
        assert lists.user("ann") is None
        assert lists.popular() is None
        assert lists.history("ann", 10) == []
        assert lists.items(["film"]) == {}

    def test_only_the_run_that_the_last_row_names_is_read(self, lake):
        for run in ("r1", "r2", "r3"):  # r1 was live, r2 is, r3 waits to be published
            lake.write_run(run)
        lake.point_to("r1")
        lake.point_to("r2", previous="r1")
        lists = open_delta(lake.dataset.root)
        assert lists.user("ann").run_id == "r2"
        assert [item.item_id for item in lists.user("ann").items] == ["r2-1", "r2-2"]
        assert [item.item_id for item in lists.similar("film").items] == ["r2-1", "r2-2"]
        assert [item.item_id for item in lists.popular().items] == ["r2-1"]

    def test_a_reader_that_was_opened_before_follows_publications_and_rollbacks(self, lake):
        lists = open_delta(lake.dataset.root)
        lake.write_run("r1")
        lake.point_to("r1")
        assert first_item(lists) == "r1-1"
        lake.write_run("r2")
        assert first_item(lists) == "r1-1"  # written, not yet published
        lake.point_to("r2", previous="r1")
        assert first_item(lists) == "r2-1"
        lake.point_to("r1", action="rollback", previous="r2")
        assert first_item(lists) == "r1-1"

    def test_the_publication_and_its_history(self, lake):
        for run in ("r1", "r2"):
            lake.write_run(run)
        lake.point_to("r1")
        lake.point_to("r2", previous="r1")
        lake.point_to("r1", action="rollback", previous="r2")
        lists = open_delta(lake.dataset.root)
        assert lists.publication() == Publication(
            sequence=3,
            run_id="r1",
            action="rollback",
            as_of=date(2026, 3, 1),
            previous_run_id="r2",
            bad_run_id=None,
            published_at=datetime(2026, 3, 3, 4, 0, tzinfo=UTC),
        )
        assert [moved.run_id for moved in lists.publications()] == ["r1", "r2", "r1"]


class TestRunsThatDisappear:
    def test_a_question_is_asked_again_when_its_run_is_pruned_meanwhile(self, lake):
        lake.write_run("r1")
        lake.write_run("r2")
        lake.point_to("r1")
        lists = open_delta(lake.dataset.root)
        asked = []

        def question(live: LiveLists) -> str:
            asked.append(live.publication.run_id)
            if asked == ["r1"]:
                lake.point_to("r2", previous="r1")
                lake.prune("r1")
            return live.user("ann").items[0].item_id

        assert lists.read(question) == "r2-1"
        assert asked == ["r1", "r2"]

    def test_files_that_were_rewritten_are_found_again(self, lake):
        lake.write_run("r1", users=["ann"])
        lake.write_run("r1", users=["bob"])
        lake.point_to("r1")
        lists = open_delta(lake.dataset.root)
        assert first_item(lists) == "r1-1"
        table = DeltaTable(lake.dataset.path(RECOMMENDATIONS))
        table.optimize.compact()
        table.vacuum(retention_hours=0, enforce_retention_duration=False, dry_run=False)
        assert first_item(lists) == "r1-1"

    def test_a_live_run_without_lists_is_an_error_and_not_an_unknown_user(self, lake):
        lake.write_run("r1")
        lake.point_to("r1")
        lake.prune("r1")
        with pytest.raises(ListsUnavailableError, match="holds no lists of run r1"):
            open_delta(lake.dataset.root).user("ann")

    def test_no_answer_is_a_mixture_while_runs_are_published_and_pruned(self, lake):
        lake.write_run("r0")
        lake.point_to("r0")
        lists = open_delta(lake.dataset.root)
        over = Event()

        def look(live: LiveLists) -> set[str]:
            found = (live.user("bob"), live.similar("film"), live.popular())
            named = {item.item_id.partition("-")[0] for one in found for item in one.items}
            return named | {one.run_id for one in found} | {live.publication.run_id}

        def keep_looking() -> list[set[str]]:
            seen = [lists.read(look)]
            while not over.is_set():
                seen.append(lists.read(look))
            return seen

        with ThreadPoolExecutor(4) as pool:
            readers = [pool.submit(keep_looking) for _ in range(4)]
            try:
                for night in range(1, 6):
                    lake.write_run(f"r{night}")
                    lake.point_to(f"r{night}", previous=f"r{night - 1}")
                    if night >= 2:
                        lake.prune(f"r{night - 2}")
            finally:
                over.set()
            seen = [answer for reader in readers for answer in reader.result()]
        assert all(len(answer) == 1 for answer in seen)
        assert len(set().union(*seen)) > 1  # the readers saw the lists change


class TestLists:
    def test_a_user_without_a_list_is_shown_what_is_popular_and_the_answer_says_so(self, lake):
        lake.write_run("r1", segments=("all", "teens"))
        lake.point_to("r1")
        lists = open_delta(lake.dataset.root)
        assert lists.user("ann").fallback is False
        assert lists.user("nobody") == replace(lists.popular(), fallback=True)
        assert lists.user("nobody", segment="teens") == replace(
            lists.popular("teens"), fallback=True
        )
        assert lists.user("nobody", segment="nowhere") == lists.user("nobody")
        assert lists.popular().fallback is False  # it was asked for

    def test_an_answer_says_how_old_it_is(self, lake):
        lake.write_run("r1")
        lake.point_to("r1")
        lists = open_delta(lake.dataset.root)
        for found in (lists.user("ann"), lists.user("nobody"), lists.similar("film")):
            assert (found.run_id, found.as_of) == ("r1", date(2026, 3, 1))

    def test_unknown_items_segments_and_placements_have_no_list(self, lake):
        lake.write_run("r1")
        lake.point_to("r1")
        lists = open_delta(lake.dataset.root)
        assert lists.user("ann", placement="front page") is None
        assert lists.similar("nothing") is None
        assert lists.popular("nowhere") is None

    def test_a_list_has_scores_sources_and_its_order(self, lake):
        lake.write_run("r1")
        lake.point_to("r1")
        found = open_delta(lake.dataset.root).user("ann")
        assert [(item.score, item.source) for item in found.items] == [
            (1.0, "personal"),
            (0.5, "personal"),
        ]
        assert found.short_reason is None

    def test_ids_are_found_letter_by_letter_and_nothing_else_is(self, lake):
        lake.write_run("r1", users=[*STRANGE_IDS, "somebody else"], items=STRANGE_IDS)
        lake.write_interactions(
            "r1",
            *((id_, id_, float(number), None) for number, id_ in enumerate(STRANGE_IDS)),
            ("somebody else", "film", 1.0, None),
        )
        lake.write_items(*((id_, f"title of {id_}", None, []) for id_ in STRANGE_IDS))
        lake.point_to("r1")
        lists = open_delta(lake.dataset.root)
        for number, id_ in enumerate(STRANGE_IDS):
            assert first_item(lists, id_) == "r1-1"
            assert lists.similar(id_) is not None
            assert lists.history(id_, 10) == [Interaction(id_, float(number), None)]
            assert lists.items([id_])[id_].title == f"title of {id_}"

    def test_leading_zeros_count(self, lake):
        lake.write_run("r1", users=["007"])
        lake.point_to("r1")
        assert open_delta(lake.dataset.root).user("7").fallback

    def test_an_id_that_is_no_text_is_refused(self, lake):
        lake.write_run("r1")
        lake.point_to("r1")
        with pytest.raises(ValueError, match="surrogates"):
            open_delta(lake.dataset.root).user("\udcff")

    def test_counts(self, lake):
        lake.write_run("r1", users=["ann", "bob", "cid"])
        lake.write_run("r2", users=["ann"], items=["film", "book"])
        lake.point_to("r2")
        counts = open_delta(lake.dataset.root).read(lambda live: live.counts())
        assert counts == ListCounts(users=1, items=2)


class TestHistory:
    def test_newest_first_then_by_item_and_without_a_time_last(self, lake):
        old, new = datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 1, 2, tzinfo=UTC)
        lake.write_run("r1")
        lake.write_interactions(
            "r1",
            ("ann", "timeless", 1.0, None),
            ("ann", "old", 2.0, old),
            ("ann", "new b", None, new),  # the event itself is the feedback
            ("ann", "new a", 3.0, new),
            ("bob", "of another user", 5.0, new),
        )
        lake.write_interactions("r0", ("ann", "of another run", 5.0, new))
        lake.point_to("r1")
        lists = open_delta(lake.dataset.root)
        expected = [
            Interaction("new a", 3.0, new),
            Interaction("new b", None, new),
            Interaction("old", 2.0, old),
            Interaction("timeless", 1.0, None),
        ]
        assert lists.history("ann", 10) == expected
        assert lists.history("ann", 2) == expected[:2]
        assert lists.history("nobody", 10) == []


class TestCatalogue:
    def test_known_items_by_id(self, lake):
        lake.write_run("r1")
        lake.write_items(
            ("1", "Heat", 1995, ["Crime", "Drama"]),
            ("2", None, None, []),  # an item of which nothing is known
            ("3", "not asked for", None, []),
        )
        lake.point_to("r1")
        lists = open_delta(lake.dataset.root)
        assert lists.items(["1", "2", "2", "unknown"]) == {
            "1": CatalogueItem("1", "Heat", 1995, ("Crime", "Drama")),
            "2": CatalogueItem("2", None, None, ()),
        }
        assert lists.items([]) == {}


@pytest.mark.process
def test_the_reader_brings_what_its_place_takes_and_nothing_of_the_pipeline(lake):
    lake.write_run("r1")
    lake.point_to("r1")
    code = (
        "import sys, toplists.reader\n"
        "heavy = {'deltalake', 'pyarrow', 'pandas', 'pyspark', 'toplists.lake', 'toplists.errors'}\n"
        "print(sorted(heavy & set(sys.modules)))\n"
        f"lists = toplists.reader.open({f'delta:{lake.dataset.root}'!r})\n"
        "assert not lists.user('ann').fallback\n"
        "print(sorted(heavy & set(sys.modules)))\n"
    )
    answer = subprocess.run(
        [sys.executable, "-c", code],
        env={"PYTHONPATH": ":".join(sys.path)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert answer.stdout == "[]\n['deltalake', 'pyarrow']\n"
