"""The text search: 95th percentiles of the page, its counts included. `python -m tests.bench.searching [SIZE]`."""

from __future__ import annotations

import random
import sys
from collections.abc import Callable
from urllib.parse import urlencode

from tests.bench import engines, graphs
from tests.bench.client import Connection
from tests.bench.data import Data, prepared, say
from tests.bench.percentiles import percentile, seconds_for
from tests.bench.report import Row, table

BOUND = 50.0  # ms
EACH = 100  # queries of a kind
WARM = 200  # not counted: each process opens the index when its first search comes, and a server visits its own pages at first
PROOF = b'role="status"'
Pairs = list[tuple[str, str]]


def rows(data: Data) -> list[Row]:
    """Measure the search page on a graph; the figure beside it is the bound, not another server's."""
    with engines.ours(data) as engine, Connection(engine.port) as connection:
        list(seconds_for(connection, (_address([("q", f"agua calentando{number}")]) for number in range(WARM)), PROOF))
        return [_row(name, connection, make) for name, make in KINDS.items()]


def _row(name: str, connection: Connection, make: Callable[[random.Random], Pairs]) -> Row:
    say(f"search: {name}")
    chance = random.Random(7)
    return percentile(f"search page, {name}", connection, (_address(make(chance)) for _ in range(EACH)), EACH, BOUND, PROOF)


def _address(pairs: Pairs) -> str:
    return f"/search?{urlencode(pairs)}"


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
