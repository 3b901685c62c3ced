"""The HTML of reports: one file, well-formed, escaped, readable without seeing it."""

from __future__ import annotations

import re
from dataclasses import replace
from html.parser import HTMLParser
from xml.etree import ElementTree

import pytest
from report_contents import (
    HOSTILE,
    RUN,
    hostile_run,
    large_run,
    made_up_comparison,
    made_up_run,
    made_up_study,
    own,
    sliced_figures,
)

from toplists.evaluation.report.comparison_page import comparison_page
from toplists.evaluation.report.content import ComparedModel, Figure, Lineage, RunContent
from toplists.evaluation.report.page import render
from toplists.evaluation.report.run_page import run_page
from toplists.evaluation.report.study_page import study_page
from toplists.evaluation.report.words import difference_words

VOID = {"meta", "link", "img", "br", "hr", "input"}
PAGES = {
    "run": lambda: run_page(made_up_run()),
    "hostile": lambda: run_page(hostile_run()),
    "large": lambda: run_page(large_run()),
    "comparison": lambda: comparison_page(made_up_comparison()),
    "study": lambda: study_page(made_up_study()),
}


class Elements(HTMLParser):
    """Every element and its attributes, and whether all that opens is closed in order."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.text: dict[str, list[str]] = {}
        self._open: list[str] = []
        self.feed(text)
        self.close()
        assert self._open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))
        if tag not in VOID:
            self._open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self._open:
            self.text.setdefault(self._open[-1], []).append(data)

    def named(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.found if name == tag]


@pytest.fixture(scope="module", params=PAGES)
def html(request: pytest.FixtureRequest) -> str:
    return render(PAGES[request.param]())


def test_it_needs_nothing_else_and_does_nothing(html: str) -> None:
    elements = Elements(html)
    tags = {tag for tag, _ in elements.found}
    assert not tags & {"script", "link", "img", "iframe", "object", "embed", "base", "form", "use"}
    for _, attributes in elements.found:
        assert not {name for name in attributes if name.startswith("on")}
        assert not attributes.keys() & {"src", "srcset", "style", "background", "xlink:href"}
        assert (attributes.get("href") or "#").startswith("#")
    style = "".join(elements.text["style"])
    assert not re.search(r"url\(|@import|@font-face|https?:", style)


def test_it_is_well_formed_small_and_one_language(html: str) -> None:
    Elements(html)
    assert len(html.encode("utf-8")) < 2_000_000
    assert html.startswith("<!DOCTYPE html>")
    assert '<html lang="en">' in html
    assert 'name="viewport"' in html
    for drawing in re.findall(r"<svg.*?</svg>", html, flags=re.DOTALL):
        ElementTree.fromstring(drawing)


def test_everything_has_a_name(html: str) -> None:
    elements = Elements(html)
    ids = [attributes["id"] for _, attributes in elements.found if "id" in attributes]
    assert len(ids) == len(set(ids))
    targets = {link["href"] for link in elements.named("a")}
    assert targets <= {f"#{one}" for one in ids}
    for figure in re.findall(r"<figure>.*?</figure>", html, flags=re.DOTALL):
        assert re.search(r'<svg[^>]* role="img"[^>]*>\s*<title>[^<]*</title>\s*<desc>', figure)
        assert "<figcaption>" in figure
    for table in re.findall(r"<table.*?</table>", html, flags=re.DOTALL):
        assert table.count("<caption>") == 1
        assert '<th scope="col"' in table


def test_every_row_fills_its_table(html: str) -> None:
    for table in re.findall(r"<table.*?</table>", html, flags=re.DOTALL):
        rows = re.findall(r"<tr.*?</tr>", table, flags=re.DOTALL)
        widths = {
            len(re.findall(r"<t[hd]", row))
            + sum(int(span) - 1 for span in re.findall(r'colspan="(\d+)"', row))
            for row in rows
        }
        assert len(widths) == 1


def test_what_means_harm_is_shown_as_text() -> None:
    html = render(run_page(hostile_run()))
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in html
    assert "o&#39;brien &amp; &#34;sons&#34; {{ 7 * 7 }} {% raw %}" in html
    for _, attributes in Elements(html).found:
        named = {name for name, value in attributes.items() if "example.org" in (value or "")}
        assert named <= {"aria-label", "data-label"}  # which are text, too
    for sound in ("שלום עולם, مرحبا بالعالم", "👩\u200d👩\u200d👧"):
        assert sound in html
    for hidden in ("\u202e", "\u2066", "\x00", "\x07", "\ud800"):
        assert hidden not in html
    assert "x" * 301 not in html
    html.encode("utf-8")


def test_the_verdict_comes_first() -> None:
    passed = render(run_page(made_up_run()))
    assert passed.index("Passed, with 1 warning") < passed.index("<h2")
    refused = render(run_page(hostile_run()))
    assert f"Refused, for {len(HOSTILE)} reasons" in refused


def test_differences_are_in_words() -> None:
    html = render(run_page(made_up_run()))
    (table,) = re.findall(r"<table[^>]*>\s*<caption>Every metric.*?</table>", html, flags=re.DOTALL)
    assert table.count("<bdi>better</bdi>") == 6  # than popularity
    assert table.count("<bdi>no real difference</bdi>") == 6  # from live
    assert table.index("ndcg@10") < table.index("hit_rate@10")  # what decides is first


def test_slices_and_variety_are_told_where_they_are_measured() -> None:
    run = made_up_run()
    html = render(run_page(replace(run, figures=[*run.figures, *sliced_figures()])))
    (slices,) = re.findall(r"By slice</h2>.*?</section>", html, flags=re.DOTALL)
    assert re.findall(r"<figcaption><bdi>(.*?)</bdi>", slices) == [
        "ndcg@10 by country",  # the small ones first
        "ndcg@10 by activity",
    ]
    assert "low, als, 610 users 0.0500 (0.0400 to 0.0600); high, als, 610 users 0.0800" in slices
    assert "&lt;b&gt;de&lt;/b&gt;" in slices
    (variety,) = re.findall(r"Accuracy beside variety</h2>.*?</section>", html, flags=re.DOTALL)
    assert "als: 0.1600 at 0.3100; popularity: 0.0960 at 0.0200" in variety
    (table,) = re.findall(r"<table[^>]*>\s*<caption>Every metric.*?</table>", html, flags=re.DOTALL)
    assert "<bdi>0.0500 to 0.0700</bdi>" in table  # of hit_rate@10, and no slice's
    assert "worse" not in table  # as the candidate is in one slice


def test_rules_and_change_are_told() -> None:
    html = render(run_page(made_up_run()))
    (rules,) = re.findall(r"Rules of the gate</h2>.*?</section>", html, flags=re.DOTALL)
    states = re.findall(r"<bdi>(passed|not judged|warned|blocked)</bdi>", rules)
    assert states == ["passed", "not judged", "warned", "blocked"]
    assert rules.count("<bdi>warns</bdi>") == 4
    (change,) = re.findall(r"Change</h2>.*?</section>", html, flags=re.DOTALL)
    assert "This one: jaccard@10 0.6000, rbo@10 0.7000." in change
    assert "0.6100" in change


@pytest.mark.parametrize(
    ("metric", "low", "high", "words"),
    [
        ("ndcg@10", 0.01, 0.02, "better"),
        ("ndcg@10", -0.02, -0.01, "worse"),
        ("ndcg@10", -0.01, 0.02, "no real difference"),
        ("ndcg@10", 0.0, 0.02, "no real difference"),
        ("rmse", 0.01, 0.02, "worse"),  # errors are better small
        ("rmse", -0.02, -0.01, "better"),
        ("tail_share@10", 0.01, 0.02, "higher"),  # good at neither end
        ("tail_share@10", -0.02, -0.01, "lower"),
        ("cumulative_hit_rate@10>=4", 0.01, 0.02, "better"),
        ("ndcg@10", None, None, "not tested"),
    ],
)
def test_what_a_difference_means(metric, low, high, words) -> None:
    assert difference_words(Figure("als", metric, "live", 0.0, low, high, 10))[0] == words


def test_errors_are_best_small() -> None:
    models = [
        ComparedModel(
            name,
            {"rmse": own(name, "rmse", value), "tail_share@10": own(name, "tail_share@10", value)},
        )
        for name, value in (("a", 0.9), ("b", 0.8))
    ]
    comparison = replace(
        made_up_comparison(), deciding="rmse", metrics=("rmse", "tail_share@10"), models=models
    )
    html = render(comparison_page(comparison))
    assert "b has the best rmse" in html
    (table,) = re.findall(r"<table[^>]*>\s*<caption>Models by.*?</table>", html, flags=re.DOTALL)
    assert table.count("★") == 1 + 1  # in the caption, and one


def test_sections_without_content_are_absent() -> None:
    run = made_up_run()
    little = RunContent(
        dataset="films",
        run_id=RUN,
        as_of=None,
        at=run.at,
        standing="not published",
        candidate="model",
        protocol="",
        deciding="ndcg@10",
        confidence=0.95,
        verdict=None,
        lineage=Lineage(None, 0, (), "0.3.0+0123abcd", "433226ec"),
    )
    html = render(run_page(little))
    assert "Not judged" in html
    assert re.findall(r"<h2[^>]*>([^<]*)</h2>", html) == ["Where it comes from"]
    one_night = render(run_page(replace(run, nights=run.nights[-1:])))
    assert "by night" not in one_night


def test_a_comparison_marks_the_best_and_says_why_a_model_failed() -> None:
    html = render(comparison_page(made_up_comparison()))
    assert "als has the best ndcg@10; 1 of 4 models failed" in html
    (table,) = re.findall(r"<table[^>]*>\s*<caption>Models by.*?</table>", html, flags=re.DOTALL)
    rows = re.findall(r"<tr.*?</tr>", table, flags=re.DOTALL)[1:]
    assert ["★" in row for row in rows] == [True, True, False, False]  # als, item_knn
    assert "failed: rank 64 is more than there are items &lt;40&gt;" in rows[-1]
    assert "svd&lt;b&gt;" in rows[-1]
    assert "no real difference (p = 0.31 after Holm)" in html
    assert "Title 3" in html


def test_a_comparison_in_which_all_failed() -> None:
    comparison = made_up_comparison()
    failed = [model for model in comparison.models if model.failure]
    html = render(comparison_page(replace(comparison, models=failed)))
    assert "No model was measured; 1 of 1 models failed" in html


def test_a_study_says_what_was_gained_before_all_else() -> None:
    study = made_up_study()
    html = render(study_page(study))
    places = [
        html.index(text)
        for text in ("no real difference, +0.0026", "best.yaml", "Test", "Best trials", "Out")
    ]
    assert places == sorted(places)
    assert "not coverage@10&gt;=0.2" in html
    nothing = replace(study, test=replace(study.test, models=()), verdict="No trial keeps all")
    assert ">Test<" not in render(study_page(nothing))
