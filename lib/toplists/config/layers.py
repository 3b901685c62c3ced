"""The settings of one invocation: `base.yaml` < `<env>.yaml` < `--overlay` < `--set`, and where each came from."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from functools import reduce
from pathlib import Path
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from toplists.config.addresses import mask_secrets
from toplists.config.catalogue import list_sections, list_settings, plain
from toplists.config.section import UNSHOWN
from toplists.config.settings import Settings
from toplists.config.sources import Entry, read_arguments, read_file
from toplists.errors import ConfigurationError

BASE = "base"
CONF_VARIABLE = "TOPLISTS_CONF"
DEFAULT_ORIGIN = "default"

_DEFINITIONS = {definition.key: definition for definition in list_settings(Settings)}
_GROUPS = frozenset(list_sections(Settings))


@dataclass(frozen=True)
class ResolvedSettings:
    """Settings with their provenance.

    Attributes:
        settings: The settings.
        origins: Dotted key → `default`, `conf/local.yaml:12` or `--set`; every setting has one.
    """

    settings: Settings
    origins: dict[str, str]


@dataclass(frozen=True)
class SettingLine:
    """One setting as `./toplists config` shows it; `value` as one would write it in YAML."""

    key: str
    value: str
    origin: str
    meaning: str
    allowed: str


def find_conf(environ: Mapping[str, str]) -> Path:
    """The folder of the YAML layers: the checkout's, or the one that `TOPLISTS_CONF` names.

    A driver inside a cluster has no checkout; it is sent the files, and told where they are.
    """
    return Path(environ.get(CONF_VARIABLE) or Path(__file__).resolve().parents[3] / "conf")


def resolve_settings(
    conf_dir: Path, env: str, overrides: Sequence[str] = (), overlays: Sequence[Path] = ()
) -> ResolvedSettings:
    """Put the layers together; of two values for one setting the later layer's counts.

    Args:
        conf_dir: Folder with `base.yaml` and one `<env>.yaml` per environment.
        env: Name of the environment.
        overrides: `key=value` arguments of `--set`; of two for one setting the last counts.
        overlays: YAML files of `--overlay`; of two for one setting the last counts.

    Raises:
        ConfigurationError: There is no such environment or file, or an entry has an unknown key or a
            value that its setting does not take.
    """
    written: dict[str, Entry] = {}
    layers = (conf_dir / f"{BASE}.yaml", _environment_file(conf_dir, env), *map(_overlay, overlays))
    for path in layers:
        for entry in read_file(path, _GROUPS):
            written[entry.key] = _with_known_key(entry)
    for entry in read_arguments(overrides):
        written[entry.key] = _with_known_key(entry)
    origins = {
        key: written[key].origin if key in written else DEFAULT_ORIGIN for key in _DEFINITIONS
    }
    return ResolvedSettings(_validate(written), origins)


def describe_settings(resolved: ResolvedSettings) -> list[SettingLine]:
    """One line per setting, in the order of definition."""
    return [
        SettingLine(
            definition.key,
            json.dumps(
                reduce(getattr, definition.key.split("."), resolved.settings), default=plain
            ),
            resolved.origins[definition.key],
            definition.meaning,
            definition.allowed,
        )
        for definition in _DEFINITIONS.values()
    ]


def _environment_file(conf_dir: Path, env: str) -> Path:
    known = sorted(path.stem for path in conf_dir.glob("*.yaml") if path.stem != BASE)
    if env not in known:
        raise ConfigurationError(
            f"There is no environment {env!r}: {conf_dir} has {', '.join(known) or 'none'}. "
            f"Choose one of them, or add {env}.yaml there (it may be empty)."
        )
    return conf_dir / f"{env}.yaml"


def _overlay(path: Path) -> Path:
    if not path.is_file():
        raise ConfigurationError(
            f"There is no file {path}. --overlay takes a YAML file of settings, such as the best.yaml that "
            "tune leaves."
        )
    return path


def _with_known_key(entry: Entry) -> Entry:
    if entry.key in _DEFINITIONS:
        return entry
    if entry.key in _GROUPS:
        inside = [key for key in _DEFINITIONS if key.startswith(f"{entry.key}.")]
        raise ConfigurationError(
            f"{entry.origin}: {entry.key} is a group of settings, not a setting: "
            f"set one of {', '.join(inside)}."
        )
    nearest = _nearest_keys(entry.key, [*_DEFINITIONS, *_GROUPS])
    hint = (
        f"did you mean {' or '.join(nearest)}?" if nearest else "./toplists config lists them all."
    )
    raise ConfigurationError(f"{entry.origin}: there is no setting {entry.key}; {hint}")


def _nearest_keys(key: str, known: Iterable[str]) -> list[str]:
    by_name: dict[str, list[str]] = {}
    for candidate in known:
        by_name.setdefault(candidate.rpartition(".")[2], []).append(candidate)
    group, _, name = key.rpartition(".")
    if name in by_name:  # the right name in the wrong group, such as als.rank
        return by_name[name]
    similar = get_close_matches(key, [full for fulls in by_name.values() for full in fulls], n=1)
    for similar_name in get_close_matches(name, by_name, n=1):
        full = f"{group}.{similar_name}"
        # Many models have a rank: the one in the same group is meant.
        similar += [full] if full in by_name[similar_name] else by_name[similar_name]
    return list(dict.fromkeys(similar))


def _validate(written: dict[str, Entry]) -> Settings:
    tree: dict[str, Any] = {}
    for key, entry in written.items():
        *groups, name = key.split(".")
        node = tree
        for group in groups:
            node = node.setdefault(group, {})
        node[name] = entry.value
    try:
        # Strict JSON: "64" and true are no numbers, whole numbers serve as fractions.
        return Settings.model_validate_json(json.dumps(tree, default=str), strict=True)
    except ValidationError as error:
        found = error.errors()
        problems = [
            _describe_problem(written, problem)
            for problem in found
            if not any(_follows_from(problem["loc"], other["loc"]) for other in found)
        ]
        raise ConfigurationError(" ".join(problems)) from error


def _describe_problem(written: dict[str, Entry], problem: ErrorDetails) -> str:
    key = ".".join(map(str, problem["loc"]))
    # What is wrong may lie inside a setting that is a list or a mapping.
    owner = next((k for k in written if f"{key}.".startswith(f"{k}.")), None)
    why = _said(problem)
    if owner is None:  # a rule about several settings
        return f"{key or 'settings'}: {why}"
    inside = problem["loc"][owner.count(".") + 1 :]
    key, entry = owner, written[owner]
    if inside and isinstance(inside[0], int) and isinstance(entry.value, list):
        found = entry.value[inside[0]]
        if isinstance(found, dict):
            return f"{entry.origin}: {_describe_entry(key, found, inside, problem)}"
    if problem["type"] == UNSHOWN:
        return f"{entry.origin}: {key} is not possible: {why}"
    value = mask_secrets(json.dumps(entry.value, ensure_ascii=False, default=str))
    if problem["type"] == "value_error":  # a rule that its range does not say
        return f"{entry.origin}: {key} = {value} is not possible: {why}"
    return f"{entry.origin}: {key} = {value} is not possible; allowed: {_DEFINITIONS[key].allowed}."


def _follows_from(place: tuple[int | str, ...], other: tuple[int | str, ...]) -> bool:
    """Whether `other` lies inside: a list of which an entry is wrong is too short without it, too."""
    return len(other) > len(place) and other[: len(place)] == place


def _describe_entry(
    key: str, entry: dict[str, Any], place: tuple[int | str, ...], problem: ErrorDetails
) -> str:
    """What is wrong in one of several entries, each with fields of its own, that a setting lists."""
    number, *where = place
    shown = mask_secrets(json.dumps(_presentable(entry), ensure_ascii=False, default=str))
    about = f"entry {int(number) + 1} of {key}, {shown}, is not possible"
    if problem["type"].startswith("union_tag"):
        return f"{about}; allowed: {_DEFINITIONS[key].allowed}."
    # Pydantic names the kind of the entry before its field.
    field = f"{where[-1]}: " if len(where) > 1 else ""
    return f"{about}: {field}{_said(problem)}"


def _presentable(entry: dict[str, Any]) -> dict[str, Any]:
    """The entry, but for a secret where only the place of one belongs."""
    return {name: "***" if name == "secret" else value for name, value in entry.items()}


def _said(problem: ErrorDetails) -> str:
    """The end of the sentence that says what is wrong."""
    if problem["type"] == "extra_forbidden":
        return "there is no such field."
    said = problem["msg"].removeprefix("Value error, ")
    return said if said.endswith("?") else f"{said}."
