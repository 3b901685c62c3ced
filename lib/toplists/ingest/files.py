"""Which files a source consists of."""

from __future__ import annotations

import glob
import os
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath

from toplists.config.ingest import Encoding
from toplists.errors import InputRefusedError
from toplists.ingest.archives import safe_members
from toplists.ingest.source import Source, SourceKind

_RATINGS = re.compile(r"(ratings\.(csv|dat|txt)|u\.data)(\.gz)?", re.IGNORECASE)
_MOVIES = re.compile(r"(movies\.(csv|dat|txt)|u\.item)(\.gz)?", re.IGNORECASE)
_TAGS = re.compile(r"tags\.(csv|dat|txt)(\.gz)?", re.IGNORECASE)
_NETFLIX_RATINGS = re.compile(r"(mv_\d+|combined_data_\d+)\.txt(\.gz)?", re.IGNORECASE)
_NETFLIX_TITLES = re.compile(r"movie_titles\.(txt|csv)(\.gz)?", re.IGNORECASE)
_ATOMIC = {
    kind: re.compile(rf".+\.{kind}(\.gz)?", re.IGNORECASE) for kind in ("inter", "item", "user")
}
_PART_FILES: dict[SourceKind, re.Pattern[str]] = {
    "csv": re.compile(r".*\.(csv|tsv|txt)(\.gz)?", re.IGNORECASE),
    "tsv": re.compile(r".*\.(tsv|tab|txt)(\.gz)?", re.IGNORECASE),
    "jsonl": re.compile(r".*\.(jsonl|ndjson|json)(\.gz)?", re.IGNORECASE),
    "parquet": re.compile(r".*\.parquet", re.IGNORECASE),
}
_WITH_ARCHIVES: tuple[SourceKind, ...] = ("movielens", "netflix", "recbole")
_GZIP = b"\x1f\x8b"
_ZIP = b"PK\x03\x04"


@dataclass(frozen=True)
class InputFile:
    """One file, or one member of a zip archive: whether its bytes are gzipped, how text is written."""

    path: Path
    member: str | None = None
    gzipped: bool = False
    encoding: Encoding = "utf-8"

    def __str__(self) -> str:
        return str(self.path) if self.member is None else f"{self.path}!{self.member}"

    @property
    def name(self) -> str:
        """The last part of its place."""
        return PurePosixPath(self.member or self.path.name).name

    @property
    def seekable(self) -> bool:
        """Whether reading can begin at any line at no cost."""
        return not self.packed and self.encoding != "utf-16"

    @property
    def packed(self) -> bool:
        """Whether its bytes lie there compressed."""
        return self.member is not None or self.gzipped


@dataclass(frozen=True)
class SourceFiles:
    """The files of a source, each kind in order of name: events, and catalogues of items and users.

    `tags`: what users called items, which belongs to the catalogue of items.
    """

    events: tuple[InputFile, ...]
    items: tuple[InputFile, ...] = ()
    users: tuple[InputFile, ...] = ()
    tags: tuple[InputFile, ...] = ()


def find_files(source: Source, encoding: Encoding = "utf-8") -> SourceFiles:
    """The files that `source` consists of.

    Args:
        source: A source of any kind but `delta`.
        encoding: How the text of files with events is written.

    Raises:
        InputRefusedError: nothing is there, nothing there is of the kind, it is ambiguous, or an
            archive means harm.
    """
    if source.kind in _WITH_ARCHIVES:
        found = _find_known_names(source)
    else:
        found = SourceFiles(tuple(plain_file(path) for path in _matching_paths(source)))
    return replace(found, events=tuple(replace(one, encoding=encoding) for one in found.events))


def _find_known_names(source: Source) -> SourceFiles:
    path = Path(source.path)
    if path.is_dir():
        entries = sorted(entry for entry in path.iterdir() if entry.is_file())
        candidates = [InputFile(entry, gzipped=_named_gzip(entry.name)) for entry in entries]
    elif path.exists() and _starts_with(path, _ZIP):
        members = safe_members(path)
        candidates = [InputFile(path, name, gzipped=_named_gzip(name)) for name in members]
    elif glob.has_magic(source.path) and not path.exists():
        candidates = [plain_file(one) for one in _globbed(source)]
        return SourceFiles(tuple(candidates))
    else:
        return SourceFiles((plain_file(path),))
    candidates = [one for one in candidates if not one.name.startswith((".", "_"))]
    choose = {"movielens": _movielens, "netflix": _netflix, "recbole": _recbole}[source.kind]
    return choose(candidates, path)


