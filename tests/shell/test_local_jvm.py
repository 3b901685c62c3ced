"""How the JVM of a local run is started: by what there is to do. None of these starts one."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

MEBIBYTE = 1 << 20


def shell(checkout: Path, code: str, *arguments: str, **environment: str) -> str:
    """What a piece of bash prints that has the functions of `conf/environment.sh`."""
    return subprocess.run(
        ["bash", "-c", f". conf/environment.sh; {code}", "bash", *arguments],
        cwd=checkout,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=True,
    ).stdout


@pytest.fixture
def world(checkout: Path, tmp_path: Path) -> Path:
    """Lakes of 2 and of 6 MiB of events, and a source of 1 MiB."""
    for folder, size in (("lake/films/events", 2), ("else where/films/events", 6), ("home", 1)):
        (tmp_path / folder).mkdir(parents=True)
        (tmp_path / folder / "part").write_bytes(os.urandom(size * MEBIBYTE))
    (checkout / "lake").symlink_to(tmp_path / "lake")
    (checkout / "conf" / "shop.yaml").write_text(f"# a lake\nlake:\n  root: {tmp_path / 'lake'}\n")
    return tmp_path


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ("local", 2),  # ./lake, as conf/base.yaml has it
        ("shop", 2),
        ("local --set lake.root={world}/nowhere", 0),
        ("local --set=lake.root={world}/nowhere", 0),
        # A source takes three times its size as events.
        ("local --source csv:{world}/home --dataset films", 2 + 3),
        ("local --source=csv:~", 2 + 3),
        ("local --source csv:{world}/missing", 2),
        ("local --source movielens:latest-small", 2),
    ],
)
def test_what_there_is_to_read_is_guessed(
    checkout: Path, world: Path, arguments: str, expected: int
) -> None:
    words = arguments.format(world=world).split()
    said = shell(checkout, 'megabytes_to_read "$@"', *words, HOME=str(world / "home"))
    assert int(said) == expected


def test_the_folder_of_a_lake_may_have_a_space(checkout: Path, world: Path) -> None:
    setting = f"lake.root={world}/else where"
    assert int(shell(checkout, 'megabytes_to_read "$@"', "local", "--set", setting)) == 6


@pytest.mark.parametrize(
    ("cores", "compiler", "quick"),
    [(2, "quick", True), (1, "quick", True), (2, "optimizing", False), (4, "quick", False)],
)
def test_only_on_few_cores_the_optimizing_compiler_has_to_pay(
    checkout: Path, cores: int, compiler: str, quick: bool
) -> None:
    options = shell(checkout, f"getconf() {{ echo {cores}; }}; local_jvm_options {compiler}")
    assert ("TieredStopAtLevel=1" in options) is quick
    assert ("UseSerialGC" in options) is (cores <= 2)


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ("--dataset films", "quick"),
        ("--source csv:much", "optimizing"),
        # Models whose arithmetic is in the JVM.
        ("--models als,item2vec", "optimizing"),
        ("--set model.als.engine=mllib", "optimizing"),
        ("--set model.hybrid.members=[item2vec,slim]", "optimizing"),
        ("--overlay words.yaml", "optimizing"),
        ("--overlay=words.yaml", "optimizing"),
        # Only where such a model is told what it is set to.
        ("--overlay other.yaml", "quick"),
    ],
)
def test_what_pays_for_the_optimizing_compiler(
    checkout: Path, arguments: str, expected: str
) -> None:
    (checkout / "words.yaml").write_text("model:\n  hybrid:\n    members: [slim, item2vec] # two\n")
    (checkout / "other.yaml").write_text("model:\n  item2vec:\n    rank: 32 # not mllib\n")
    (checkout / "much").write_bytes(bytes(50 * MEBIBYTE))
    assert shell(checkout, 'compiler_for "$@"', "local", *arguments.split()) == expected
