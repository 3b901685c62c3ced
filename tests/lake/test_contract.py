from __future__ import annotations

from pathlib import Path

from toplists.lake.contract import render_contract
from toplists.lake.tables import TABLES

ROOT = Path(__file__).resolve().parents[2]


def section(name: str) -> list[str]:
    """The lines of one table's section."""
    lines = render_contract().splitlines()
    start = lines.index(f"### {name}")
    ends = [n for n, line in enumerate(lines) if n > start and line.startswith("#")]
    return lines[start : ends[0] if ends else None]


def test_the_committed_contract_is_current():
    committed = (ROOT / "docs/tables.md").read_text(encoding="utf-8")
    assert committed == render_contract(), (
        "docs/tables.md is out of date; the docstring of toplists.lake.contract says how to write it"
    )


def test_every_table_and_column_is_described_once():
    lines = render_contract().splitlines()
    for table in TABLES:
        assert lines.count(f"### {table.name}") == 1
        described = [line.split("`")[1] for line in section(table.name) if line.startswith("| `")]
        assert [name for name in described if "[]" not in name] == table.column_names


def test_tables_for_readers_come_first():
    headings = [line for line in render_contract().splitlines() if line.startswith("##")]
    assert headings[:4] == [
        "## How to read the live lists",
        "## Tables for readers",
        "### publications",
        "### recommendations",
    ]


def test_a_section_has_purpose_key_layout_constraints_and_columns():
    text = section("interactions")
    assert "- Key: `run_id`, `user_id`, `item_id`" in text
    assert "- Layout: partitioned by `run_id`" in text
    assert "- CHECK weight: `weight >= 0`" in text
    assert any(line.startswith("| `user_pos` | int | no | Position") for line in text)
    assert any(line.startswith("| `event_time` | timestamp | yes | ") for line in text)


def test_the_places_of_a_list_are_described_one_by_one():
    text = section("recommendations")
    assert any(line.startswith("| `items` | array of struct | no |") for line in text)
    assert any(line.startswith("| `items[].score` | double | no |") for line in text)


def test_what_looks_like_html_in_a_comment_is_shown():
    assert "&lt;as_of>" in "".join(section("recommendations"))
