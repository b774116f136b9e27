"""Pages of the site: the start page, a page for every thing with its RDF forms, and the ontology."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field, replace
from difflib import get_close_matches
from urllib.parse import quote, unquote

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from api.context import pages_of, settings_of, snapshot_of
from api.errors import Refused
from api.lookup import Node, Row, holds, labels, quotable, rows
from api.negotiation import DOCUMENT_FORMATS, HTML, Choice, listed, named, negotiate
from api.rendering import Cell, cell, language_of, link_maker, render, site_path
from api.streaming import AnswerResponse, connected
from api.strings import say
from kg.frames import Query
from kg.namespaces import BASE, PREFIXES
from kg.pool import QueryFailed
from kg.queries import Question

router = APIRouter()
INCOMING_SHOWN = 100
INCOMING_READ = 2000
NEAR_READ = 5000
PG = PREFIXES["pg"]
LABEL, TYPE = PREFIXES["rdfs"] + "label", PREFIXES["rdf"] + "type"
SHOWN_ABOVE = {PG + name for name in ("text", "statedIn", "sourceLine", "sourcePage", "section")}
SHOWN_ABOVE |= {PREFIXES["prov"] + "wasQuotedFrom"}
KINDS = {"Problem": "problem", "Objective": "objective", "Target": "target", "Commitment": "commitment", "Budget": "money"}

PLANS = """SELECT ?plan ?place ?start ?end ?organization ?status {
  ?plan a pg:Plan
  OPTIONAL { ?plan pg:reviewStatus ?status }
  OPTIONAL { ?plan pg:forTerritory ?place } OPTIONAL { ?plan pg:periodStart ?start }
  OPTIONAL { ?plan pg:periodEnd ?end } OPTIONAL { ?plan pg:presentedBy ?organization }
} ORDER BY ?plan"""
COUNTED = ("Statement", "Problem", "Commitment", "Target", "Budget")
COUNTS = f"""SELECT ?plan ?class ?n {{
  VALUES ?class {{ {" ".join(f"pg:{name}" for name in COUNTED)} }}
  ?count void:class ?class ; void:entities ?n . ?graph void:classPartition ?count ; dcterms:subject ?plan
}}"""
OUTGOING = "SELECT ?p ?o { <%s> ?p ?o }"
INCOMING_COUNTS = "SELECT ?p (COUNT(?s) AS ?n) { ?s ?p <%s> } GROUP BY ?p"
INCOMING = "SELECT ?s ?line { { SELECT ?s { ?s <%s> <%s> } LIMIT %d } OPTIONAL { ?s pg:sourceLine ?line } }"
PLAN_STATEMENTS = """SELECT ?s ?line ?text ?section ?class ?type {
  ?s pg:statedIn <%s> ; pg:text ?text ; a ?class
  OPTIONAL { ?s pg:sourceLine ?line } OPTIONAL { ?s pg:section ?section }
  ?class rdfs:label ?type FILTER(LANG(?type) = "%s" && ?class NOT IN (pg:Statement, pg:Commitment))
} ORDER BY ?line ?s LIMIT %d"""
PLAN_FINDINGS = """SELECT ?finding ?text ?kind {
  ?finding pg:inPlan <%s> ; pg:description ?text ; pg:findingKind/rdfs:label ?kind
  FILTER(LANG(?text) = "%s" && LANG(?kind) = "%s")
} ORDER BY ?finding"""
# One step is enough, since a thing's types are stated all the way up.
SUPERCLASSES = "SELECT ?above { VALUES ?c { %s } ?c rdfs:subClassOf ?above FILTER(?above != ?c) }"
# A thing with the parts that lie below its own address: a statement's budget, evidence and the evidence's selectors.
DESCRIPTION = """CONSTRUCT { ?s ?p ?o } WHERE {
  { VALUES ?s { <%(iri)s> } ?s ?p ?o }
  UNION { <%(iri)s> ?a ?s . FILTER(STRSTARTS(STR(?s), "%(iri)s/")) ?s ?p ?o }
  UNION { <%(iri)s> ?a ?b . FILTER(STRSTARTS(STR(?b), "%(iri)s/")) ?b ?c ?s . FILTER(STRSTARTS(STR(?s), "%(iri)s/")) ?s ?p ?o }
}"""
SIBLINGS = 'SELECT DISTINCT ?x ?label { ?x rdfs:label ?label FILTER(STRSTARTS(STR(?x), "%s")) } LIMIT %d'
ONTOLOGY_GRAPH = BASE + "graph/ontology"
ONTOLOGY = f"CONSTRUCT {{ ?s ?p ?o }} WHERE {{ GRAPH <{ONTOLOGY_GRAPH}> {{ ?s ?p ?o }} }}"
TERMS = f"""SELECT ?term ?p ?o {{ GRAPH <{ONTOLOGY_GRAPH}> {{
  ?term ?p ?o FILTER(STRSTARTS(STR(?term), "{PG}") || ?o = skos:ConceptScheme)
}} }}"""


@dataclass
class Group:
    """A property on a page: its name, the values shown, how many more there are, and where to see those."""

    head: Cell
    cells: list[Cell]
    more: int = 0
    all_of_them: str = ""


@dataclass
class Term:
    """A class or property on the ontology's page."""

    iri: str
    label: str = ""
    comment: str = ""
    links: dict[str, list[Cell]] = field(default_factory=dict)


