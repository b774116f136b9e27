"""The text search: 95th percentiles of the page, its counts included. `python -m tests.bench.searching [SIZE]`."""

from __future__ import annotations

import random
import statistics
import sys
import time
from collections.abc import Callable
from urllib.parse import urlencode

from tests.bench import engines, graphs
from tests.bench.client import Connection, get
from tests.bench.data import Data, prepared, say
from tests.bench.measures import Wrong
from tests.bench.report import Row, Target, table

BOUND = 50.0  # ms
EACH = 100  # queries of a kind
WARM = 4  # not counted: each process opens the index when its first search comes
Pairs = list[tuple[str, str]]


def rows(data: Data) -> list[Row]:
    """Measure the search page on a graph; the figure beside it is the bound, not another server's."""
    with engines.ours(data) as engine, Connection(engine.port) as connection:
        for number in range(WARM):
            _taken(connection, [("q", f"agua calentando{number}")])
        return [_row(name, connection, make) for name, make in KINDS.items()]


def _row(name: str, connection: Connection, make: Callable[[random.Random], Pairs]) -> Row:
    say(f"search: {name}")
    chance = random.Random(7)
    taken = [_taken(connection, make(chance)) * 1000 for _ in range(EACH)]
    told = f"search page, {name}: 95th percentile (median {statistics.median(taken):.1f} ms)"
    return Row(told, "ms", statistics.quantiles(taken, n=20)[-1], "the bound", BOUND, EACH, Target(1.0))


def _taken(connection: Connection, pairs: Pairs) -> float:
    request = get(f"/search?{urlencode(pairs)}", "text/html")
    connection.ready()
    started = time.perf_counter()
    reply = connection.ask(request)
    taken = time.perf_counter() - started
    if reply.status != 200 or b'role="status"' not in reply.body:
        raise Wrong(f"status {reply.status} for {pairs}")
    return taken


_WORDS = graphs._WORDS.split()


def _word(chance: random.Random) -> Pairs:
    return [("q", chance.choice(_WORDS))]


def _words(chance: random.Random) -> Pairs:
    return [("q", " ".join(chance.sample(_WORDS, chance.randint(2, 4))))]


def _phrase(chance: random.Random) -> Pairs:
    return [("q", f'"{" ".join(chance.sample(_WORDS, 2))}"')]


def _beginning(chance: random.Random) -> Pairs:
    return [("q", f"{chance.choice(_WORDS)[:3]}*")]


def _narrowed(chance: random.Random) -> Pairs:
    issue = f"i{chance.randrange(graphs.ISSUES):03d}"
    return [*_word(chance), ("type", chance.choice(graphs.TYPES)), ("issue", issue)]


def _page(chance: random.Random) -> Pairs:
    return [*_word(chance), ("page", str(chance.randint(2, 200)))]


def _chosen(chance: random.Random) -> Pairs:
    return [("dimension", str(chance.randrange(graphs.DIMENSIONS))), ("type", chance.choice(graphs.TYPES))]


KINDS: dict[str, Callable[[random.Random], Pairs]] = {
    "a word": _word,
    "two to four words": _words,
    "a phrase": _phrase,
    "a beginning": _beginning,
    "a word and two facets": _narrowed,
    "a later page": _page,
    "two facets alone": _chosen,
}


if __name__ == "__main__":
    data = prepared(int(float(sys.argv[1] if len(sys.argv) > 1 else "1e7")))
    print(table(rows(data), []))
