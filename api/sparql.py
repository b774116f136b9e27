"""The SPARQL endpoint: SPARQL 1.1 Protocol for queries, a description for programs, a form for people.

Source: https://www.w3.org/TR/sparql11-protocol/ and https://www.w3.org/TR/sparql11-service-description/
"""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass
from email.message import Message
from email.utils import formatdate, parsedate_to_datetime
from hashlib import blake2b
from urllib.parse import parse_qsl, unquote_plus

from rdflib import RDF, Graph, URIRef
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from api.cache import Cache, Kept
from api.context import client_of, own_address, pages_of, settings_of, snapshot_of
from api.errors import Refused, respond
from api.lookup import Row, labels, parse_solutions, rows
from api.negotiation import HTML, Choice, answer_formats, coding, listed, negotiate
from api.rendering import cell, language_of, render
from api.streaming import AnswerResponse, ClientGone, connected
from api.strings import column
from kg.frames import Query
from kg.media_types import RDF_FORMATS, RESULT_FORMATS
from kg.namespaces import PREFIXES, SD
from kg.pool import Answer, QueryFailed
from kg.snapshots import Snapshot
from kg.sparql import is_repeatable, normalized

PATHS = {"/sparql", "/sparql/"}
METHODS = {"GET", "HEAD", "POST"}
_CACHED = {"outcome": "cached"}
_OF_304 = {b"etag", b"vary", b"cache-control", b"last-modified"}
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


@dataclass
class Asked:
    """What a request asks by the protocol: the queries (there should be one), the dataset, the wanted format."""

    queries: list[str]
    default_graphs: list[str]
    named_graphs: list[str]
    format: str | None


async def serve(scope: Scope, receive: Receive, send: Send) -> None:
    """Answer a request to the endpoint: from the cache at once, or as `answer` says."""
    kept = _same_request(scope)
    if kept:
        await _from_cache(scope, kept)(scope, receive, send)
        return
    request = Request(scope, receive)
    try:
        if scope["method"] not in METHODS:
            raise Refused("method", detail=scope["method"])
        response = await answer(request)
    except (ClientGone, ClientDisconnect):
        raise
    except Exception as error:  # noqa: BLE001 - every error becomes an answer here, as the application does it elsewhere
        response = respond(request, error)
    await response(scope, receive, send)


async def answer(request: Request) -> Response:
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
    encoded = request.scope["query_string"]
    if request.method != "POST" and encoded.startswith(b"query=") and b"&" not in encoded and b";" not in encoded:
        return Asked([_unquoted(encoded[6:])], [], [], None)
    pairs = parse_pairs(encoded)
    if request.method == "POST":
        content_type, charset = _content_type(request.headers.get("content-type", ""))
        if charset not in {"utf-8", "utf8", "us-ascii"}:
            raise Refused("encoding")
        body = await read_body(request, settings_of(request).query_bytes)
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
    return Asked(all_of("query"), all_of("default-graph-uri"), all_of("named-graph-uri"), ",".join(reversed(formats)) or None)


def _unquoted(encoded: bytes) -> str:
    try:
        return unquote_plus(encoded.decode("ascii"), errors="strict")
    except ValueError as error:
        raise Refused("encoding") from error


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
    results, graphs = answer_formats(_header(request, b"accept"), asked.format)
    if results is None and graphs is None:
        raise Refused("format", offers=listed((*RESULT_FORMATS, *RDF_FORMATS)))
    if _wants_page(results, graphs):
        return await _page_of(request, asked, results, graphs)
    encoding = coding(_header(request, b"accept-encoding"))
    snapshot = snapshot_of(request)
    key = mark = ""
    if snapshot.version and is_repeatable(asked.queries[0]):
        forms = [choice.media_type if choice else "" for choice in (results, graphs)]
        key = "\0".join((normalized(asked.queries[0]), *asked.default_graphs, "", *asked.named_graphs, "", *forms, encoding))
        mark = f'W/"{snapshot.version}-{blake2b(key.encode("utf-8", "surrogatepass"), digest_size=8).hexdigest()}"'
        if kept := cache_of(snapshot).get(key):
            _remember(request.scope, kept)
            return _from_cache(request.scope, kept)
        if _has_it(request.scope, mark):
            return Response(status_code=304, headers=_lasting(request, mark))
    request.app.state.metrics.missed.inc()
    return await _sent(request, asked, _query(request, asked, results, graphs, encoding), key, mark)


