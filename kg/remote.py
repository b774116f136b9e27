"""A SPARQL server elsewhere (Virtuoso, Fuseki, Oxigraph, GraphDB, Neptune …): asks it, and hands its answer on in pieces.

It knows no deadline: it runs in a query worker that is ended when the time is up. What a server answers in the wanted format
passes through as it is; anything else, and what a server is known to write wrongly, is read and written again.
"""

from __future__ import annotations

import json
import re
import tempfile
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from html import unescape
from http.client import HTTPException, HTTPResponse
from typing import IO, Any, cast
from urllib.parse import urlsplit

import pyoxigraph as ox
from rdflib.namespace import OWL
from SPARQLWrapper import POST, URLENCODED, SPARQLWrapper

from kg import __version__
from kg.media_types import RDF_FORMATS, RESULT_FORMATS, Format
from kg.namespaces import shared_graph

CHUNK = 64 * 1024
MOST = 256 * 1024 * 1024  # bytes of the longest answer that is converted
PUBLISHED = str(shared_graph("published"))  # the graph where `kg publish` notes what lies on a server
VERSION_QUERY = f"SELECT ?version {{ GRAPH <{PUBLISHED}> {{ <{PUBLISHED}> <{OWL.versionInfo}> ?version }} }}"
_IN_MEMORY = 8 * 1024 * 1024
_FORMS = {"SELECT": "solutions", "ASK": "boolean", "CONSTRUCT": "graph", "DESCRIBE": "graph"}
# What is asked for beside the wanted format, best first: what every server writes, and what can be read again.
_READABLE = {"solutions": ("json", "xml"), "boolean": ("json", "xml"), "graph": ("turtle", "ntriples", "rdfxml")}
# Virtuoso 7.2 writes only these as they should be: its CSV and JSON have 1 for true, its TSV no languages and no datatypes,
# its JSON-LD no languages, its N-Triples "12" for a duration of "P1Y".
_VIRTUOSO = {"solutions": ("xml",), "boolean": ("json", "xml"), "graph": ("turtle",)}
_RESULTS = {"json": ox.QueryResultsFormat.JSON, "xml": ox.QueryResultsFormat.XML}
_RESULTS |= {"csv": ox.QueryResultsFormat.CSV, "tsv": ox.QueryResultsFormat.TSV}
_GRAPHS = {f.name: ox.RdfFormat.from_media_type(f.media_type) for f in RDF_FORMATS}
_PREFIXED = {"turtle", "trig", "rdfxml"}

_SKIP = r"(?:\s++|\#[^\r\n]*+)*+"
_IRI = r"<[^<>\"{}|^`\\\x00-\x20]*+>"
_START = re.compile(
    rf"(?:{_SKIP}(?:BASE{_SKIP}{_IRI}|PREFIX{_SKIP}[^\s:<]*+:{_SKIP}{_IRI}))*+{_SKIP}(\w*)",
    re.IGNORECASE,
)
_OPAQUE = re.compile(
    rf"""(?P<iri>{_IRI}) | \#[^\r\n]* | \"{{3}}(?:[^"\\]|\\.|\"(?!\"\"))*\"{{3}} | '{{3}}(?:[^'\\]|\\.|'(?!''))*'{{3}}
      | "(?:[^"\\\r\n]|\\.)*" | '(?:[^'\\\r\n]|\\.)*'""",
    re.VERBOSE | re.DOTALL,
)
_PLACES = (re.compile(r"error at (\d+):(\d+)"), re.compile(r"line (\d+)(?:, ?column:? (\d+))?", re.IGNORECASE))
_TOO_LONG = re.compile(
    r"S1TAT|timed?[ -]?out|time limit|TimeLimitExceeded|execution time .{0,60}exceed|deadline|too much time", re.IGNORECASE
)
_ECHO = re.compile(r"\s*SPARQL query:\s*?\n", re.IGNORECASE)  # behind its message, Virtuoso repeats the query


