"""Queries to servers elsewhere: the same answers as from the local store, in every format; and what goes wrong, told."""

from __future__ import annotations

import csv
import io
import json
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from decimal import Decimal, InvalidOperation
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pyoxigraph as ox
import pytest

from kg import remote
from kg.namespaces import BASE, PREFIXES
from kg.publishing import Target, publish
from kg.queries import load_questions, render
from kg.remote import Remote, RemoteError, declarations, form_of
from kg.store import current_store, open_store, version_of
from tests.servers import NAMES, Server, free_ports, running

PUNO = f"<{BASE}id/plan/puno-2019-2022>"
HUANCANE = f"<{BASE}id/territory/2106>"
RESULTS = {"json": ox.QueryResultsFormat.JSON, "xml": ox.QueryResultsFormat.XML, "tsv": ox.QueryResultsFormat.TSV}
GRAPHS = {
    "turtle": ox.RdfFormat.TURTLE,
    "ntriples": ox.RdfFormat.N_TRIPLES,
    "jsonld": ox.RdfFormat.JSON_LD,
    "rdfxml": ox.RdfFormat.RDF_XML,
    "nquads": ox.RdfFormat.N_QUADS,
    "trig": ox.RdfFormat.TRIG,
}
# Queries with one well-defined answer; none declares the prefixes that it uses.
SELECTS = {
    "accents": 'SELECT DISTINCT ?e ?t { ?e a pg:Problem ; pg:text ?t FILTER(CONTAINS(?t, "educación")) }',
    "years": "SELECT ?plan ?from ?to { ?plan pg:periodStart ?from ; pg:periodEnd ?to }",
    "a year": 'SELECT ?plan { ?plan pg:periodStart "2019"^^xsd:gYear }',
    "decimals": "SELECT DISTINCT ?b ?m { ?b pg:amount ?m FILTER(?m >= 2000000.0) }",
    "integers": f"SELECT DISTINCT ?s ?l {{ ?s pg:statedIn {PUNO} ; pg:sourceLine ?l FILTER(?l < 300) }}",
    "languages": f'SELECT ?l {{ {HUANCANE} rdfs:label ?l FILTER(LANG(?l) = "es") }}',
    "own datatype": f"SELECT ?n {{ {HUANCANE} skos:notation ?n FILTER(DATATYPE(?n) = pg:ubigeoRENIEC) }}",
    "booleans": "SELECT DISTINCT ?b ?c { ?b pg:certain ?c }",
    "counts": "SELECT ?g (COUNT(*) AS ?n) { GRAPH ?g { ?s ?p ?o } FILTER(CONTAINS(STR(?g), '/graph/plan/')) } GROUP BY ?g",
    "unbound": "SELECT DISTINCT ?s ?y { ?s a pg:Target OPTIONAL { ?s pg:targetYear ?y } }",
    "nothing": "SELECT ?s ?o { ?s <http://example.org/nowhere> ?o }",
    "order of columns": f"SELECT ?z (STR(?l) AS ?a) {{ BIND({HUANCANE} AS ?z) ?z rdfs:label ?l FILTER(LANG(?l) = 'es') }}",
}
ASKS = {"ASK { ?s pg:periodStart '2019'^^xsd:gYear }": True, "ASK { ?s pg:periodStart '1821'^^xsd:gYear }": False}
CONSTRUCTS = [
    f"CONSTRUCT {{ ?e pg:text ?t ; pg:sourceLine ?l }} WHERE {{ ?e pg:statedIn {PUNO} ; pg:text ?t ; pg:sourceLine ?l }}",
    f"CONSTRUCT WHERE {{ {PUNO} pg:periodStart ?y ; rdfs:label ?l }}",
    f"DESCRIBE {PUNO}",
]
Row = tuple[object, ...]


@pytest.fixture(scope="module", params=NAMES)
def server(request, tmp_path_factory, built) -> Iterator[Server]:
    with running(request.param, tmp_path_factory.mktemp(request.param)) as started:
        publish(built / "graph.nq", Target(started.endpoint, "", started.user, started.password))
        yield started


@pytest.fixture(scope="module")
def away(server) -> Remote:
    return Remote(server.endpoint)


