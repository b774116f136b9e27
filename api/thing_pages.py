"""The page of a thing: each kind has its own; what has none shows all that the graph says of it, and what points at it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace

from starlette.requests import Request
from starlette.responses import Response

from api.actor_page import actor_page
from api.context import pages_of
from api.lookup import Node, Row, quotable, rows
from api.place_page import place_page
from api.plan_page import plan_page
from api.quotes import KINDS, known_names
from api.rendering import Cell, cell, endings, language_of, link_maker, render, site_path
from api.statement_page import statement_page
from api.strings import say
from kg.namespaces import BASE, PREFIXES

INCOMING_SHOWN = 100
INCOMING_READ = 2000
PG = PREFIXES["pg"]
LABEL, TYPE = PREFIXES["rdfs"] + "label", PREFIXES["rdf"] + "type"
Facts = dict[str, list[Node]]
PageMaker = Callable[[Request, str, Facts], Awaitable[dict[str, object]]]

OUTGOING = "SELECT ?p ?o { <%s> ?p ?o }"
INCOMING_COUNTS = "SELECT ?p (COUNT(?s) AS ?n) { ?s ?p <%s> } GROUP BY ?p"
INCOMING = "SELECT ?s ?line { { SELECT ?s { ?s <%s> <%s> } LIMIT %d } OPTIONAL { ?s pg:sourceLine ?line } }"
# One step is enough, since a thing's types are stated all the way up.
SUPERCLASSES = "SELECT ?above { VALUES ?c { %s } ?c rdfs:subClassOf ?above FILTER(?above != ?c) }"
# Which class has a page of its own: its template, and what collects what is on it.
MAKERS: dict[str, tuple[str, PageMaker]] = {
    "Plan": ("doc_plan.html", plan_page),
    "Statement": ("doc_statement.html", statement_page),
    "Territory": ("doc_place.html", place_page),
    "Institution": ("doc_actor.html", actor_page),
    "PoliticalOrganization": ("doc_actor.html", actor_page),
    "FundingSource": ("doc_actor.html", actor_page),
    "Issue": ("doc_actor.html", actor_page),
}


@dataclass
class Group:
    """A property on a page: its name, the values shown, how many more there are, and where to see those."""

    head: Cell
    cells: list[Cell]
    more: int = 0
    all_of_them: str = ""


async def thing_page(request: Request, iri: str) -> Response:
    """Show a thing."""
    pool, language = pages_of(request), language_of(request)
    facts: Facts = defaultdict(list)
    for row in await rows(pool, OUTGOING % iri):
        facts[row["p"].value].append(row["o"])
    classes = [n.value for n in facts.get(TYPE, [])]
    template, maker = _maker(iri, classes)
    incoming = [] if maker else await _incoming(request, iri)
    wanted = {iri, *facts, *(n.value for nodes in facts.values() for n in nodes if n.is_iri)}
    wanted |= {p for p, _, _ in incoming} | {s["s"].value for _, _, subjects in incoming for s in subjects}
    known = await known_names(request, wanted)
    path = site_path(iri)
    own = await _own_types(request, classes)
    return render(
        request,
        template,
        iri=iri,
        label=known.get(iri) or iri.removeprefix(BASE + "id/"),
        types=[cell(Node(t, True), known, language) for t in own],
        kind=next((KINDS[t.removeprefix(PG)] for t in own if t.removeprefix(PG) in KINDS), ""),
        groups=_groups({p: nodes for p, nodes in facts.items() if p not in {TYPE, LABEL}}, known, request),
        incoming=[_incoming_group(iri, *entry, known, request) for entry in incoming],
        endings=endings(path),
        self_path=path,
        **(await maker(request, iri, facts) if maker else {}),
    )


def _maker(iri: str, classes: list[str]) -> tuple[str, PageMaker | None]:
    for name, (template, maker) in MAKERS.items():
        if PG + name in classes:
            return template, maker
    if iri.startswith(BASE + "id/issue/"):
        return MAKERS["Issue"]
    return "doc.html", None


def _groups(facts: Facts, known: dict[str, str], request: Request) -> list[Group]:
    """Group the values by property, by the property's name."""
    language = language_of(request)
    groups = []
    for name, nodes in facts.items():
        cells = sorted((cell(node, known, language) for node in nodes), key=lambda c: c.text)
        groups.append(Group(cell(Node(name, True), known, language), cells))
    return sorted(groups, key=lambda g: g.head.text.lower())


async def _incoming(request: Request, iri: str) -> list[tuple[str, int, list[Row]]]:
    """Return (property, how many, some of the subjects in the order of their lines) for what points at a thing."""
    pool = pages_of(request)
    found = []
    for row in await rows(pool, INCOMING_COUNTS % iri):
        name = row["p"].value
        subjects = await rows(pool, INCOMING % (name, iri, INCOMING_READ))
        subjects.sort(key=lambda s: (int(s["line"].value) if "line" in s else 0, s["s"].value))
        found.append((name, int(row["n"].value), subjects[:INCOMING_SHOWN]))
    return sorted(found)


def _incoming_group(iri: str, name: str, count: int, subjects: list[Row], known: dict[str, str], request: Request) -> Group:
    language = language_of(request)
    head = cell(Node(name, True), known, language)
    query = f"SELECT ?s\nWHERE {{\n  ?s <{name}> <{iri}> .\n}}\nORDER BY ?s"
    more = max(count - len(subjects), 0)
    line = say("doc.line", language)
    notes = [f"{line} {s['line'].value}" if "line" in s else "" for s in subjects]
    cells = [replace(cell(s["s"], known, language), note=note) for s, note in zip(subjects, notes, strict=True)]
    return Group(head, cells, more, link_maker(language)("/sparql", query=query) if more else "")


async def _own_types(request: Request, types: list[str]) -> list[str]:
    """Return the types that are not a superclass of another: a project, not also a commitment and a statement."""
    if not types:
        return []
    above = await rows(pages_of(request), SUPERCLASSES % " ".join(f"<{t}>" for t in types if quotable(t)))
    implied = {row["above"].value for row in above}
    return sorted(t for t in types if t not in implied) or sorted(types)
