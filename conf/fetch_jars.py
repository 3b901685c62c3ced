"""Fetch the jars that a lock file names: `fetch_jars.py LOCK FOLDER`.

A jar is taken from ~/.m2/repository where it is there, else downloaded from
$DEFAULT_ARTIFACT_REPOSITORY or Maven Central. A file whose hash is not the lock's is refused. Runs
with the standard library only.
"""

from __future__ import annotations

import hashlib
import os
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path

CENTRAL = "https://repo1.maven.org/maven2"


def read_lock(lock: Path) -> Iterator[tuple[str, str]]:
    """The (sha256, path in a Maven repository) of every jar."""
    for line in lock.read_text().splitlines():
        if line and not line.startswith("#"):
            digest, path = line.split()
            yield digest, path


def fetch_jar(digest: str, path: str, folder: Path, lock: Path) -> None:
    """Put one jar that `lock` names into `folder` unless it is there; complete or not at all."""
    jar = folder / Path(path).name
    if jar.exists():
        return
    content = _read_from_maven_cache(digest, path) or _download(path)
    if hashlib.sha256(content).hexdigest() != digest:
        sys.exit(
            f"{jar.name} is not the file that {lock.parent.name}/{lock.name} names (its hash differs), so it "
            "was not kept. Check the repository that DEFAULT_ARTIFACT_REPOSITORY points to."
        )
    # A name of our own, then a rename: two at once and a kill leave no half file.
    part = jar.with_name(f"{jar.name}.{os.getpid()}.part")
    part.write_bytes(content)
    part.replace(jar)


def _read_from_maven_cache(digest: str, path: str) -> bytes | None:
    cached = Path("~/.m2/repository").expanduser() / path
    content = cached.read_bytes() if cached.is_file() else b""
    return content if hashlib.sha256(content).hexdigest() == digest else None


def _download(path: str) -> bytes:
    repository = os.environ.get("DEFAULT_ARTIFACT_REPOSITORY") or CENTRAL
    name = Path(path).name
    print(f"Fetching {name} (once) …", file=sys.stderr, flush=True)
    try:
        # The operator chose the repository; the hash is checked whatever its scheme.
        with urllib.request.urlopen(f"{repository.rstrip('/')}/{path}", timeout=60) as response:  # noqa: S310
            content: bytes = response.read()
    except (OSError, ValueError) as error:
        sys.exit(
            f"{name} could not be fetched ({getattr(error, 'reason', None) or type(error).__name__})."
            " Without a way to Maven Central, set DEFAULT_ARTIFACT_REPOSITORY to a mirror, or put "
            f"the file into ~/.m2/repository/{path}."
        )
    return content


def main() -> None:
    """Fetch what is missing."""
    lock, folder = map(Path, sys.argv[1:])
    folder.mkdir(exist_ok=True)
    for digest, path in read_lock(lock):
        fetch_jar(digest, path, folder, lock)


if __name__ == "__main__":
    main()
