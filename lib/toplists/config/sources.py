"""Where settings are written: YAML files and `key=value` arguments, with the place of every value."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import yaml

from toplists.errors import ConfigurationError


@dataclass(frozen=True)
class Entry:
    """One value as somebody wrote it.

    Attributes:
        key: Dotted key, such as `model.als.rank`.
        value: Plain data: text, number, truth value, None, list or mapping.
        origin: Where it is written: `conf/local.yaml:12` or `--set`.
    """

    key: str
    value: object
    origin: str


class _Loader(yaml.SafeLoader):
    """YAML 1.1 as PyYAML reads it, but `1e-3` is a number, as everybody expects."""


_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:float", re.compile(r"^[-+]?\d+(\.\d*)?[eE][-+]?\d+$"), list("-+0123456789")
)


def read_file(path: Path, groups: frozenset[str]) -> Iterator[Entry]:
    """Every entry of a YAML file.

    Args:
        path: The file.
        groups: Dotted names whose mappings are groups of settings; a mapping anywhere else is a
            value, and a group without content has no entries.

    Raises:
        ConfigurationError: The file is not YAML, not a mapping, or has a key twice.
    """
    name = f"{path.parent.name}/{path.name}"
    loader = _Loader(path.read_text(encoding="utf-8"))
    try:
        root = loader.get_single_node()
        if root is not None:
            yield from _walk(loader, root, "", groups, name)
    except yaml.MarkedYAMLError as error:
        place = f"{name}:{error.problem_mark.line + 1}" if error.problem_mark else name
        raise ConfigurationError(f"{place} is not valid YAML: {error.problem}.") from error
    finally:
        loader.dispose()


def read_arguments(arguments: Sequence[str]) -> Iterator[Entry]:
    """Every entry of `--set key=value` arguments; the value is read as in a YAML file.

    Raises:
        ConfigurationError: An argument is not `key=value`, or its value not readable.
    """
    for argument in arguments:
        key, equals, text = argument.partition("=")
        if not equals or not key:
            raise ConfigurationError(
                f"--set {argument} is not of the form key=value, such as --set model.als.rank=64."
            )
        yield Entry(key, _read_value(key, text), "--set")


def _walk(
    loader: _Loader, node: yaml.Node, key: str, groups: frozenset[str], file: str
) -> Iterator[Entry]:
    origin = f"{file}:{node.start_mark.line + 1}"
    if not key and not isinstance(node, yaml.MappingNode):
        raise ConfigurationError(f"{origin} is not a setting: write `key: value` lines.")
    if isinstance(node, yaml.MappingNode) and (not key or key in groups):
        seen: set[str] = set()
        for key_node, value_node in node.value:
            name = str(key_node.value)
            inner = f"{key}.{name}" if key else name
            if name in seen:
                line = key_node.start_mark.line + 1
                raise ConfigurationError(f"{file}:{line} sets {inner} a second time: keep one.")
            seen.add(name)
            yield from _walk(loader, value_node, inner, groups, file)
        return
    value = loader.construct_object(node, deep=True)
    if value is not None or key not in groups:
        yield Entry(key, value, origin)


def _read_value(key: str, text: str) -> object:
    # A bare word is a scalar even where YAML gives its first character a meaning: `,` and `|` are
    # usual delimiters. Only what opens a quotation, list or mapping is parsed as such.
    try:
        if text[:1] in {'"', "'", "[", "{"}:
            return yaml.load(text, _Loader)  # noqa: S506 - a SafeLoader
        loader = _Loader("")
        tag = loader.resolve(yaml.ScalarNode, text, (True, False))  # type: ignore[no-untyped-call] # in the stubs
        return loader.construct_object(yaml.ScalarNode(tag, text))
    except (yaml.YAMLError, ValueError) as error:
        raise ConfigurationError(f"--set {key}={text}: the value is not valid YAML.") from error
