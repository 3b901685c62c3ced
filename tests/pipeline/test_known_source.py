"""A night over files that were taken in before: they are not even read."""

from __future__ import annotations

import hashlib
import shutil
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import NoReturn

import pytest

from toplists.config.settings import Settings
from toplists.ingest import digests
from toplists.ingest.batch import next_batch
from toplists.ingest.recognition import recognise
from toplists.ingest.source import Source
from toplists.lake.bookkeeping import append_rows
from toplists.lake.dataset import Dataset
from toplists.lake.lease import Lease
from toplists.lake.tables import LOADS
from toplists.pipeline.steps.ingest import ingest_source
from toplists.pipeline.workplace import Workplace

NOW = datetime(2024, 6, 1, tzinfo=UTC)


def no_session() -> NoReturn:
    raise AssertionError("a session was started")


def test_a_source_that_did_not_change_is_not_read(
    no_rows: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    dataset = Dataset(tmp_path / "shop")
    shutil.copytree(no_rows, dataset.root)
    feed = tmp_path / "feed.csv"
    feed.write_text("user,item\nu,i\n")
    source = Source("csv", str(feed))
    settings = Settings()
    batch = next_batch(recognise(source, settings.ingest), [], settings.ingest)
    assert batch is not None
    counts = {"rows": 1, "accepted": 1, "duplicates": 0, "corrections": 0, "rejected": 0}
    files = [
        {"path": part.path, "fingerprint": part.fingerprint, "header": part.header}
        for part in batch.parts
    ]
    load = {"load_id": batch.load_id, "source": "csv", "path": str(feed), **counts}
    load |= {"fingerprint": batch.fingerprint, "newest_event_time": None, "loaded_at": NOW}
    append_rows(dataset, LOADS, [{**load, "files": files, "redrive_of": None}])
    place = Workplace(settings, dataset, Lease(1), lambda: NOW, no_session)
    later = time.time_ns() + 7200 * 10**9
    monkeypatch.setattr(digests.time, "time_ns", lambda: later)
    read: list[object] = []
    real = hashlib.file_digest

    def note(file: object, name: str) -> object:
        read.append(file)
        return real(file, name)  # type: ignore[arg-type] # whatever it is given

    monkeypatch.setattr(hashlib, "file_digest", note)
    for _ in range(3):
        report, _ = ingest_source(place, source)
        assert (report.already_loaded, report.rows) == (True, 1)
    assert len(read) == 1
