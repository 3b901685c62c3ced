"""What a zip archive holds, told without unpacking it; archives that mean harm are refused."""

from __future__ import annotations

import stat
import zipfile
from collections import Counter
from pathlib import Path, PurePosixPath

from toplists.errors import InputRefusedError

# Rows of text shrink to a fifth, very regular ones to a fiftieth; a bomb to a thousandth.
LARGEST_RATIO = 200
# Below this nobody's disk or patience is in danger, whatever the ratio.
HARMLESS_BYTES = 256 << 20
_ENCRYPTED = 0x1
_PACKED = (".zip", ".tar", ".tgz", ".tar.gz", ".tar.bz2", ".tar.xz", ".7z", ".rar")
_DEVICES = (stat.S_IFLNK, stat.S_IFBLK, stat.S_IFCHR, stat.S_IFIFO, stat.S_IFSOCK)


def safe_members(path: Path) -> list[str]:
    """The names of the files in a zip archive that can be read, in order.

    Members are read in place and never unpacked, so that no name could lead anywhere. An archive that
    tries is refused all the same: nothing else in it deserves trust.

    Raises:
        InputRefusedError: the archive is damaged; or one of its members has a place outside it, is a
            link or device, occurs twice, is an archive itself, or unpacks to far too much.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            members = archive.infolist()
    except (zipfile.BadZipFile, NotImplementedError, ValueError) as error:
        raise InputRefusedError(
            f"{path} is damaged: {error}. Expected a complete zip archive; fetch it again."
        ) from error
    times = Counter(member.filename for member in members)
    for member in members:
        if harm := _harm(member, times[member.filename]):
            raise InputRefusedError(
                f"{path} is refused: its member {member.filename!r} {harm}. Expected an archive of "
                "plain files; fetch it from where you trust it, or unpack it yourself and name the folder."
            )
    _refuse_bomb(path, members)
    return sorted(
        member.filename
        for member in members
        if not member.is_dir() and not member.flag_bits & _ENCRYPTED
    )


def _harm(member: zipfile.ZipInfo, times: int) -> str | None:
    name = member.filename.replace("\\", "/")
    place = PurePosixPath(name)
    if place.is_absolute() or ".." in place.parts or name[1:2] == ":":
        return "has a place outside the archive"
    # The upper half of the attributes is the mode of a Unix file, where there was one.
    if stat.S_IFMT(member.external_attr >> 16) in _DEVICES:
        return "is a link or device"
    if times > 1:
        return "occurs more than once"
    if name.lower().endswith(_PACKED):
        return "is an archive inside the archive"
    return None


def _refuse_bomb(path: Path, members: list[zipfile.ZipInfo]) -> None:
    unpacked = sum(member.file_size for member in members)
    if unpacked > HARMLESS_BYTES and unpacked > LARGEST_RATIO * path.stat().st_size:
        raise InputRefusedError(
            f"{path} is refused: it would unpack to {unpacked:,} bytes, {LARGEST_RATIO} times its size "
            "and more. Expected rows of text, which never shrink like that."
        )