@pytest.fixture(scope="module")
def local(built) -> ox.Store:
    return open_store(current_store(built))


def ask(away: Remote, text: str, **more: Any) -> bytes:
    reply = away.ask(text, **{"prefixes": PREFIXES, **more})
    return b"".join(reply.chunks())


def value(term: ox.NamedNode | ox.Literal | ox.BlankNode | ox.Triple | None) -> object:
    """A term by its value: servers may write a number in another way."""
    if isinstance(term, ox.Literal) and term.datatype.value.startswith(PREFIXES["xsd"]):
        try:
            return (round(Decimal(term.value), 6), "")
        except InvalidOperation:
            return (term.value, term.language or term.datatype.value)
    return term


def rows_of(answer: ox.QuerySolutions) -> tuple[list[str], Counter[Row]]:
    names = [v.value for v in answer.variables]
    return names, Counter(tuple(value(row[name]) for name in names) for row in answer)


def locally(local: ox.Store, text: str) -> tuple[list[str], Counter[Row]]:
    answer = local.query(text, prefixes=PREFIXES)
    assert isinstance(answer, ox.QuerySolutions)
    return rows_of(answer)


def shown(cell: object) -> str:
    """A value as CSV shows it."""
    return str(cell[0]) if isinstance(cell, tuple) else str(getattr(cell, "value", ""))


def read(rows: Counter[Row]) -> Counter[Row]:
    """Rows as a reader takes them: whether a computed text has a language, and a computed boolean a name, is all one."""
    words = {"true": 1.0, "false": 0.0}
    return Counter(tuple(words.get(shown(c), as_number(shown(c))) for c in row) for row in rows.elements())


def in_csv(rows: Counter[Row]) -> Counter[Row]:
    return Counter(tuple(as_number(shown(c)) for c in row) for row in rows.elements())


def as_number(text: str) -> float | str:
    try:
        return round(float(text), 4)
    except ValueError:
        return text


@pytest.mark.parametrize("name", SELECTS)
def test_rows_are_the_same_in_every_format(away, local, name):
    wanted = locally(local, SELECTS[name])
    assert wanted[1] or name == "nothing"
    for style, parsed in RESULTS.items():
        reply = away.ask(SELECTS[name], results=style, prefixes=PREFIXES)
        assert (reply.kind, reply.format, reply.variables) == ("solutions", style, wanted[0])
        answer = ox.parse_query_results(b"".join(reply.chunks()), parsed)
        assert isinstance(answer, ox.QuerySolutions) and rows_of(answer) == wanted
    head, *lines = csv.reader(io.StringIO(ask(away, SELECTS[name], results="csv").decode(), newline=""))
    assert head == wanted[0]
    assert Counter(tuple(map(as_number, line)) for line in lines) == in_csv(wanted[1])


@pytest.mark.parametrize("text", ASKS)
def test_yes_and_no_are_the_same_in_every_format(away, text):
    for style in ("json", "xml"):
        answer = ox.parse_query_results(ask(away, text, results=style), RESULTS[style])
        assert bool(answer) is ASKS[text]
    for style in ("csv", "tsv"):
        assert ask(away, text, results=style).strip() == str(ASKS[text]).lower().encode()


@pytest.mark.parametrize("text", CONSTRUCTS)
def test_triples_are_the_same_in_every_format(away, local, text):
    wanted = {(t.subject, t.predicate, value(t.object)) for t in local.query(text, prefixes=PREFIXES)}
    if text.startswith("DESCRIBE"):  # what belongs to a description is the server's choice
        wanted = {t for t in wanted if t[0].value == PUNO.strip("<>")}
    for style, parsed in GRAPHS.items():
        reply = away.ask(text, graphs=style, prefixes=PREFIXES)
        quads = ox.parse(b"".join(reply.chunks()), parsed)
        found = {(q.subject, q.predicate, value(q.object)) for q in quads}
        assert (reply.kind, reply.format) == ("graph", style)
        assert wanted <= found if text.startswith("DESCRIBE") else wanted == found


