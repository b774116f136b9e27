"""The readers' pages on copies of the project's plans: 95th percentiles by kind of page. `python -m tests.bench.pages [SIZE]`."""

from __future__ import annotations

import itertools
import random
import sys
from collections.abc import Iterator

from kg.namespaces import PREFIXES
from kg.prepared import prepare_answers
from kg.queries import load_questions
from kg.store import current_store, query
from kg.store import reading as reading_store
from tests.bench import engines
from tests.bench.client import Connection
from tests.bench.data import Data, replicated, say
from tests.bench.percentiles import percentile, seconds_for
from tests.bench.report import Row, table

BOUND = 300.0  # ms, at ten million triples
EACH = 40
WARM = 2  # not counted: what a snapshot keeps is made when the first page of a kind is asked for
PROOF = b"<h1"
_THINGS = "SELECT DISTINCT ?x WHERE { %s }"
_KINDS = {
    "plan": "?x a pg:Plan",
    "statement": "?x a pg:Target",
    "territory": "?plan pg:forTerritory ?x",
    "institution": "?x a pg:Institution . FILTER(EXISTS { ?s pg:partner ?x })",
    "organization": "?plan pg:presentedBy ?x",
    "fund": "?x a pg:FundingSource . FILTER(EXISTS { ?s pg:fundedBy ?x })",
    "issue": "?x a pg:Issue . FILTER(EXISTS { ?s pg:issue ?x })",
}


def rows(data: Data) -> list[Row]:
    """Measure the pages on a graph of copies; the figure beside each is the bound, not another server's."""
    say("the answers to the questions, unless they are there")
    failed = prepare_answers(current_store(data.folder), load_questions())
    found = []
    with engines.ours(data) as engine, Connection(engine.port) as connection:
        for name, addresses in kinds(data).items():
            say(f"page: {name}")
            list(seconds_for(connection, itertools.islice(addresses, WARM), PROOF))
            found.append(percentile(f"page, {name}", connection, addresses, EACH, BOUND, PROOF))
        for language in ("es", "en"):
            say(f"questions, {language}")
            pages = [f"/questions/{name}?lang={language}" for name in load_questions() if name not in failed]
            told = f"question pages, each of {len(pages)} for the first time, {language}"
            found.append(percentile(told, connection, pages, len(pages), BOUND, PROOF))
    return found


def kinds(data: Data) -> dict[str, Iterator[str]]:
    """Return the addresses of each kind of page, in an order that is mixed up, without an end."""
    chance, found = random.Random(7), dict[str, Iterator[str]]()
    keys: dict[str, list[str]] = {}
    with reading_store(data.folder) as store:
        for kind, pattern in _KINDS.items():
            keys[kind] = sorted(str(row[0]).partition("/id/")[2] for row in query(store, _THINGS % pattern, PREFIXES).rows)
    for kind, names in keys.items():
        chance.shuffle(names)
        found[kind] = (f"/doc/{name}" for name in itertools.cycle(names))
    plans = itertools.cycle(name.removeprefix("plan/") for name in keys["plan"])
    found["compare"] = (f"/compare?plan={a}&plan={b}" for a, b in itertools.pairwise(plans))
    found |= {name: itertools.repeat(address) for name, address in (("start", "/"), ("plans", "/plans"), ("editor", "/sparql"))}
    return found


if __name__ == "__main__":
    print(table(rows(replicated(int(float(sys.argv[1] if len(sys.argv) > 1 else 1e5)))), []))
