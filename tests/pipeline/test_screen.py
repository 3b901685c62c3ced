from __future__ import annotations

import io
from datetime import UTC, datetime, timedelta

import pytest
from rich.table import Table

from toplists.pipeline.screen import age_text, open_console, printable, seconds_text, time_text

NOW = datetime(2026, 3, 10, 12, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("age", "text"),
    [
        (timedelta(seconds=-5), "just now"),  # clocks of two machines differ
        (timedelta(seconds=59), "just now"),
        (timedelta(seconds=60), "1 minute ago"),
        (timedelta(minutes=59, seconds=59), "59 minutes ago"),
        (timedelta(hours=1), "1 hour ago"),
        (timedelta(hours=47), "1 day ago"),
        (timedelta(days=400), "400 days ago"),
    ],
)
def test_age(age, text):
    assert age_text(NOW - age, NOW) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.0, "0.0 s"),
        (7.44, "7.4 s"),
        (59.94, "59.9 s"),
        (59.96, "1 min 00 s"),
        (185.4, "3 min 05 s"),
        (3599.6, "1 h 00 min"),
        (7800.0, "2 h 10 min"),
    ],
)
def test_seconds(seconds, text):
    assert seconds_text(seconds) == text


def test_time_is_utc_to_the_minute():
    assert time_text(NOW) == "2026-03-10 12:00 UTC"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("Amélie 映画 🎬", "Amélie 映画 🎬"),
        ("👩\u200d🚀", "👩\u200d🚀"),  # joined emoji stay joined
        ("a\tb\nc\r", "a\\tb\\nc\\r"),
        ("\x1b[2J\x07\x7f\x9b", "\\x1b[2J\\x07\\x7f\\x9b"),
        ("\u202egnp.exe", "\\u202egnp.exe"),  # would be read from right to left
        ("\udcff", "\\udcff"),  # a byte of an argument that is no UTF-8
    ],
)
def test_printable(text, shown):
    assert printable(text) == shown


@pytest.mark.parametrize(
    ("environ", "terminal", "width"),
    [
        ({}, False, 100),
        ({"COLUMNS": "72"}, False, 72),
        ({"TOPLISTS_TERMINAL": "1", "COLUMNS": "132"}, True, 132),
        ({"COLUMNS": "nonsense"}, False, 100),
        ({"COLUMNS": "0"}, False, 100),
    ],
)
def test_console_takes_terminal_and_width_from_the_environment(environ, terminal, width):
    console = open_console(io.StringIO(), environ, plain_width=100)
    assert (console.is_terminal, console.width) == (terminal, width)


def test_a_stream_without_unicode_is_no_reason_to_fail():
    raw = io.BytesIO()
    console = open_console(io.TextIOWrapper(raw, encoding="ascii"), {})
    console.print("Amélie")
    console.file.flush()
    assert raw.getvalue() == b"Am\\xe9lie\n"


def test_lines_of_a_piped_table_end_where_their_text_does():
    out = io.StringIO()
    table = Table("user", "why")
    table.add_row("u1", "short")
    table.add_row("u2", "a reason that is longer")
    open_console(out, {}).print(table)
    lines = out.getvalue().splitlines()
    assert len(lines) > 3
    assert all(line == line.rstrip() for line in lines)
