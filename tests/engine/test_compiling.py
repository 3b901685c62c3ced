"""When kernels are compiled anew."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from toplists.engine import kernels

FOLDER = Path(kernels.__file__).parent
_ASK = (
    "from toplists.engine.kernels.asking import ask; print(ask(), *ask.stats.cache_hits.values())"
)
_CALLED = (
    "from toplists.engine.kernels.compiling import compiled\n@compiled\ndef say():\n    return {}\n"
)
_CALLER = (
    "from toplists.engine.kernels.compiling import compiled\n"
    "from toplists.engine.kernels.saying import say\n"
    "@compiled\ndef ask():\n    return say()\n"
)


@pytest.fixture
def package(tmp_path: Path) -> Path:
    """A package of the same name whose kernels are one that asks, and one in another file that says 1."""
    inner = tmp_path / "toplists" / "engine" / "kernels"
    inner.mkdir(parents=True)
    for folder in (inner, *list(inner.parents)[:2]):
        (folder / "__init__.py").touch()
    shutil.copy(FOLDER / "compiling.py", inner)
    (inner / "asking.py").write_text(_CALLER)
    (inner / "saying.py").write_text(_CALLED.format(1))
    return inner


@pytest.mark.process
def test_a_change_in_another_file_compiles_its_callers_anew(package: Path) -> None:
    def ask() -> list[str]:
        environment = {**os.environ, "PYTHONPATH": str(package.parents[2])}
        command = [sys.executable, "-c", _ASK]
        return subprocess.check_output(command, env=environment, text=True).split()

    assert ask() == ["1"]  # compiled
    assert ask() == ["1", "1"]  # one hit
    (package / "saying.py").write_text(_CALLED.format(2))
    assert ask() == ["2"]


_PAIR = "class Pair(NamedTuple):\n    number: float\n"
_OF_PAIR = "@compiled\ndef ask(pair):\n    return pair.number\n"
_COMPILING = (
    "from typing import NamedTuple\nfrom toplists.engine.kernels.compiling import compiled\n"
)
_ASK_OF_PAIR = (
    "from toplists.engine.kernels.{} import Pair; from toplists.engine.kernels.asking import ask; "
    "print(ask(Pair(1.0)), len(ask.stats.cache_hits))"
)


@pytest.mark.process
def test_what_was_compiled_for_a_type_that_moved_is_compiled_anew(package: Path) -> None:
    def ask(of: str) -> list[str]:
        environment = {**os.environ, "PYTHONPATH": str(package.parents[2])}
        command = [sys.executable, "-c", _ASK_OF_PAIR.format(of)]
        return subprocess.check_output(command, env=environment, text=True).split()

    asking, saying = package / "asking.py", package / "saying.py"
    asking.write_text(_COMPILING + _PAIR + _OF_PAIR)
    assert ask("asking") == ["1.0", "0"]  # compiled
    assert ask("asking") == ["1.0", "1"]  # one hit
    saying.write_text(_COMPILING + _PAIR)
    # As many lines: a function is told from another of its name by its line.
    asking.write_text(_COMPILING + "\n\n" + _OF_PAIR)
    assert ask("saying") == ["1.0", "0"]


_LOAD = """
import sys
from toplists.engine.daemon import load_kernels
load_kernels()
kernels = {
    value
    for name, module in list(sys.modules.items()) if name.startswith("toplists.engine.kernels")
    for value in list(vars(module).values()) if hasattr(value, "stats") and hasattr(value, "signatures")
}
print(sum(sum(kernel.stats.cache_misses.values()) for kernel in kernels))
print(sum(sum(kernel.stats.cache_hits.values()) for kernel in kernels))
"""


@pytest.mark.process
def test_the_second_application_compiles_nothing() -> None:
    def load() -> list[int]:
        environment = {**os.environ, "PYTHONPATH": str(FOLDER.parents[2])}
        command = [sys.executable, "-c", _LOAD]
        said = subprocess.check_output(command, env=environment, text=True).split()
        return list(map(int, said))

    load()
    misses, hits = load()
    assert misses == 0
    assert hits >= 8  # what fits and lists begin with
