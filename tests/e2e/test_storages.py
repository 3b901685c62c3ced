"""A night whose tasks exchange files through S3."""

from __future__ import annotations

from operators import Operator
from pyarrow.fs import FileSelector, FileSystem, FileType

from toplists.reader.delta import open_delta

DATASET = "sample-movielens"


def files_in(uri: str) -> list[str]:
    files, path = FileSystem.from_uri(uri)
    found = files.get_file_info(FileSelector(path, recursive=True, allow_not_found=True))
    return [info.path for info in found if info.type is FileType.File]


def test_a_night_through_an_object_store(operator: Operator, bucket: str, tmp_path) -> None:
    exchange = ("--set", f"engine.exchange={bucket}")
    assert operator.toplists("doctor", *exchange).stdout.count("Exchange  s3://") == 1
    night = operator.submit("nightly", *exchange)
    assert night.returncode == 0, night.stdout + night.stderr
    far = open_delta(operator.lake / DATASET).publication()
    assert far is not None
    assert files_in(bucket)
    assert not list((operator.lake / DATASET / "work").rglob("*.npy"))

    other = Operator(tmp_path / "other")
    assert other.submit("nightly").returncode == 0
    assert other.recommendations(DATASET, far.run_id) == operator.recommendations(
        DATASET, far.run_id
    )

    removed = operator.start_job("maintain", *exchange, "--set", "maintain.work_runs=0")
    assert removed.returncode == 0, removed.stdout + removed.stderr
    assert files_in(bucket) == []


def test_a_bucket_that_is_not_there_ends_in_2(operator: Operator, bucket: str) -> None:
    nowhere = bucket.replace("s3://bucket-", "s3://nowhere-")
    night = operator.submit("nightly", "--set", f"engine.exchange={nowhere}")
    said = " ".join((night.stdout + night.stderr).split())
    assert night.returncode == 2, said
    assert "engine.exchange = s3://nowhere-" in said
    assert "s3cret" not in said