class RemoteError(Exception):
    """A query that the server did not answer.

    kind: `syntax` (it refused the query), `unavailable` (it cannot be reached, is busy or wants other credentials),
    `deadline` (it gave up), `format` (the detail names the form that was refused: solutions, boolean or graph),
    `size` (an answer too large to convert, or cut off by the server) or `engine` (anything else that went wrong there).
    line and column are 1-based, 0 where the server names none.
    """

    def __init__(self, kind: str, detail: str = "", line: int = 0, column: int = 0):
        super().__init__(f"{kind}: {detail}" if detail else kind)
        self.kind, self.detail, self.line, self.column = kind, detail, line, column


@dataclass(eq=False)
class Reply:
    """An answer: its kind (`solutions`, `boolean`, `graph`), format, columns (empty where they are not known), its bytes.

    It holds a connection or a temporary file until it was read to the end or `close` was called; close always.
    """

    kind: str
    format: str
    body: _Body | IO[bytes]
    variables: list[str] = field(default_factory=list)

    def chunks(self) -> Iterator[bytes]:
        """Yield the bytes of the answer, 64 KiB or fewer at a time.

        Raises:
            RemoteError: it broke off half-way.
        """
        try:
            while chunk := self.body.read(CHUNK):
                yield chunk
        finally:
            self.close()

    def close(self) -> None:
        """Let go of the connection. May be called again."""
        self.body.close()


class _Body:
    """The bytes of a response, counted; the first ones can be looked at before they are read."""

    def __init__(self, response: HTTPResponse, most: int | None = None):
        self.response, self.left = response, most
        self.failure: RemoteError | None = None
        self.ahead = b""

    def peek(self) -> str:
        """Return up to 64 KiB of the start as text."""
        self.ahead = self.ahead or self._more(CHUNK)
        return self.ahead.decode("utf-8", errors="replace")

    def read(self, size: int = -1) -> bytes:
        """Return the next bytes, at most `size` (all 64 KiB that come next where it is negative).

        Raises:
            RemoteError: the answer broke off or is too long.
        """
        size = size if size > 0 else CHUNK
        data = self.ahead or self._more(size)
        self.ahead, data = data[size:], data[:size]
        return data

    def close(self) -> None:
        """Close the connection."""
        with suppress(OSError, HTTPException):
            self.response.close()

    def _more(self, size: int) -> bytes:
        try:
            data = self.response.read(size)
        except TimeoutError as error:
            raise self._failed("deadline", "the server stopped sending its answer") from error
        except (OSError, HTTPException) as error:
            raise self._failed("engine", f"the server's answer broke off ({type(error).__name__})") from error
        if not data and self.response.length:
            raise self._failed("engine", f"the server's answer broke off {self.response.length} bytes before its end")
        if self.left is not None:
            self.left -= len(data)
            if self.left < 0:
                raise self._failed("size", f"over {MOST} bytes")
        return data

    def _failed(self, kind: str, detail: str) -> RemoteError:
        self.failure = RemoteError(kind, detail)
        return self.failure


class _Stay(urllib.request.HTTPRedirectHandler):
    """Follows no redirect: the query would be lost on the way, or the credentials land elsewhere."""

    def redirect_request(self, req: Any, fp: Any, code: int, msg: str, headers: Any, newurl: str) -> None:
        """Refuse; the redirect then counts as an error of its status."""


