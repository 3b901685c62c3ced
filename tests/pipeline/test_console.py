from __future__ import annotations

import io
import re
from datetime import date
from pathlib import Path

import pytest
from rich.cells import cell_len

from toplists.errors import ConflictError, GateRefusedError, InputRefusedError
from toplists.pipeline.console import ConsoleDisplay, open_narrator
from toplists.pipeline.narration import Narrator
from toplists.pipeline.screen import open_console
from toplists.pipeline.summary import MetricLine, RunSummary, StepSummary, TextTable

ANSI = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")
TERMINAL = {"TOPLISTS_TERMINAL": "1", "COLUMNS": "80", "TERM": "xterm-256color"}
PLAIN: dict[str, str] = {}


class Screen:
    """A narrator, and what it wrote."""

    def __init__(self, environ: dict[str, str]) -> None:
        self.out, self.err = io.StringIO(), io.StringIO()
        self.narrator = open_narrator(environ, self.out, self.err)

    @property
    def lines(self) -> list[str]:
        return self.out.getvalue().splitlines()

    @property
    def looks(self) -> list[str]:
        """The lines without colours and cursor movements."""
        return [line.rstrip() for line in ANSI.sub("", self.out.getvalue()).splitlines()]


@pytest.fixture
def plain() -> Screen:
    return Screen(PLAIN)


@pytest.fixture
def terminal() -> Screen:
    return Screen(TERMINAL)


def narrator_with_clock(screen: Screen, *seconds: float) -> Narrator:
    ticks = iter(seconds)
    console = open_console(screen.out, PLAIN)
    return Narrator(ConsoleDisplay(console, console), clock=lambda: next(ticks))


class TestStepsWithoutTerminal:
    def test_exactly_one_line_per_step(self, plain):
        with plain.narrator.step(1, 2, "ingest") as step:
            step.detail("looking at the file")
            for done in range(4):
                step.progress(done, 3, "pieces")
            assert plain.lines == []  # nothing before it has ended
            step.detail("movielens: 100,836 rows")
        with plain.narrator.step(2, 2, "prepare"):
            pass
        assert len(plain.lines) == 2

    def test_the_line_has_place_verb_detail_and_seconds_in_80_columns(self, plain):
        narrator = narrator_with_clock(plain, 100.0, 107.4, 107.4)
        with narrator.step(3, 6, "train") as step:
            step.detail("als rank 48 on 80,419 interactions, popularity")
        expected = "3/6 train      als rank 48 on 80,419 interactions, popularity"
        assert plain.lines == [f"{expected:<68}       7.4 s"]

    def test_a_long_detail_makes_a_long_line(self, plain):
        with plain.narrator.step(1, 1, "train") as step:
            step.detail("many words " * 20)
        assert len(plain.lines) == 1

    def test_nothing_but_text_is_written(self, plain):
        with plain.narrator.step(1, 1, "train") as step:
            step.detail("of [bold]brackets[/] :smile: and \x1b[31m\n controls")
        assert "of [bold]brackets[/] :smile: and \\x1b[31m\\n controls" in plain.lines[0]
        assert "\x1b" not in plain.lines[0]

    @pytest.mark.parametrize(
        ("error", "word"),
        [
            (GateRefusedError("worse"), "refused"),
            (InputRefusedError("no header"), "refused"),
            (ConflictError("locked"), "failed"),
            (ZeroDivisionError(), "failed"),
            (KeyboardInterrupt(), "interrupted"),
        ],
    )
    def test_a_step_that_does_not_finish_says_so_and_raises(self, plain, error, word):
        with pytest.raises(type(error)), plain.narrator.step(1, 2, "train"):
            raise error
        assert plain.lines[0].split()[:3] == ["1/2", "train", word]
        assert plain.narrator.steps == ()

    def test_finished_steps_are_remembered(self, plain):
        narrator = narrator_with_clock(plain, 1.0, 3.5, 3.5)
        with narrator.step(1, 1, "train") as step:
            step.detail("als")
        assert narrator.steps == (StepSummary("train", "als", 2.5),)


class TestStepsOnTerminal:
    def test_a_step_is_alive_and_leaves_its_line(self, terminal):
        with terminal.narrator.step(1, 6, "recommend") as step:
            step.progress(2, 12, "blocks")
        assert "2 of 12 blocks" in ANSI.sub("", terminal.out.getvalue())
        assert terminal.looks[-1].split()[:2][-1].startswith("recommend")
        assert terminal.looks[-1].endswith(" s")

    def test_a_step_of_nothing_has_a_progress_too(self, terminal):
        with terminal.narrator.step(1, 6, "recommend") as step:
            step.progress(0, 0, "blocks")
        assert "0 of 0 blocks" in ANSI.sub("", terminal.out.getvalue())

    def test_the_cursor_is_shown_again_after_a_failure(self, terminal):
        with pytest.raises(ConflictError), terminal.narrator.step(1, 6, "train"):
            raise ConflictError("locked")
        assert terminal.out.getvalue().rindex("\x1b[?25h") > terminal.out.getvalue().rindex(
            "\x1b[?25l"
        )

    def test_fits_the_columns_of_the_terminal(self, terminal):
        with terminal.narrator.step(1, 6, "train") as step:
            step.detail("many words " * 20)
            step.progress(1, 2, "blocks")
        terminal.narrator.warning("many words " * 20)
        assert max(cell_len(line) for line in terminal.looks) <= 80


