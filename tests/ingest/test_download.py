"""MovieLens releases that are fetched, from a folder and from a server of this machine."""

from __future__ import annotations

import hashlib
import urllib.error
import urllib.request
import zipfile
from collections.abc import Iterator
from email.message import Message
from functools import partial
from http.client import BadStatusLine, IncompleteRead
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from toplists.errors import ConfigurationError, InputRefusedError, ToplistsError
from toplists.ingest import download
from toplists.ingest.download import provide
from toplists.ingest.files import find_files
from toplists.ingest.source import Source, default_dataset_name, parse_source


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture
def offered(tmp_path: Path) -> Path:
    """A folder with an archive as GroupLens offers it."""
    folder = tmp_path / "offered"
    folder.mkdir()
    with zipfile.ZipFile(folder / "ml-latest-small.zip", "w") as archive:
        archive.writestr(
            "ml-latest-small/ratings.csv", "userId,movieId,rating,timestamp\n1,2,3,4\n"
        )
    return folder


@pytest.fixture(params=["file", "http"])
def environ(
    request: pytest.FixtureRequest, offered: Path, tmp_path: Path
) -> Iterator[dict[str, str]]:
    """An environment with a cache of its own, and the folder as a URL."""
    cache = {"XDG_CACHE_HOME": str(tmp_path / "cache")}
    if request.param == "file":
        yield {**cache, "MOVIELENS_URL": offered.as_uri()}
        return
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(offered)))
    thread = Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield {**cache, "MOVIELENS_URL": f"http://127.0.0.1:{server.server_port}/"}
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def named(environ: dict[str, str], name: str = "latest-small") -> Source:
    return parse_source(f"movielens:{name}", environ)


def write_md5(offered: Path, digest: str | None = None) -> None:
    archive = offered / "ml-latest-small.zip"
    digest = digest or hashlib.md5(archive.read_bytes()).hexdigest()
    (offered / "ml-latest-small.zip.md5").write_text(f"MD5 (ml-latest-small.zip) = {digest}\n")


@pytest.mark.parametrize("with_md5", [True, False])
def test_a_release_is_fetched_once(
    environ: dict[str, str], offered: Path, with_md5: bool, tmp_path: Path
) -> None:
    if with_md5:
        write_md5(offered)
    source = named(environ)
    provide(source, environ)
    assert source.path == str(tmp_path / "cache/toplists/ml-latest-small.zip")
    assert [file.name for file in find_files(source).events] == ["ratings.csv"]
    (offered / "ml-latest-small.zip").unlink()
    provide(source, environ)  # asks nobody
    assert sorted(path.name for path in Path(source.path).parent.iterdir()) == [
        "ml-latest-small.zip"
    ]


def test_what_differs_from_its_sum_is_refused(environ: dict[str, str], offered: Path) -> None:
    write_md5(offered, "0" * 32)
    with pytest.raises(InputRefusedError, match=r"0{32} is announced"):
        provide(named(environ), environ)
    assert list(Path(named(environ).path).parent.iterdir()) == []


@pytest.mark.parametrize("status", [403, 503, None])
def test_a_sum_that_cannot_be_fetched_is_not_passed_over(
    environ: dict[str, str], monkeypatch: pytest.MonkeyPatch, status: int | None
) -> None:
    open_url = urllib.request.urlopen

    def answer(url: str, **options: Any) -> Any:
        if not url.endswith(".md5"):
            return open_url(url, **options)
        if status is None:
            raise TimeoutError("timed out")
        raise urllib.error.HTTPError(url, status, "no", Message(), None)

    monkeypatch.setattr(urllib.request, "urlopen", answer)
    with pytest.raises(ToplistsError, match=r"zip\.md5 cannot be fetched \(.*cannot be checked"):
        provide(named(environ), environ)
    assert list(Path(named(environ).path).parent.iterdir()) == []


