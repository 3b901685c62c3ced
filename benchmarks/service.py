"""How soon examples/service answers fifty clients at once.

    .venv/bin/python benchmarks/service.py --lists delta:/tmp/lookup/1000000-50/lake [--clients 50] [--rate 4] [--seconds 30]

Starts the service on the lists of benchmarks/lookup.py and asks for users at random over HTTP, every client on a
connection of its own: at first each so many times a second, whatever the answers take, then again as soon as it has its
answer. Client and service share the machine's cores. Writes results/service.json and results/service.md beside this
file.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import random
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

from lookup_users import user_id
from machine import ROOT, describe_machine
from result_files import write_results

GOAL = 0.050
_WARM_UP = 3.0


@contextmanager
def running(lists: str) -> Iterator[int]:
    """The service in a process of its own; its port."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
    command = [sys.executable, "-m", "uvicorn", "app:app", "--port", str(port)]
    variables = {"PYTHONPATH": str(ROOT / "lib"), "LISTS": lists}
    process = subprocess.Popen(
        [*command, "--log-level", "warning"],
        cwd=ROOT / "examples/service",
        env={**os.environ, **variables},
    )
    try:
        while True:
            assert process.poll() is None, "the service did not start"
            try:
                socket.create_connection(("127.0.0.1", port)).close()
                break
            except OSError:
                time.sleep(0.1)
        yield port
    finally:
        process.terminate()
        process.wait(30)


async def ask(
    port: int, users: int, clients: int, rate: float | None, seconds: float
) -> list[float]:
    """Seconds that answers took, of all clients together.

    With a rate they are counted from when the question was due, so that none is spared for others being slow.
    """
    begun = time.perf_counter() + 0.1
    taken: list[float] = []

    async def client(number: int) -> None:
        chance = random.Random(number)
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        due = begun + (chance.random() / rate if rate else 0.0)
        while due < begun + seconds:
            await asyncio.sleep(max(0.0, due - time.perf_counter()))
            user = user_id(chance.randrange(users))
            writer.write(f"GET /recommended/{user}?n=20 HTTP/1.1\r\nHost: x\r\n\r\n".encode())
            head = await reader.readuntil(b"\r\n\r\n")
            assert head.startswith(b"HTTP/1.1 200"), head
            length = int(head.lower().partition(b"content-length:")[2].split(b"\r\n")[0])
            await reader.readexactly(length)
            ended = time.perf_counter()
            if ended > begun + _WARM_UP:
                taken.append(ended - due)
            due = due + 1 / rate if rate else ended
        writer.close()

    await asyncio.gather(*(client(number) for number in range(clients)))
    return taken


def main() -> None:
    """Ask at a rate and without one, and write what it came to."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--lists", required=True)
    parser.add_argument("--users", type=int, default=1_000_000)
    parser.add_argument("--clients", type=int, default=50)
    parser.add_argument("--rate", type=float, default=4.0)
    parser.add_argument("--seconds", type=float, default=30.0)
    chosen = parser.parse_args()
    found = {}
    with running(chosen.lists) as port:
        for name, rate in (
            (f"{chosen.rate:g} a second each", chosen.rate),
            ("at once again", None),
        ):
            asked = ask(port, chosen.users, chosen.clients, rate, chosen.seconds + _WARM_UP)
            taken = sorted(asyncio.run(asked))
            found[name] = {
                "answers_per_second": len(taken) / chosen.seconds,
                **{f"p{share}": taken[len(taken) * share // 100] for share in (50, 95, 99)},
            }
    machine = describe_machine()
    said = ", ".join(f"{key} {value}" for key, value in machine.items())
    kind = chosen.lists.partition(":")[0]
    remark = (
        f"{chosen.clients} clients on connections of their own, {chosen.users:,} users at random, lists from {kind}, "
        f"20 items each; goal: p99 of {1000 * GOAL:g} ms. {said}. Made by `benchmarks/service.py`."
    )
    lines = [
        "# Answers of examples/service",
        "",
        remark,
        "",
        "| clients ask | answers/s | p50 ms | p95 ms | p99 ms |",
        "|---|---:|---:|---:|---:|",
    ]
    for name, one in found.items():
        figures = " | ".join(f"{1000 * one[key]:.1f}" for key in ("p50", "p95", "p99"))
        lines.append(f"| {name} | {one['answers_per_second']:,.0f} | {figures} |")
    write_results("service", lines, {"machine": machine, "lists": kind, "found": found})


if __name__ == "__main__":
    main()
