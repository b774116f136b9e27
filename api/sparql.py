"""The SPARQL endpoint: SPARQL 1.1 Protocol for queries.

Source: https://www.w3.org/TR/sparql11-protocol/
"""

from __future__ import annotations

from dataclasses import dataclass
from email.message import Message
from functools import lru_cache
from urllib.parse import parse_qsl

from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from api.cache import Kept
from api.context import client_of, settings_of, snapshot_of
from api.errors import Refused, respond
from api.kept import Whole, cache_of, from_cache, has_it, lasting, mark_of, same_query, same_request
from api.negotiation import HTML, Choice, answer_formats, coding, listed
from api.sparql_page import front, page_of
from api.streaming import AnswerResponse, ClientGone, connected
from kg.frames import Query
from kg.media_types import RDF_FORMATS, RESULT_FORMATS
from kg.processes import Answer, QueryFailed
from kg.sparql import is_repeatable, normalized

PATHS = {"/sparql", "/sparql/"}
METHODS = {"GET", "HEAD", "POST"}


@dataclass
class Asked:
    """What a request asks by the protocol: the queries (there should be one), the dataset, the wanted format."""

    queries: list[str]
    default_graphs: list[str]
    named_graphs: list[str]
    format: str | None


@dataclass(frozen=True)
class Terms:
    """How a request wants its answer: the formats of solutions and of graphs, the coding, and a key that tells these apart."""

    results: Choice | None
    graphs: Choice | None
    encoding: str
    page: bool
    key: str


@lru_cache(maxsize=1000)
def terms_of(accept: bytes, accept_encoding: bytes, format_: str | None) -> Terms | None:
    """Return what the headers of a request and its `format` ask for; None where there is nothing that the client accepts."""
    results, graphs = answer_formats(accept.decode("latin-1"), format_)
    found = [choice for choice in (results, graphs) if choice]
    page = any(choice.format is HTML for choice in found)
    encoding = "" if page else coding(accept_encoding.decode("latin-1"))
    key = "\0".join([choice.media_type if choice else "" for choice in (results, graphs)] + [encoding])
    return Terms(results, graphs, encoding, page, key) if found else None


async def serve(scope: Scope, receive: Receive, send: Send) -> None:
    """Answer a request to the endpoint: from the cache at once, or as `answer` says."""
    if kept := same_request(scope):
        await from_cache(scope, kept)(scope, receive, send)
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
    if len(asked.queries) == 1 and (request.method == "POST" or asked.queries[0].strip()):
        return await _answer(request, asked)
    if request.method != "POST" and len(asked.queries) <= 1:
        return await front(request, asked.format)
    raise Refused("missing_query", count=len(asked.queries))


async def read_request(request: Request) -> Asked:
    """Read the parameters from the address and, by its content type, from the body.

    Raises:
        Refused: `update`, `media_type`, `encoding`, or `too_long`.
    """
    encoded = request.scope["query_string"]
    if request.scope["method"] != "POST" and encoded.startswith(b"query=") and b"&" not in encoded and b";" not in encoded:
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
    """Decode a value. Where all is as it should be, by a decoder in C: the usual one takes a tenth of a small query's time."""
    try:
        escaped = encoded.decode("ascii").replace("+", " ").replace("\\", "%5C").replace("%", "\\x")
        return escaped.encode().decode("unicode_escape").encode("latin-1").decode()
    except ValueError:
        return parse_pairs(b"query=" + encoded)[0][1]


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
    scope, text = request.scope, asked.queries[0]
    headers = scope["headers_of"]
    terms = terms_of(headers.get(b"accept", b""), headers.get(b"accept-encoding", b""), asked.format)
    if terms is None:
        raise Refused("format", offers=listed((*RESULT_FORMATS, *RDF_FORMATS)))
    if terms.page:
        return await page_of(request, text, await _ask(request, _query(request, asked, terms)))
    snapshot = snapshot_of(request)
    key = mark = ""
    if snapshot.version and is_repeatable(text):
        key = "\0".join((normalized(text), *asked.default_graphs, "", *asked.named_graphs, "", terms.key))
        mark = mark_of(snapshot, key)
        if kept := same_query(scope, key):
            return from_cache(scope, kept)
        if has_it(scope, mark):
            return Whole(Kept(lasting(scope, mark), b"", mark))
    scope["app"].state.metrics.misses += 1
    query = _query(request, asked, terms)
    return await _sent(request, terms, query, await _ask(request, query), key, mark)


async def _sent(request: Request, terms: Terms, query: Query, found: Answer, key: str, mark: str) -> Response:
    """Send what a query gives; keep it when it is repeatable (it has a mark then) and not large."""
    choice = terms.graphs if found.kind == "graph" else terms.results
    assert choice
    headers = [*lasting(request.scope, mark), (b"content-type", choice.content_type.encode())]
    if found.encoding:
        headers.append((b"content-encoding", found.encoding.encode()))
    if query.max_rows and found.kind == "solutions":
        headers.append((b"x-sparql-maxrows", b"%d" % query.max_rows))
    if found.cut:
        headers.append((b"warning", b'199 - "cut: %d rows"' % found.rows))
    request.scope["told"] = {"outcome": "ok", "rows": found.rows}

    def kept_of(body: bytes) -> Kept:
        kept = Kept((*headers, (b"content-length", b"%d" % len(body))), body, mark)
        if mark:
            cache_of(request.scope["snapshot"]).put(key, kept, len(key))
        return kept

    if found.whole:
        return Whole(kept_of(await found.read()))
    told = {name.decode(): value.decode() for name, value in headers}
    return AnswerResponse(found, choice.content_type, told, keep=kept_of if mark else None)


def _query(request: Request, asked: Asked, terms: Terms) -> Query:
    settings = settings_of(request)
    return Query(
        asked.queries[0],
        _serialization(terms.results, "json"),
        _serialization(terms.graphs, "turtle"),
        asked.default_graphs or None,
        asked.named_graphs or None,
        terms.encoding,
        settings.result_rows,
        settings.table_bytes if terms.page else settings.result_bytes,
        int(settings.query_seconds) + 5,
    )


async def _ask(request: Request, query: Query) -> Answer:
    """Run a stranger's query.

    Raises:
        Refused, QueryFailed: there is no answer. ClientGone: nobody waits for it any more.
    """
    pool, client, cycle = snapshot_of(request).queries, client_of(request.scope), request.scope.get("cycle")
    try:
        if cycle is None:
            return await connected(request.receive, pool.ask(query, client))
        return await pool.ask(query, client, lambda: cycle.disconnected)  # costs less than a timer for each request
    except QueryFailed as failure:
        if failure.kind == "gone":
            raise ClientGone from failure
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
