"""What can be set: every setting by its dotted key, with its meaning and the values it takes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date
from types import NoneType, UnionType
from typing import Annotated, Literal, get_args, get_origin

from annotated_types import Ge, Gt, Le, Lt, MaxLen, MinLen
from pydantic import BaseModel, SecretStr
from pydantic.fields import FieldInfo

_KINDS: dict[object, str] = {
    bool: "true or false",
    int: "whole number",
    float: "number",
    str: "text",
    SecretStr: "text",
    date: "day as YYYY-MM-DD",
    list[str]: "list of texts",
    list[float]: "list of numbers",
}


@dataclass(frozen=True)
class SettingDefinition:
    """One setting.

    Attributes:
        key: Dotted key, such as `model.als.rank`.
        default: Value where no layer gives one, as YAML would have it.
        meaning: One line on what it does.
        allowed: The values it takes, in words, such as `whole number, at least 1`.
    """

    key: str
    default: object
    meaning: str
    allowed: str


def list_settings(section: type[BaseModel], prefix: str = "") -> Iterator[SettingDefinition]:
    """Every setting under `section`, in the order of definition."""
    for name, field in section.model_fields.items():
        key = f"{prefix}{name}"
        if inner := _inner_section(field):
            yield from list_settings(inner, f"{key}.")
        else:
            default = field.get_default()
            if isinstance(default, tuple):
                default = [plain(entry) for entry in default]
            yield SettingDefinition(key, default, field.description or "", _describe_allowed(field))


def plain(value: object) -> object:
    """A value as YAML would have it; a secret as asterisks."""
    if isinstance(value, BaseModel):
        return value.model_dump(mode="json")
    return value if isinstance(value, str | float) else str(value)


def list_sections(section: type[BaseModel], prefix: str = "") -> Iterator[str]:
    """Dotted name of every group of settings under `section`, outer ones first."""
    for name, field in section.model_fields.items():
        if inner := _inner_section(field):
            yield f"{prefix}{name}"
            yield from list_sections(inner, f"{prefix}{name}.")


def _inner_section(field: FieldInfo) -> type[BaseModel] | None:
    annotation = field.annotation
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return None


def _describe_allowed(field: FieldInfo) -> str:
    alternatives = get_args(field.annotation)
    nullable = NoneType in alternatives
    kind = next(a for a in alternatives if a is not NoneType) if nullable else field.annotation
    words = [_describe_kind(kind), *_describe_bounds(field.metadata)]
    return ", ".join(words) + (", or null" if nullable else "")


def _describe_kind(kind: object) -> str:
    arguments = get_args(kind)
    match get_origin(kind):
        case origin if origin is Literal:
            return " | ".join(str(choice) for choice in arguments)
        case origin if origin is Annotated:
            inner, *fields = arguments
            constraints = [c for field in fields for c in getattr(field, "metadata", (field,))]
            return ", ".join([_describe_kind(inner), *_describe_bounds(constraints)])
        case origin if origin is UnionType:  # of entries that their first field tells apart
            first = (next(iter(entry.model_fields.values())) for entry in arguments)
            return " | ".join(_describe_kind(field.annotation) for field in first)
        case origin if origin is tuple:
            return f"list of ({_describe_kind(arguments[0])})"
        case origin if origin is dict:
            return f"mapping of {_describe_kind(arguments[0])} to ({_describe_kind(arguments[1])})"
    return _KINDS.get(kind, str(kind))


def _describe_bounds(constraints: Iterable[object]) -> Iterator[str]:
    for constraint in constraints:
        match constraint:
            case Ge(ge=bound):
                yield f"at least {_plain(bound)}"
            case Gt(gt=bound):
                yield f"above {_plain(bound)}"
            case Le(le=bound):
                yield f"at most {_plain(bound)}"
            case Lt(lt=bound):
                yield f"below {_plain(bound)}"
            case MinLen(min_length=length):
                yield f"of length {length} or more"
            case MaxLen(max_length=length):
                yield f"of length {length} or less"


def _plain(bound: object) -> str:
    return str(bound).removesuffix(".0")
