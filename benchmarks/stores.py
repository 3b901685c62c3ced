"""How long Postgres, Redis and files take to fill, beside the same bytes from clients without Spark.

    PYTHONPATH=lib:tests .venv/bin/python benchmarks/stores.py [--folder /tmp/bench] [--users 1e6] [--changed 0.05]

Lists of 50 for a million users, on real servers that the script starts itself; then a second night in which a
share of the lists changed. Everything runs on this machine, one after the other, servers and clients on the same
cores. Writes results/stores.json and results/stores.md beside this file.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from environment import run_on_spark
from machine import describe_machine
from result_files import write_results
from store_servers import PASSWORD, run_postgres, run_redis
from stores_data import LENGTH, make_lake
from stores_plain import copy_to_postgres, insert_into_postgres, send_to_redis

from toplists.lake.dataset import Dataset

HERE = Path(__file__).resolve().parent
CLIENTS = (1, 2)
# Settings with which people load servers; tests have smaller ones.
POSTGRES = ("shared_buffers=1GB", "max_wal_size=8GB", "maintenance_work_mem=512MB", "fsync=on")


def on_spark(dataset: Dataset, entry: dict[str, Any], out: Path) -> list[dict[str, Any]]:
    """What `export` says of two nights."""
    run_on_spark(HERE / "stores_spark.py", str(dataset.root), json.dumps(entry), str(out))
    return list(json.loads(out.read_text()))


def plain(fill: Callable[..., float]) -> dict[str, dict[str, float]]:
    """Seconds of one client and of two at once, with the bytes ready and from the lake's files."""
    return {
        kind: {str(clients): fill(clients=clients, ready=ready) for clients in CLIENTS}
        for kind, ready in (("bytes ready", True), ("from files", False))
    }


def fill_postgres(dataset: Dataset, folder: Path) -> dict[str, Any]:
    """Export, plain clients, single rows."""
    with run_postgres(*POSTGRES) as server:
        uri = f"postgresql://postgres@127.0.0.1:{server.port}/postgres"
        entry = {"kind": "postgres", "name": "main", "address": uri, "secret": "env:STORE_PASSWORD"}
        return {
            "nights": on_spark(dataset, entry, folder / "postgres.json"),
            "plain": plain(partial(copy_to_postgres, dataset, uri)),
            "single": insert_into_postgres(dataset, uri),
        }


def fill_redis(dataset: Dataset, folder: Path, users: int) -> dict[str, Any]:
    """Export, plain clients."""
    with run_redis() as server:
        uri = f"redis://127.0.0.1:{server.port}/0"
        entry = {"kind": "redis", "name": "cache", "address": uri, "secret": "env:STORE_PASSWORD"}
        buckets = 1 << ((users - 1) // 256).bit_length()
        return {
            "nights": on_spark(dataset, entry, folder / "redis.json"),
            "plain": plain(partial(send_to_redis, dataset, uri, buckets=buckets)),
        }


def fill_files(dataset: Dataset, folder: Path, kind: str) -> dict[str, Any]:
    """Export."""
    shutil.rmtree(folder / f"out-{kind}", ignore_errors=True)
    entry = {
        "kind": "files",
        "name": "files",
        "address": f"files:{folder / f'out-{kind}'}",
        "format": kind,
    }
    return {"nights": on_spark(dataset, entry, folder / f"{kind}.json")}


def report(content: dict[str, Any]) -> list[str]:
    """The results as Markdown."""
    users, stores = content["users"], content["stores"]
    lines = [
        "# Filling stores",
        "",
        f"Lists of {LENGTH} for {users:,} users; in the second night {content['changed']:.0%} of them changed. "
        + ", ".join(f"{name} {value}" for name, value in content["machine"].items())
        + ". Servers and clients share the cores. Made by `benchmarks/stores.py`.",
        "",
        "| store | first night, s | users/s | items/s | second night, s | lists sent | MiB sent, first and second |",
        "|---|---:|---:|---:|---:|---:|---:|",
    ]
    for name, found in stores.items():
        first, second = found["nights"]
        rate = users / first["seconds"]
        cells = [
            name,
            f"{first['seconds']:.1f}",
            f"{rate:,.0f}",
            f"{rate * LENGTH:,.0f}",
            f"{second['seconds']:.1f}",
            f"{second['sent']:,}",
            f"{first['bytes'] / 2**20:,.1f}, {second['bytes'] / 2**20:,.1f}",
        ]
        lines.append(f"| {' | '.join(cells)} |")
    lines += [
        "",
        (
            "The same bytes by clients without Spark: seconds, and how many times as long the export takes. *Bytes ready*: "
            "encoded before the clock starts, in memory. *From files*: read from the lake's files and encoded on the way, "
            "as the export does."
        ),
        "",
        "| store | bytes ready, 1 client | 2 clients | from files, 1 client | 2 clients |",
        "|---|---:|---:|---:|---:|",
    ]
    for name, found in stores.items():
        seconds = [one for kind in found.get("plain", {}).values() for one in kind.values()]
        if seconds:
            ours = found["nights"][0]["seconds"]
            cells = [name, *(f"{one:.1f} ({ours / one:.2f})" for one in seconds)]
            lines.append(f"| {' | '.join(cells)} |")
    first = stores["postgres"]["nights"][0]
    ours = users * LENGTH / first["seconds"]
    lines += [
        "",
        "Items per second of INSERT, a statement each in one transaction, and how many times as fast COPY is:",
        "",
    ]
    for name, rate in stores["postgres"]["single"].items():
        lines.append(f"- {name}: {rate:,.0f} ({ours / rate:.1f} times)")
    return lines


def main() -> int:
    """Run all, write the results."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, default=Path("/tmp/bench"))
    parser.add_argument("--users", type=float, default=1e6)
    parser.add_argument("--changed", type=float, default=0.05)
    arguments = parser.parse_args()
    os.environ |= {"STORE_PASSWORD": PASSWORD, "PGPASSWORD": PASSWORD}
    folder, users = arguments.folder.resolve(), int(arguments.users)
    dataset = make_lake(folder, users, arguments.changed)
    stores = {
        "postgres": fill_postgres(dataset, folder),
        "redis": fill_redis(dataset, folder, users),
        "files, Parquet": fill_files(dataset, folder, "parquet"),
        "files, JSON lines": fill_files(dataset, folder, "jsonl"),
    }
    content = {
        "machine": describe_machine(),
        "users": users,
        "changed": arguments.changed,
        "stores": stores,
    }
    write_results("stores", report(content), content)
    return 0


if __name__ == "__main__":
    sys.exit(main())
