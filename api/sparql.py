"""The SPARQL endpoint: SPARQL 1.1 Protocol for queries, a description for programs, a form for people.

Source: https://www.w3.org/TR/sparql11-protocol/ and https://www.w3.org/TR/sparql11-service-description/
"""

from __future__ import annotations

from dataclasses import dataclass
from email.message import Message
from urllib.parse import parse_qsl

from fastapi import APIRouter
from rdflib import RDF, Graph, URIRef
from starlette.requests import Request
from starlette.responses import Response

from api.errors import Refused
from api.lookup import Row, labels, parse_solutions, rows
from api.negotiation import ANSWER_FORMATS, GRAPH_FORMATS, HTML, Choice, listed, negotiate
from api.rendering import cell, language_of, render
from api.streaming import AnswerResponse, while_connected
from api.strings import column
from kg.media_types import RDF_FORMATS, RESULT_FORMATS
from kg.namespaces import BASE, PREFIXES, SD
from kg.pool import Answer, QueryFailed
from kg.worker import Query

router = APIRouter()
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
_RDFLIB = {"turtle": "turtle", "ntriples": "nt", "jsonld": "json-ld", "rdfxml": "pretty-xml"}
_FORMS = tuple(f for f in RDF_FORMATS if f.name in _RDFLIB)


@dataclass
class Asked:
    """What a request asks by the protocol: the queries (there should be one), the dataset, the wanted format."""

    queries: list[str]
    default_graphs: list[str]
    named_graphs: list[str]
    format: str | None


@router.api_route("/sparql", methods=["GET", "HEAD", "POST"])
@router.api_route("/sparql/", methods=["GET", "HEAD", "POST"], include_in_schema=False)
async def sparql(request: Request) -> Response:
    """Answer a query; without one, describe the service or show the form."""
    asked = await read_request(request)
    if request.method != "POST" and not asked.queries:
        return await _front(request, asked)
    if len(asked.queries) != 1:
        raise Refused("missing_query", count=len(asked.queries))
    if request.method != "POST" and not asked.queries[0].strip():
        return await _front(request, asked)
    return await _answer(request, asked)


async def read_request(request: Request) -> Asked:
    """Read the parameters from the address and, by its content type, from the body.

    Raises:
        Refused: `update`, `media_type`, `encoding`, or `too_long`.
    """
    pairs = parse_pairs(request.scope["query_string"])
    if request.method == "POST":
        content_type, charset = _content_type(request.headers.get("content-type", ""))
        if charset not in {"utf-8", "utf8", "us-ascii"}:
            raise Refused("encoding")
        body = await read_body(request, request.app.state.settings.query_bytes)
        if content_type == "application/x-www-form-urlencoded":
            pairs += parse_pairs(body)
        elif content_type == "application/sparql-query":
            pairs.append(("query", _decoded(body)))
        elif content_type == "application/sparql-update":
            raise Refused("update")
        else:
            raise Refused("media_type", detail=content_type or "–")
    if any(name == "update" for name, _ in pairs):
        raise Refused("update")

    def all_of(name: str) -> list[str]:
        return [value for key, value in pairs if key == name]

    formats = all_of("format")
    return Asked(all_of("query"), all_of("default-graph-uri"), all_of("named-graph-uri"), formats[-1] if formats else None)


async def read_body(request: Request, limit: int) -> bytes:
    """Read a body of up to `limit` bytes.

    Raises:
        Refused: `too_long`.
    """
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > limit:
            raise Refused("too_long", limit=limit)
    return bytes(body)


def parse_pairs(encoded: bytes) -> list[tuple[str, str]]:
    """Decode `name=value&…`.

    Raises:
        Refused: `encoding`, when it is not UTF-8 or has very many fields.
    """
    try:
        return parse_qsl(encoded.decode("ascii"), keep_blank_values=True, errors="strict", max_num_fields=1000)
    except ValueError as error:
        raise Refused("encoding") from error


async def _answer(request: Request, asked: Asked) -> Response:
    accept = request.headers.get("accept", "")
    results = negotiate(accept, asked.format, ANSWER_FORMATS)
    graphs = negotiate(accept, asked.format, GRAPH_FORMATS)
    if results is None and graphs is None:
        raise Refused("format", offers=listed((*RESULT_FORMATS, *RDF_FORMATS)))
    settings = request.app.state.settings
    as_page = HTML in {c.format for c in (results, graphs) if c}
    query = Query(
        asked.queries[0],
        _serialization(results, "json"),
        _serialization(graphs, "turtle"),
        asked.default_graphs or None,
        asked.named_graphs or None,
        PREFIXES,
        BASE,
        settings.table_bytes if as_page else settings.result_bytes,
        int(settings.query_seconds) + 5,
    )
    try:
        answer = await while_connected(request, request.app.state.queries.ask(query))
    except QueryFailed as failure:
        raise _explained(failure, query) from failure
    choice = graphs if answer.kind == "graph" else results
    assert choice
    if choice.format is HTML:
        return await _page_of(request, asked, answer)
    return await _sent(request, answer, choice)


