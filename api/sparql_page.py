"""What the endpoint shows to people and programs that ask it no query: the form, an answer as a page, the service description.

Source: https://www.w3.org/TR/sparql11-service-description/
"""

from __future__ import annotations

import json

from rdflib import RDF, Graph, URIRef
from starlette.requests import Request
from starlette.responses import Response

from api.assets import built
from api.context import own_address, pages_of, settings_of
from api.errors import Refused
from api.lookup import Row, labels, parse_solutions, rows
from api.negotiation import HTML, listed, negotiate
from api.rendering import cell, language_of, render
from api.strings import Language, column, words
from kg.media_types import RDF_FORMATS, RESULT_FORMATS
from kg.namespaces import BASE, PREFIXES, SD, prefix_header
from kg.processes import Answer, QueryFailed
from kg.queries import Question
from kg.queries import render as fill

EXAMPLES = {
    "counts": """SELECT ?plan ?type (COUNT(?statement) AS ?count)
WHERE {
  ?statement pg:statedIn ?plan ; a ?type .
  ?type rdfs:subClassOf pg:Statement .
}
GROUP BY ?plan ?type
ORDER BY ?plan DESC(?count)""",
    "money": """SELECT ?project ?amount ?fund ?line
WHERE {
  ?project a pg:Project ; pg:sourceLine ?line ; pg:budget/pg:amount ?amount .
  OPTIONAL { ?project pg:fundedBy ?fund }
}
ORDER BY DESC(?amount) ?project""",
    "unanswered": """SELECT ?plan ?problem ?line
WHERE {
  ?problem a pg:Problem ; pg:statedIn ?plan ; pg:sourceLine ?line .
  FILTER NOT EXISTS { ?answer pg:addresses ?problem }
}
ORDER BY ?plan ?line""",
}
_RDFLIB = {"turtle": "turtle", "ntriples": "nt", "jsonld": "json-ld", "rdfxml": "pretty-xml", "nquads": "nt", "trig": "turtle"}
_FORMS = tuple(f for f in RDF_FORMATS if f.name in _RDFLIB)


async def page_of(request: Request, query: str, found: Answer) -> Response:
    """Show an answer below the form: a table, or Turtle."""
    try:
        data = await found.read()
    except QueryFailed as failure:
        settings = settings_of(request)
        raise (Refused("size", limit=settings.table_bytes) if failure.kind == "size" else failure) from failure
    if found.kind == "graph":
        return _form(request, query, turtle=data.decode())
    names, rows_ = parse_solutions(data)
    return _form(request, query, table=await table_of(request, names, rows_))


async def table_of(request: Request, names: list[str], found: list[Row]) -> dict[str, object]:
    """Lay solutions out for a page: headings, linked cells, and how many rows there are beside those shown."""
    language = language_of(request)
    shown = found[: settings_of(request).table_rows]
    iris = {node.value for row in shown for node in row.values() if node.is_iri}
    known = await labels(pages_of(request), iris, language)
    lines = [[cell(row.get(name), known, language) for name in names] for row in shown]
    return {
        "names": names,
        "heads": [column(n, language) for n in names],
        "rows": lines,
        "count": len(found),
        "shown": len(shown),
    }


async def front(request: Request, format_: str | None) -> Response:
    """Answer a request without a query: describe the service, or show the form."""
    choice = negotiate(request.headers.get("accept", ""), format_, (*_FORMS, HTML))
    if choice is None:
        raise Refused("format", offers=listed((*_FORMS, HTML)))
    if choice.format is HTML:
        return _form(request, _loaded(request))
    described = await _described(request)
    body = described.serialize(format=_RDFLIB[choice.format.name], encoding="utf-8")
    return Response(body, headers={"Vary": "Accept", "Content-Type": choice.content_type})


async def _described(request: Request) -> Graph:
    """Describe the service: what it is, what it answers in, and which graphs it has."""
    endpoint = URIRef(own_address(request) + "sparql")
    dataset, default = URIRef(f"{endpoint}#dataset"), URIRef(f"{endpoint}#default")
    graph = Graph()
    graph.bind("sd", SD)
    graph.add((endpoint, RDF.type, SD.Service))
    graph.add((endpoint, SD.endpoint, endpoint))
    graph.add((endpoint, SD.supportedLanguage, SD.SPARQL11Query))
    graph.add((endpoint, SD.feature, SD.UnionDefaultGraph))
    for offered in (*RESULT_FORMATS, *RDF_FORMATS):
        graph.add((endpoint, SD.resultFormat, URIRef(f"https://www.iana.org/assignments/media-types/{offered.media_type}")))
    graph.add((endpoint, SD.defaultDataset, dataset))
    graph.add((dataset, RDF.type, SD.Dataset))
    graph.add((dataset, SD.defaultGraph, default))
    graph.add((default, RDF.type, SD.Graph))
    for row in await rows(pages_of(request), "SELECT ?g { GRAPH ?g {} }"):
        name = URIRef(row["g"].value)
        entry = URIRef(f"{endpoint}#graph={name}")
        graph.add((dataset, SD.namedGraph, entry))
        graph.add((entry, RDF.type, SD.NamedGraph))
        graph.add((entry, SD.name, name))
    return graph


def _loaded(request: Request) -> str:
    """Return what stands in the form before anything was asked: the question that `?question=` names, or an example."""
    known: dict[str, Question] = request.app.state.questions
    name = request.query_params.get("question", "")
    return fill(known[name]).removeprefix(prefix_header()).strip() if name in known else EXAMPLES["counts"]


def _form(request: Request, query: str, table: dict[str, object] | None = None, turtle: str = "") -> Response:
    known: list[Question] = list(request.app.state.questions.values())
    seconds = f"{settings_of(request).query_seconds:g}"
    return render(
        request,
        "sparql.html",
        query=query,
        table=table,
        turtle=turtle,
        examples=EXAMPLES,
        first=sorted((q for q in known if q.start is not None), key=lambda q: q.start or 0),
        others=[q for q in known if q.start is None],
        prefixes=PREFIXES,
        formats=[f.name for f in (RDF_FORMATS if turtle else RESULT_FORMATS)],
        seconds=seconds,
        script=built("editor.js"),
        style=built("editor.css"),
        for_script=_for_script(language_of(request), seconds),
    )


def _for_script(language: Language, seconds: str) -> str:
    """Return what the editor's script needs to know: its words, and where addresses begin."""
    texts = {key.removeprefix("editor."): told[language] for key, told in words().items() if key.startswith("editor.")}
    texts |= {"run": words()["sparql.run"][language], "field": words()["sparql.label"][language]}
    return json.dumps({"texts": texts, "base": BASE, "seconds": seconds}, ensure_ascii=False)
