"""Errors that a person is meant to read, each with the exit code its kind ends in.

The message is one paragraph: what is wrong, where, and what to do about it. Anything that is not a
`ToplistsError` is a defect of ours; it ends in exit code 1 and its stack trace goes to the log file.
"""

_LONGEST_EXCERPT = 200


def excerpt(text: str) -> str:
    """What a message shows of a text from the input, which may have any length: how it begins."""
    return text if len(text) <= _LONGEST_EXCERPT else text[:_LONGEST_EXCERPT] + "…"


class ToplistsError(Exception):
    """Something failed that running again may cure (exit code 1)."""

    exit_code = 1


class ConfigurationError(ToplistsError):
    """A command, setting or name that cannot be followed (exit code 2)."""

    exit_code = 2


class GateRefusedError(ToplistsError):
    """The lists were computed, but are not fit to be published (exit code 3)."""

    exit_code = 3


class LeakageError(GateRefusedError):
    """A model has learnt of what it is judged on, so that its figures say nothing (exit code 3)."""


class ConflictError(ToplistsError):
    """Another writer holds the dataset, or moved the pointer first (exit code 4)."""

    exit_code = 4


class InputRefusedError(ToplistsError):
    """The input cannot be taken in as it is; nothing of it was taken in (exit code 5)."""

    exit_code = 5


class StoreError(ToplistsError):
    """What is live in Delta is not live in a store (exit code 6)."""

    exit_code = 6


class StaleError(ToplistsError):
    """The live lists are older than they may be (exit code 7, of `toplists status --max-age` only)."""

    exit_code = 7
