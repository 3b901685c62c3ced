"""Inputs as an operator brings them: refused rows judged again, a release that is downloaded."""

from __future__ import annotations

import zipfile
from pathlib import Path
from subprocess import CompletedProcess

import pytest
from operators import Operator

pytestmark = pytest.mark.long


def said(job: CompletedProcess[str]) -> str:
    return " ".join((job.stdout + job.stderr).split())


def test_refused_rows_are_judged_again(operator: Operator, tmp_path: Path) -> None:
    feed = tmp_path / "shop.csv"
    feed.write_text("user,item,rating\nu,i,5\nu,j,-1\nv,i,4\n")
    strict = ("--set", "ingest.min_value=0", "--set", "ingest.max_rejected_share=0.5")
    taken = operator.submit("ingest", "--source", f"csv:{feed}", *strict)
    assert taken.returncode == 0, said(taken)
    shown = operator.toplists("rejected", "--dataset", "shop")
    assert "value_too_low" in shown.stdout

    redrive = ("ingest", "--dataset", "shop", "--redrive")
    mistyped = operator.submit(*redrive, "value_to_low")
    assert mistyped.returncode == 2
    assert "but some are for value_too_low" in said(mistyped)
    both = operator.submit(*redrive, "value_too_low", "--source", f"csv:{feed}")
    assert both.returncode == 2
    assert "not allowed with argument" in said(both)

    fixed = ("--set", 'ingest.missing=["-1"]', "--set", "ingest.missing_value=accepted")
    done = operator.submit(*redrive, "value_too_low", *fixed)
    assert done.returncode == 0, said(done)
    assert "1 are accepted now" in said(done)
    shown = operator.toplists("rejected", "--dataset", "shop")
    assert "no refused rows" in shown.stdout


def test_a_release_is_downloaded(
    operator: Operator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    offered = tmp_path / "offered"
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("MOVIELENS_URL", offered.as_uri())
    absent = operator.submit("ingest", "--source", "movielens:latest-small")
    assert absent.returncode == 5
    assert "Is MOVIELENS_URL right?" in said(absent)

    offered.mkdir()
    with zipfile.ZipFile(offered / "ml-latest-small.zip", "w") as archive:
        ratings = "userId,movieId,rating,timestamp\n1,2,5,1000000000\n"
        archive.writestr("ml-latest-small/ratings.csv", ratings)
        archive.writestr("ml-latest-small/movies.csv", "movieId,title,genres\n2,B (1999),Drama\n")
    taken = operator.submit("ingest", "--source", "movielens:latest-small")
    assert taken.returncode == 0, said(taken)
    assert "1 rows: 1 new events, 1 catalogue entries" in said(taken)
    assert (operator.lake / "ml-latest-small").is_dir()
