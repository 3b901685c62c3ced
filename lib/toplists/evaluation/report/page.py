"""A page as one HTML file that needs nothing else: no network, no script, no font of its own."""

from __future__ import annotations

from functools import cache

from jinja2 import Environment, PackageLoader, StrictUndefined

from toplists.evaluation.report.drawing import WIDTH, draw
from toplists.evaluation.report.parts import Page
from toplists.evaluation.report.words import shortened, visible

_LONGEST = 300


def render(page: Page) -> str:
    """The page as HTML. Whatever it is told is text: it is escaped, and cut where it is endless."""
    sections = [section for section in page.sections if section.parts]
    return _environment().get_template("page.html").render(page=page, sections=sections) + "\n"


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("toplists.evaluation.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=_safe,
    )
    environment.globals["width"] = WIDTH
    environment.filters["draw"] = draw
    return environment


def _safe(value: object) -> object:
    """What is printed: text that was not made by a template is from outside."""
    if type(value) is str:
        return shortened(visible(value), _LONGEST)
    return value
