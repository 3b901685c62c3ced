from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from shutil import copytree

import pytest
from rich.cells import cell_len

from toplists.lake.bookkeeping import append_rows, read_rows
from toplists.lake.dataset import Dataset
from toplists.lake.tables import PUBLICATIONS

ROOT = Path(__file__).resolve().parents[2]
RUN = "2026-03-10-11111111"
REFUSED = "2026-03-10-33333333"
UUID = "0b0b6b0e-7a39-4f0c-9a43-6c5c1c6a4f9e"
HOSTILE = "\x1b[31m[bold]o'brien[/]\n"


def run_in_process(*arguments: str, after: str = "") -> subprocess.CompletedProcess[str]:
    command = f'"$0" -m toplists.cli "$@" {after}'
    return subprocess.run(
        ["bash", "-c", command, sys.executable, *arguments],
        env={**os.environ, "PYTHONPATH": str(ROOT / "lib")},
        capture_output=True,
        text=True,
    )


def row_with(lines: list[str], word: str) -> list[str]:
    [line] = [line for line in lines if word in line.split()]
    return line.split()


class TestStatus:
    def test_datasets_with_what_is_live_and_how_fresh(self, toplists):
        answer = toplists("status")
        assert answer.code == 0
        assert row_with(answer.lines[:6], "films") == [
            "films",
            RUN,
            "2026-03-10",
            "2",
            "hours",
            "ago",
        ]
        assert row_with(answer.lines[:6], "books")[-3:] == ["3", "days", "ago"]
        assert row_with(answer.lines[:6], "songs") == ["songs", "-"]

    def test_speaks_of_the_dataset_published_last(self, toplists):
        answer = toplists("status")
        assert "Dataset films" in answer.lines
        assert "  lists         3 users, 1 items" in answer.lines
        assert "  newest event  5 hours ago when it was published" in answer.lines

    def test_speaks_of_the_dataset_that_was_asked_for(self, toplists):
        answer = toplists("status", "--dataset", "songs")
        assert "Dataset songs" in answer.lines
        assert any("nothing: ./spark-submit.sh nightly publishes" in line for line in answer.lines)

    def test_last_runs_newest_first_with_steps_seconds_and_the_reason_of_a_refusal(self, toplists):
        lines = toplists("status").lines
        runs = lines[lines.index("Last runs") + 1 :]
        assert runs[0] == "  2026-03-10-33333333  evaluate refused  just now, 10.0 s"
        assert runs[1] == "    train 6.5 s, evaluate 3.5 s"
        assert runs[2].startswith("    evaluate: ndcg@10 is 0.02 and popularity has 0.07.")
        assert runs[3] == f"  {RUN}  publish done      1 hour ago, 8.0 s"
        assert runs[4] == "    train 7.0 s, publish 1.0 s"
        chart = runs[runs.index("How long runs took") + 1 :]
        assert [line.split()[:3] for line in chart[:2]] == [
            [RUN, "8.0", "s"],
            [REFUSED, "10.0", "s"],
        ]
        assert chart[2] == "  # train  = publish  + evaluate"

    def test_every_rule_that_the_run_judged_last_was_judged_by(self, toplists):
        lines = toplists("status").lines
        gate = lines[lines.index(f"What the gate found of run {REFUSED}") + 1 :]
        assert gate[:3] == [
            "  loss           blocked     it is worse",
            "  churn (warns)  warned      much is new",
            "  trend (warns)  not judged  too early",
        ]

    def test_shows_as_many_runs_as_asked_for(self, toplists):
        assert not any(
            line.startswith(f"  {RUN}  p") for line in toplists("status", "--runs", "1").lines
        )


class TestStatusOfOneRun:
    def test_its_attempts_why_they_ended_and_what_it_ran_on(self, toplists):
        answer = toplists("status", "--run", "2026-03-10-33333333")
        assert answer.code == 0
        assert answer.lines[:4] == [
            "Run 2026-03-10-33333333 of films",
            "  step      try  state    ended                 seconds  rows in  rows out",
            "  train       1  done     2026-03-10 11:59 UTC    6.5 s",
            "  evaluate    1  refused  2026-03-10 12:00 UTC    3.5 s       60",
        ]
        assert answer.lines[4].startswith("  evaluate: ndcg@10 is 0.02")
        assert "  loss           blocked     it is worse" in answer.lines
        on = answer.lines[answer.lines.index("It ran on") + 1 :]
        assert on == ["  code   0.1.0+abc", "  java   17.0.15", "  cores  2"]

    def test_one_that_an_older_release_began_says_less(self, toplists):
        assert toplists("status", "--run", RUN).lines[-2:] == ["It ran on", "  code  0.1.0+abc"]

    def test_a_run_that_never_was(self, toplists):
        answer = toplists("status", "--run", "2026-03-10-00000000")
        assert answer.code == 2
        assert "There is no run 2026-03-10-00000000 in dataset films" in answer.error


