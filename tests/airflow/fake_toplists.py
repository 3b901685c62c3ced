#!/usr/bin/env python3
"""A `toplists backfill --json` that looks at no lake: of each day everything remains, but of those in FAKE_DONE.

FAKE_DONE is a JSON list of days. FAKE_PLAN_ENDS is an exit code other than 0 that it ends with.
"""

import json
import os
import sys
from datetime import date, timedelta

STEPS = ["prepare", "train", "recommend", "evaluate"]


def main(arguments: list[str]) -> int:
    ends = int(os.environ.get("FAKE_PLAN_ENDS", "0"))
    if ends:
        print("error: the range ends before it begins", file=sys.stderr)
        return ends
    verb, first, last, *options = arguments
    assert (verb, options[0]) == ("backfill", "--json")
    done = json.loads(os.environ.get("FAKE_DONE", "[]"))
    steps = [*STEPS, "publish", "export"] if "--move-pointer" in options else STEPS
    day, days = date.fromisoformat(first), []
    while day <= date.fromisoformat(last):
        is_done = str(day) in done
        days.append(
            {
                "as_of": str(day),
                "run_id": f"{day}-0123abcd" if is_done else None,
                "standing": "finished" if is_done else "not begun",
                "remaining": [] if is_done else steps,
            }
        )
        day += timedelta(days=1)
    print(json.dumps({"days": days, "sentences": ["It takes a while."], "options": options}))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