class Remote:
    """A SPARQL server's query endpoint; one query at a time."""

    def __init__(self, endpoint: str, user: str = "", password: str = "", timeout: int = 30):
        """Note where the server is; nothing is sent yet.

        `timeout` is the number of seconds that the server may keep silent. Credentials go out only when the server asks for
        them, by Basic or Digest, whichever it wants.

        Raises:
            RemoteError: `unavailable`, when the endpoint is no plain http or https address.
        """
        parts = urlsplit(endpoint)
        if parts.scheme not in {"http", "https"} or not parts.hostname or "@" in parts.netloc:
            raise RemoteError("unavailable", f"{_without_user(endpoint)}: no plain http or https address of a SPARQL endpoint")
        self.endpoint, self.timeout = endpoint, timeout
        self._opener = _opener(endpoint, user, password)
        self._virtuoso = False

    def ask(
        self,
        text: str,
        *,
        results: str | None = "json",
        graphs: str | None = "turtle",
        default_graphs: list[str] | None = None,
        named_graphs: list[str] | None = None,
        prefixes: Mapping[str, str] | None = None,
        base: str | None = None,
    ) -> Reply:
        """Send a query and return its answer when the first bytes are there.

        `results` and `graphs` name the format for SELECT and ASK, and for CONSTRUCT and DESCRIBE; None refuses that form.
        `default_graphs` and `named_graphs` are the dataset of the protocol; both None leave the query's own, or the server's.
        `prefixes` may be used without declaring them, `base` resolves relative IRIs. Nothing but these four forms is sent.

        Raises:
            RemoteError: the query was not answered.

        Source:
            SPARQL 1.1 Protocol, https://www.w3.org/TR/sparql11-protocol/#query-via-post-urlencoded
        """
        kind = form_of(text)
        wanted = graphs if kind == "graph" else results
        if wanted is None:
            raise RemoteError("format", kind)
        header = declarations(text, prefixes or {}, base)
        query = _Query(header + text, len(header), default_graphs or [], named_graphs or [])
        response = self._send(query, kind, wanted)
        got = _format_of(response, kind)
        if self._learn(response) and got not in _VIRTUOSO[kind]:
            response.close()
            response = self._send(query, kind, wanted)
            got = _format_of(response, kind)
        if got == wanted:
            body = _Body(response)
            return Reply(kind, wanted, body, _columns(body.peek(), wanted) if kind == "solutions" else [])
        return _converted(response, kind, got, wanted, prefixes or {})

    def version(self) -> str:
        """Return the version of the data that `kg publish` finished last, an empty string where it never did.

        Raises:
            RemoteError: the server does not answer.
        """
        answer = json.loads(b"".join(self.ask(VERSION_QUERY).chunks()))
        return next((str(row["version"]["value"]) for row in answer["results"]["bindings"]), "")

    def _learn(self, response: HTTPResponse) -> bool:
        """Note that the server is Virtuoso; tell whether that was news."""
        news = not self._virtuoso and "virtuoso" in (response.headers.get("Server") or "").lower()
        self._virtuoso |= news
        return news

    def _send(self, query: _Query, kind: str, wanted: str) -> HTTPResponse:
        request = _request(self.endpoint, query, _accept(kind, wanted, _VIRTUOSO if self._virtuoso else None))
        try:
            response = cast(HTTPResponse, self._opener.open(request, timeout=self.timeout))
        except urllib.error.HTTPError as error:
            with error:
                raise _refusal(error, query) from error
        except urllib.error.URLError as error:
            raise RemoteError("unavailable", f"{self.endpoint}: cannot be reached ({_reason(error.reason)})") from error
        except TimeoutError as error:
            raise RemoteError("deadline", f"{self.endpoint}: no answer within {self.timeout} s") from error
        except (OSError, HTTPException) as error:
            raise RemoteError("unavailable", f"{self.endpoint}: cannot be reached ({_reason(error)})") from error
        _check_whole(response)
        return response


@dataclass(frozen=True)
class _Query:
    """What is sent: the query, how many characters stand before what its author wrote, the dataset."""

    text: str
    shift: int
    default_graphs: list[str]
    named_graphs: list[str]


def form_of(text: str) -> str:
    """Return what a query's answer is: `solutions`, `boolean` or `graph`.

    Raises:
        RemoteError: `syntax`, where no query form follows the prologue; so an update is none, nor Virtuoso's DEFINE.
    """
    match = _START.match(text)
    assert match
    form = _FORMS.get(match[1].upper())
    if form is None:
        line = text.count("\n", 0, match.start(1)) + 1
        column = match.start(1) - text.rfind("\n", 0, match.start(1))
        raise RemoteError("syntax", "SELECT, ASK, CONSTRUCT, DESCRIBE", line, column)
    return form


