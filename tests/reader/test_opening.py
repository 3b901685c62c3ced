"""Opening lists by an address."""

from __future__ import annotations

import sys

import pytest

from toplists import reader


def test_an_address_opens_the_lists_that_lie_there(lake):
    lake.write_run("r1")
    lake.point_to("r1")
    with reader.open(f"delta:{lake.dataset.root}") as lists:
        assert lists.publication().run_id == "r1"
        assert lists.user("ann").items[0].item_id == "r1-1"


@pytest.mark.parametrize("address", ["", "lake/films", "delta:", "mongodb://somewhere", ":x"])
def test_another_address_is_refused_with_those_that_work(address):
    with pytest.raises(reader.AddressError, match="delta:FOLDER"):
        reader.open(address)


def test_a_scheme_of_hadoop_is_told_those_of_pyarrow():
    with pytest.raises(
        reader.AddressError, match=r"s3a://shop/lists is in no file .* s3://, gs://"
    ):
        reader.open("files:s3a://shop/lists")


def test_where_no_password_is_asked_for_none_is_taken(tmp_path):
    for kind in ("delta", "files"):
        with pytest.raises(reader.AddressError, match=f"{kind}: takes no password"):
            reader.open(f"{kind}:{tmp_path}", password="x")


@pytest.mark.parametrize(
    ("address", "package", "install"),
    [
        ("delta:lake/films", "deltalake", "deltalake"),
        ("files:lists", "pyarrow", "pyarrow"),
        ("postgresql://db.example/shop", "psycopg", r"psycopg\[binary\]"),
        ("redis://cache.example/0", "redis", "redis"),
        ("redis://cache.example/0", "msgpack", "msgpack"),
    ],
)
def test_a_package_that_is_missing_is_named(monkeypatch, address, package, install):
    for name in list(sys.modules):
        if name.startswith(("toplists.reader.", f"{package}.")):
            monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, package, None)
    said = f"takes the package {package}, which is not installed here: pip install '{install}'"
    with pytest.raises(reader.ListsUnavailableError, match=said):
        reader.open(address)
