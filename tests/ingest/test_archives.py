"""Archives that mean harm are refused in one sentence."""

from __future__ import annotations

import gzip
import stat
import warnings
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from toplists.errors import InputRefusedError
from toplists.ingest import archives
from toplists.ingest.files import InputFile, find_files
from toplists.ingest.source import Source
from toplists.ingest.streams import BombError, open_stream


def link(archive: zipfile.ZipFile) -> None:
    member = zipfile.ZipInfo("ratings.csv")
    member.external_attr = (stat.S_IFLNK | 0o777) << 16
    archive.writestr(member, "/etc/passwd")


def device(archive: zipfile.ZipFile) -> None:
    member = zipfile.ZipInfo("ratings.csv")
    member.external_attr = (stat.S_IFCHR | 0o777) << 16
    archive.writestr(member, "")


def twice(archive: zipfile.ZipFile) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # zipfile warns of it
        archive.writestr("ratings.csv", "x")
        archive.writestr("ratings.csv", "y")


HOSTILE: dict[str, tuple[Callable[[zipfile.ZipFile], None], str]] = {
    "up": (lambda archive: archive.writestr("../ratings.csv", "x"), "a place outside"),
    "deep up": (lambda archive: archive.writestr("a/../../ratings.csv", "x"), "a place outside"),
    "absolute": (lambda archive: archive.writestr("/etc/ratings.csv", "x"), "a place outside"),
    "windows": (lambda archive: archive.writestr("..\\ratings.csv", "x"), "a place outside"),
    "drive": (lambda archive: archive.writestr("C:/ratings.csv", "x"), "a place outside"),
    "link": (link, "is a link or device"),
    "device": (device, "is a link or device"),
    "twice": (twice, "occurs more than once"),
    "nested": (lambda archive: archive.writestr("ml/inner.zip", "x"), "an archive inside"),
}


@pytest.mark.parametrize("case", HOSTILE)
@pytest.mark.parametrize("kind", ["movielens", "recbole", "netflix"])
def test_a_hostile_member_refuses_the_archive(tmp_path: Path, case: str, kind: str) -> None:
    make, said = HOSTILE[case]
    path = tmp_path / "ml.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("good/ratings.csv", "userId,movieId,rating,timestamp\n")
        make(archive)
    with pytest.raises(InputRefusedError, match=rf"ml\.zip is refused: its member .* {said}"):
        find_files(Source(kind, str(path)))  # type: ignore[arg-type]  # parametrized


def test_a_bomb_is_refused_before_it_is_opened(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(archives, "HARMLESS_BYTES", 100_000)
    with zipfile.ZipFile(tmp_path / "ml.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("ratings.csv", b"1,2,3,4\n" * 100_000)
    with pytest.raises(InputRefusedError, match="would unpack to 800,000 bytes"):
        find_files(Source("movielens", str(tmp_path / "ml.zip")))


def claim_packed_size(path: Path, size: int) -> None:
    """Write another packed size of its only member into the directory of a zip archive."""
    content = bytearray(path.read_bytes())
    at = content.rindex(b"PK\x01\x02") + 20
    content[at : at + 4] = size.to_bytes(4, "little")
    path.write_bytes(content)


@pytest.mark.parametrize("packing", ["gzip", "gzip in zip", "gzip in a zip that lies"])
def test_a_bomb_that_does_not_say_so_is_stopped(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, packing: str
) -> None:
    monkeypatch.setattr("toplists.ingest.streams.HARMLESS_BYTES", 100_000)
    packed = gzip.compress(b"1,2,3,4\n" * 100_000)
    file = InputFile(tmp_path / "feed.csv.gz", gzipped=True)
    file.path.write_bytes(packed)
    if packing != "gzip":
        file = InputFile(tmp_path / "ml.zip", "ratings.csv.gz", gzipped=True)
        with zipfile.ZipFile(file.path, "w") as archive:
            archive.writestr("ratings.csv.gz", packed)
    if packing == "gzip in a zip that lies":
        claim_packed_size(file.path, 0xFFFFFFF0)
    with open_stream(file) as stream, pytest.raises(BombError):
        list(iter(lambda: stream.read(1 << 16), b""))


def test_honest_rows_shrink_less(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("toplists.ingest.streams.HARMLESS_BYTES", 0)
    rows = b"".join(b"%d,%d,3\n" % (n % 100, n % 77) for n in range(20_000))
    (tmp_path / "feed.csv.gz").write_bytes(gzip.compress(rows))
    with open_stream(InputFile(tmp_path / "feed.csv.gz", gzipped=True)) as stream:
        assert b"".join(iter(lambda: stream.read(1 << 16), b"")) == rows


def test_what_a_mac_adds_is_not_read(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "ml.zip", "w") as archive:
        archive.writestr("ml/ratings.csv", "x")
        archive.writestr("__MACOSX/ml/._ratings.csv", "x")
        archive.writestr("ml/", "")
    found = find_files(Source("movielens", str(tmp_path / "ml.zip")))
    assert [file.member for file in found.events] == ["ml/ratings.csv"]