class TestShowUser:
    def test_history_and_list_with_titles(self, toplists):
        lines = toplists("show", "user", "15").lines
        history = lines[lines.index("History, newest first") :]
        assert history[2].split()[:5] == ["2026-03-10", "f0", "Heat", "1990", "Crime,"]
        assert history[2].endswith("4.5")
        shown = lines[lines.index("List, first 3 of 3") :]
        assert shown[2].split()[:4] == ["1", "f0", "Heat", "1990"]
        assert shown[3].split()[-2:] == ["0.8765", "personal"]

    def test_n_limits_both(self, toplists):
        lines = toplists("show", "user", "15", "--n", "2").lines
        assert "List, first 2 of 3" in lines
        assert not any("f2" in line.split() for line in lines)

    def test_an_unknown_user_is_shown_what_is_popular(self, toplists):
        answer = toplists("show", "user", "nobody")
        assert answer.code == 0
        assert "This user has no list in the run, and is shown what is popular." in answer.lines
        shown = answer.lines[answer.lines.index("Popular items, first 2 of 2") :]
        assert shown[2].split()[-2:] == ["1,234", "popularity"]  # a count needs no decimals

    @pytest.mark.parametrize("terminal", [True, False])
    def test_an_id_cannot_write_on_the_screen(self, toplists, terminal):
        answer = toplists("show", "user", HOSTILE, terminal=terminal, columns=80)
        assert answer.code == 0
        assert answer.lines[0].startswith("User \\x1b[31m[bold]o'brien[/]\\n in films")
        assert "List, first 3 of 3" in answer.lines  # and it was found

    def test_an_id_that_is_not_text_is_refused(self, toplists):
        answer = toplists("show", "user", "\udcff")
        assert answer.code == 2
        assert "it is not valid UTF-8" in answer.error

    def test_nothing_published_yet(self, toplists):
        answer = toplists("show", "user", "15", "--dataset", "songs")
        assert answer.code == 2
        assert (
            "Nothing is published in dataset songs yet. ./spark-submit.sh nightly" in answer.error
        )

    def test_without_a_catalogue_ids_have_to_do(self, toplists):
        lines = toplists("show", "user", "15", "--dataset", "books").lines
        assert lines[lines.index("List, first 3 of 3") + 1].split() == [
            "#",
            "item",
            "score",
            "source",
        ]


class TestShowItem:
    def test_items_like_it(self, toplists):
        lines = toplists("show", "item", "f1").lines
        assert lines[1] == "Brazil  1991  Crime, Drama, Documentary, Western"
        assert lines[lines.index("Items like it, first 1 of 1") + 2].split()[1:3] == ["f0", "Heat"]
        assert lines[-1] == "The list is short: only one other item was ever seen with it"

    def test_an_item_that_only_the_catalogue_knows(self, toplists):
        answer = toplists("show", "item", "lonely")
        assert answer.code == 0
        assert answer.lines[1] == "[red]Lonely[/red]\\x07"
        assert "no user of this run" in answer.lines[-1]

    def test_an_unknown_item(self, toplists):
        answer = toplists("show", "item", "f99")
        assert answer.code == 2
        assert answer.out == ""
        assert "There is no item f99 in dataset films" in answer.error


class TestHistory:
    def test_publications_newest_first_and_which_is_live(self, toplists):
        answer = toplists("history", "--dataset", "films")
        assert answer.lines[0] == "Publications of films"
        assert answer.lines[2].split() == [
            *("1", "2", "hours", "ago", RUN, "2026-03-10", "published,", "live")
        ]

    def test_the_same_for_a_program(self, toplists):
        found = json.loads(toplists("history", "--json", "--dataset", "films").out)
        assert found["live"]["run_id"] == RUN
        assert [move["sequence"] for move in found["publications"]] == [1]
        assert found["publications"][0]["as_of"] == "2026-03-10"

    def test_nothing_published_yet(self, toplists):
        answer = toplists("history", "--dataset", "songs")
        assert answer.code == 2
        assert "Nothing is published in dataset songs yet." in answer.error


