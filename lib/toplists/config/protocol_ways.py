"""The ways to split interactions into what is learnt from and what is judged on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal, TypeAlias

WHOLE = 10_000
"""Shares are kept in hundredths of a percent."""


def seed_text(seed: int) -> str:
    """How a name says its seed, which is 0 where it says nothing."""
    return f",seed={seed}" if seed else ""


def share_text(share: int) -> str:
    """A share in hundredths of a percent as a name says it."""
    return f"{share / (WHOLE // 100):g}%"


@dataclass(frozen=True)
class Days:
    """One cut, or several: `folds` consecutive windows of `days` before the end, one held out at a time.

    Learnt from is what happened before a window, and `gap` days before it at that. What happened after it
    is left out. `replay(7)` is seven windows of a day.
    """

    needs_times: ClassVar[bool] = True
    name: Literal["days", "rolling", "replay"]
    folds: int
    days: int
    gap: int = 0

    def __str__(self) -> str:
        gap = f",gap={self.gap}" if self.gap else ""
        match self.name:
            case "days":
                return f"days({self.days}{gap})"
            case "rolling":
                return f"rolling({self.folds},{self.days}{gap})"
            case "replay":
                return f"replay({self.folds})"


@dataclass(frozen=True)
class Last:
    """Each user's newest `count` interactions, but never more than half of them."""

    needs_times: ClassVar[bool] = True
    count: int

    def __str__(self) -> str:
        return f"last({self.count})"


@dataclass(frozen=True)
class LeaveOneOut:
    """The newest liking of every user with two or more; what the user did after it is left out."""

    needs_times: ClassVar[bool] = True

    def __str__(self) -> str:
        return "loo"


@dataclass(frozen=True)
class Hashed:
    """A share of the interactions by a hash of the pair, the same in every dataset and on every night."""

    needs_times: ClassVar[bool] = False
    share: int

    def __str__(self) -> str:
        return f"hash({share_text(self.share)})"


@dataclass(frozen=True)
class Random:
    """About a share of all interactions, each drawn by itself."""

    needs_times: ClassVar[bool] = False
    share: int
    seed: int = 0

    def __str__(self) -> str:
        return f"random({share_text(self.share)}{seed_text(self.seed)})"


@dataclass(frozen=True)
class RandomPerUser:
    """A share of every user's interactions, rounded, but never all of them."""

    needs_times: ClassVar[bool] = False
    share: int
    seed: int = 0

    def __str__(self) -> str:
        return f"random_per_user({share_text(self.share)}{seed_text(self.seed)})"


@dataclass(frozen=True)
class KFold:
    """Every interaction is held out in one of `folds` folds."""

    needs_times: ClassVar[bool] = False
    folds: int
    seed: int = 0

    def __str__(self) -> str:
        return f"kfold({self.folds}{seed_text(self.seed)})"


@dataclass(frozen=True)
class KFoldUsers:
    """Every user is held out, with all interactions, in one of `folds` folds."""

    needs_times: ClassVar[bool] = False
    folds: int
    seed: int = 0

    def __str__(self) -> str:
        return f"kfold_users({self.folds}{seed_text(self.seed)})"


@dataclass(frozen=True)
class ColdUsers:
    """Everything of about a share of the users."""

    needs_times: ClassVar[bool] = False
    share: int
    seed: int = 0

    def __str__(self) -> str:
        return f"cold_users({share_text(self.share)}{seed_text(self.seed)})"


@dataclass(frozen=True)
class ColdItems:
    """Everything of about a share of the items."""

    needs_times: ClassVar[bool] = False
    share: int
    seed: int = 0

    def __str__(self) -> str:
        return f"cold_items({share_text(self.share)}{seed_text(self.seed)})"


@dataclass(frozen=True)
class Ratios:
    """Three random parts: to learn from, to choose settings by, to judge on; the second may be 0."""

    needs_times: ClassVar[bool] = False
    train: int
    validation: int
    test: int
    seed: int = 0

    def __str__(self) -> str:
        parts = [self.train, *([self.validation] if self.validation else []), self.test]
        percents = "/".join(share_text(part).removesuffix("%") for part in parts)
        return f"ratios({percents}{seed_text(self.seed)})"


@dataclass(frozen=True)
class Given:
    """What files in a folder say."""

    needs_times: ClassVar[bool] = False
    folder: str

    def __str__(self) -> str:
        return f"given({self.folder})"


Way: TypeAlias = (
    Days
    | Last
    | LeaveOneOut
    | Hashed
    | Random
    | RandomPerUser
    | KFold
    | KFoldUsers
    | ColdUsers
    | ColdItems
    | Ratios
    | Given
)
