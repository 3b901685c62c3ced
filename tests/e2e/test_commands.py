"""The commands of the README, on the sample that needs no network."""

from __future__ import annotations

from subprocess import CompletedProcess

from operators import Operator

from toplists.reader.delta import open_delta


def said(job: CompletedProcess[str]) -> str:
    """All that a job told, on one line: spark-submit joins a Python job's two streams."""
    return " ".join((job.stdout + job.stderr).split())


def test_the_first_night_the_second_and_a_look_at_the_lists(operator: Operator) -> None:
    first = operator.submit("nightly")
    assert first.returncode == 0, first.stdout + first.stderr
    assert [line[:3] for line in first.stdout.splitlines() if line[1:2] == "/"] == [
        f"{number}/6" for number in range(1, 7)
    ]
    assert "too few to" in first.stdout  # 30 users cannot decide anything, and it says so
    assert first.stderr == ""  # nothing of Spark's own
    lists = open_delta(operator.lake / "sample-movielens")
    publication = lists.publication()
    assert publication is not None
    assert publication.run_id in first.stdout

    second = operator.submit("nightly")
    assert second.returncode == 0
    assert "Nothing changed" in second.stdout
    assert lists.publication() == publication

    shown = operator.toplists("show", "user", "12", "--dataset", "sample-movielens")
    assert shown.returncode == 0, shown.stderr
    assert publication.run_id in shown.stdout
    assert operator.toplists("status").returncode == 0

    alone = operator.submit("rollback")
    assert alone.returncode == 2
    assert "no earlier publication" in said(alone)