def declarations(text: str, prefixes: Mapping[str, str], base: str | None = None) -> str:
    """Return what to put before a query, on its first line: PREFIX for what it uses undeclared, BASE where it needs one."""
    bare = _OPAQUE.sub(" ", text)
    declared = set(re.findall(r"\bPREFIX\s+([^\s:<]*):", bare, re.IGNORECASE))
    used = set(re.findall(r"(?<![\w.:-])([\w.-]*):", bare)) - declared
    relative = any(m["iri"] and not re.match(r"<[A-Za-z][\w+.-]*:", m["iri"]) for m in _OPAQUE.finditer(text))
    own_base = re.search(r"\bBASE\b", bare, re.IGNORECASE)
    start = f"BASE <{base}> " if base and relative and not own_base else ""
    return start + "".join(f"PREFIX {name}: <{iri}> " for name, iri in prefixes.items() if name in used)


def _opener(endpoint: str, user: str, password: str) -> urllib.request.OpenerDirector:
    """Return what opens http and https addresses, and nothing else."""
    opener = urllib.request.OpenerDirector()
    known = urllib.request.HTTPPasswordMgrWithDefaultRealm()
    if user:
        known.add_password(None, endpoint, user, password)
    handlers = (
        urllib.request.ProxyHandler(),
        urllib.request.HTTPHandler(),
        urllib.request.HTTPSHandler(),
        urllib.request.HTTPDigestAuthHandler(known),
        urllib.request.HTTPBasicAuthHandler(known),
        urllib.request.HTTPErrorProcessor(),
        urllib.request.HTTPDefaultErrorHandler(),
        urllib.request.UnknownHandler(),
        _Stay(),
    )
    for handler in handlers:
        opener.add_handler(handler)
    return opener


def _request(endpoint: str, query: _Query, accept: str) -> urllib.request.Request:
    wrapper = SPARQLWrapper(endpoint, agent=f"plan-de-gobierno/{__version__}")
    wrapper.setOnlyConneg(True)
    wrapper.setMethod(POST)
    wrapper.setRequestMethod(URLENCODED)  # posted as it is, a query hangs Virtuoso 7.2.5
    wrapper.queryString, wrapper.queryType = query.text, "SELECT"  # whatever it looks like, it goes out as a query
    for graph in query.default_graphs:
        wrapper.addDefaultGraph(graph)
    for graph in query.named_graphs:
        wrapper.addNamedGraph(graph)
    wrapper.addCustomHttpHeader("Accept", accept)
    return wrapper._createRequest()


def _accept(kind: str, wanted: str, only: Mapping[str, tuple[str, ...]] | None) -> str:
    """Return the Accept header: the wanted format first, then what can be converted to it."""
    readable = (only or _READABLE)[kind]
    written = wanted in readable or (only is None and kind != "boolean")
    names = dict.fromkeys([wanted, *readable] if written else readable)
    types = {f.name: f.media_type for f in _formats(kind)}
    return ", ".join(f"{types[name]};q={1 - place / 10:.1f}" if place else types[name] for place, name in enumerate(names))


def _formats(kind: str) -> tuple[Format, ...]:
    return RDF_FORMATS if kind == "graph" else RESULT_FORMATS


def _format_of(response: HTTPResponse, kind: str) -> str:
    """Return the short name of the format that a response is in.

    Raises:
        RemoteError: it is in none that the form has.
    """
    told = response.headers.get_content_type()
    for candidate in _formats(kind):
        if told == candidate.media_type or told in candidate.aliases:
            return candidate.name
    response.close()
    raise RemoteError("engine", f"the server answers in {told}, which is no format of {kind}; is this a SPARQL endpoint?")


def _columns(start: str, name: str) -> list[str]:
    """Read the variables from the start of an answer; an empty list where they are not all in it."""
    if name == "json":
        head = re.search(r'"vars"\s*:\s*(\[[^\]]*\])', start)
        return [str(v) for v in json.loads(head[1])] if head else []
    if name == "xml":
        return re.findall(r"<variable\s+name=[\"']([^\"']*)[\"']", start.partition("<results")[0])
    line = re.split(r"\r?\n", start, maxsplit=1)[0]
    return [part.strip('"').lstrip("?") for part in line.split("\t" if name == "tsv" else ",")] if line else []


