"""What is asked: queries with a harmless constant that changes from one repetition to the next, so that no cache answers."""

from __future__ import annotations

import json
from dataclasses import dataclass

from kg.namespaces import PREFIXES
from tests.bench.graphs import PLAN, PLAN_GRAPH

PG = PREFIXES["pg"]
_RDFS = PREFIXES["rdfs"]
ROWS = 10
_OPEN_PLAN = PLAN.format(0).replace("000000", "000PPP")


@dataclass(frozen=True)
class Asked:
    """A measure's query: what it is called, its text with NUMBER open, and whether it names a graph."""

    name: str
    text: str
    graph: bool = False

    def variant(self, number: int) -> str:
        """Return the query with a constant of its own; the answer is the same for all."""
        return self.text.replace("NUMBER", f"{number:05d}")


@dataclass(frozen=True)
class Small:
    """A query of ten rows: what it is called, and its text with the plan's number open as 000PPP and a harmless one as NUMBER."""

    name: str
    template: str

    def text(self, number: int, plans: int) -> str:
        """Return the query about one of the plans, with a constant of its own."""
        return self.template.replace("000PPP", f"{number % plans:06d}").replace("NUMBER", f"{number:07d}")


LOOK_UP = Small(
    "what is said of a thing", f"SELECT ?p ?o WHERE {{ <{_OPEN_PLAN}/s0005> ?p ?o FILTER(?o != 99NUMBER) }} LIMIT {ROWS}"
)
JOIN = Small(
    "ten statements of a plan with line and text",
    f"SELECT ?s ?line ?text WHERE {{ ?s <{PG}statedIn> <{_OPEN_PLAN}> ; <{PG}text> ?text ; <{PG}sourceLine> ?line "
    f"FILTER(?line != 99NUMBER) }} LIMIT {ROWS}",
)
WHOLE_PLAN = Asked("whole plan", f"SELECT ?s ?p ?o WHERE {{ GRAPH <{PLAN_GRAPH.format(0)}> {{ ?s ?p ?o }} }} LIMIT 1NUMBER", True)
ANALYTICAL = (
    Asked("count by property, over all", "SELECT ?p (COUNT(*) AS ?n) WHERE { ?s ?p ?o } GROUP BY ?p LIMIT 1NUMBER"),
    Asked(
        "property path, money by issue",
        f"SELECT ?issue (COUNT(*) AS ?n) (SUM(?amount) AS ?sum) WHERE {{ ?s <{PG}addresses>/<{PG}issue> ?issue ; "
        f"<{PG}budget>/<{PG}amount> ?amount }} GROUP BY ?issue LIMIT 1NUMBER",
    ),
    Asked(
        "count distinct labels",
        f"SELECT (COUNT(DISTINCT ?label) AS ?n) WHERE {{ ?s <{_RDFS}label> ?label }} LIMIT 1NUMBER",
    ),
    Asked(
        "text that contains a phrase",
        f'SELECT (COUNT(*) AS ?n) WHERE {{ ?s <{PG}text> ?text FILTER(CONTAINS(STR(?text), "agua potable")) }} LIMIT 1NUMBER',
    ),
)


def digest(body: bytes) -> tuple[int, int]:
    """Return what right answers have in common: the number of rows, and the sum of the counts in them.

    Raises:
        ValueError: it is no answer to a SELECT in JSON.
    """
    try:
        rows = json.loads(body)["results"]["bindings"]
        return len(rows), sum(int(row["n"]["value"]) for row in rows if "n" in row)
    except (KeyError, TypeError) as error:
        raise ValueError(f"no answer to a SELECT: {body[:200]!r}") from error
