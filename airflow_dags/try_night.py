"""A night in the Airflow that try.sh has started: triggered, and followed to its end.

Usage: try_night.py URL HOME. Says where the UI is and who may enter, and how each task ended. Its exit
code is 0 if the night succeeded. It speaks Airflow's public API, as `airflow` on the command line takes
seconds to start each time.
"""

from __future__ import annotations

import json
import sys
import time
import urllib.error
import urllib.request
from http import HTTPStatus
from pathlib import Path
from typing import Any

from toplists_airflow.submission import default_environment, submission

NIGHTLY = "toplists_nightly"
USER = "admin"
PASSWORDS = "simple_auth_manager_passwords.json.generated"
ENDED = ("success", "failed", "skipped", "upstream_failed", "up_for_retry")
# How long Airflow may take until it answers and has read the DAGs.
START_SECONDS = 300.0

Answer = dict[str, Any]


class Client:
    """Airflow's API, for the one user of this Airflow."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.token = ""
        # Never through a proxy: it is this machine.
        self.opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))

    def ask(self, method: str, path: str, body: Answer | None = None) -> Answer:
        """The answer to a request.

        Raises:
            OSError: there is none, or it says that something is wrong.
        """
        request = urllib.request.Request(  # noqa: S310 - http, by try.sh
            self.url + path,
            method=method,
            data=None if body is None else json.dumps(body).encode(),
            headers={"Content-Type": "application/json", "Authorization": f"Bearer {self.token}"},
        )
        with self.opener.open(request, timeout=30.0) as answer:
            return dict(json.load(answer))

    def log_in(self, password: str) -> None:
        """Be the user from now on."""
        body = {"username": USER, "password": password}
        self.token = self.ask("POST", "/auth/token", body)["access_token"]


def wait_until_there(client: Client, home: Path) -> None:
    """Log in as soon as Airflow answers, and wait until it has read the DAG.

    Raises:
        SystemExit: it takes too long, or the DAGs cannot be read.
    """
    last = time.monotonic() + START_SECONDS
    while time.monotonic() < last:
        try:
            if not client.token:
                password = json.loads((home / PASSWORDS).read_text())[USER]
                client.log_in(password)
                say(f"The UI: {client.url}   user {USER}, password {password}")
            errors = client.ask("GET", "/api/v2/importErrors")["import_errors"]
            if errors:
                sys.exit(str(errors[0]["stack_trace"]))
            client.ask("GET", f"/api/v2/dags/{NIGHTLY}")
        except (OSError, ValueError, KeyError):
            time.sleep(1.0)
        else:
            return
    sys.exit(f"Airflow has not read {NIGHTLY} in {START_SECONDS:.0f} seconds: see {home}/logs.")


def make_pool(client: Client, name: str) -> None:
    """The pool of the jobs, if it is not there yet: one job at a time."""
    try:
        client.ask("POST", "/api/v2/pools", {"name": name, "slots": 1})
    except urllib.error.HTTPError as error:
        if error.code != HTTPStatus.CONFLICT:
            raise


def follow(client: Client, run: str) -> str:
    """Say how each task of a run ends; returns how the run did."""
    path = f"/api/v2/dags/{NIGHTLY}/dagRuns/{run}"
    said: set[tuple[str, int, str]] = set()
    while True:
        state = str(client.ask("GET", path)["state"])
        tasks = client.ask("GET", f"{path}/taskInstances?order_by=start_date")["task_instances"]
        for task in tasks:
            seen = (str(task["task_id"]), int(task["try_number"]), str(task["state"]))
            if task["state"] in ENDED and seen not in said:
                said.add(seen)
                seconds = f"{task['duration']:6.1f} s" if task["duration"] else ""
                say(f"  {seen[0]:<10} {seen[2]:<15} {seconds}{reason(seen[0], run, seen[2])}")
        if state in ("success", "failed"):
            return state
        time.sleep(1.0)


def reason(task: str, run: str, state: str) -> str:
    """Why a task failed, as its job has left it."""
    if state not in ("failed", "up_for_retry"):
        return ""
    results = Path(submission(default_environment()).results)
    try:
        told = json.loads((results / NIGHTLY / run / f"{task}.json").read_text())
    except (OSError, ValueError):
        return "  see its log in the UI"
    return f"  {told['reason']}"


def say(line: str) -> None:
    """Print a line at once."""
    print(line, flush=True)


def main(url: str, home: Path) -> int:
    """A night, from the pool to its end; returns the exit code."""
    client = Client(url)
    wait_until_there(client, home)
    make_pool(client, submission(default_environment()).settings.airflow.pool)
    client.ask("PATCH", f"/api/v2/dags/{NIGHTLY}?update_mask=is_paused", {"is_paused": False})
    run = client.ask("POST", f"/api/v2/dags/{NIGHTLY}/dagRuns", {"logical_date": None})
    say(f"{NIGHTLY}, run {run['dag_run_id']}:")
    state = follow(client, run["dag_run_id"])
    say(f"The night: {state}")
    return int(state != "success")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], Path(sys.argv[2])))
