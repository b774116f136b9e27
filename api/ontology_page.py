"""The ontology as a page and as RDF."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from api.context import pages_of
from api.errors import Refused
from api.lookup import Node, labels, rows
from api.negotiation import DOCUMENT_FORMATS, HTML, accepted, listed, negotiate
from api.rendering import Cell, cell, endings, language_of, render
from api.streaming import AnswerResponse, connected
from kg.frames import Query
from kg.namespaces import BASE, PREFIXES

router = APIRouter()
PG, TYPE = PREFIXES["pg"], PREFIXES["rdf"] + "type"
ONTOLOGY_GRAPH = BASE + "graph/ontology"
ONTOLOGY = f"CONSTRUCT {{ ?s ?p ?o }} WHERE {{ GRAPH <{ONTOLOGY_GRAPH}> {{ ?s ?p ?o }} }}"
TERMS = f"""SELECT ?term ?p ?o {{ GRAPH <{ONTOLOGY_GRAPH}> {{
  ?term ?p ?o FILTER(STRSTARTS(STR(?term), "{PG}") || ?o = skos:ConceptScheme)
}} }}"""
_LINKS = ", ".join(f'</ontology.{f.ending}>; rel="alternate"; type="{f.media_type}"' for f in DOCUMENT_FORMATS)


@dataclass
class Term:
    """A class or property on the ontology's page."""

    iri: str
    label: str = ""
    comment: str = ""
    links: dict[str, list[Cell]] = field(default_factory=dict)


@router.api_route("/ontology", methods=["GET", "HEAD"])
@router.api_route("/ontology.{ending}", methods=["GET", "HEAD"])
async def ontology(request: Request, ending: str = "") -> Response:
    """Show the ontology as a page, or send it as RDF."""
    wanted = ending or request.query_params.get("format")
    choice = negotiate(accepted(request), wanted, DOCUMENT_FORMATS)
    if choice is None:
        raise Refused("format", endings("/ontology", True), offers=listed(DOCUMENT_FORMATS))
    if choice.format is not HTML:
        answer = await connected(request.receive, pages_of(request).ask(Query(ONTOLOGY, None, choice.format.name)))
        return AnswerResponse(answer, choice.content_type, {"Vary": "Accept", "Link": _LINKS})
    terms = await _terms(request)
    page = render(request, "ontology.html", **terms, endings=endings("/ontology"))
    page.headers["Link"] = _LINKS
    return page


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
