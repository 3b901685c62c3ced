"""Parts in an HDFS that goes away and comes back."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import urlsplit

import numpy as np
import pytest
from hdfs_server import Hdfs
from storages import files_in

from toplists.engine.remote_parts import keep_parts_in
from toplists.engine.storage import is_intact, open_array, save_part
from toplists.errors import ToplistsError

ONES = np.ones(3)


def test_what_was_written_survives_an_outage(hdfs: Hdfs, hdfs_folder: str, tmp_path: Path) -> None:
    run = tmp_path / "run"
    keep_parts_in(run, hdfs_folder)
    before = save_part(str(run / "model"), "users", {"array": ONES})
    hdfs.end()
    try:
        with pytest.raises(ToplistsError, match=r"could not be written: .*engine\.exchange"):
            save_part(str(run / "model"), "items", {"array": ONES})
    finally:
        hdfs.start()
    after = save_part(str(run / "model"), "items", {"array": ONES})
    assert is_intact(before)
    assert is_intact(after)
    assert np.array_equal(open_array(before, "array"), ONES)


@pytest.mark.parametrize("end", ["", "/"])
def test_the_root_is_a_folder(end: str, hdfs_folder: str, tmp_path: Path) -> None:
    address = urlsplit(hdfs_folder)
    run = tmp_path / f"run-{tmp_path.name}"
    keep_parts_in(run, f"hdfs://{address.netloc}{end}")
    part = save_part(str(run), "users", {"array": ONES})
    assert is_intact(part)
    assert any(path.startswith(f"/{run.name}-") for path in files_in(f"hdfs://{address.netloc}/"))