class TestNotes:
    @pytest.mark.parametrize("kind", ["note", "warning"])
    def test_says_what_it_is_and_wraps(self, plain, kind):
        getattr(plain.narrator, kind)(
            "Only 30 users can be judged on: the gate does not decide. " * 2
        )
        assert plain.lines[0].startswith(f"{kind}: Only 30 users")
        assert len(plain.lines) == 2
        assert max(map(len, plain.lines)) <= 80


class TestSummary:
    SUMMARY = RunSummary(
        dataset="ml-latest-small",
        run_id="2018-09-25-1a2b3c4d",
        as_of=date(2018, 9, 25),
        rows_in=100_836,
        rejected=12,
        users=610,
        items=9_724,
        model="als",
        metrics=(
            MetricLine("ndcg@10", 0.12114, 0.0721, 0.1203),
            MetricLine("recall@50", 0.3, 0.2, None),  # nothing was live before
        ),
        steps=tuple(
            StepSummary(verb, "", 60.5) for verb in ("ingest", "prepare", "train", "publish")
        ),
        live="Live now: run 2018-09-25-1a2b3c4d.",
        hints=("./toplists status",),
    )

    @pytest.mark.parametrize("environ", [PLAIN, TERMINAL])
    def test_has_everything_in_80_columns(self, environ):
        screen = Screen(environ)
        screen.narrator.summary(self.SUMMARY)
        text = "\n".join(screen.looks)
        assert "run        2018-09-25-1a2b3c4d of ml-latest-small, as of 2018-09-25" in text
        assert "rows in    100,836, of which 12 rejected" in text
        assert "lists for  610 users, from 9,724 items" in text
        assert "4 min 02 s: ingest 1 min 00 s, prepare" in text
        assert ["holdout", "als", "popularity", "live"] in [line.split() for line in screen.looks]
        assert ["ndcg@10", "0.1211", "0.0721", "0.1203"] in [line.split() for line in screen.looks]
        assert ["recall@50", "0.3000", "0.2000", "-"] in [line.split() for line in screen.looks]
        assert "Live now: run 2018-09-25-1a2b3c4d." in text
        assert screen.looks[-1] == "    ./toplists status"
        assert max(cell_len(line) for line in screen.looks) <= 80

    def test_without_figures_there_is_no_table_of_them(self, plain):
        unmeasured = RunSummary(**{**self.SUMMARY.__dict__, "metrics": ()})
        plain.narrator.summary(unmeasured)
        assert not any("holdout" in line for line in plain.looks)


class TestFailure:
    LOG = Path("/a/long/path/to the log/" + "x" * 80 + "/toplists.log")

    def test_one_wrapped_paragraph_and_the_whole_path_of_the_log(self, plain):
        plain.narrator.failure(InputRefusedError("ratings.csv:7 has three columns. " * 6), self.LOG)
        *paragraph, log = plain.err.getvalue().splitlines()
        assert paragraph[0].startswith("error: ratings.csv:7 has three columns.")
        assert len(paragraph) > 1
        assert max(map(len, paragraph)) <= 80
        assert log == f"The log has the details: {self.LOG}"
        assert plain.lines == []

    def test_without_a_log_none_is_named(self, plain):
        plain.narrator.failure(ConflictError("Locked."), None)
        assert plain.err.getvalue() == "error: Locked.\n"

    def test_what_nobody_foresaw_is_named_without_its_stack(self, plain):
        plain.narrator.failure(ValueError("first line\n  at org.apache.spark"), None)
        assert (
            plain.err.getvalue() == "error: Something unforeseen happened: ValueError: first line\n"
        )

    def test_input_quoted_in_an_error_cannot_write_on_the_screen(self, plain):
        plain.narrator.failure(InputRefusedError("line 3 is \x1b[2J[red]"), None)
        assert plain.err.getvalue() == "error: line 3 is \\x1b[2J[red]\n"


class TestTables:
    TABLE = TextTable(
        "All metrics",
        ("", *(f"a-rather-long-model-{number}" for number in range(6))),
        [("ndcg@10", *(f"0.{number}" for number in range(6))), ("auc", *"012345")],
    )

    def test_columns_that_do_not_fit_come_below(self, terminal):
        terminal.narrator.table(self.TABLE)
        text = "\n".join(terminal.looks)
        assert all(name in text for name in self.TABLE.columns)
        assert text.count("ndcg@10") == 2
        assert max(map(cell_len, terminal.looks)) <= 80

    def test_what_fits_is_one_table(self, terminal):
        terminal.narrator.table(TextTable("Few", ("", "als"), [("ndcg@10", "0.5")]))
        assert terminal.looks[-3:] == ["Few", "           als", "  ndcg@10  0.5"]

    def test_nothing_moves_the_cursor(self, plain):
        plain.narrator.table(TextTable("T", ("x",), [("\x1b[2Jevil",)]))
        assert "\x1b" not in plain.out.getvalue()


class TestLongPaths:
    PATH = (
        "/lake/films/reports/2016-10-17-bfdc8f21.compare-b5ab47c5/" + "deep/" * 10 + "report.html"
    )

    @pytest.mark.parametrize("kind", ["note", "warning"])
    def test_a_long_path_stays_whole(self, plain, terminal, kind):
        for screen in (plain, terminal):
            getattr(screen.narrator, kind)(f"Several words stand before the report: {self.PATH}")
            assert any(line.strip().endswith(self.PATH) for line in screen.looks)
