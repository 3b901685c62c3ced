"""Fetching a MovieLens release from GroupLens, once."""

from __future__ import annotations

import hashlib
import http.client
import os
import re
import urllib.error
import urllib.request
import zipfile
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import urlparse, urlunparse

from toplists.errors import ConfigurationError, InputRefusedError, ToplistsError
from toplists.ingest.source import RELEASES, Source, release_path

BASE_URL = "https://files.grouplens.org/datasets/movielens"
LARGEST_BYTES = 2 << 30
_SECONDS = 30
_CHUNK = 1 << 20
_SCHEMES = ("https", "http", "file")
_ABSENT = (404, 410)
_FAILURES = (OSError, http.client.HTTPException)
_MD5 = re.compile(rb"\b[0-9a-fA-F]{32}\b")


def provide(source: Source, environ: Mapping[str, str]) -> None:
    """See to it that the file of `source` is there, if it is a MovieLens release to be downloaded.

    It is fetched from GroupLens, or from where `MOVIELENS_URL` says, and checked against the MD5 sum
    that is offered beside it. What was fetched once is kept, and not fetched again.

    Args:
        source: Any source; those that name files of the user's are left alone.
        environ: Process environment.

    Raises:
        ConfigurationError: `MOVIELENS_URL` is of no usable kind.
        ToplistsError: the place, or the MD5 sum that it may offer, cannot be reached.
        InputRefusedError: what came is not the archive: too large, damaged, or nothing there.
    """
    path = Path(source.path)
    named = {str(release_path(name, environ)) for name in RELEASES}
    if source.kind != "movielens" or source.path not in named or path.exists():
        return
    base = environ.get("MOVIELENS_URL", BASE_URL)
    parts = urlparse(base)
    if parts.scheme not in _SCHEMES:
        raise ConfigurationError(
            f"MOVIELENS_URL is {_shown(base)}: expected a URL that begins with https:, http: or file:."
        )
    if "@" in parts.netloc:
        raise ConfigurationError(
            f"MOVIELENS_URL is {_shown(base)} behind a user's name, which is not supported. Expected a URL "
            f"that needs none; or put the archive at {path}."
        )
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        _fetch(_extended(base, f"/{path.name}"), draft, path)
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)


def _extended(url: str, suffix: str) -> str:
    """The URL whose path goes on with `suffix`."""
    parts = urlparse(url)
    return urlunparse(parts._replace(path=parts.path.rstrip("/") + suffix))


def _shown(url: str) -> str:
    """The URL as messages and the ledger may hold it: without passwords and tokens."""
    parts = urlparse(url)
    return urlunparse((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, "", "", ""))


def _fetch(url: str, draft: Path, path: Path) -> None:
    digest = hashlib.md5(usedforsecurity=False)
    received = 0
    try:
        with urllib.request.urlopen(url, timeout=_SECONDS) as answer, draft.open("wb") as file:  # noqa: S310 - its scheme was checked
            announced = answer.headers.get("Content-Length")
            while chunk := answer.read(_CHUNK):
                received += len(chunk)
                if received > LARGEST_BYTES:
                    raise InputRefusedError(
                        f"{_shown(url)} is larger than {LARGEST_BYTES >> 30} GiB, which no MovieLens release is."
                    )
                digest.update(chunk)
                file.write(chunk)
    except _FAILURES as error:
        raise _unreachable(url, error, path) from error
    if announced is not None and received != int(announced):
        raise ToplistsError(
            f"{_shown(url)} ended after {received:,} of {announced} bytes. Run the command again."
        )
    expected = _offered_md5(_extended(url, ".md5"))
    if expected is not None and digest.hexdigest() != expected:
        raise InputRefusedError(
            f"{_shown(url)} has the MD5 sum {digest.hexdigest()}, but {expected} is announced beside it. Run the "
            "command again; if it stays so, ask GroupLens."
        )
    if not zipfile.is_zipfile(draft):
        raise InputRefusedError(
            f"{_shown(url)} is no complete zip archive ({received:,} bytes), and was not kept. Is MOVIELENS_URL "
            "right?"
        )


def _offered_md5(url: str) -> str | None:
    """The MD5 sum in hex; `None` where none is offered.

    Raises:
        ToplistsError: whether one is offered cannot be told.
    """
    try:
        with urllib.request.urlopen(url, timeout=_SECONDS) as answer:  # noqa: S310 - its scheme was checked
            found = _MD5.search(answer.read(_CHUNK))
    except _FAILURES as error:
        if _is_absent(error):
            return None
        raise ToplistsError(
            f"{_shown(url)} cannot be fetched ({_reason(error)}), so the archive beside it cannot be checked and "
            "was not kept. Run the command again."
        ) from error
    return found[0].decode().lower() if found else None


def _unreachable(url: str, error: Exception, path: Path) -> ToplistsError:
    what = f"{_shown(url)} cannot be fetched ({_reason(error)})."
    if _is_absent(error):
        return InputRefusedError(f"{what} Is MOVIELENS_URL right?")
    return ToplistsError(
        f"{what} Without a network, get the file elsewhere and put it at {path}, name its place with "
        "movielens:PATH, or set MOVIELENS_URL to a mirror."
    )


def _is_absent(error: Exception) -> bool:
    """Whether the place was reached, and has no such file."""
    if isinstance(error, urllib.error.HTTPError):
        return error.code in _ABSENT
    return isinstance(getattr(error, "reason", None), FileNotFoundError)


def _reason(error: Exception) -> object:
    if isinstance(error, http.client.HTTPException):
        # What it says may quote anything.
        return f"no answer in HTTP: {type(error).__name__}"
    return getattr(error, "reason", None) or error
