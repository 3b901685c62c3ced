"""Reading the name of a way to split, with what stands in brackets behind it."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Literal, TypeAlias

from toplists.config.protocol_ways import (
    WHOLE,
    ColdItems,
    ColdUsers,
    Days,
    Given,
    Hashed,
    KFold,
    KFoldUsers,
    Last,
    LeaveOneOut,
    Random,
    RandomPerUser,
    Ratios,
    Way,
    share_text,
)

_LARGEST, _MOST_FOLDS, _MOST_DAYS = 1_000_000_000, 1_000, 36_500

Values: TypeAlias = Mapping[str, str]


@dataclass(frozen=True)
class Call:
    """A name with what stands in brackets behind it."""

    name: str
    arguments: str

    def __str__(self) -> str:
        return f"{self.name}({self.arguments})" if self.arguments else self.name

    def read(self, wanted: Sequence[str], form: str, options: Sequence[str] = ("seed",)) -> Values:
        """The arguments by name: the wanted ones in their order, and options as `gap=7`.

        Raises:
            ValueError: there are others, or some are missing; `form` is what is right.
        """
        values: dict[str, str] = {}
        given = [one.strip() for one in self.arguments.split(",")] if self.arguments else []
        plain = [one for one in given if "=" not in one]
        for one in (one for one in given if "=" in one):
            name, value = (text.strip() for text in one.split("=", 1))
            if name not in options:
                known = f"but {' and '.join(options)}" if options else "at all"
                raise ValueError(f"{self} names {name!r}, and there is no option {known}")
            values[name] = value
        if len(plain) != len(wanted) or not all(plain):
            raise ValueError(f"{self} is not complete, or says too much: write it as in {form}")
        return values | dict(zip(wanted, plain, strict=True))

    def whole(self, text: str, least: int, most: int = _LARGEST) -> int:
        """A whole number from `least` to `most`.

        Raises:
            ValueError: it is none.
        """
        number = int(text) if re.fullmatch(r"[-+]?\d{1,20}", text, re.ASCII) else None
        if number is None or not least <= number <= most:
            raise ValueError(
                f"{self} needs a whole number from {least} to {most:,} where it has {text!r}"
            )
        return number

    def share(self, text: str) -> int:
        """A share such as `20%`, in hundredths of a percent.

        Raises:
            ValueError: it is none, or leaves one of both parts empty.
        """
        if not re.fullmatch(r"-?\d+(\.\d+)?\s*%", text, re.ASCII):
            raise ValueError(f"{self} needs a share in percent, as in {self.name}(20%)")
        share = round(float(text.removesuffix("%")) * (WHOLE // 100))
        if not 0 < share < WHOLE:
            raise ValueError(f"{self} leaves a part empty: choose a share above 0% and below 100%")
        return share

    def seed(self, values: Values) -> int:
        """The seed among the arguments, or 0."""
        return self.whole(values.get("seed", "0"), 0)


def _days(call: Call) -> Way:
    values = call.read(["days"], "days(30)", ["gap"])
    return Days("days", 1, call.whole(values["days"], 1, _MOST_DAYS), _gap(call, values))


def _rolling(call: Call) -> Way:
    values = call.read(["folds", "days"], "rolling(3,30)", ["gap"])
    folds = call.whole(values["folds"], 1, _MOST_FOLDS)
    days = call.whole(values["days"], 1, _MOST_DAYS // folds)
    return Days("rolling", folds, days, _gap(call, values))


def _replay(call: Call) -> Way:
    values = call.read(["days"], "replay(7)", ())
    return Days("replay", call.whole(values["days"], 1, _MOST_FOLDS), 1)


def _gap(call: Call, values: Values) -> int:
    return call.whole(values.get("gap", "0"), 0, _MOST_DAYS)


def _last(call: Call) -> Way:
    return Last(call.whole(call.read(["count"], "last(5)", ())["count"], 1))


def _loo(call: Call) -> Way:
    call.read([], "loo", ())
    return LeaveOneOut()


def _hashed(call: Call) -> Way:
    return Hashed(call.share(call.read(["share"], "hash(20%)", ())["share"]))


def _seeded(
    way: Callable[[int, int], Way], what: Literal["share", "folds"]
) -> Callable[[Call], Way]:
    """Reads a way with one number and a seed."""

    def read(call: Call) -> Way:
        form = f"{call.name}({'20%' if what == 'share' else '5'})"
        values = call.read([what], form)
        text = values[what]
        number = call.share(text) if what == "share" else call.whole(text, 2, _MOST_FOLDS)
        return way(number, call.seed(values))

    return read


def _ratios(call: Call) -> Way:
    values = call.read(["parts"], "ratios(80/10/10)")
    percents = [part.strip() for part in values["parts"].split("/")]
    if len(percents) not in (2, 3):
        raise ValueError(
            f"{call} needs two or three parts, as in ratios(80/10/10) or ratios(80/20)"
        )
    shares = [call.share(f"{percent}%") for percent in percents]
    if sum(shares) != WHOLE:
        raise ValueError(f"{call} adds up to {share_text(sum(shares))}: make it 100%")
    train, *validation, test = shares
    return Ratios(train, validation[0] if validation else 0, test, call.seed(values))


def _given(call: Call) -> Way:
    if not call.arguments:
        raise ValueError("given needs the folder with the files of the folds, as in given(FOLDER)")
    return Given(call.arguments)


WAYS: Mapping[str, Callable[[Call], Way]] = {
    "days": _days,
    "last": _last,
    "loo": _loo,
    "hash": _hashed,
    "random": _seeded(Random, "share"),
    "random_per_user": _seeded(RandomPerUser, "share"),
    "kfold": _seeded(KFold, "folds"),
    "kfold_users": _seeded(KFoldUsers, "folds"),
    "cold_users": _seeded(ColdUsers, "share"),
    "cold_items": _seeded(ColdItems, "share"),
    "rolling": _rolling,
    "replay": _replay,
    "ratios": _ratios,
    "given": _given,
}


def check_way(call: Call) -> Way:
    """The way to split that a call names.

    Raises:
        ValueError: there is none.
    """
    if call.name not in WAYS:
        nearest = get_close_matches(call.name, WAYS, 1)
        meant = f" Did you mean {nearest[0]}?" if nearest else ""
        raise ValueError(f"there is no protocol {call.name!r}.{meant} Use one of {', '.join(WAYS)}")
    return WAYS[call.name](call)
