"""What a reader waits for: the 95th percentile of a kind of page, beside a bound that it has to keep."""

from __future__ import annotations

import statistics
import time
from collections.abc import Iterable, Iterator
from itertools import islice

from tests.bench.client import Connection, get
from tests.bench.measures import Wrong
from tests.bench.report import Row, Target


def percentile(name: str, connection: Connection, addresses: Iterable[str], each: int, bound: float, proof: bytes) -> Row:
    """Ask for `each` addresses, one after the other; `proof` stands in every right answer, `bound` is in milliseconds."""
    taken = sorted(seconds * 1000 for seconds in seconds_for(connection, islice(addresses, each), proof))
    told = f"{name}: 95th percentile (median {statistics.median(taken):.1f} ms)"
    return Row(told, "ms", statistics.quantiles(taken, n=20)[-1], "the bound", bound, len(taken), Target(1.0))


def seconds_for(connection: Connection, addresses: Iterable[str], proof: bytes) -> Iterator[float]:
    """Yield how long each page takes to its last byte (s).

    Raises:
        Wrong: an answer is not the page that was asked for.
    """
    for address in addresses:
        request = get(address, "text/html")
        connection.ready()
        started = time.perf_counter()
        reply = connection.ask(request)
        taken = time.perf_counter() - started
        if reply.status != 200 or proof not in reply.body:
            raise Wrong(f"status {reply.status} for {address}")
        yield taken
