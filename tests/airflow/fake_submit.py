#!/usr/bin/env python3
"""A `spark-submit` that runs no job: it notes how it was called, and ends as it is told to.

FAKE_CALLS names the file it notes calls in, one JSON list a line. FAKE_ENDINGS is JSON: verb → how its
calls end in turn, the last one ever after. An ending is an exit code, or the name of a signal that kills it.
"""

import json
import os
import signal
import sys
from pathlib import Path

RUN_ID = "2026-11-24-0123abcd"
METRICS = {"ndcg@10": {"hybrid": 0.08, "popularity": 0.04}}
REASONS = {
    2: "a setting is wrong",
    3: "ndcg@10 fell",
    4: "process 7 writes",
    5: "no such column",
    6: "cache is behind",
}


def main(arguments: list[str]) -> int:
    verb, calls = verb_of(arguments), Path(os.environ["FAKE_CALLS"])
    before = [verb_of(json.loads(line)) for line in calls.read_text().splitlines()].count(verb)
    with calls.open("a") as lines:
        lines.write(json.dumps(arguments) + "\n")
    endings = json.loads(os.environ.get("FAKE_ENDINGS", "{}")).get(verb, [0])
    given: int | str = endings[min(before, len(endings) - 1)]
    if isinstance(given, str):
        os.kill(os.getpid(), signal.Signals[given])
    ending = int(given)
    told = {
        "schema_version": 1,
        "verb": verb,
        "exit_code": ending,
        "run_id": None if verb == "ingest" else RUN_ID,
        "reason": REASONS.get(ending),
        "folder": str(Path.cwd()),
        "users": 30,
        "items": 100,
        "metrics": METRICS,
        "live": {
            "run_id": RUN_ID,
            "as_of": "2026-11-24",
            "published_at": "2026-11-24T03:05:00+00:00",
        },
    }
    Path(arguments[arguments.index("--result-file") + 1]).write_text(json.dumps(told))
    print(f"{verb} ends with {ending}")
    return ending


def verb_of(arguments: list[str]) -> str:
    """The verb of a call: the job that is submitted."""
    return Path(next(word for word in arguments if word.endswith(".py"))).stem


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
