"""Which files a source consists of."""

from __future__ import annotations

import glob
import re
import stat
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from toplists.errors import InputRefusedError
from toplists.ingest.source import Source, SourceKind

_RATINGS = re.compile(r"(ratings\.(csv|dat|txt)|u\.data)(\.gz)?")
_MOVIES = re.compile(r"(movies\.(csv|dat|txt)|u\.item)(\.gz)?")
_PART_FILES: dict[SourceKind, re.Pattern[str]] = {
    "csv": re.compile(r".*\.(csv|tsv|txt)(\.gz)?"),
    "parquet": re.compile(r".*\.parquet"),
}
_GZIP = b"\x1f\x8b"
_ZIP = b"PK\x03\x04"
_ENCRYPTED = 0x1


@dataclass(frozen=True)
class InputFile:
    """One file, or one member of a zip archive, and whether its bytes are gzipped."""

    path: Path
    member: str | None = None
    gzipped: bool = False

    def __str__(self) -> str:
        return str(self.path) if self.member is None else f"{self.path}!{self.member}"

    @property
    def seekable(self) -> bool:
        """Whether reading can begin anywhere at no cost."""
        return self.member is None and not self.gzipped


@dataclass(frozen=True)
class SourceFiles:
    """The files of a source: those with events, in order of name, and the catalogue if there is one."""

    events: tuple[InputFile, ...]
    catalogue: InputFile | None = None


def find_files(source: Source) -> SourceFiles:
    """The files that `source` consists of.

    Raises:
        InputRefusedError: nothing is there, nothing there is of the kind, or it is ambiguous.
    """
    if source.kind == "movielens":
        return _find_movielens(Path(source.path))
    paths = _matching_paths(source)
    return SourceFiles(tuple(_plain_file(path) for path in paths))


def _find_movielens(path: Path) -> SourceFiles:
    if path.is_dir():
        candidates = [
            InputFile(entry, gzipped=entry.suffix == ".gz")
            for entry in sorted(path.iterdir())
            if entry.is_file()
        ]
        return _choose_movielens(candidates, path)
    if _starts_with(path, _ZIP):
        return _choose_movielens(_members(path), path)
    return SourceFiles((_plain_file(path),))


def _choose_movielens(candidates: Sequence[InputFile], where: Path) -> SourceFiles:
    ratings = _the_one(candidates, _RATINGS, where)
    if ratings is None:
        raise InputRefusedError(
            f"{where} holds no MovieLens ratings: expected one of ratings.csv, ratings.dat or u.data, "
            "plain or .gz. To read a file of another name, name the file itself."
        )
    return SourceFiles((ratings,), _the_one(candidates, _MOVIES, where))


def _the_one(
    candidates: Sequence[InputFile], pattern: re.Pattern[str], where: Path
) -> InputFile | None:
    found = [
        file
        for file in candidates
        if pattern.fullmatch(PurePosixPath(file.member or file.path.name).name)
    ]
    if len(found) > 1:
        names = " and ".join(file.member or file.path.name for file in found)
        raise InputRefusedError(
            f"{where} holds {names}; only one of them can be meant. Name the file itself, or move the "
            "other away."
        )
    return found[0] if found else None


def _members(path: Path) -> list[InputFile]:
    """The regular members of a zip archive that can be read without a password.

    They are streamed, never extracted, so that a name cannot lead anywhere; links and members that
    claim a place outside the archive are left out all the same.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            members = archive.infolist()
    except zipfile.BadZipFile as error:
        raise InputRefusedError(
            f"{path} is damaged: {error}. Expected a complete zip archive; fetch it again."
        ) from error
    return [
        InputFile(path, member.filename, gzipped=member.filename.endswith(".gz"))
        for member in sorted(members, key=lambda member: member.filename)
        if not member.is_dir()
        and not stat.S_ISLNK(member.external_attr >> 16)
        and not member.flag_bits & _ENCRYPTED
        and ".." not in PurePosixPath(member.filename).parts
        and not member.filename.startswith("/")
    ]


def _matching_paths(source: Source) -> list[Path]:
    path = Path(source.path)
    if path.is_dir():
        if (path / "_delta_log").is_dir():
            raise InputRefusedError(
                f"{path} is a Delta table: its files include rows that were deleted or replaced. "
                "Export the current rows to a folder of plain files first."
            )
        pattern = _PART_FILES[source.kind]
        found = [one for one in path.iterdir() if pattern.fullmatch(one.name)]
    elif path.exists():
        return [path]
    else:
        found = [Path(one) for one in glob.glob(source.path)]  # noqa: PTH207 - patterns are absolute
    # What begins with _ or . is a writer's own: markers, checksums, unfinished files.
    found = [one for one in found if one.is_file() and not one.name.startswith(("_", "."))]
    if not found:
        raise InputRefusedError(
            f"{path} holds no {source.kind} files. Expected a file, a folder of part files, or a glob."
        )
    return sorted(found)


def _plain_file(path: Path) -> InputFile:
    if _starts_with(path, _ZIP):
        raise InputRefusedError(
            f"{path} is a zip archive; only movielens: reads those. Unpack it and name the file."
        )
    return InputFile(path, gzipped=_starts_with(path, _GZIP) or path.suffix == ".gz")


def _starts_with(path: Path, magic: bytes) -> bool:
    try:
        with path.open("rb") as file:
            return file.read(len(magic)) == magic
    except OSError as error:
        raise InputRefusedError(
            f"{path} cannot be read: {error.strerror}. Check the path of the source."
        ) from error