def test_what_is_too_large_is_not_kept(
    environ: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(download, "LARGEST_BYTES", 10)
    with pytest.raises(InputRefusedError, match="is larger than"):
        provide(named(environ), environ)
    assert list(Path(named(environ).path).parent.iterdir()) == []


def test_a_release_that_is_not_offered_says_where_it_was_sought(environ: dict[str, str]) -> None:
    with pytest.raises(
        InputRefusedError, match=r"ml-1m\.zip cannot be fetched .*MOVIELENS_URL right"
    ):
        provide(named(environ, "1m"), environ)


def test_without_a_network_it_says_what_to_do(tmp_path: Path) -> None:
    environ = {"XDG_CACHE_HOME": str(tmp_path), "MOVIELENS_URL": "http://127.0.0.1:9"}
    with pytest.raises(ToplistsError, match=r"put it at .*ml-latest-small\.zip") as failed:
        provide(named(environ), environ)
    assert failed.value.exit_code == 1  # running again may cure it


def test_other_schemes_are_refused(tmp_path: Path) -> None:
    environ = {"XDG_CACHE_HOME": str(tmp_path), "MOVIELENS_URL": "ftp://example.org"}
    with pytest.raises(ConfigurationError, match="expected a URL"):
        provide(named(environ), environ)


def test_secrets_in_the_url_are_used_and_not_shown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []

    def refuse(url: str, **_: Any) -> Any:
        asked.append(url)
        raise TimeoutError("timed out")

    monkeypatch.setattr(urllib.request, "urlopen", refuse)
    environ = {"XDG_CACHE_HOME": str(tmp_path), "MOVIELENS_URL": "https://a.b/c/?token=s3cret"}
    with pytest.raises(ToplistsError, match=r"https://a\.b/c/ml-1m\.zip cannot") as failed:
        provide(named(environ, "1m"), environ)
    assert asked == ["https://a.b/c/ml-1m.zip?token=s3cret"]
    assert "s3cret" not in str(failed.value)


@pytest.mark.parametrize("url", ["https://bob:s3cret@a.b/c", "ftp://bob:s3cret@a.b/c"])
def test_a_password_in_the_url_is_refused_and_not_shown(tmp_path: Path, url: str) -> None:
    environ = {"XDG_CACHE_HOME": str(tmp_path), "MOVIELENS_URL": url}
    with pytest.raises(ConfigurationError, match="MOVIELENS_URL is") as failed:
        provide(named(environ, "1m"), environ)
    assert "s3cret" not in str(failed.value)


@pytest.mark.parametrize("failure", [BadStatusLine("SSH-2.0 s3cret"), IncompleteRead(b"s3cret")])
def test_what_is_no_answer_in_http_is_a_failure(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, failure: Exception
) -> None:
    def refuse(*_: Any, **__: Any) -> Any:
        raise failure

    monkeypatch.setattr(urllib.request, "urlopen", refuse)
    environ = {"XDG_CACHE_HOME": str(tmp_path), "MOVIELENS_URL": "http://a.b/c"}
    with pytest.raises(ToplistsError, match=r"ml-1m\.zip cannot be fetched \(no answer") as failed:
        provide(named(environ, "1m"), environ)
    assert "s3cret" not in str(failed.value)


def test_half_an_archive_is_not_kept(environ: dict[str, str], offered: Path) -> None:
    archive = offered / "ml-latest-small.zip"
    archive.write_bytes(archive.read_bytes()[:-30])
    with pytest.raises(InputRefusedError, match="no complete zip archive"):
        provide(named(environ), environ)
    assert list(Path(named(environ).path).parent.iterdir()) == []


def test_a_mistyped_release_is_recognised(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ConfigurationError, match="Did you mean movielens:latest-small"):
        parse_source("movielens:lastest-small", {})
    (tmp_path / "lastest-small").mkdir()
    assert parse_source("movielens:lastest-small", {}).path == str(tmp_path / "lastest-small")


def test_a_file_of_that_name_goes_before_the_release(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "100k").mkdir()
    assert parse_source("movielens:100k", {}).path == str(tmp_path / "100k")
    assert default_dataset_name(parse_source("movielens:1m", {"XDG_CACHE_HOME": "/c"})) == "ml-1m"


def test_files_of_the_user_are_left_alone(tmp_path: Path) -> None:
    provide(Source("csv", str(tmp_path / "absent.csv")), {"MOVIELENS_URL": "ftp://example.org"})
