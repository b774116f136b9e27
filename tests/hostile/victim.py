"""An honest client in a process of its own, so that it waits for the server and not for the attackers beside it.

`python -m tests.hostile.victim HOST PORT SOURCE SEED`: for each line on standard input, a number of seconds, it asks small
queries during that time and prints how it went, as JSON: {"seconds": [...], "failures": [...]}.
"""

from __future__ import annotations

import json
import sys
import time

from tests.hostile.cases import is_right, shown, small_query
from tests.hostile.wire import Address, query_path

EVERY = 0.04  # seconds between two questions


def main() -> None:
    """Ask whenever told."""
    host, port, source, seed = sys.argv[1:]
    address, number = Address(host, int(port)), int(seed) * 1_000_000
    print("ready", flush=True)
    for line in sys.stdin:
        found, failures = [], []
        until = time.perf_counter() + float(line)
        while time.perf_counter() < until:
            number += 1
            seconds, failure = _ask(address, source, number)
            found.append(seconds)
            failures += [failure] if failure else []
            time.sleep(max(EVERY - seconds, 0))
        print(json.dumps({"seconds": found, "failures": failures}), flush=True)


def _ask(address: Address, source: str, number: int) -> tuple[float, str]:
    """Return how long a query of its own took, and what was wrong with the answer."""
    started = time.perf_counter()
    try:
        told = address.get(query_path(small_query(number)), source=source, timeout=10)
    except OSError as error:
        return time.perf_counter() - started, type(error).__name__
    right = told.reply.status == 200 and is_right(told.reply, number)
    return told.seconds, "" if right else shown(told.reply.status)


if __name__ == "__main__":
    main()
