"""Which files are hashed again, and which are taken for what they were."""

from __future__ import annotations

import hashlib
import os
import time
from pathlib import Path

import pytest

from toplists.errors import InputRefusedError
from toplists.ingest import digests
from toplists.ingest.digests import Digests, recall, remember
from toplists.lake.dataset import Dataset


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "feed.csv"
    path.write_text("user,item\nu,i\n")
    return path


@pytest.fixture
def dataset(tmp_path: Path) -> Dataset:
    (tmp_path / "shop").mkdir()
    return Dataset(tmp_path / "shop")


def sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def hours_later(monkeypatch: pytest.MonkeyPatch) -> None:
    now = time.time_ns() + 7200 * 10**9
    monkeypatch.setattr(digests.time, "time_ns", lambda: now)


def no_reading(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise AssertionError("bytes were read")

    monkeypatch.setattr(hashlib, "file_digest", fail)


def test_what_did_not_change_is_not_read_again(
    file: Path, dataset: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    hours_later(monkeypatch)
    first = recall(dataset)
    expected = sha256(file)
    assert first.of(file) == expected
    remember(dataset, first)
    no_reading(monkeypatch)
    second = recall(dataset)
    assert second.of(file) == expected
    remember(dataset, second)
    assert recall(dataset).of(file) == expected


@pytest.mark.parametrize("how", ["in place", "another file", "times set back"])
def test_a_changed_file_of_the_same_size_is_noticed(
    file: Path, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    hours_later(monkeypatch)
    before = file.stat()
    known = Digests()
    known.of(file)
    if how == "another file":
        other = file.with_name("draft")
        other.write_text("user,item\nu,j\n")
        other.replace(file)
    else:
        time.sleep(0.02)  # longer than a tick of the kernel's clock
        file.write_text("user,item\nu,j\n")
    if how != "in place":
        os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert Digests(known.known).of(file) == sha256(file)


def test_a_file_that_is_new_or_grows_is_not_remembered(file: Path) -> None:
    # It may be written to once more within one tick of its times.
    known = Digests()
    known.of(file)
    assert known.known == {}


def test_files_that_are_gone_are_forgotten(
    file: Path, dataset: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    hours_later(monkeypatch)
    known = recall(dataset)
    known.of(file)
    remember(dataset, known)
    remember(dataset, recall(dataset))  # a night over another source
    assert "feed" in (dataset.root / "digests.json").read_text()
    file.unlink()
    remember(dataset, recall(dataset))
    assert "feed" not in (dataset.root / "digests.json").read_text()


@pytest.mark.parametrize("damaged", ["", "[]", '{"a": 1}', "{"])
def test_a_damaged_memory_is_none(file: Path, dataset: Dataset, damaged: str) -> None:
    (dataset.root / "digests.json").write_text(damaged)
    assert recall(dataset).of(file) == sha256(file)


def test_a_file_that_cannot_be_read_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputRefusedError, match="cannot be read"):
        Digests().of(tmp_path / "nothing.csv")
