"""Who enters a comparison: models by name, with settings of their own in brackets.

`als, als[rank=64; alpha=5], hybrid[members=[als, slim]], popular`: what is in brackets are settings of that
model (`model.als.rank`), and the whole text is what the entrant is called.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any

import yaml
from pydantic import ValidationError

from toplists.config.settings import Settings
from toplists.errors import ConfigurationError
from toplists.models.definition import Parameters
from toplists.models.protocol import Model
from toplists.models.registry import (
    MODELS,
    learns_values,
    make_model,
    vector_lengths,
)

_ALSO_CALLED = {"popular": "popularity", "item_cosine": "item_knn"}
_LIST = r"\[[^\[\]]*\]|\{[^{}]*\}"
_ENTRY = re.compile(rf"\s*([a-z0-9_]+)\s*(?:\[((?:[^\[\]]|{_LIST})*)\])?\s*(,|$)")
_SETTING = re.compile(rf"(?:[^\[\]{{}};,]|{_LIST})+")


@dataclass(frozen=True)
class Entrant:
    """A model under the name it has in the comparison, and the seed of its fits.

    Where it goes on from another's fit, that is `after`: it starts from the item vectors which that one
    came to on the same fold. `lengths` is that of its vectors, as `registry.vector_lengths` says it;
    `vector_tables` are those of ready-made ones that its settings name.
    """

    name: str
    model: Model
    seed: int
    after: Entrant | None = None
    lengths: tuple[int, int] | None = None
    vector_tables: tuple[str, ...] = ()

    @property
    def learns_values(self) -> bool:
        """Whether the model learns, and predicts, the values of ratings."""
        return learns_values(self.model)

    @property
    def definition(self) -> Mapping[str, Any]:
        """Everything that decides a fit of it besides the data, as JSON-ready values."""
        own = {
            "model": self.model.name,
            "parameters": dict(self.model.parameters),
            "seed": self.seed,
        }
        return own if self.after is None else own | {"after": self.after.definition}


def parse_entrants(text: str, settings: Settings, said_by: str = "--models") -> list[Entrant]:
    """The entrants that a text names, in its order.

    Args:
        text: Names, with settings in brackets.
        settings: Those that decide what brackets do not.
        said_by: Where the text stands, for errors.

    Raises:
        ConfigurationError: there is no such model, a setting is wrong, or an entrant is named twice.
    """
    entrants: list[Entrant] = []
    for name, given in _entries(text, said_by):
        entrant = make_entrant(name, given, settings)
        if any(entrant.definition == other.definition for other in entrants):
            raise ConfigurationError(f"{said_by} names {entrant.name} twice: leave one out.")
        entrants.append(entrant)
    return entrants


def make_entrant(name: str, given: Mapping[str, Any], settings: Settings) -> Entrant:
    """The model called `name`, with `given` settings instead of those of `settings`.

    Raises:
        ConfigurationError: there is no such model, or a setting is wrong.
    """
    name = _ALSO_CALLED.get(name, name)
    shown = label_of(name, given)
    own = settings.model.model_dump()
    if name not in MODELS:
        nearest = get_close_matches(name, MODELS, 1)
        meant = f"Did you mean {nearest[0]}?" if nearest else f"Models: {', '.join(MODELS)}."
        raise ConfigurationError(f"There is no model {name!r}. {meant}")
    if given and name not in own:
        raise ConfigurationError(f"{name} has no settings of its own: write {name} alone.")
    seed = given.get("seed", own["seed"])
    changed = {key: value for key, value in given.items() if key != "seed"}
    try:
        chosen = type(settings.model).model_validate(
            own
            | {"name": name, "seed": seed}
            | ({name: own[name] | changed} if name in own else {})
        )
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        place = ".".join(map(str, first["loc"]))
        raise ConfigurationError(f"{shown}: model.{place}: {first['msg']}.") from None
    model = make_model(name, Parameters(chosen, settings.recommend, settings.engine))
    return Entrant(
        shown,
        model,
        chosen.seed,
        lengths=vector_lengths(chosen),
        vector_tables=chosen.vector_tables,
    )


def label_of(name: str, given: Mapping[str, Any]) -> str:
    """What a model with given settings is called."""
    inner = "; ".join(f"{key}={_shown(value)}" for key, value in given.items())
    return f"{name}[{inner}]" if given else name


def _shown(value: object) -> str:
    """A value as it may be written in brackets."""
    match value:
        case list() | tuple():
            return f"[{', '.join(map(_shown, value))}]"
        case dict():
            return f"{{{', '.join(f'{key}: {_shown(one)}' for key, one in value.items())}}}"
    return str(value)


def _entries(text: str, said_by: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """Names and settings in brackets."""
    begin = 0
    while begin < len(text):
        found = _ENTRY.match(text, begin)
        if found is None:
            raise ConfigurationError(
                f"{said_by}: {text[begin:].strip()!r} is no list of models. Write such as "
                "als,als[rank=64; alpha=5],item_knn,popularity."
            )
        name, inner, _ = found.groups()
        yield name, _settings(inner or "", said_by)
        begin = found.end()


def _settings(text: str, said_by: str) -> dict[str, Any]:
    given: dict[str, Any] = {}
    for part in filter(str.strip, _SETTING.findall(text)):
        key, sign, value = part.partition("=")
        if not sign:
            raise ConfigurationError(
                f"{said_by}: {part.strip()!r} sets nothing. Write such as als[rank=64; alpha=5]."
            )
        given[key.strip()] = yaml.safe_load(value)
    return given