class TestFromAnAddress:
    def test_lists_titles_and_history_of_a_folder(self, cli, lake):
        there = f"delta:{lake / 'films'}"
        answer = cli("show", "user", "15", "--from", there)
        assert answer.code == 0
        assert answer.lines[0].startswith(f"User 15 in {there}   run {RUN}, as of 2026-03-10")
        assert "History, newest first" in answer.lines
        assert any("Heat" in line for line in answer.lines)

    def test_titles_come_from_the_dataset_that_is_named_beside_it(self, toplists, lake):
        there = f"delta:{lake / 'books'}"  # which has no titles
        answer = toplists("show", "item", "f1", "--from", there, "--dataset", "films")
        assert any("Heat" in line for line in answer.lines)

    def test_what_is_live_there_and_whether_it_is_fresh_enough(self, cli, lake):
        there = f"delta:{lake / 'books'}"
        answer = cli("status", "--from", there)
        assert answer.code == 0
        assert answer.lines[:2] == [f"Lists in {there}", "  live       run 2026-03-07-22222222"]
        assert "3 days ago" in answer.lines[3]
        assert cli("status", "--from", there, "--max-age", "4d").code == 0
        for option, value in (("--run", RUN), ("--runs", "3"), ("--history", "3")):
            refused = cli("status", "--from", there, option, value)
            assert refused.code == 2
            assert f"leave out --from, or {option}" in refused.error
        stale = cli("status", "--from", there, "--max-age", "2d")
        assert stale.code == 7
        assert f"The live lists in {there} are too old" in stale.error

    def test_a_store_that_is_behind_the_lake_is_told_so(self, cli, lake, tmp_path):
        films = Dataset(copytree(lake / "films", tmp_path / "films"))
        copy = f"delta:{copytree(films.root, tmp_path / 'store')}"
        move = read_rows(films, PUBLICATIONS)[0]
        append_rows(films, PUBLICATIONS, [{**move, "sequence": 2, "action": "rollback"}])
        beside = ("--from", copy, "--lake", str(tmp_path), "--dataset", "films")
        assert f"{copy} is 1 publication behind the lake" in cli("status", *beside).out
        lines = cli("history", *beside).lines
        assert lines[2].split()[0] == "2"
        assert lines[3].endswith("live")
        assert lines[-1].startswith(f"{copy} is 1 publication behind the lake")

    def test_an_address_of_no_lists_ends_in_usage(self, cli):
        answer = cli("show", "user", "15", "--from", "mongodb://me:secret@here/x")
        assert answer.code == 2
        assert "'mongodb' is no kind of lists" in answer.error
        assert "secret" not in answer.error

    def test_nothing_published_there(self, cli, lake):
        answer = cli("show", "user", "15", "--from", f"delta:{lake / 'songs'}")
        assert answer.code == 2
        assert f"Nothing is published in delta:{lake / 'songs'} yet." in answer.error


class TestWhereItLooks:
    def test_no_lake_yet_names_the_command_that_makes_one(self, cli, tmp_path):
        answer = cli("status", "--lake", str(tmp_path / "none"))
        assert answer.code == 2
        assert answer.out == ""
        assert "./spark-submit.sh nightly makes one" in answer.error

    def test_an_unknown_dataset_gets_the_nearest_name(self, toplists):
        answer = toplists("status", "--dataset", "film")
        assert answer.code == 2
        assert "There is no dataset 'film' in this lake. Did you mean films?" in answer.error

    def test_the_lake_of_the_settings_is_used_unless_another_is_named(self, cli, lake):
        answer = cli("status", "--set", f"lake.root={lake}")
        assert answer.code == 0
        assert answer.lines[0].split() == ["Lake", str(lake)]

    def test_settings_are_read_where_the_jobs_read_them(self, cli, lake, tmp_path):
        conf = tmp_path / "elsewhere"
        conf.mkdir()
        (conf / "base.yaml").touch()
        (conf / "night.yaml").write_text(f"lake: {{root: '{lake}'}}\n")
        answer = cli("status", "--env", "night", TOPLISTS_CONF=str(conf))
        assert answer.lines[0].split() == ["Lake", str(lake)]
        shown = cli("config", "--env", "night", TOPLISTS_CONF=str(conf))
        assert any("elsewhere/night.yaml:1" in line for line in shown.lines)

    def test_a_relative_lake_is_relative_to_the_current_folder(self, cli, lake, monkeypatch):
        monkeypatch.chdir(lake.parent)
        assert cli("status", "--lake", lake.name).lines[0].split() == ["Lake", str(lake)]

    def test_a_lake_that_cannot_be_read_is_an_error_in_a_sentence(
        self, toplists, lake, monkeypatch
    ):
        monkeypatch.setattr("toplists.reader.snapshot.Snapshot.files", lambda *_: [])
        answer = toplists("show", "user", "15")
        assert answer.code == 1
        assert "holds no lists of run" in answer.error