def _serialization(choice: Choice | None, for_page: str) -> str | None:
    """Name what the worker writes: for a page, what the page is made from."""
    if choice is None:
        return None
    return for_page if choice.format is HTML else choice.format.name


async def _sent(request: Request, answer: Answer, choice: Choice) -> Response:
    headers = {"Vary": "Accept", "Cache-Control": "no-cache"}
    if request.method == "HEAD":
        body = await answer.read()
        headers |= {"Content-Length": str(len(body)), "Content-Type": choice.content_type}
        return Response(headers=headers)
    return AnswerResponse(answer, choice.content_type, headers)


def _explained(failure: QueryFailed, query: Query) -> Refused | QueryFailed:
    """Say more where the request knows more than the worker."""
    if failure.kind == "format":
        return Refused("format", offers=listed(RDF_FORMATS if failure.detail == "graph" else RESULT_FORMATS))
    if failure.kind == "size":
        return Refused("size", limit=query.max_bytes)
    return failure


async def _page_of(request: Request, asked: Asked, answer: Answer) -> Response:
    """Show an answer below the form: a table, or Turtle."""
    kind = answer.kind
    try:
        data = await answer.read()
    except QueryFailed as failure:
        settings = request.app.state.settings
        raise (Refused("size", limit=settings.table_bytes) if failure.kind == "size" else failure) from failure
    if kind == "graph":
        return _form(request, asked.queries[0], turtle=data.decode())
    names, found = parse_solutions(data)
    return _form(request, asked.queries[0], table=await table_of(request, names, found))


async def table_of(request: Request, names: list[str], found: list[Row]) -> dict[str, object]:
    """Lay solutions out for a page: headings, linked cells, and how many rows there are beside those shown."""
    language = language_of(request)
    shown = found[: request.app.state.settings.table_rows]
    iris = {node.value for row in shown for node in row.values() if node.is_iri}
    known = await labels(request.app.state.pages, iris, language)
    lines = [[cell(row.get(name), known, language) for name in names] for row in shown]
    return {
        "names": names,
        "heads": [column(n, language) for n in names],
        "rows": lines,
        "count": len(found),
        "shown": len(shown),
    }


async def _front(request: Request, asked: Asked) -> Response:
    choice = negotiate(request.headers.get("accept", ""), asked.format, (*_FORMS, HTML))
    if choice is None:
        raise Refused("format", offers=listed((*_FORMS, HTML)))
    if choice.format is HTML:
        return _form(request, EXAMPLES["counts"])
    described = await describe(request)
    body = described.serialize(format=_RDFLIB[choice.format.name], encoding="utf-8")
    return Response(body, headers={"Vary": "Accept", "Content-Type": choice.content_type})


async def describe(request: Request) -> Graph:
    """Describe the service: what it is, what it answers in, and which graphs it has."""
    endpoint = URIRef(str(request.base_url) + "sparql")
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
    for row in await rows(request.app.state.pages, "SELECT ?g { GRAPH ?g {} }"):
        name = URIRef(row["g"].value)
        entry = URIRef(f"{endpoint}#graph={name}")
        graph.add((dataset, SD.namedGraph, entry))
        graph.add((entry, RDF.type, SD.NamedGraph))
        graph.add((entry, SD.name, name))
    return graph


def _form(request: Request, query: str, table: dict[str, object] | None = None, turtle: str = "") -> Response:
    return render(
        request,
        "sparql.html",
        query=query,
        table=table,
        turtle=turtle,
        examples=EXAMPLES,
        prefixes=PREFIXES,
        formats=[f.name for f in (RDF_FORMATS if turtle else RESULT_FORMATS)],
        seconds=f"{request.app.state.settings.query_seconds:g}",
    )


def _content_type(header: str) -> tuple[str, str]:
    """Split a Content-Type header into media type and charset (utf-8 where it names none), both in lower case."""
    message = Message()
    message["content-type"] = header or "none"
    return message.get_content_type() if header else "", (message.get_content_charset("utf-8"))


def _decoded(body: bytes) -> str:
    try:
        return body.decode("utf-8")
    except UnicodeDecodeError as error:
        raise Refused("encoding") from error