async def _sent(request: Request, asked: Asked, query: Query, key: str, mark: str) -> Response:
    """Run the query, and send what it gives; keep it when it is whole already and not large."""
    found = await _ask(request, query)
    results, graphs = answer_formats(_header(request, b"accept"), asked.format)
    choice = graphs if found.kind == "graph" else results
    assert choice
    headers = _lasting(request, mark) | {"Content-Type": choice.content_type}
    if found.encoding:
        headers["Content-Encoding"] = found.encoding
    if query.max_rows and found.kind == "solutions":
        headers["X-SPARQL-MaxRows"] = str(query.max_rows)
    request.scope["told"] = {"outcome": "ok", "rows": found.rows}
    if found.cut:
        headers["Warning"] = f'199 - "cut: {found.rows} rows"'

    def kept_of(body: bytes) -> Kept:
        raw = [(name.lower().encode(), value.encode()) for name, value in headers.items()]
        kept = Kept([*raw, (b"content-length", str(len(body)).encode())], body, mark)
        if mark:
            cache_of(snapshot_of(request)).put(key, kept, len(key))
            _remember(request.scope, kept)
        return kept

    if found.whole:
        return Whole(kept_of(await found.read()))
    return AnswerResponse(found, choice.content_type, headers, keep=kept_of if mark else None)


def _wants_page(*choices: Choice | None) -> bool:
    return any(choice is not None and choice.format is HTML for choice in choices)


def _query(request: Request, asked: Asked, results: Choice | None, graphs: Choice | None, encoding: str) -> Query:
    settings = settings_of(request)
    return Query(
        asked.queries[0],
        _serialization(results, "json"),
        _serialization(graphs, "turtle"),
        asked.default_graphs or None,
        asked.named_graphs or None,
        encoding,
        settings.result_rows,
        settings.table_bytes if _wants_page(results, graphs) else settings.result_bytes,
        int(settings.query_seconds) + 5,
    )


async def _ask(request: Request, query: Query) -> Answer:
    """Run a stranger's query.

    Raises:
        Refused, QueryFailed: there is no answer. ClientGone: nobody waits for it any more.
    """
    try:
        asking = snapshot_of(request).queries.ask(query, client_of(request.scope))
        return await connected(request.receive, asking)
    except QueryFailed as failure:
        request.scope["told"] = {"outcome": failure.kind}
        raise _explained(failure, query) from failure


def _serialization(choice: Choice | None, for_page: str) -> str | None:
    """Name what the worker writes: for a page, what the page is made from."""
    if choice is None:
        return None
    return for_page if choice.format is HTML else choice.format.name


def _explained(failure: QueryFailed, query: Query) -> Refused | QueryFailed:
    """Say more where the request knows more than the worker."""
    if failure.kind == "format":
        return Refused("format", offers=listed(RDF_FORMATS if failure.detail == "graph" else RESULT_FORMATS))
    if failure.kind == "size":
        return Refused("size", limit=query.max_bytes)
    return failure


# --- what is kept --------------------------------------------------------------------------------------------------------


class Whole(Response):
    """An answer that is sent in one piece."""

    def __init__(self, kept: Kept):  # without what the class above it computes
        self.kept = kept

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002
        """Send it; to HEAD without the body."""
        await send({"type": "http.response.start", "status": 200, "headers": self.kept.headers, "is_data": True})
        await send({"type": "http.response.body", "body": self.kept.body if scope["method"] != "HEAD" else b""})