class TestConfig:
    def test_every_setting_has_its_value_origin_and_meaning(self, cli):
        lines = cli("config", "--set", "model.als.rank=64").lines
        rank = lines.index("  rank = 64   (--set)")
        assert lines[rank + 1].startswith("      Number of latent factors. Allowed: ")
        assert "lake" in lines
        assert any(line.startswith("  root = ") for line in lines)

    def test_settings_of_a_file_are_shown_with_their_line(self, cli, tmp_path):
        (tmp_path / "best.yaml").write_text("model:\n  als:\n    rank: 64\n")
        lines = cli("config", "--overlay", str(tmp_path / "best.yaml")).lines
        assert f"  rank = 64   ({tmp_path.name}/best.yaml:3)" in lines

    def test_an_unknown_key_ends_in_usage(self, cli):
        answer = cli("config", "--set", "model.als.rnak=64")
        assert answer.code == 2
        assert "model.als.rank" in answer.error


class TestLooks:
    @pytest.mark.parametrize("columns", [60, 80, 120])
    @pytest.mark.parametrize(
        "arguments",
        [
            ("status",),
            ("status", "--run", REFUSED),
            ("history",),
            ("show", "user", "15"),
            ("show", "user", UUID),
            ("show", "item", "f1"),
        ],
    )
    def test_fits_the_terminal(self, toplists, arguments, columns):
        answer = toplists(*arguments, terminal=True, columns=columns)
        assert "\x1b[" in answer.out
        assert max(cell_len(line) for line in answer.lines) <= columns

    def test_config_fits_the_terminal(self, cli):
        lines = cli("config", terminal=True, columns=80).lines
        assert max(cell_len(line) for line in lines) <= 80

    @pytest.mark.parametrize("arguments", [("status",), ("show", "user", UUID)])
    def test_is_plain_and_whole_where_there_is_no_terminal(self, toplists, arguments):
        answer = toplists(*arguments)
        assert answer.out.isascii()
        assert "\x1b" not in answer.out
        assert "…" not in answer.out

    def test_long_titles_are_whole_without_a_terminal_and_cut_on_one(self, toplists):
        title = "A Title That Is Much Longer Than Any Screen Has Room For, Really"
        assert title in toplists("show", "user", "15").out
        narrow = toplists("show", "user", "15", terminal=True, columns=80)
        assert title not in narrow.out
        assert "A Title That Is" in narrow.out

    def test_ids_are_never_cut(self, toplists):
        assert UUID in toplists("show", "user", UUID, terminal=True, columns=60).out


@pytest.mark.process
class TestAsAProcess:
    def test_show_user_is_quick_and_loads_no_spark(self, lake):
        began = time.monotonic()
        answer = run_in_process("show", "user", "15", "--lake", str(lake))
        assert time.monotonic() - began < 2.0
        assert answer.returncode == 0
        assert "Heat" in answer.stdout

    def test_a_closed_pipe_is_no_error(self, lake):
        arguments = ("show", "user", "15", "--lake", str(lake))
        answer = run_in_process(*arguments, after="| true")
        assert answer.stderr == ""

    def test_show_imports_nothing_heavy(self, lake):
        code = (
            "import io, sys; from datetime import UTC, datetime\n"
            "from toplists.cli.command import main\n"
            f"main(['show', 'user', '15', '--lake', {str(lake)!r}], {{}}, io.StringIO(),"
            " io.StringIO(), now=datetime.now(UTC))\n"
            "print(sorted({'pyspark', 'pandas', 'numba', 'pydantic'} & set(sys.modules)))"
        )
        answer = subprocess.run(
            [sys.executable, "-c", code],
            env={"PYTHONPATH": str(ROOT / "lib")},
            capture_output=True,
            text=True,
            check=True,
        )
        assert answer.stdout == "[]\n"

    @pytest.mark.parametrize(
        "arguments", [(), ("show",), ("show", "user", "1", "--n", "0"), ("nope",)]
    )
    def test_a_command_that_cannot_be_followed_ends_in_2(self, arguments):
        answer = run_in_process(*arguments)
        assert answer.returncode == 2
        assert "usage: toplists" in answer.stderr