def _movielens(candidates: Sequence[InputFile], where: Path) -> SourceFiles:
    ratings = _the_one(candidates, _RATINGS, where)
    if not ratings:
        raise InputRefusedError(
            f"{where} holds no MovieLens ratings: expected one of ratings.csv, ratings.dat or u.data, "
            "plain or .gz. To read a file of another name, name the file itself."
        )
    movies, tags = (_the_one(candidates, pattern, where) for pattern in (_MOVIES, _TAGS))
    return SourceFiles(ratings, movies, tags=tags if movies else ())


def _netflix(candidates: Sequence[InputFile], where: Path) -> SourceFiles:
    ratings = _all(candidates, _NETFLIX_RATINGS)
    if not ratings:
        raise InputRefusedError(
            f"{where} holds no Netflix ratings: expected files mv_NUMBER.txt or combined_data_NUMBER.txt, "
            "plain or .gz. To read a file of another name, name the file itself."
        )
    return SourceFiles(ratings, _the_one(candidates, _NETFLIX_TITLES, where))


def _recbole(candidates: Sequence[InputFile], where: Path) -> SourceFiles:
    events, items, users = (_all(candidates, _ATOMIC[kind]) for kind in ("inter", "item", "user"))
    if not events:
        raise InputRefusedError(
            f"{where} holds no atomic file NAME.inter. Expected one, beside it NAME.item and NAME.user "
            "where there are any."
        )
    return SourceFiles(events, items, users)


def _all(candidates: Sequence[InputFile], pattern: re.Pattern[str]) -> tuple[InputFile, ...]:
    return tuple(file for file in candidates if pattern.fullmatch(file.name))


def _the_one(
    candidates: Sequence[InputFile], pattern: re.Pattern[str], where: Path
) -> tuple[InputFile, ...]:
    found = _all(candidates, pattern)
    if len(found) > 1:
        names = " and ".join(file.member or file.path.name for file in found)
        raise InputRefusedError(
            f"{where} holds {names}; only one of them can be meant. Name the file itself, or move the "
            "other away."
        )
    return found


def _matching_paths(source: Source) -> list[Path]:
    path = Path(source.path)
    if path.is_dir():
        if (path / "_delta_log").is_dir():
            raise InputRefusedError(
                f"{path} is a Delta table: its files include rows that were deleted or replaced. "
                f"Name it as delta:{path}."
            )
        pattern = _PART_FILES[source.kind]
        _refuse_nested(path, pattern, source)
        found = [one for one in path.iterdir() if pattern.fullmatch(one.name)]
    elif path.exists():
        return [path]
    else:
        return _globbed(source)
    return _of_data(found, source)


def _refuse_nested(folder: Path, pattern: re.Pattern[str], source: Source) -> None:
    """Refuse a folder of which files in sub-folders would be left out, as those of a partitioned table."""
    for place, folders, names in os.walk(folder):
        folders[:] = sorted(one for one in folders if not one.startswith(("_", ".")))
        nested = [one for one in names if pattern.fullmatch(one) and not one.startswith(("_", "."))]
        if nested and Path(place) != folder:
            raise InputRefusedError(
                f"{folder} has files in folders inside, such as {Path(place) / min(nested)}, and only a "
                "folder's own files are taken in. Say with a glob which are meant: "
                f"'{source.kind}:{folder}/*.{source.kind}' for its own, "
                f"'{source.kind}:{folder}/*/*.{source.kind}' for those inside."
            )


def _globbed(source: Source) -> list[Path]:
    return _of_data([Path(one) for one in glob.glob(source.path)], source)  # noqa: PTH207 - patterns are absolute


def _of_data(found: Sequence[Path], source: Source) -> list[Path]:
    """Those that are files, without what begins with _ or .: a writer's markers, unfinished files."""
    files = [one for one in found if one.is_file() and not one.name.startswith(("_", "."))]
    if not files:
        raise InputRefusedError(
            f"{source.path} holds no {source.kind} files. Expected a file, a folder of part files, or "
            "a glob."
        )
    return sorted(files)


def plain_file(path: Path) -> InputFile:
    """The file at `path`, gzipped or not.

    Raises:
        InputRefusedError: it cannot be read, or is a zip archive.
    """
    if _starts_with(path, _ZIP):
        raise InputRefusedError(
            f"{path} is a zip archive; only {', '.join(f'{kind}:' for kind in _WITH_ARCHIVES)} read "
            "those. Unpack it and name the file."
        )
    return InputFile(path, gzipped=_starts_with(path, _GZIP) or _named_gzip(path.name))


def _named_gzip(name: str) -> bool:
    return name.lower().endswith(".gz")


def _starts_with(path: Path, magic: bytes) -> bool:
    try:
        with path.open("rb") as file:
            return file.read(len(magic)) == magic
    except OSError as error:
        raise InputRefusedError(
            f"{path} cannot be read: {error.strerror}. Check the path of the source."
        ) from error