def _converted(response: HTTPResponse, kind: str, got: str, wanted: str, prefixes: Mapping[str, str]) -> Reply:
    """Read an answer whole, in bounded memory, and write it in the wanted format."""
    body = _Body(response, MOST)
    out = cast(IO[bytes], tempfile.SpooledTemporaryFile(_IN_MEMORY))  # noqa: SIM115 - closed with the reply
    try:
        variables = _rewritten(cast(IO[bytes], body), out, kind, got, wanted, prefixes)
    except (RemoteError, SyntaxError, ValueError, OSError) as error:
        out.close()
        raise body.failure or RemoteError("engine", f"the server's {got} cannot be read: {str(error)[:200]}") from error
    finally:
        body.close()
    out.seek(0)
    return Reply(kind, wanted, out, variables)


def _rewritten(source: IO[bytes], out: IO[bytes], kind: str, got: str, wanted: str, prefixes: Mapping[str, str]) -> list[str]:
    """Convert between files; returns the variables."""
    if kind == "graph":
        triples = (quad.triple for quad in ox.parse(source, _GRAPHS[got]))
        ox.serialize(triples, out, _GRAPHS[wanted], prefixes=dict(prefixes) if wanted in _PREFIXED else None)
        return []
    answer = ox.parse_query_results(source, _RESULTS[got])
    answer.serialize(out, _RESULTS[wanted])
    return [v.value for v in answer.variables] if isinstance(answer, ox.QuerySolutions) else []


def _check_whole(response: HTTPResponse) -> None:
    """Refuse an answer that Virtuoso says it has cut off.

    Raises:
        RemoteError: `deadline` or `size`.
    """
    if response.headers.get("X-SQL-State"):
        response.close()
        raise RemoteError("deadline", _shortened(response.headers.get("X-SQL-Message") or "the server gave up half-way"))
    if rows := response.headers.get("X-SPARQL-MaxRows"):
        response.close()
        raise RemoteError("size", f"the server gives no more than {rows} rows; ask for fewer with LIMIT")


def _refusal(error: urllib.error.HTTPError, query: _Query) -> RemoteError:
    """Turn an error status and its message into what went wrong, and where."""
    message = _message(error)
    told = _shortened(_ECHO.split(message)[0]) or error.reason
    if error.code in {408, 504} or (error.code >= 400 and _TOO_LONG.search(told)):
        return RemoteError("deadline", told)
    if error.code == 400:
        return RemoteError("syntax", told, *_place(message, query))
    if 300 <= error.code < 400:
        target = _without_user(error.headers.get("Location") or "another address")
        return RemoteError("unavailable", f"the server sends on to {target}; use its final address")
    kind = "unavailable" if error.code in {401, 403, 404, 405, 429, 502, 503} else "engine"
    return RemoteError(kind, f"{error.code}: {told}")


def _message(error: urllib.error.HTTPError) -> str:
    """Read the start of an error's body as plain text."""
    try:
        text = error.read(CHUNK).decode("utf-8", errors="replace")
    except (OSError, HTTPException):
        return ""
    if "html" in error.headers.get_content_type():
        text = unescape(re.sub(r"(?s)<(script|style).*?</\1>|<[^>]+>", " ", text))
    with suppress(ValueError, AttributeError):  # Neptune and others wrap the message in JSON
        body = json.loads(text)
        text = str(body.get("detailedMessage") or body.get("message") or text)
    return text


def _place(message: str, query: _Query) -> tuple[int, int]:
    """Return line and column of a fault in the author's text, 0 where the server tells none."""
    told, *echo = _ECHO.split(message, maxsplit=1)
    match = next(filter(None, (pattern.search(told) for pattern in _PLACES)), None)
    if not match:
        return 0, 0
    line, column = int(match[1]), int(match[2] or 0)
    first = query.text.split("\n", 1)[0].strip()
    before = echo[0].partition(first)[0].count("\n") if echo and first in echo[0] else 0  # lines that the server put before
    line = max(line - before, 1)
    return line, max(column - query.shift, 1) if column and line == 1 else column


def _shortened(text: str, most: int = 300) -> str:
    text = " ".join(text.split())
    return text if len(text) <= most else text[: most - 1] + "…"


def _reason(reason: object) -> str:
    return str(getattr(reason, "strerror", None) or reason or type(reason).__name__)


def _without_user(url: str) -> str:
    return re.sub(r"//[^/@]*@", "//", url)
