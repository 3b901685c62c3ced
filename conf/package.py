"""Build what a cluster is given instead of this checkout: `package.py FOLDER`.

- `toplists-VERSION.zip` for `--py-files`: the same sources make the same bytes.
- `toplists-VERSION-py3-none-any.whl` for images and environments of one's own.
- `toplists-VERSION-environment.tar.gz` for `spark.archives`: the packages of requirements.lock as they
  are installed in .venv, with toplists among them, since numba keeps compiled kernels beside their
  source only where that is not in a `.zip`. The kernels come compiled for this machine's processor.
  It links to this machine's Python: the nodes need the same one under the same path.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import sysconfig
import tarfile
import tempfile
from collections.abc import Iterable, Iterator
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from pathlib import Path, PurePosixPath
from zipfile import ZIP_DEFLATED, ZipFile, ZipInfo

ROOT = Path(__file__).resolve().parents[1]
LIB = ROOT / "lib"
_EPOCH = (1980, 1, 1, 0, 0, 0)  # the first moment that a zip file can name
_EPOCH_SECONDS = 315_532_800
_PACKAGED = (".py", ".typed", ".html", ".css")
# Of Spark itself executors have their own; nobody runs the tests of numpy there.
_LEFT_OUT = ("pyspark/jars/", "pyspark/examples/", "pyspark/data/", "pyspark/bin/", "pyspark/sbin/")
_COMPILE_KERNELS = "from toplists.engine.daemon import load_kernels; load_kernels()"


def source_files(lib: Path) -> list[Path]:
    """Every source of the package under `lib`, templates of reports among them, in a fixed order."""
    return sorted(
        path
        for path in (lib / "toplists").rglob("*")
        if path.is_file() and path.suffix in _PACKAGED
    )


def write_zip(target: Path, lib: Path) -> None:
    """The package as an archive that Python imports from; its bytes depend on the sources only."""
    with ZipFile(target, "w", ZIP_DEFLATED) as archive:
        for path in source_files(lib):
            entry = ZipInfo(path.relative_to(lib).as_posix(), _EPOCH)
            entry.compress_type = ZIP_DEFLATED
            entry.external_attr = 0o644 << 16
            archive.writestr(entry, path.read_bytes())


def build_wheel(folder: Path) -> None:
    """The wheel, by whichever of uv and pip there is; it fetches hatchling unless that is cached."""
    uv = shutil.which("uv", path=f"{Path(sys.executable).parent}:{os.environ.get('PATH', '')}")
    with tempfile.TemporaryDirectory() as staged:
        source = Path(staged)  # not in the checkout: builds leave files behind
        for name in ("pyproject.toml", "README.md", "LICENSE"):
            shutil.copy(ROOT / name, source)
        shutil.copytree(LIB, source / "lib", ignore=shutil.ignore_patterns("__pycache__"))
        pip = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--wheel-dir"]
        tool = [uv, "build", "--quiet", "--wheel", "--out-dir"] if uv else pip
        environment = {**os.environ, "SOURCE_DATE_EPOCH": str(_EPOCH_SECONDS)}
        subprocess.run([*tool, str(folder), staged], check=True, env=environment)  # noqa: S603 - our own
    (folder / ".gitignore").unlink(missing_ok=True)  # uv's


def write_environment(target: Path) -> None:
    """The environment as an archive to be unpacked anywhere."""
    purelib = Path(sysconfig.get_path("purelib"))
    inside = PurePosixPath(purelib.relative_to(sys.prefix).as_posix())
    with (
        tempfile.TemporaryDirectory() as staged,
        # Level 1: the libraries in it hardly become smaller, and it is the processor that is waited for.
        tarfile.open(target, "w:gz", compresslevel=1) as archive,
    ):
        stage_package(Path(staged))
        _add_interpreter(archive, Path(staged))
        for path in sorted(set(installed_files(locked_distributions(), purelib))):
            archive.add(path, f"{inside / path.relative_to(purelib).as_posix()}", filter=_anonymous)
        for path in sorted(Path(staged).rglob("toplists/**/*")):
            if path.is_file():
                name = f"{inside / path.relative_to(staged).as_posix()}"
                archive.add(path, name, filter=_anonymous)


def stage_package(folder: Path) -> None:
    """Put the package into `folder`, with its kernels compiled."""
    for path in source_files(LIB):
        copy = folder / path.relative_to(LIB)
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, copy)
    environment = {**os.environ, "PYTHONPATH": str(folder)}
    environment.pop("NUMBA_CACHE_DIR", None)
    subprocess.run([sys.executable, "-c", _COMPILE_KERNELS], check=True, env=environment)  # noqa: S603 - our own


def locked_distributions() -> Iterator[Distribution]:
    """What requirements.lock names and is installed here."""
    lock = (ROOT / "requirements.lock").read_text(encoding="utf-8")
    for name in sorted(set(re.findall(r"(?m)^([A-Za-z0-9._-]+)==", lock))):
        try:
            yield distribution(name)
        except PackageNotFoundError:  # for other systems or versions of Python
            continue


def installed_files(distributions: Iterable[Distribution], purelib: Path) -> Iterator[Path]:
    """Their files under `purelib`, bytecode included, but for what an executor never needs."""
    for each in distributions:
        for file in each.files or ():
            name, path = file.as_posix(), purelib / file
            if name.startswith("..") or name.startswith(_LEFT_OUT) or "tests" in file.parts:
                continue
            if path.is_file():
                yield path
            bytecode = (
                path.parent / "__pycache__" / f"{path.stem}.{sys.implementation.cache_tag}.pyc"
            )
            if path.suffix == ".py" and bytecode.is_file():
                yield bytecode


def _add_interpreter(archive: tarfile.TarFile, staged: Path) -> None:
    """`bin/python` as a link to the Python of this machine, and what makes it look beside itself."""
    python = Path(sys.base_prefix, "bin", f"python3.{sys.version_info.minor}")
    configuration = staged / "pyvenv.cfg"
    configuration.write_text(
        f"home = {python.parent}\ninclude-system-site-packages = false\n", encoding="utf-8"
    )
    archive.add(configuration, "pyvenv.cfg", filter=_anonymous)
    for name, link in ("python", str(python)), ("python3", "python"), (python.name, "python"):
        entry = tarfile.TarInfo(f"bin/{name}")
        entry.type, entry.linkname = tarfile.SYMTYPE, link
        archive.addfile(entry)


def _anonymous(entry: tarfile.TarInfo) -> tarfile.TarInfo:
    """The entry without whose it was here."""
    entry.uid = entry.gid = 0
    entry.uname = entry.gname = ""
    entry.mtime = int(entry.mtime)
    return entry


def main() -> None:
    """Build all three, and name them."""
    folder = Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    version = re.search(
        r'(?m)^version = "([^"]+)"', (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    )
    name = f"toplists-{version[1] if version else '0'}"
    write_zip(folder / f"{name}.zip", LIB)
    print(folder / f"{name}.zip", flush=True)
    build_wheel(folder)
    print(folder / f"{name}-py3-none-any.whl", flush=True)
    draft = folder / f".{name}-environment.part"
    write_environment(draft)
    draft.replace(folder / f"{name}-environment.tar.gz")
    print(folder / f"{name}-environment.tar.gz", flush=True)


if __name__ == "__main__":
    main()