@router.api_route("/", methods=["GET", "HEAD"])
async def home(request: Request) -> Response:
    """Show the start page."""
    known: list[Question] = list(request.app.state.questions.values())
    first = sorted((q for q in known if q.start is not None), key=lambda q: q.start or 0)
    others = [q for q in known if q.start is None]
    return render(request, "home.html", **await _overview(request), questions=first, others=others)


@router.api_route("/id/{key:path}", methods=["GET", "HEAD"])
async def thing(request: Request, key: str) -> Response:
    """Send a client from a thing to the document about it: 303, because a place or a plan is no document."""
    if not key:
        raise Refused("not_found", detail=request.url.path)
    address = "/doc/" + quote(key, safe="/:@!$&'()*+,;=~") + (f"?{request.url.query}" if request.url.query else "")
    return RedirectResponse(address, 303, {"Vary": "Accept"})


@router.api_route("/doc/{key:path}", methods=["GET", "HEAD"])
async def document(request: Request, key: str) -> Response:
    """Show the document about a thing, in the form that the ending, `?format=` or the Accept header asks for."""
    key, choice = _split_ending(key)
    choice = choice or negotiate(request.headers.get("accept", ""), request.query_params.get("format"), DOCUMENT_FORMATS)
    iri = BASE + "id/" + key
    pool = pages_of(request)
    if not quotable(iri) or not await holds(pool, f"ASK {{ {{ <{iri}> ?p ?o }} UNION {{ ?s ?q <{iri}> }} }}"):
        raise Refused("missing_thing", await _near(request, key), detail=unquote(key))
    if choice is None:
        raise Refused("format", offers=listed(DOCUMENT_FORMATS))
    if choice.format is HTML:
        return await _page(request, iri)
    return await _graph(request, DESCRIPTION % {"iri": iri}, choice)


@router.api_route("/ontology", methods=["GET", "HEAD"])
@router.api_route("/ontology.{ending}", methods=["GET", "HEAD"])
async def ontology(request: Request, ending: str = "") -> Response:
    """Show the ontology as a page, or send it as RDF."""
    wanted = ending or request.query_params.get("format")
    choice = negotiate(request.headers.get("accept", ""), wanted, DOCUMENT_FORMATS)
    if choice is None:
        raise Refused("format", offers=listed(DOCUMENT_FORMATS))
    if choice.format is not HTML:
        return await _graph(request, ONTOLOGY, choice)
    terms = await _terms(request)
    return render(request, "ontology.html", **terms, endings=_endings("/ontology"))


async def _graph(request: Request, text: str, choice: Choice) -> Response:
    answer = await connected(request.receive, pages_of(request).ask(Query(text, None, choice.format.name)))
    return AnswerResponse(answer, choice.content_type, {"Vary": "Accept"})


