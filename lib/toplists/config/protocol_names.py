"""How evaluations are called: a way to split, what of it is judged, and against what it is ranked.

A protocol is a text such as `loo, value>=4, known items only, sampled(100)`: first the way to split, then,
in any order, what narrows it. The text is what is shown and stored, so everything that changes a figure
is in it. `docs/protocols.md` says what each is for.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from difflib import get_close_matches
from typing import Annotated, Final, TypeAlias

from pydantic import AfterValidator

from toplists.config.protocol_calls import WAYS, Call, check_way
from toplists.config.protocol_ways import ColdItems, ColdUsers, KFoldUsers, Way, seed_text

KNOWN_USERS: Final = "known users only"
KNOWN_ITEMS: Final = "known items only"
_CALL = re.compile(r"([^()]*?)\s*\((.*)\)", re.DOTALL)
_FROM = re.compile(r"value\s*>=\s*(.*)", re.DOTALL)
_NARROWING = ("value>=4", KNOWN_USERS, KNOWN_ITEMS, "sampled(100)")


@dataclass(frozen=True)
class Drawn:
    """A held-out item is ranked among so many items that are drawn for its user."""

    count: int
    seed: int = 0

    def __str__(self) -> str:
        return f"sampled({self.count}{seed_text(self.seed)})"


@dataclass(frozen=True)
class GivenNegatives:
    """A held-out item is ranked among the items that files in a folder name for its user."""

    folder: str

    def __str__(self) -> str:
        return f"sampled({self.folder})"


Negatives: TypeAlias = Drawn | GivenNegatives


@dataclass(frozen=True)
class Protocol:
    """A way to evaluate.

    Attributes:
        way: How interactions are split.
        value_from: Only held-out interactions with at least this value are judged.
        known_users: Only users who liked something in the training part are judged.
        known_items: Only items that somebody liked in the training part are judged.
        negatives: What held-out items are ranked among; `None` is the whole catalogue.
    """

    way: Way
    value_from: float | None = None
    known_users: bool = False
    known_items: bool = False
    negatives: Negatives | None = None

    def __str__(self) -> str:
        return ", ".join([str(self.way), *self._narrowed()])

    def _narrowed(self) -> Iterator[str]:
        if self.value_from is not None:
            yield f"value>={repr(self.value_from).removesuffix('.0')}"
        if self.known_users:
            yield KNOWN_USERS
        if self.known_items:
            yield KNOWN_ITEMS
        if self.negatives is not None:
            yield str(self.negatives)


def parse_protocol(text: str) -> Protocol:
    """The protocol that a text names.

    Raises:
        ValueError: there is none; one sentence says why, and what to write.
    """
    first, *narrowing = _parts(text)
    protocol = Protocol(check_way(_call(first)))
    for part in narrowing:
        narrower = _narrow(protocol, part)
        if narrower == protocol:
            raise ValueError(f"{text!r} says {part} twice: leave one out")
        protocol = narrower
    _check_somebody_is_left(protocol)
    return protocol


def protocol_text(text: str) -> str:
    """The text in the form in which it is stored; arguments as `parse_protocol`."""
    return str(parse_protocol(text))


ProtocolName: TypeAlias = Annotated[str, AfterValidator(protocol_text)]


def _parts(text: str) -> list[str]:
    """The text cut at the commas outside brackets."""
    depth, begin, parts = 0, 0, []
    for place, letter in enumerate(text):
        depth += (letter == "(") - (letter == ")")
        if depth < 0:
            break
        if letter == "," and depth == 0:
            parts.append(text[begin:place].strip())
            begin = place + 1
    if depth:
        raise ValueError(f"{text!r} has a bracket without its counterpart")
    return [*parts, text[begin:].strip()]


def _call(part: str) -> Call:
    found = _CALL.fullmatch(part)
    return Call(part, "") if found is None else Call(found[1], found[2].strip())


def _narrow(protocol: Protocol, part: str) -> Protocol:
    """The protocol with one more restriction; the same where it had it."""
    plain = " ".join(part.split())
    if plain == KNOWN_USERS:
        return replace(protocol, known_users=True)
    if plain == KNOWN_ITEMS:
        return replace(protocol, known_items=True)
    if least := _FROM.fullmatch(plain):
        if protocol.value_from is not None:
            return protocol
        return replace(protocol, value_from=_number(least[1], plain))
    call = _call(part)
    if call.name == "sampled":
        return protocol if protocol.negatives else replace(protocol, negatives=_negatives(call))
    if call.name in WAYS:
        raise ValueError(
            f"{part} is a second way to split: name one, and behind it what narrows it, as in "
            f"{protocol.way}, {KNOWN_ITEMS}"
        )
    nearest = get_close_matches(plain, _NARROWING, 1)
    meant = f" Did you mean {nearest[0]}?" if nearest else ""
    raise ValueError(f"nothing is narrowed by {part!r}.{meant} Use {', '.join(_NARROWING)}")


def _number(text: str, whole: str) -> float:
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not math.isfinite(number):
        raise ValueError(f"{whole} has no number behind >=: write it as in value>=4")
    return number


def _negatives(call: Call) -> Negatives:
    first = call.arguments.partition(",")[0].strip()
    if re.fullmatch(r"[-+]?\d+", first):
        values = call.read(("count",), "sampled(100)")
        return Drawn(call.whole(values["count"], 1), call.seed(values))
    if not call.arguments:
        raise ValueError(
            "sampled needs a number of items, as in sampled(100), or a folder with files of them"
        )
    return GivenNegatives(call.arguments)


def _check_somebody_is_left(protocol: Protocol) -> None:
    way = protocol.way
    if protocol.known_users and isinstance(way, ColdUsers | KFoldUsers):
        raise ValueError(f"{way} judges users who are new: leave out {KNOWN_USERS!r}")
    if protocol.known_items and isinstance(way, ColdItems):
        raise ValueError(f"{way} judges items that are new: leave out {KNOWN_ITEMS!r}")
