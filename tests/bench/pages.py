"""The readers' pages: 95th percentiles by kind of page, the next one each time. `python -m tests.bench.pages [SIZE]`."""

from __future__ import annotations

import itertools
import statistics
import sys
import time
from collections.abc import Iterator

from kg.namespaces import BASE
from tests.bench import engines
from tests.bench.client import Connection, get
from tests.bench.data import Data, prepared, say
from tests.bench.graphs import INSTITUTIONS, ISSUES, PLAN, TERRITORIES
from tests.bench.measures import Wrong
from tests.bench.report import Row, Target, table

BOUND = 300.0  # ms, at ten million triples
EACH = 40
WARM = 2  # not counted: what a snapshot keeps is made when the first page of a kind is asked for


def rows(data: Data) -> list[Row]:
    """Measure the pages on a graph; the figure beside each is the bound, not another server's."""
    with engines.ours(data) as engine, Connection(engine.port) as connection:
        return [_row(name, connection, addresses) for name, addresses in kinds(data.plans).items()]


def kinds(plans: int) -> dict[str, Iterator[str]]:
    """Return the addresses of each kind of page, without an end."""
    plan = PLAN.removeprefix(BASE + "id/")
    keys = [plan.format((7 * n) % plans).removeprefix("plan/") for n in range(plans)]
    return {
        "start": itertools.repeat("/"),
        "questions": itertools.repeat("/questions"),
        "plan": (f"/doc/plan/{key}" for key in itertools.cycle(keys)),
        "statement": (f"/doc/plan/{key}/s0001" for key in itertools.cycle(keys)),
        "territory": (f"/doc/territory/{n:06d}" for n in itertools.cycle(range(TERRITORIES))),
        "institution": (f"/doc/institution/e{n:03d}" for n in itertools.cycle(range(INSTITUTIONS))),
        "issue": (f"/doc/issue/i{n:03d}" for n in itertools.cycle(range(ISSUES))),
        "compare": (f"/compare?plan={a}&plan={b}" for a, b in itertools.pairwise(itertools.cycle(keys))),
        "editor": itertools.repeat("/sparql"),
    }


def _row(name: str, connection: Connection, addresses: Iterator[str]) -> Row:
    say(f"page: {name}")
    for _ in range(WARM):
        _taken(connection, next(addresses))
    taken = [_taken(connection, next(addresses)) * 1000 for _ in range(EACH)]
    told = f"page, {name}: 95th percentile (median {statistics.median(taken):.1f} ms)"
    return Row(told, "ms", statistics.quantiles(taken, n=20)[-1], "the bound", BOUND, EACH, Target(1.0))


def _taken(connection: Connection, address: str) -> float:
    request = get(address, "text/html")
    connection.ready()
    started = time.perf_counter()
    reply = connection.ask(request)
    taken = time.perf_counter() - started
    if reply.status != 200 or b"<h1" not in reply.body:
        raise Wrong(f"status {reply.status} for {address}")
    return taken


if __name__ == "__main__":
    print(table(rows(prepared(int(float(sys.argv[1] if len(sys.argv) > 1 else 1e5)))), []))