async def _overview(request: Request) -> dict[str, object]:
    """Return the start page's numbers; counted once for each version of the store and language."""
    language = language_of(request)
    kept = snapshot_of(request).kept
    key = ("overview", language)
    if key not in kept:
        kept[key] = await _count(request)
    found: dict[str, object] = kept[key]
    return found


async def _count(request: Request) -> dict[str, object]:
    pool, language = pages_of(request), language_of(request)
    plans = await rows(pool, PLANS)
    counts: dict[tuple[str, str], int] = defaultdict(int)
    for row in await rows(pool, COUNTS):
        counts[row["plan"].value, row["class"].value.removeprefix(PG)] = int(row["n"].value)
    known = await labels(pool, {node.value for row in plans for node in row.values() if node.is_iri}, language)
    lines = [
        {
            "plan": cell(row["plan"], known, language),
            "place": cell(row.get("place"), known, language),
            "period": f"{_value(row, 'start') or '¿?'}–{_value(row, 'end') or '¿?'}",
            "organization": cell(row.get("organization"), known, language),
            "draft": _value(row, "status").endswith("/draft"),
            "counts": [counts[row["plan"].value, name] for name in COUNTED],
        }
        for row in plans
    ]
    return {"plans": lines, "total": sum(n for (_, name), n in counts.items() if name == "Statement")}


async def _page(request: Request, iri: str) -> Response:
    """Show everything that the graph says of a thing, and what points at it."""
    pool, language = pages_of(request), language_of(request)
    outgoing = await rows(pool, OUTGOING % iri)
    is_plan = any(row["o"].value == PG + "Plan" for row in outgoing)
    incoming = [] if is_plan else await _incoming(request, iri)
    wanted = {iri, *(n.value for row in outgoing for n in row.values() if n.is_iri)}
    wanted |= {p for p, _, _ in incoming} | {s["s"].value for _, _, subjects in incoming for s in subjects}
    known = await labels(pool, wanted, language)
    facts: dict[str, list[Node]] = defaultdict(list)
    for row in outgoing:
        facts[row["p"].value].append(row["o"])
    statement = _statement(facts, known, request)
    hidden = {TYPE, LABEL} | (SHOWN_ABOVE if statement else set())
    types = await _own_types(request, [n.value for n in facts.get(TYPE, [])])
    return render(
        request,
        "doc.html",
        iri=iri,
        label=known.get(iri) or iri.removeprefix(BASE + "id/"),
        types=[cell(Node(t, True), known, language) for t in types],
        kind=next((KINDS[n.value.removeprefix(PG)] for n in facts.get(TYPE, []) if n.value.removeprefix(PG) in KINDS), ""),
        statement=statement,
        groups=_groups({p: nodes for p, nodes in facts.items() if p not in hidden}, known, request),
        incoming=[_incoming_group(iri, *entry, known, request) for entry in incoming],
        endings=_endings(site_path(iri)),
        **(await _contents(request, iri) if is_plan else {"sections": [], "findings": []}),
    )


async def _contents(request: Request, plan: str) -> dict[str, object]:
    """Return what a plan says, section by section in its own order, and what readers observed in it."""
    pool, language = pages_of(request), language_of(request)
    link = link_maker(language)
    limit = settings_of(request).table_rows
    sections: dict[str, list[dict[str, str]]] = {}
    seen: set[str] = set()
    for row in await rows(pool, PLAN_STATEMENTS % (plan, language, limit)):
        statement = row["s"].value
        if statement not in seen:
            seen.add(statement)
            kind = KINDS.get(row["class"].value.removeprefix(PG), "")
            told = {"href": link(site_path(statement)), "line": _value(row, "line"), "text": row["text"].value}
            sections.setdefault(_value(row, "section"), []).append(told | {"type": row["type"].value, "kind": kind})
    findings = [
        {"href": link(site_path(row["finding"].value)), "text": row["text"].value, "kind": row["kind"].value}
        for row in await rows(pool, PLAN_FINDINGS % (plan, language, language))
    ]
    return {"sections": list(sections.items()), "findings": findings}