def test_the_questions_have_the_same_answers(away, local):
    different = set()
    for name, question in load_questions().items():
        answer = ox.parse_query_results(ask(away, render(question)), ox.QueryResultsFormat.JSON)
        assert isinstance(answer, ox.QuerySolutions)
        (names, found), (wanted_names, wanted) = rows_of(answer), locally(local, render(question))
        if names != wanted_names or read(found) != read(wanted):
            different.add(name)
    assert different == set()


def test_the_dataset_is_the_protocols(away):
    text = "SELECT (COUNT(*) AS ?n) { ?s a pg:Problem }"
    plans = [f"{BASE}graph/plan/{key}" for key in ("puno-2019-2022", "huancane-2019-2022")]

    def count(**more: Any) -> int:
        return int(ask(away, text, results="csv", **more).split()[1])

    each = [count(default_graphs=[plan]) for plan in plans]
    assert all(each) and count(default_graphs=plans) == sum(each) < count()
    assert count(named_graphs=plans) == 0
    named = ask(away, "SELECT DISTINCT ?g { GRAPH ?g { ?s a pg:Problem } }", named_graphs=plans[:1], results="csv")
    assert named.decode().split() == ["g", plans[0]]


def test_base_resolves_relative_addresses(away):
    text = "ASK { <id/plan/puno-2019-2022> a pg:Plan }"
    assert json.loads(ask(away, text, base=BASE))["boolean"] is True
    assert json.loads(ask(away, text, base="http://example.org/"))["boolean"] is False


def test_the_version_is_what_was_published(away, built):
    assert away.version() == version_of(built / "graph.nq")


def test_syntax_errors_have_their_line(away, server):
    with pytest.raises(RemoteError) as failure:
        ask(away, "SELECT ?s {\n  ?s a pg:Plan ;\n ?x }")
    assert (failure.value.kind, failure.value.line) == ("syntax", 3)
    assert failure.value.detail and "SELECT ?s" not in failure.value.detail
    with pytest.raises(RemoteError) as failure:
        ask(away, "SELECT ?s { ?s a pg:Plan ; rdfs:label }")
    assert (failure.value.kind, failure.value.line) == ("syntax", 1)
    assert failure.value.column in ({0} if server.name == "virtuoso" else {36, 37, 38, 39, 40})  # as if no PREFIX stood before
    with pytest.raises(RemoteError) as failure:
        ask(away, "SELECT ?s { ?s a unknown:Plan }")
    assert failure.value.kind == "syntax"


def test_a_form_without_format_is_refused(away):
    for text, kind in (("SELECT * {}", "solutions"), ("ASK {}", "boolean"), ("DESCRIBE <a:b>", "graph")):
        with pytest.raises(RemoteError) as failure:
            away.ask(text, results=None, graphs=None)
        assert (failure.value.kind, failure.value.detail) == ("format", kind)


def test_a_reply_may_be_left_half_read(away):
    for _ in range(3):
        reply = away.ask("SELECT * { ?s ?p ?o } LIMIT 60000")
        assert len(next(reply.chunks())) <= remote.CHUNK
        reply.close()
    assert json.loads(ask(away, "ASK {}"))["boolean"] is True


def test_virtuoso_cuts_off_and_says_so(tmp_path_factory, built):
    with running("virtuoso", tmp_path_factory.mktemp("rows"), rows=50) as server:
        publish(built / "graph.nq", Target(server.endpoint, "", server.user, server.password))
        away = Remote(server.endpoint)
        assert ask(away, "SELECT * { ?s a pg:Statement } LIMIT 20", results="csv").count(b"\n") == 21
        with pytest.raises(RemoteError) as failure:
            ask(away, "SELECT * { ?s a pg:Statement }", results="csv")
        assert (failure.value.kind, "50 rows" in failure.value.detail) == ("size", True)


Answer = tuple[int, dict[str, str], bytes]


