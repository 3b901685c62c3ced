"""A parser of Prometheus' text format 0.0.4, as strict as its description.

https://prometheus.io/docs/instrumenting/exposition_formats/#text-based-format
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

_NAME = r"[a-zA-Z_:][a-zA-Z0-9_:]*"
_LABEL = re.compile(r'([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\\n]|\\["\\n])*)"')
_SAMPLE = re.compile(rf"({_NAME})(?:\{{(.*)\}})? (\S+)( -?\d+)?")
_UNESCAPED = {"\\\\": "\\", '\\"': '"', "\\n": "\n"}


@dataclass
class Family:
    """A metric: its help, its type, and value by labels."""

    help: str | None = None
    type: str | None = None
    values: dict[frozenset[tuple[str, str]], float] = field(default_factory=dict)


def parse(text: str) -> dict[str, Family]:
    """The metrics of a file; `ValueError` for anything that the format forbids."""
    if text and not text.endswith("\n"):
        raise ValueError("the last line must end with a line feed")
    families: dict[str, Family] = {}
    last: str | None = None
    for line in text.splitlines():
        if line.startswith("#"):
            _, keyword, name, rest = line.split(" ", 3)
            family = families.setdefault(name, Family())
            known = {"HELP": "help", "TYPE": "type"}[keyword]
            if getattr(family, known) is not None or family.values:
                raise ValueError(f"{keyword} of {name} comes twice, or after its samples")
            setattr(family, known, rest)
        else:
            found = _SAMPLE.fullmatch(line)
            if found is None:
                raise ValueError(f"not a sample: {line}")
            name, labels, value = found[1], _labels(found[2] or ""), float(found[3])
            family = families.setdefault(name, Family())
            if family.values and last != name:
                raise ValueError(f"the lines of {name} are not together")
            if labels in family.values:
                raise ValueError(f"{name} has the same labels twice")
            family.values[labels] = value
        last = name
    return families


def _labels(text: str) -> frozenset[tuple[str, str]]:
    pairs, position = [], 0
    while position < len(text):
        found = _LABEL.match(text, position)
        if found is None:
            raise ValueError(f"not labels: {text}")
        pairs.append((found[1], re.sub(r'\\["\\n]', lambda m: _UNESCAPED[m[0]], found[2])))
        position = found.end()
        if position < len(text):
            if text[position] != ",":
                raise ValueError(f"no comma between labels: {text}")
            position += 1
    if len({name for name, _ in pairs}) < len(pairs):
        raise ValueError(f"a label comes twice: {text}")
    return frozenset(pairs)