def _statement(facts: dict[str, list[Node]], known: dict[str, str], request: Request) -> dict[str, object] | None:
    """Return quote, plan, line and section of a statement, None where the thing is none."""
    if PG + "text" not in facts or PG + "statedIn" not in facts:
        return None
    language = language_of(request)

    def first(name: str) -> Cell | None:
        nodes = facts.get(name) or facts.get(PG + name)
        return cell(nodes[0], known, language) if nodes else None

    return {
        "quote": first("text"),
        "plan": first("statedIn"),
        "line": first("sourceLine"),
        "page": first("sourcePage"),
        "section": first("section"),
        "document": first(PREFIXES["prov"] + "wasQuotedFrom"),
    }


def _groups(facts: dict[str, list[Node]], known: dict[str, str], request: Request) -> list[Group]:
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


async def _near(request: Request, key: str) -> list[tuple[str, str]]:
    """Return (label, address) of up to five things of the same kind with a like key; none where that takes too long."""
    folder, _, last = key.rpartition("/")
    prefix = f"{BASE}id/{folder}/"
    if not folder or not quotable(prefix):
        return []
    try:
        found = await rows(pages_of(request), SIBLINGS % (prefix, NEAR_READ))
    except QueryFailed:
        return []
    known = {row["x"].value.removeprefix(prefix): row["label"].value for row in found}
    near = get_close_matches(last, [k for k in known if "/" not in k], n=5, cutoff=0.6)
    link = link_maker(language_of(request))
    return [(known[k], link(site_path(prefix + k))) for k in near]


async def _terms(request: Request) -> dict[str, object]:
    """Return the ontology's classes, properties and schemes, each by name."""
    language = language_of(request)
    facts: dict[str, dict[str, list[Node]]] = defaultdict(lambda: defaultdict(list))
    for row in await rows(pages_of(request), TERMS):
        facts[row["term"].value][row["p"].value].append(row["o"])
    known = await labels(pages_of(request), {*facts, *_targets(facts)}, language)
    kinds: dict[str, list[Term]] = {"classes": [], "properties": [], "schemes": []}
    for iri in sorted(facts):
        types = {node.value.rpartition("#")[2] for node in facts[iri].get(TYPE, [])}
        kind = "classes" if "Class" in types else "schemes" if "ConceptScheme" in types else "properties"
        if kind != "properties" or any(t.endswith("Property") for t in types):
            kinds[kind].append(_term(iri, facts[iri], known, request))
    return {**kinds, "prefix": PG}


def _term(iri: str, facts: dict[str, list[Node]], known: dict[str, str], request: Request) -> Term:
    language = language_of(request)
    term = Term(iri, known.get(iri, ""))
    texts = facts.get(PREFIXES["rdfs"] + "comment", []) + facts.get(PREFIXES["skos"] + "definition", [])
    notes = facts.get(PREFIXES["skos"] + "note", [])
    term.comment = " ".join(filter(None, (_in_language(found, language) for found in (texts, notes))))
    for name, key in (("subclass_of", "subClassOf"), ("domain", "domain"), ("range", "range")):
        nodes = [n for n in facts.get(PREFIXES["rdfs"] + key, []) if n.is_iri]
        if nodes:
            term.links[name] = [cell(n, known, language) for n in nodes]
    return term


def _in_language(texts: list[Node], language: str) -> str:
    return next((n.value for wanted in (language, "es", "") for n in texts if n.language == wanted), "")


def _targets(facts: dict[str, dict[str, list[Node]]]) -> set[str]:
    return {node.value for properties in facts.values() for nodes in properties.values() for node in nodes if node.is_iri}


def _split_ending(key: str) -> tuple[str, Choice | None]:
    """Take a known file ending off a key: `s014.ttl` → `s014` and Turtle."""
    stem, dot, ending = key.rpartition(".")
    choice = named(ending, DOCUMENT_FORMATS) if dot and ending in {f.ending for f in DOCUMENT_FORMATS} else None
    return (stem, choice) if choice else (key, None)


def _endings(path: str) -> list[tuple[str, str]]:
    names = {"turtle": "Turtle", "jsonld": "JSON-LD", "ntriples": "N-Triples", "rdfxml": "RDF/XML"}
    return [(names[f.name], f"{path}.{f.ending}") for f in DOCUMENT_FORMATS if f is not HTML]


def _value(row: Row, name: str) -> str:
    return row[name].value if name in row else ""
