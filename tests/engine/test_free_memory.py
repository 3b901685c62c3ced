"""Memory that is left, on a machine and in a container."""

from __future__ import annotations

from pathlib import Path

import pytest

from toplists.engine.free_memory import free_memory, usable_memory

MIB = 1 << 20


@pytest.fixture
def machine(tmp_path: Path) -> Path:
    """A machine with 64 MiB left."""
    file = tmp_path / "meminfo"
    file.write_text("MemTotal: 131072 kB\nMemAvailable: 65536 kB\n")
    return file


def group(folder: Path, limit: str) -> Path:
    """A container that uses 20 MiB, of which 4 are kept of files."""
    folder.mkdir()
    (folder / "memory.max").write_text(f"{limit}\n")
    (folder / "memory.current").write_text(f"{20 * MIB}\n")
    (folder / "memory.stat").write_text(f"anon {16 * MIB}\ninactive_file {4 * MIB}\n")
    return folder


def test_without_a_container_it_is_what_the_machine_has(machine: Path, tmp_path: Path) -> None:
    assert free_memory(machine, tmp_path / "none") == 64 * MIB
    assert free_memory(machine, group(tmp_path / "unlimited", "max")) == 64 * MIB
    assert free_memory(tmp_path / "none", tmp_path / "none") is None


def test_a_container_may_have_less(machine: Path, tmp_path: Path) -> None:
    assert free_memory(machine, group(tmp_path / "small", str(30 * MIB))) == 14 * MIB
    assert free_memory(machine, group(tmp_path / "full", str(10 * MIB))) == 0


def test_what_may_be_used_at_all_is_no_more_than_the_limit(tmp_path: Path) -> None:
    assert usable_memory(group(tmp_path / "small", str(30 * MIB))) == 30 * MIB
    assert usable_memory(tmp_path / "none") > 30 * MIB