class NotModified(Whole):
    """The word that the client has that answer already."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002
        """Send it."""
        told = [header for header in self.kept.headers if header[0] in _OF_304]
        await send({"type": "http.response.start", "status": 304, "headers": told})
        await send({"type": "http.response.body", "body": b""})


def cache_of(snapshot: Snapshot) -> Cache:
    """Return the answers kept of a snapshot."""
    cache: Cache = snapshot.kept["cache"]
    return cache


def _request_key(scope: Scope) -> Hashable | None:
    """Return what makes a GET the same request to the letter, None for others."""
    if scope["method"] == "POST" or not scope["query_string"] or scope["snapshot"] is None:
        return None
    headers = scope["headers_of"]
    return (scope["query_string"], headers.get(b"accept"), headers.get(b"accept-encoding"))


def _same_request(scope: Scope) -> Kept | None:
    """Return the answer to the same request, letter by letter, if it is kept."""
    key = _request_key(scope)
    return cache_of(scope["snapshot"]).get(key) if key else None


def _remember(scope: Scope, kept: Kept) -> None:
    """Keep an answer under the letters of its request, too."""
    key = _request_key(scope)
    if key:
        cache_of(scope["snapshot"]).put(key, kept, len(scope["query_string"]), is_alias=True)


def _from_cache(scope: Scope, kept: Kept) -> Response:
    scope["app"].state.metrics.hit.inc()
    scope["told"] = _CACHED
    return NotModified(kept) if _has_it(scope, kept.etag) else Whole(kept)


def _has_it(scope: Scope, mark: str) -> bool:
    """Tell whether the client has an answer already: by its ETag or, without one, by the time of the snapshot."""
    headers = scope["headers_of"]
    if b"if-none-match" in headers:
        known = headers[b"if-none-match"].decode("latin-1")
        return known.strip() == "*" or mark.removeprefix("W/") in known
    if b"if-modified-since" not in headers or not scope["snapshot"].modified:
        return False
    try:
        return parsedate_to_datetime(headers[b"if-modified-since"].decode("latin-1")).timestamp() >= int(
            scope["snapshot"].modified
        )
    except (ValueError, OverflowError):
        return False


def _lasting(request: Request, mark: str) -> dict[str, str]:
    """Return what an answer says of how long it holds; `mark` is its ETag, empty when the next one may differ."""
    if not mark:
        return {"Vary": "Accept, Accept-Encoding", "Cache-Control": "no-store"}
    kept = snapshot_of(request).kept
    if "lasting" not in kept:
        seconds = settings_of(request).cache_seconds
        modified = formatdate(snapshot_of(request).modified, usegmt=True)
        control = f"public, max-age={seconds}, must-revalidate"
        kept["lasting"] = {"Vary": "Accept, Accept-Encoding", "Last-Modified": modified, "Cache-Control": control}
    return {"ETag": mark, **kept["lasting"]}


def _header(request: Request, name: bytes) -> str:
    """Return a header's value, an empty string where there is none."""
    value: bytes = request.scope["headers_of"].get(name, b"")
    return value.decode("latin-1")


# --- pages and the description -------------------------------------------------------------------------------------------


async def _page_of(request: Request, asked: Asked, results: Choice | None, graphs: Choice | None) -> Response:
    """Show an answer below the form: a table, or Turtle."""
    found = await _ask(request, _query(request, asked, results, graphs, ""))
    try:
        data = await found.read()
    except QueryFailed as failure:
        settings = settings_of(request)
        raise (Refused("size", limit=settings.table_bytes) if failure.kind == "size" else failure) from failure
    if found.kind == "graph":
        return _form(request, asked.queries[0], turtle=data.decode())
    names, rows_ = parse_solutions(data)
    return _form(request, asked.queries[0], table=await table_of(request, names, rows_))


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
        seconds=f"{settings_of(request).query_seconds:g}",
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