@contextmanager
def answering(answer: Callable[[str, str], Answer]) -> Iterator[tuple[str, list[tuple[str, dict[str, str]]]]]:
    """A server that answers by the request's Accept header and body, and keeps what it was asked."""
    asked: list[tuple[str, dict[str, str]]] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            text = self.rfile.read(int(self.headers.get("Content-Length", 0))).decode()
            asked.append((text, dict(self.headers)))
            status, headers, body = answer(self.headers.get("Accept", ""), text)
            self.send_response(status)
            for name, content in {"Content-Length": str(len(body)), **headers}.items():
                self.send_header(name, content)
            self.end_headers()
            self.wfile.write(body)

        do_GET = do_POST

        def log_message(self, *_: object) -> None:
            pass

    httpd = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    httpd.handle_error = lambda *_: None  # type: ignore[method-assign] - who is hung up on says nothing
    threading.Thread(target=httpd.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{httpd.server_port}/sparql", asked
    finally:
        httpd.shutdown()
        httpd.server_close()


def failing(status: int, body: bytes = b"", **headers: str) -> RemoteError:
    """What a query comes to when the server gives this answer."""
    named = {name.replace("_", "-"): content for name, content in headers.items()}
    with answering(lambda *_: (status, named, body)) as (url, _), pytest.raises(RemoteError) as failure:
        ask(Remote(url), "SELECT * {}")
    return failure.value


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (400, b"nonsense", "syntax"),
        (400, b"Virtuoso S1TAT Error SR553: anytime query has timed out", "deadline"),
        (500, b"Virtuoso 22012 Error SR084: Division by 0.", "engine"),
        (500, b"The estimated execution time 900 (sec) exceeds the limit of 400 (sec).", "deadline"),
        (500, b'{"code":"TimeLimitExceededException","detailedMessage":"Operation terminated (deadline exceeded)"}', "deadline"),
        (503, b"Query timed out", "deadline"),
        (503, b"", "unavailable"),
        (502, b"", "unavailable"),
        (401, b"", "unavailable"),
        (403, b"", "unavailable"),
        (404, b"", "unavailable"),
        (504, b"", "deadline"),
    ],
)
def test_a_status_says_what_went_wrong(status, body, kind):
    assert failing(status, body).kind == kind


def test_html_is_read_as_text():
    body = b"<html><head><title>Error</title><style>a{}</style></head><body><p>line 2: caf&eacute; &lt;x&gt;</p></body></html>"
    failure = failing(400, body, Content_Type="text/html")
    assert (failure.detail, failure.line) == ("Error line 2: café <x>", 2)


def test_lines_that_the_server_puts_before_the_query_do_not_count():
    body = b"SPARQL compiler, line 3: syntax error\n\nSPARQL query:\n#output-format:x\ndefine y:z 0\nSELECT * {}"
    failure = failing(400, body)
    assert (failure.line, failure.detail) == (1, "SPARQL compiler, line 3: syntax error")


def test_redirects_are_told_and_not_followed():
    with answering(lambda *_: (200, {"Content-Type": "application/sparql-results+json"}, b"{}")) as (elsewhere, asked):
        for status in (301, 302, 303, 307, 308):
            failure = failing(status, Location=elsewhere)
            assert (failure.kind, elsewhere in failure.detail) == ("unavailable", True)
        assert asked == []


def test_an_answer_that_breaks_off_is_told():
    for style in ("json", "tsv"):
        start = b'{"head":{"vars":["s"]},"results":{"bindings":['
        headers = {"Content-Type": "application/sparql-results+json", "Content-Length": "9999"}
        with answering(lambda *_, h=headers, b=start: (200, h, b)) as (url, _), pytest.raises(RemoteError) as failure:
            ask(Remote(url, timeout=2), "SELECT ?s {}", results=style)
        assert failure.value.kind in {"engine", "deadline"}


def test_a_web_page_is_no_answer():
    failure = failing(200, b"<html></html>", Content_Type="text/html")
    assert (failure.kind, "text/html" in failure.detail) == ("engine", True)


def test_what_is_converted_is_bounded(monkeypatch):
    monkeypatch.setattr(remote, "MOST", 100_000)
    row = '{"s":{"type":"literal","value":"' + "x" * 1000 + '"}}'
    body = ('{"head":{"vars":["s"]},"results":{"bindings":[' + ",".join([row] * 200) + "]}}").encode()
    headers = {"Content-Type": "application/sparql-results+json"}
    with answering(lambda *_: (200, headers, body)) as (url, _):
        assert len(ask(Remote(url), "SELECT ?s {}")) == len(body)  # passes through
        with pytest.raises(RemoteError) as failure:
            ask(Remote(url), "SELECT ?s {}", results="csv")
        assert failure.value.kind == "size"


