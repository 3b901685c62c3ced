"""Which column of an input means what."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Literal, TypeAlias, get_args

from toplists.config.ingest import ColumnSettings
from toplists.errors import InputRefusedError, excerpt

Role: TypeAlias = Literal["user", "item", "value", "time", "event_type", "event_id", "updated_at"]
ROLES: tuple[Role, ...] = get_args(Role)
REQUIRED: tuple[Role, ...] = ("user", "item")

# In their plain form.
_USUAL_NAMES: dict[Role, frozenset[str]] = {
    "user": frozenset({"userid", "user", "uid", "customerid", "customer", "visitorid", "memberid"}),
    "item": frozenset(
        {"itemid", "item", "iid", "movieid", "bookid", "productid", "product"}
        | {"trackid", "songid", "articleid", "videoid", "asin", "sku"}
    ),
    "value": frozenset({"rating", "value", "score", "stars"}),
    "time": frozenset({"timestamp", "time", "eventtime", "ts", "datetime", "date"}),
    "event_type": frozenset({"eventtype", "event"}),
    "event_id": frozenset({"eventid"}),
    "updated_at": frozenset({"updatedat", "modifiedat", "lastmodified"}),
}

MOVIELENS_COLUMNS = ColumnSettings(user="userId", item="movieId", value="rating", time="timestamp")


def find_columns(header: Sequence[str], chosen: ColumnSettings, where: str) -> dict[Role, int]:
    """The position in `header` of every role that has a column.

    Args:
        header: Column names of the input.
        chosen: Names that the person gave; a role without one is found by its usual names.
        where: How messages call the place of the header.

    Raises:
        InputRefusedError: a chosen or required column is missing, or several could be meant.
    """
    found: dict[Role, int] = {}
    for role in ROLES:
        name: str | None = getattr(chosen, role)
        positions = [at for at, column in enumerate(header) if _is_meant(column, name, role)]
        if len(positions) > 1:
            names = " and ".join(header[at] for at in positions)
            raise InputRefusedError(
                f"{where}: columns {excerpt(names)} could all be the {_title(role)}. Say which is with "
                f"--set ingest.columns.{role}=COLUMN."
            )
        if positions:
            found[role] = positions[0]
        elif name is not None or role in REQUIRED:
            expected = f"a column {name}" if name else f"a column with the {_title(role)}"
            raise InputRefusedError(
                f"{where}: expected {expected}, but the columns are {excerpt(', '.join(header))}. If another "
                f"column is meant, name it with --set ingest.columns.{role}=COLUMN."
            )
    return found


def chosen_names(chosen: ColumnSettings) -> tuple[str, ...]:
    """The names of columns that the person gave."""
    return tuple(name for name in chosen.model_dump().values() if name is not None)


def usual_roles(chosen: ColumnSettings) -> dict[str, Role]:
    """What a column may be called, in its plain form, for every role that the person named none for."""
    return {
        usual: role
        for role in ROLES
        if getattr(chosen, role) is None
        for usual in _USUAL_NAMES[role]
    }


def plain_name(column: str) -> str:
    """The form in which names are compared: `user_id`, `userId` and `User ID` are one name."""
    return re.sub(r"[ _-]", "", column).lower()


def find_id_column(header: Sequence[str], role: Role, chosen: str | None, where: str) -> str:
    """The name in `header` of the column with the ids of users or items.

    Args:
        header: Column names of a catalogue.
        role: `user` or `item`.
        chosen: The name that the person gave for it in files with events; it counts where it occurs.
        where: How messages call the place of the header.

    Raises:
        InputRefusedError: there is none, or several could be meant.
    """
    if chosen in header:
        return str(chosen)
    found = [column for column in header if _is_meant(column, None, role) or column == "id"]
    if len(found) > 1 and "id" in found:
        found.remove("id")
    if len(found) != 1:
        raise InputRefusedError(
            f"{where}: expected one column with the {_title(role)}, such as {role}_id, but the columns "
            f"are {excerpt(', '.join(header))}."
        )
    return found[0]


def _is_meant(column: str, name: str | None, role: Role) -> bool:
    if name is not None:
        return column == name
    return plain_name(column) in _USUAL_NAMES[role]


def _title(role: Role) -> str:
    return role.replace("_", " ") + (" id" if role in REQUIRED else "")
