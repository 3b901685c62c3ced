"""What a person names as input: `KIND:PATH`, or `movielens:RELEASE` for one to be downloaded."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from importlib.util import find_spec
from pathlib import Path
from typing import Literal, TypeAlias, get_args

from toplists.errors import ConfigurationError

SourceKind: TypeAlias = Literal[
    "movielens", "csv", "tsv", "jsonl", "parquet", "delta", "netflix", "recbole"
]

# Releases of MovieLens that GroupLens offers as ml-NAME.zip.
RELEASES = frozenset({"latest-small", "latest", "100k", "1m", "10m", "20m", "25m", "32m"})

_SAMPLE = "data/mllib/als/sample_movielens_ratings.txt"
_SAMPLE_NAME = "sample-movielens"
_SUFFIXES = re.compile(
    r"(\.(csv|tsv|txt|dat|data|jsonl|ndjson|json|parquet|inter|zip|gz))+$", re.IGNORECASE
)
# Names that say what a file holds, but not of what: the folder around it says more.
_GENERIC = re.compile(r"ratings|events|data|interactions|part-.*|u|\W*", re.IGNORECASE)


@dataclass(frozen=True)
class Source:
    """An input: how it is to be read, and the absolute path (or glob) of it."""

    kind: SourceKind
    path: str

    def __str__(self) -> str:
        return f"{self.kind}:{self.path}"


def parse_source(text: str, environ: Mapping[str, str] = os.environ) -> Source:
    """The source that `text` (`KIND:PATH`) names; a relative path is taken from the working folder.

    `movielens:latest-small`, where no such file is, names the place that this release is kept in
    once it was downloaded; so do the names of the other releases.

    Args:
        text: What a person wrote.
        environ: Process environment: it says where the user's cache is.

    Raises:
        ConfigurationError: `text` has no known kind, or no path, or seems to be a mistyped release.
    """
    kind, _, path = text.partition(":")
    if kind == "movielens" and not Path(path).exists():
        if path in RELEASES:
            return Source("movielens", str(release_path(path, environ)))
        if near := get_close_matches(path, sorted(RELEASES), 1):
            raise ConfigurationError(
                f"There is neither a file nor a release {path}. Did you mean movielens:{near[0]}? "
                f"Releases: {', '.join(sorted(RELEASES))}."
            )
    for known in get_args(SourceKind):
        if kind == known and path:
            # Not resolved: a link such as `current` is the name that stays from day to day.
            absolute = os.path.abspath(Path(path).expanduser())  # noqa: PTH100 - as said above
            return Source(known, absolute)
    kinds = ", ".join(f"{known}:PATH" for known in get_args(SourceKind))
    raise ConfigurationError(f"{text!r} does not name a source. Write it as one of {kinds}.")


def release_path(name: str, environ: Mapping[str, str]) -> Path:
    """Where the archive of a MovieLens release is kept, whether it was fetched yet or not."""
    cache = environ.get("XDG_CACHE_HOME") or str(Path("~/.cache").expanduser())
    return Path(cache).absolute() / "toplists" / f"ml-{name}.zip"


def default_source() -> Source:
    """The small MovieLens sample inside the installed pyspark: 1,501 ratings, always there.

    Raises:
        ConfigurationError: it is not there.
    """
    # Under spark-submit the package is imported from a zip file, and its data lie in SPARK_HOME.
    package = find_spec("pyspark")
    homes = [Path(os.environ.get("SPARK_HOME", "/nowhere"))]
    if package is not None and package.origin is not None:
        homes.append(Path(package.origin).parent)
    for home in homes:
        if (sample := home.resolve() / _SAMPLE).is_file():
            return Source("movielens", str(sample))
    raise ConfigurationError(
        "The default source is the sample inside pyspark, and this installation has none. "
        "Name a source with --source."
    )


def default_dataset_name(source: Source) -> str:
    """The name of the dataset that `source` goes to unless the person says otherwise.

    It is the name of the folder or file; for a file with a generic name, such as `ratings.csv`, that
    of its folder. Characters other than `a-z 0-9 . _ -` become `-`.

    Raises:
        ConfigurationError: nothing of the path is usable as a name.
    """
    if source == default_source():
        return _SAMPLE_NAME
    path = Path(source.path)
    stem = path.name if path.is_dir() else _SUFFIXES.sub("", path.name)
    name = path.parent.name if _GENERIC.fullmatch(stem) and not path.is_dir() else stem
    name = re.sub(r"[^a-z0-9._-]+", "-", name.lower()).strip("._-")[:100]
    if not name:
        raise ConfigurationError(f"No dataset name follows from {source}. Name one with --dataset.")
    return name