def test_typed_literals_of_older_servers_are_read():
    row = '{"n":{"type":"typed-literal","datatype":"http://www.w3.org/2001/XMLSchema#integer","value":"7"}}'
    body = ('{"head":{"vars":["n"]},"results":{"bindings":[' + row + "]}}").encode()
    with answering(lambda *_: (200, {"Content-Type": "application/json"}, body)) as (url, _):
        assert ask(Remote(url), "SELECT ?n {}", results="tsv") == b"?n\n7\n"


def test_a_silent_server_is_a_deadline():
    held = threading.Event()
    with answering(lambda *_: (200, {}, str(held.wait(5)).encode())) as (url, _), pytest.raises(RemoteError) as failure:
        try:
            ask(Remote(url, timeout=1), "ASK {}")
        finally:
            held.set()
    assert failure.value.kind == "deadline"


def test_an_unreachable_server_is_told():
    url = f"http://127.0.0.1:{free_ports(1)[0]}/sparql"
    with pytest.raises(RemoteError) as failure:
        Remote(url).ask("ASK {}")
    assert (failure.value.kind, failure.value.detail) == ("unavailable", f"{url}: cannot be reached (Connection refused)")


@pytest.mark.parametrize("url", ["file:///etc/passwd", "ftp://h/x", "h/sparql", "http://", "http://ana:secret@h/sparql"])
def test_only_plain_web_addresses_are_taken(url):
    with pytest.raises(RemoteError) as failure:
        Remote(url)
    assert failure.value.kind == "unavailable" and "secret" not in str(failure.value)


def test_credentials_go_out_only_when_asked_for():
    headers = {"Content-Type": "application/sparql-results+json"}
    with answering(lambda *_: (200, headers, b'{"head":{},"boolean":true}')) as (url, asked):
        ask(Remote(url, "ana", "secret"), "ASK {}")
        assert "Authorization" not in asked[0][1]


@pytest.mark.parametrize(
    "text",
    [
        "INSERT DATA { <a:b> <a:b> 1 }",
        "# SELECT\nDELETE WHERE { ?s ?p ?o }",
        "PREFIX a: <b:c> DROP ALL",
        "PREFIX select: <b:c> CLEAR ALL",
        'DEFINE get:soft "soft" SELECT * {}',
        "BASE <SELECT> LOAD <a:b>",
        "",
    ],
)
def test_nothing_but_queries_is_sent(text):
    with answering(lambda *_: (200, {}, b"")) as (url, asked), pytest.raises(RemoteError) as failure:
        Remote(url).ask(text)
    assert failure.value.kind == "syntax" and asked == []


def test_the_form_is_behind_the_prologue():
    assert form_of("#ASK\nBASE <x:y#SELECT> prefix ask: <a:ask> # DESCRIBE\n  construct { } { }") == "graph"
    assert form_of("PREFIX : <a:b>\nselect*{}") == "solutions"
    assert form_of("ask{}") == "boolean"
    with pytest.raises(RemoteError) as failure:
        form_of("PREFIX a: <b:c>\n\n  SELET * {}")
    assert (failure.value.line, failure.value.column) == (3, 3)


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("SELECT * { ?s pg:text ?o }", "PREFIX pg: <P> "),
        ("PREFIX pg: <o:ther> SELECT * { ?s pg:text ?o }", ""),
        ("prefix\tpg:<o:ther> SELECT * { ?s pg:text/xsd:x ?o }", "PREFIX xsd: <X> "),
        ("SELECT * { ?s <http://pg:80/> 'pg:' # xsd:\n }", ""),
        ('SELECT * { ?s ?p """a " pg:b""" }', ""),
        ("SELECT * { ?s ^pg:a|xsd:b ?o }", "PREFIX pg: <P> PREFIX xsd: <X> "),
        ("SELECT * { <x> ?p ?o }", "BASE <http://e/> "),
        ("BASE <http://f/> SELECT * { <x> ?p ?o }", ""),
    ],
)
def test_only_what_is_missing_is_declared(text, wanted):
    assert declarations(text, {"pg": "P", "xsd": "X"}, "http://e/") == wanted
