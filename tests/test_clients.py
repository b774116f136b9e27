"""The clients that people use, against the real server: libraries, editors, spreadsheets, other endpoints; what HTTP promises.

`tests/install_clients.sh` installs the JavaScript ones. A case marked with `known` fails today: the mark says why, and has to
go when the server does better.
"""

from __future__ import annotations

import csv
import gzip
import http.client
import importlib.util
import io
import json
import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

import pytest
import SPARQLWrapper as sw
import zstandard
from rdflib import Dataset, Graph, Literal, URIRef
from rdflib.compare import isomorphic
from rdflib.plugins.stores.sparqlstore import SPARQLStore, SPARQLUpdateStore

from kg.namespaces import BASE, PG, SD
from kg.paths import ROOT
from tests.servers import free_ports, running
from tests.serving import GRAPH_A, GRAPH_B, LABEL, PLAN, S1, S2, SLOW, build

CLIENTS = Path(os.environ.get("KG_TEST_CLIENTS") or Path.home() / ".cache" / "plan-de-gobierno" / "clients")
SECONDS = 10.0
PREFIXES = f"PREFIX pg: <{PG}>\nPREFIX rdfs: <http://www.w3.org/2000/01/rdf-schema#>\n"
SELECT = PREFIXES + "SELECT ?o ?s { ?s pg:text ?o } ORDER BY ?s"
ASK = PREFIXES + "ASK { ?s pg:text ?o }"
CONSTRUCT = PREFIXES + "CONSTRUCT { ?s pg:text ?o } WHERE { ?s pg:text ?o }"
DESCRIBE = f"DESCRIBE <{S2}>"
ALL = "SELECT * { ?s ?p ?o }"
ELSEWHERE = f'<{S2}> <urn:elsewhere> "dicho en otra parte"@es <urn:g> .\n'
JSON, XML, CSV, TSV = "application/sparql-results+json", "application/sparql-results+xml", "text/csv", "text/tab-separated-values"
TURTLE, NTRIPLES, JSONLD, RDFXML = "text/turtle", "application/n-triples", "application/ld+json", "application/rdf+xml"
NQUADS, PROBLEM = "application/n-quads", "application/problem+json"
PARSERS = {TURTLE: "turtle", NTRIPLES: "nt", JSONLD: "json-ld", RDFXML: "xml", "text/plain": "nt", "application/xml": "xml"}
BROWSER = "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8"


def known(reason: str, *values: object, id: str | None = None) -> Any:
    """Return a case that fails today."""
    return pytest.param(*values, id=id, marks=pytest.mark.xfail(strict=True, reason=reason))


# --- servers and a bare client -------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Reply:
    """An answer as it came: status, headers in lower case (several of one name joined), body."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def type(self) -> str:
        return self.headers.get("content-type", "").partition(";")[0]

    @property
    def text(self) -> str:
        return self.body.decode("utf-8")

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def graph(self) -> Graph:
        return Graph().parse(data=self.text, format=PARSERS[self.type])


@dataclass(frozen=True)
class Site:
    """A running server, asked by requests without any header that is not given."""

    address: str

    @property
    def sparql(self) -> str:
        return self.address + "sparql"

    def request(self, method: str, path: str, headers: Mapping[str, str] | None = None, body: str | bytes | None = None) -> Reply:
        place = urlsplit(self.address)
        connection = http.client.HTTPConnection(place.hostname or "", place.port, timeout=SECONDS)
        try:
            connection.putrequest(method, path, skip_accept_encoding=True)
            data = body.encode() if isinstance(body, str) else body
            for name, value in {**(headers or {}), **({"Content-Length": str(len(data))} if data is not None else {})}.items():
                connection.putheader(name, value)
            connection.endheaders(data)
            answer = connection.getresponse()
            found: dict[str, str] = {}
            for name, value in answer.getheaders():
                found[name.lower()] = f"{found[name.lower()]}, {value}" if name.lower() in found else value
            return Reply(answer.status, found, answer.read())
        finally:
            connection.close()

    def get(
        self, query: str = "", accept: str | None = None, method: str = "GET", path: str = "/sparql", **headers: str
    ) -> Reply:
        """Ask a query, or without one for the description; more headers by name, with _ for -."""
        sent = {name.replace("_", "-"): value for name, value in headers.items()} | ({"Accept": accept} if accept else {})
        return self.request(method, path + (f"?query={quote(query)}" if query else ""), sent)


@contextmanager
def serving(out: Path, **settings: str) -> Iterator[Site]:
    """Run `kg serve` on a free port, as anybody runs it."""
    (port,) = free_ports(1)
    kept = {name: value for name, value in os.environ.items() if not name.startswith("KG_")}
    environment = {**kept, "KG_QUESTIONS": str(out / "questions"), "PYTHONPATH": str(ROOT)}
    environment |= {name: value.format(port=port) for name, value in settings.items()}
    command = [sys.executable, "-m", "kg.cli", "serve", "--out", str(out), "--port", str(port)]
    with (out / "server.log").open("wb") as log:
        process = subprocess.Popen(command, env=environment, stdout=log, stderr=log)
    try:
        site = Site(f"http://127.0.0.1:{port}/")
        _wait(site, process, out / "server.log")
        yield site
    finally:
        process.terminate()
        try:
            process.wait(15)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _wait(site: Site, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline and process.poll() is None:
        try:
            if site.request("GET", "/ready").status == 200:
                return
        except OSError:
            time.sleep(0.1)
    pytest.fail(f"kg serve did not start: {log.read_text(errors='replace')[-2000:]}")


@pytest.fixture(scope="module")
def site(tmp_path_factory) -> Iterator[Site]:
    with serving(build(tmp_path_factory.mktemp("site"))) as found:
        yield found


@pytest.fixture(scope="module")
def other(tmp_path_factory) -> Iterator[Site]:
    """A second endpoint that knows something more; it stops queries early, and its settings say its address."""
    out = build(tmp_path_factory.mktemp("other"), ELSEWHERE)
    with serving(out, KG_URL="http://localhost:{port}/", KG_QUERY_SECONDS="1", KG_LOG="warning") as found:
        yield found


# --- SPARQLWrapper -------------------------------------------------------------------------------------------------------


def wrapper(site: Site, query: str, format_: str = sw.JSON, conneg: bool = False) -> sw.SPARQLWrapper:
    asked = sw.SPARQLWrapper(site.sparql)
    asked.setTimeout(int(SECONDS))
    asked.setQuery(query)
    asked.setReturnFormat(format_)
    asked.setOnlyConneg(conneg)
    return asked


def converted(asked: sw.SPARQLWrapper) -> tuple[str, Any]:
    """Return the media type that came, and what the library makes of it."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        answer = asked.query()
        return answer.info()["content-type"].partition(";")[0], answer.convert()


def _json_rows(found: Any) -> list[str]:
    return [row["s"]["value"] for row in found["results"]["bindings"]]


def _xml_rows(found: Any) -> list[str]:
    return [node.firstChild.data for node in found.getElementsByTagName("uri")]


def _csv_rows(found: Any) -> list[str]:
    return [row["s"] for row in csv.DictReader(io.StringIO(found.decode()))]


def _tsv_rows(found: Any) -> list[str]:
    return [line.split("\t")[1].strip("<>") for line in found.decode().splitlines()[1:]]


def _graph_things(found: Any) -> list[str]:
    graph = found if isinstance(found, Graph) else Graph().parse(data=found, format="turtle")
    return sorted(str(s) for s in graph.subjects(PG.text, None))


WAYS = [(sw.GET, sw.URLENCODED), (sw.POST, sw.URLENCODED), (sw.POST, sw.POSTDIRECTLY)]


@pytest.mark.parametrize("conneg", [False, True], ids=["format", "accept"])
@pytest.mark.parametrize(("method", "request_method"), WAYS, ids=["get", "form", "direct"])
@pytest.mark.parametrize(
    ("format_", "media_type", "read"),
    [(sw.JSON, JSON, _json_rows), (sw.XML, XML, _xml_rows), (sw.CSV, CSV, _csv_rows), (sw.TSV, TSV, _tsv_rows)],
)
def test_sparqlwrapper_selects(site, format_, media_type, read, method, request_method, conneg):
    asked = wrapper(site, SELECT, format_, conneg)
    asked.setMethod(method)
    asked.setRequestMethod(request_method)
    came, found = converted(asked)
    assert (came, read(found)) == (media_type, [S1, S2])


@pytest.mark.parametrize("query", [CONSTRUCT, DESCRIBE], ids=["construct", "describe"])
@pytest.mark.parametrize(("method", "request_method"), WAYS, ids=["get", "form", "direct"])
@pytest.mark.parametrize(
    ("format_", "conneg", "media_type"),
    [
        (sw.TURTLE, False, TURTLE),
        (sw.TURTLE, True, TURTLE),
        (sw.N3, False, TURTLE),
        (sw.N3, True, TURTLE),
        (sw.RDFXML, False, RDFXML),
        (sw.RDFXML, True, RDFXML),
        (sw.XML, False, RDFXML),
        (sw.XML, True, RDFXML),
        (sw.JSON, False, JSONLD),
        (sw.JSONLD, True, JSONLD),
        (sw.JSONLD, False, JSONLD),
    ],
)
def test_sparqlwrapper_gets_graphs(site, query, format_, conneg, media_type, method, request_method):
    asked = wrapper(site, query, format_, conneg)
    asked.setMethod(method)
    asked.setRequestMethod(request_method)
    came, found = converted(asked)
    assert came == media_type
    assert _graph_things(found) == ([S1, S2] if query is CONSTRUCT else [S2])


@pytest.mark.parametrize(
    ("format_", "read"),
    [
        (sw.JSON, lambda found: found["boolean"] is True),
        (sw.XML, lambda found: found.getElementsByTagName("boolean")[0].firstChild.data == "true"),
        (sw.CSV, lambda found: found == b"true"),
        (sw.TSV, lambda found: found == b"true"),
    ],
)
def test_sparqlwrapper_asks(site, format_, read):
    assert read(converted(wrapper(site, ASK, format_))[1])


@pytest.mark.parametrize(
    ("graphs", "pattern", "expected"),
    [
        ([("default", GRAPH_A)], "?t rdfs:label 'Puno'@es", 1),
        ([("default", BASE + "graph/ontology")], "?t rdfs:label 'Puno'@es", 0),
        ([("default", GRAPH_A), ("default", GRAPH_B)], "?t rdfs:label 'Puno'@es", 1),
        ([("named", GRAPH_B)], "GRAPH ?g { ?t rdfs:label 'Puno'@es }", 1),
        ([("named", GRAPH_A), ("named", GRAPH_B)], "GRAPH ?g { ?t rdfs:label 'Puno'@es }", 2),
        ([("named", GRAPH_A)], "?t rdfs:label 'Puno'@es", 0),
        ([], "GRAPH ?g { ?t rdfs:label 'Puno'@es }", 2),
    ],
)
def test_sparqlwrapper_chooses_graphs(site, graphs, pattern, expected):
    asked = wrapper(site, f"{PREFIXES}SELECT * {{ {pattern} }}")
    for kind, name in graphs:
        (asked.addDefaultGraph if kind == "default" else asked.addNamedGraph)(name)
    assert len(converted(asked)[1]["results"]["bindings"]) == expected


def test_graphs_of_the_query_are_one_set(site):
    found = site.get(f"{PREFIXES}SELECT (COUNT(*) AS ?n) FROM <{GRAPH_A}> FROM <{GRAPH_B}> {{ ?t rdfs:label 'Puno'@es }}").json
    assert found["results"]["bindings"][0]["n"]["value"] == "1"


@pytest.mark.parametrize(
    ("path", "query", "error", "status"),
    [
        ("sparql", "SELECT ?s WHER { ?s ?p ?o }", sw.SPARQLExceptions.QueryBadFormed, None),
        ("sparql", "SELECT ?s { ?s foo:bar ?o }", sw.SPARQLExceptions.QueryBadFormed, None),
        ("sparql", "ASK FROM <urn:nothing> { ?s ?p ?o }", sw.SPARQLExceptions.QueryBadFormed, None),
        ("nowhere", SELECT, sw.SPARQLExceptions.EndPointNotFound, None),
        ("sparql", "ASK { SERVICE <http://127.0.0.1/> { ?s ?p ?o } }", urllib.error.HTTPError, 403),
        ("sparql", "INSERT DATA { <a:a> <b:b> 1 }", urllib.error.HTTPError, 403),
        ("sparql", SELECT + "#" * 70_000, sw.SPARQLExceptions.URITooLong, None),
    ],
    ids=["syntax", "prefix", "graph", "path", "service", "update", "long"],
)
def test_sparqlwrapper_tells_errors_apart(site, path, query, error, status):
    asked = wrapper(site, query)
    asked.endpoint = asked.updateEndpoint = site.address + path
    if query.startswith("INSERT"):
        asked.setMethod(sw.POST)
    with pytest.raises(error) as caught:
        converted(asked)
    assert status is None or caught.value.code == status


def test_sparqlwrapper_learns_of_the_deadline(other):
    """504, and not the 500 that it takes for a broken endpoint."""
    with pytest.raises(urllib.error.HTTPError) as caught:
        converted(wrapper(other, SLOW))
    assert caught.value.code == 504


# --- rdflib --------------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module", params=["GET", "POST", "POST_FORM"])
def method(request) -> str:
    return str(request.param)


@pytest.fixture(scope="module", params=["xml", "json", "csv"])
def remote(request, site, method) -> Iterator[tuple[Graph, str]]:
    """rdflib's graph over the endpoint, and the format in which it asks."""
    previous = socket.getdefaulttimeout()
    socket.setdefaulttimeout(SECONDS)  # the store has no time-out of its own
    yield Graph(SPARQLStore(site.sparql, method=method, returnFormat=request.param)), request.param
    socket.setdefaulttimeout(previous)


def test_rdflib_reads_the_graph(remote):
    graph, format_ = remote
    everything = graph.query("SELECT (COUNT(*) AS ?n) { ?s ?p ?o }")
    assert len(graph) == int(next(iter(everything))[0]) == len(list(graph.triples((None, None, None)))) > 20
    assert {str(s) for s, _, _ in graph.triples((None, PG.text, None))} == {S1, S2}
    assert (None, PG.text, None) in graph and (None, PG.nothing, None) not in graph
    assert list(graph.subjects(PG.text, Literal("Planta de agua", lang="es"))) == [URIRef(S2)]
    assert str(graph.value(URIRef(S1), PG.text)) == LABEL
    assert graph.value(URIRef(S1), PG.sourceLine) == Literal(195) or format_ == "csv"  # CSV has no types


def test_rdflib_asks_queries(remote):
    graph, format_ = remote
    bound = graph.query("SELECT ?o { ?s pg:text ?o }", initNs={"pg": PG}, initBindings={"s": URIRef(S2)})
    assert [str(row.o) for row in bound] == ["Planta de agua"]
    if format_ != "csv":  # the library reads no ASK in CSV
        assert graph.query(ASK).askAnswer is True
    if format_ == "xml":  # in the others it says that it takes no RDF
        assert _graph_things(graph.query(CONSTRUCT).graph) == [S1, S2]


def test_rdflib_sees_the_named_graphs(site, remote, method):
    graph, format_ = remote
    assert {str(c) for c in graph.store.contexts()} == {GRAPH_A, GRAPH_B, BASE + "graph/ontology"}
    assert {str(c) for c in graph.store.contexts((None, PG.text, None))} == {GRAPH_A}
    store = SPARQLStore(site.sparql, method=method, returnFormat=format_)
    actors = Graph(store, identifier=GRAPH_B)
    assert len(actors) == 1
    assert [str(o) for o in actors.objects()] == ["Puno"]
    assert len(list(actors.query("SELECT * { ?s ?p ?o }"))) == 1


def test_rdflib_opens_the_store_by_name(site):
    graph = Graph("SPARQLStore")
    graph.open(site.sparql)
    assert {str(s) for s in graph.subjects(PG.text)} == {S1, S2}


def test_rdflib_learns_of_errors(site):
    with pytest.raises(ValueError):
        list(Graph(SPARQLStore(site.sparql)).query("SELECT nothing"))
    with pytest.raises(urllib.error.HTTPError, match="403"):
        SPARQLUpdateStore(site.sparql, site.sparql).update("INSERT DATA { <a:a> <b:b> 1 }")


# --- federation: endpoints that ask this one -----------------------------------------------------------------------------

FEDERATED = "SELECT ?s ?o {{ {known} SERVICE <{endpoint}> {{ ?s <{text}> ?o }} }} ORDER BY ?s"


@pytest.mark.parametrize(("start", "expected"), [("", [S1, S2]), (f"VALUES ?s {{ <{S2}> }}", [S2])], ids=["all", "bound"])
def test_oxigraph_federates(site, tmp_path, start, expected):
    query = FEDERATED.format(known=start, endpoint=site.sparql, text=PG.text)
    with running("oxigraph", tmp_path) as oxigraph:
        place = urlsplit(oxigraph.endpoint)
        answer = Site(f"http://{place.netloc}/").get(query, JSON, path=place.path)
    assert answer.status == 200 and _json_rows(answer.json) == expected


@pytest.mark.parametrize(("start", "expected"), [("", [S1, S2]), (f"VALUES ?s {{ <{S2}> }}", [S2])], ids=["all", "bound"])
def test_rdflib_federates(site, start, expected):
    found = Dataset().query(FEDERATED.format(known=start, endpoint=site.sparql, text=PG.text))
    assert sorted(str(row.s) for row in found) == expected


# --- Comunica ------------------------------------------------------------------------------------------------------------


def _comunica_cases(site: Site, other: Site) -> dict[str, dict[str, object]]:
    """Return the cases by name: what is asked of which sources, where a plain address is one that Comunica looks at itself."""
    found, typed = [site.sparql], [{"type": "sparql", "value": site.sparql}]
    join = "SELECT ?s ?o ?e { ?s pg:text ?o ; <urn:elsewhere> ?e }"
    service = f"SELECT ?s ?e {{ ?s pg:text ?o SERVICE <{other.sparql}> {{ ?s <urn:elsewhere> ?e }} }}"
    document = site.address + "doc/plan/demo-2019-2022/s002"
    cases: dict[str, tuple[str, str, list[Any]]] = {
        "select": ("bindings", "SELECT ?s ?o { ?s pg:text ?o } ORDER BY ?s", found),
        "select typed": ("bindings", "SELECT ?s ?o { ?s pg:text ?o } ORDER BY ?s", typed),
        "ask": ("boolean", "ASK { ?s pg:text ?o }", found),
        "construct": ("quads", "CONSTRUCT WHERE { ?s pg:text ?o }", found),
        "describe": ("quads", DESCRIBE, typed),
        "count": ("bindings", "SELECT (COUNT(*) AS ?n) { ?s pg:text ?o }", found),
        "graphs": ("bindings", "SELECT DISTINCT ?g { GRAPH ?g { ?s ?p ?o } } ORDER BY ?g", found),
        "from": ("bindings", f"SELECT ?o FROM <{GRAPH_B}> {{ ?s ?p ?o }}", found),
        "path": ("bindings", "SELECT ?x { ?s pg:addresses/pg:statedIn ?x }", found),
        "optional": ("bindings", "SELECT ?s ?l { ?s pg:text ?t OPTIONAL { ?s pg:sourceLine ?l } } ORDER BY ?s", found),
        "two sources": ("bindings", join, [site.sparql, other.sparql]),
        "two sources typed": ("bindings", join, [{"type": "sparql", "value": s.sparql} for s in (site, other)]),
        "document and endpoint": ("bindings", join, [document, other.sparql]),
        "service": ("bindings", service, [document]),
        "syntax": ("bindings", "SELECT ?s { ?s a <http://a b> }", typed),
    }
    return {name: {"kind": k, "query": PREFIXES + q, "sources": s} for name, (k, q, s) in cases.items()}


@pytest.fixture(scope="module")
def comunica(site, other) -> dict[str, dict[str, Any]]:
    """What Comunica makes of each case: its result or error, and the requests that it sent."""
    node = shutil.which("node")
    if not node or not (CLIENTS / "node_modules" / "@comunica" / "query-sparql").is_dir():
        pytest.skip(f"Comunica or Node.js is not installed ({CLIENTS}; see tests/install_clients.sh)")
    cases = _comunica_cases(site, other)
    command = [node, str(Path(__file__).parent / "clients" / "comunica.mjs"), str(CLIENTS)]
    done = subprocess.run(
        command, input=json.dumps(list(cases.values())), capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    return dict(zip(cases, json.loads(done.stdout), strict=True))


_JOINED = [{"s": S2, "o": "Planta de agua@es", "e": "dicho en otra parte@es"}]
_TEXTS = [{"s": S1, "o": LABEL + "@es"}, {"s": S2, "o": "Planta de agua@es"}]


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("select", _TEXTS),
        ("select typed", _TEXTS),
        ("ask", True),
        ("count", [{"n": "2"}]),
        ("graphs", [{"g": g} for g in sorted([GRAPH_A, GRAPH_B, BASE + "graph/ontology"])]),
        ("from", [{"o": "Puno@es"}]),
        ("path", [{"x": PLAN}]),
        ("optional", [{"s": S1, "l": "195"}, {"s": S2}]),
        ("two sources", _JOINED),
        ("two sources typed", _JOINED),
        ("document and endpoint", _JOINED),
        ("service", [{"s": S2, "e": "dicho en otra parte@es"}]),
    ],
)
def test_comunica(comunica, name, expected):
    told = comunica[name]
    found = told.get("result", told.get("error"))
    if isinstance(found, list):  # a join over two sources that both know a statement finds it twice
        found = [row for i, row in enumerate(found) if row not in found[:i]]
    assert found == expected


@pytest.mark.parametrize(("name", "things"), [("construct", {S1, S2}), ("describe", {S2})])
def test_comunica_gets_graphs(comunica, name, things):
    assert {subject for subject, _, _ in comunica[name]["result"]} == things


def test_comunica_finds_the_endpoint_by_its_description(comunica, site):
    """It reads the description and asks where that says: no guess by the address is needed, and no request fails."""
    first, *more = comunica["select"]["requests"]
    assert first["url"] == site.sparql and "n-quads" in first["accept"]
    assert more and all(r["url"].startswith(site.sparql + "?query=") for r in more)
    sent = [r for name, told in comunica.items() if name != "syntax" for r in told["requests"]]
    assert {r["status"] for r in sent} == {200}
    assert any("COUNT" in r["url"] for r in comunica["two sources"]["requests"])
    assert "error" in comunica["syntax"]


# --- requests as other clients send them ---------------------------------------------------------------------------------

YASGUI_SELECT, YASGUI_GRAPH = "application/sparql-results+json,*/*;q=0.9", "application/n-triples,*/*;q=0.9"
FORM = "application/x-www-form-urlencoded"
_JENA = f"{JSON}, {XML};q=0.9, {TSV};q=0.7, {CSV};q=0.5, application/json;q=0.2, application/xml;q=0.2, */*;q=0.1"
_JENA_GRAPH = f"{TURTLE},{NTRIPLES};q=0.9,{JSONLD};q=0.8,{RDFXML};q=0.7,*/*;q=0.3"
_RDF4J = f"application/x-binary-rdf-results-table;q=0.8, {JSON};q=0.9, {XML};q=0.9, {TSV};q=0.8, {CSV};q=0.8"


@pytest.mark.parametrize(
    ("query", "accept", "expected"),
    [
        pytest.param(SELECT, None, JSON, id="excel: none"),
        pytest.param(SELECT, "*/*", JSON, id="python requests, curl"),
        pytest.param(CONSTRUCT, "*/*", TURTLE, id="curl, a graph"),
        pytest.param(SELECT, f"{JSON},application/json;q=0.9", JSON, id="wikidata"),
        pytest.param(SELECT, "application/json, text/xml, application/xml, */*", "application/json", id="R httr"),
        pytest.param(CONSTRUCT, "application/json, text/xml, application/xml, */*", "application/xml", id="R httr, a graph"),
        pytest.param(SELECT, f"{CSV};q=0.9, {JSON};q=0.1", CSV, id="q-values: CSV first"),
        pytest.param(SELECT, f"{CSV};q=0.1, {JSON};q=0.9", JSON, id="q-values: JSON first"),
        pytest.param(SELECT, f"{XML};q=0.5, */*;q=0.1", XML, id="q-values: the rest last"),
        pytest.param(SELECT, f"{JSON};q=0, */*", XML, id="q-values: all but JSON"),
        pytest.param(SELECT, f"{CSV}; charset=utf-8", CSV, id="a parameter"),
        pytest.param(SELECT, _JENA, JSON, id="jena"),
        pytest.param(SELECT, f"application/sparql-results+thrift, {_JENA}", JSON, id="jena 5"),
        pytest.param(CONSTRUCT, _JENA_GRAPH, TURTLE, id="jena, a graph"),
        pytest.param(SELECT, _RDF4J, JSON, id="rdf4j"),
        pytest.param(ASK, f"text/boolean, {XML};q=0.8, {JSON};q=0.9", JSON, id="rdf4j, ask"),
        pytest.param(SELECT, f"{XML}, {JSON};q=0.8", XML, id="R SPARQL"),
        pytest.param(SELECT, "application/json", "application/json", id="a script"),
        pytest.param(SELECT, BROWSER, "text/html", id="a browser"),
        pytest.param(SELECT, "text/*", CSV, id="any text"),
    ],
)
def test_accept_headers_of_other_clients(site, query, accept, expected):
    answer = site.get(query, accept)
    assert (answer.status, answer.type) == (200, expected)
    if expected.endswith("json"):
        told = answer.json
        assert told.get("boolean") is True if query is ASK else _json_rows(told) == [S1, S2]
    elif expected in PARSERS and query is CONSTRUCT:
        assert _graph_things(answer.graph) == [S1, S2]


@pytest.mark.parametrize(
    ("method", "headers", "body", "expected"),
    [
        pytest.param("POST", {"Accept": YASGUI_SELECT, "Content-Type": FORM}, {"query": SELECT}, JSON, id="select"),
        pytest.param("POST", {"Accept": YASGUI_SELECT, "Content-Type": FORM}, {"query": ASK}, JSON, id="ask"),
        pytest.param("POST", {"Accept": YASGUI_GRAPH, "Content-Type": FORM}, {"query": CONSTRUCT}, NTRIPLES, id="construct"),
        pytest.param("POST", {"Accept": YASGUI_GRAPH, "Content-Type": FORM}, {"query": DESCRIBE}, NTRIPLES, id="describe"),
        pytest.param(
            "POST",
            {"Accept": YASGUI_SELECT, "Content-Type": f"{FORM}; charset=UTF-8", "X-Requested-With": "XMLHttpRequest"},
            {"query": SELECT},
            JSON,
            id="older: X-Requested-With",
        ),
        pytest.param(
            "POST",
            {"Accept": YASGUI_SELECT, "Content-Type": FORM},
            {"query": SELECT, "default-graph-uri": GRAPH_A, "named-graph-uri": GRAPH_B},
            JSON,
            id="graphs",
        ),
        pytest.param("GET", {"Accept": YASGUI_SELECT}, {"query": SELECT}, JSON, id="by GET"),
        pytest.param("GET", {"Accept": YASGUI_GRAPH}, {"query": CONSTRUCT}, NTRIPLES, id="construct by GET"),
        pytest.param("POST", {"Accept": "text/csv", "Content-Type": FORM}, {"query": SELECT}, CSV, id="download"),
    ],
)
def test_yasgui(site, method, headers, body, expected):
    """What @triply/yasqe 4.2 and @zazuko/yasqe 4.6 send, from a page of another site."""
    sent = {"Origin": "https://yasgui.example", "User-Agent": "Mozilla/5.0", "Accept-Encoding": "gzip, deflate", **headers}
    path = "/sparql" + (f"?{urlencode(body)}" if method == "GET" else "")
    answer = site.request(method, path, sent, urlencode(body) if method == "POST" else None)
    assert (answer.status, answer.type) == (200, expected)
    assert answer.headers["access-control-allow-origin"] == "*"
    assert answer.body


@pytest.mark.parametrize(
    "wanted",
    [
        "content-type",
        "x-requested-with",
        "accept, content-type, x-requested-with",
    ],
)
@pytest.mark.parametrize("method", ["POST", "GET"])
def test_a_preflight_allows_what_editors_send(site, method, wanted):
    """A GET or a form with plain headers needs none; with `X-Requested-With` or another type of body the browser asks first."""
    sent = {"Origin": "https://yasgui.example", "Access-Control-Request-Method": method, "Access-Control-Request-Headers": wanted}
    answer = site.request("OPTIONS", "/sparql", sent)
    allowed = {name.strip().lower() for name in answer.headers["access-control-allow-headers"].split(",")}
    assert answer.status == 204 and not answer.body
    assert answer.headers["access-control-allow-origin"] == "*"
    assert method in answer.headers["access-control-allow-methods"]
    assert {name.strip() for name in wanted.split(",")} <= allowed


@pytest.mark.parametrize("name", ["ETag", "X-SPARQL-MaxRows", "Retry-After", "Warning"])
def test_scripts_of_other_sites_may_read(site, name):
    exposed = site.get(SELECT, Origin="https://yasgui.example").headers["access-control-expose-headers"]
    assert name.lower() in exposed.lower().replace(" ", "").split(",")


def test_an_error_can_be_read_by_scripts_of_other_sites(site):
    answer = site.get("SELEC", Origin="https://yasgui.example")
    assert answer.status == 400 and answer.headers["access-control-allow-origin"] == "*"


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["-G", "--data-urlencode", f"query={SELECT}"], S2),
        (["-G", "--data-urlencode", f"query={SELECT}", "-H", "Accept: text/csv"], f"Planta de agua,{S2}"),
        (["--data-urlencode", f"query={SELECT}", "-H", f"Accept: {XML}"], f"<uri>{S2}</uri>"),
        (["-H", "Content-Type: application/sparql-query", "--data-binary", SELECT, "-H", f"Accept: {TSV}"], f"<{S2}>"),
        (["-G", "--data-urlencode", f"query={ALL}", "--compressed"], S2),
        (["-G", "--data-urlencode", f"query={CONSTRUCT}", "-H", f"Accept: {NTRIPLES}"], f"<{S2}> <{PG.text}>"),
        (["-G", "--data-urlencode", f"query={SELECT}", "-d", "format=csv"], f"Planta de agua,{S2}"),
        (["-I"], "text/turtle"),
        (["--http1.0", "-G", "--data-urlencode", f"query={SELECT}"], S2),
        (["-F", f"query={SELECT}"], "application/sparql-query"),  # a form with parts is not of the protocol: the error says so
    ],
)
def test_curl(site, arguments, expected):
    curl = shutil.which("curl")
    if not curl:
        pytest.skip("curl is not installed")
    command = [curl, "--silent", "--max-time", str(SECONDS), *arguments, site.sparql]
    done = subprocess.run(command, capture_output=True, text=True, timeout=2 * SECONDS, check=True)
    assert expected in done.stdout


def test_a_table_of_pandas(site):
    """`pandas.read_csv(address)`, or what it does where it is not installed."""
    address = f"{site.sparql}?{urlencode({'query': SELECT, 'format': 'csv'})}"
    if importlib.util.find_spec("pandas") is None:
        pytest.skip("pandas is not installed; test_a_table_of_csv reads the same")
    import pandas

    table = pandas.read_csv(address)
    assert list(table.columns) == ["o", "s"] and list(table.s) == [S1, S2] and table.o[0] == LABEL


def test_a_table_of_csv(site):
    answer = site.get(SELECT, CSV)
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    assert list(csv.reader(io.StringIO(answer.text))) == [["o", "s"], [LABEL, S1], ["Planta de agua", S2]]
    assert answer.body.count(b"\r\n") == 3


@pytest.mark.parametrize("headers", [{}, {"Accept-Encoding": "gzip, deflate", "User-Agent": "Microsoft.Data.Mashup"}])
def test_power_query_reads_a_csv_from_an_address(site, headers):
    answer = site.request("GET", f"/sparql?{urlencode({'query': SELECT, 'format': 'csv'})}", headers)
    assert (answer.status, answer.type) == (200, CSV)
    named = site.request("GET", "/questions/enunciados?format=csv&bom=1", headers)
    assert (named.status, named.type) == (200, CSV) and b"Planta de agua" in named.body


# --- the service description ---------------------------------------------------------------------------------------------

_VOCABULARY = """
    Service Language Function Feature EntailmentRegime EntailmentProfile GraphCollection Dataset Graph NamedGraph endpoint
    feature defaultEntailmentRegime defaultSupportedEntailmentProfile entailmentRegime supportedEntailmentProfile
    extensionFunction extensionAggregate languageExtension supportedLanguage propertyFeature inputFormat resultFormat
    defaultDataset availableGraphs defaultGraph namedGraph name graph SPARQL10Query SPARQL11Query SPARQL11Update
    DereferencesURIs UnionDefaultGraph RequiresDataset EmptyGraphs BasicFederatedQuery"""
_LANGUAGES = {SD.SPARQL10Query, SD.SPARQL11Query, SD.SPARQL11Update}
_FEATURES = {SD.DereferencesURIs, SD.UnionDefaultGraph, SD.RequiresDataset, SD.EmptyGraphs, SD.BasicFederatedQuery}
# What must not be found, by the rule of the vocabulary that it would break.
_BROKEN = {
    "a service has one endpoint": "?x a sd:Service FILTER NOT EXISTS { ?x sd:endpoint ?e }",
    "and not two": "?x sd:endpoint ?a, ?b FILTER(?a != ?b)",
    "a service has one default dataset": "?x a sd:Service FILTER NOT EXISTS { ?x sd:defaultDataset ?d }",
    "and not two of them": "?x sd:defaultDataset ?a, ?b FILTER(?a != ?b)",
    "sd:endpoint is of a service": "?x sd:endpoint ?o FILTER NOT EXISTS { ?x a sd:Service }",
    "sd:feature is of a service": "?x sd:feature ?o FILTER NOT EXISTS { ?x a sd:Service }",
    "sd:resultFormat is of a service": "?x sd:resultFormat ?o FILTER NOT EXISTS { ?x a sd:Service }",
    "sd:supportedLanguage is of a service": "?x sd:supportedLanguage ?o FILTER NOT EXISTS { ?x a sd:Service }",
    "a default dataset is a dataset": "?s sd:defaultDataset ?x FILTER NOT EXISTS { ?x a sd:Dataset }",
    "a dataset has one default graph": "?x a sd:Dataset FILTER NOT EXISTS { ?x sd:defaultGraph ?g }",
    "a default graph is a graph": "?d sd:defaultGraph ?x FILTER NOT EXISTS { ?x a sd:Graph }",
    "a named graph is one": "?d sd:namedGraph ?x FILTER NOT EXISTS { ?x a sd:NamedGraph }",
    "a named graph has a name": "?x a sd:NamedGraph FILTER NOT EXISTS { ?x sd:name ?n }",
    "and only one": "?x sd:name ?a, ?b FILTER(?a != ?b)",
    "a name is of one graph": "?x sd:name ?n . ?y sd:name ?n FILTER(?x != ?y)",
    "a named graph is of a dataset": "?x a sd:NamedGraph FILTER NOT EXISTS { ?d sd:namedGraph ?x }",
    "everything is an IRI": "?s ?p ?x FILTER(isLiteral(?x) && STRSTARTS(STR(?p), STR(sd:)))",
}


@pytest.fixture(scope="module", params=[TURTLE, RDFXML, JSONLD, NTRIPLES])
def described(request, site) -> Graph:
    """The service description, in each format."""
    answer = site.get(accept=request.param)
    assert (answer.status, answer.type) == (200, request.param)
    return answer.graph


@pytest.mark.parametrize("rule", _BROKEN)
def test_the_description_keeps_the_rules_of_its_vocabulary(described, rule):
    found = described.query(f"SELECT ?x {{ {_BROKEN[rule]} }}", initNs={"sd": SD})
    assert [str(row.x) for row in found] == []


def test_the_rules_would_notice(described):
    """Each rule fails on a description made to break it."""
    broken = Graph().parse(
        data="""@prefix sd: <http://www.w3.org/ns/sparql-service-description#> .
        <urn:s> a sd:Service . <urn:t> a sd:Service ; sd:endpoint <urn:a>, <urn:b> ; sd:defaultDataset <urn:d>, <urn:e> .
        <urn:x> sd:endpoint <urn:x> ; sd:feature <urn:f> ; sd:resultFormat <urn:f> ; sd:supportedLanguage "SPARQL" .
        <urn:f> a sd:Dataset . <urn:e> sd:defaultGraph <urn:g> ; sd:namedGraph <urn:h> . <urn:i> a sd:NamedGraph .
        <urn:h> sd:name <urn:n>, <urn:m> . <urn:j> sd:name <urn:n> ."""
    )
    for rule, pattern in _BROKEN.items():
        assert len(broken.query(f"SELECT ?x {{ {pattern} }}", initNs={"sd": SD})) > 0, rule


def test_the_description_says_what_is_so(described, site):
    service = URIRef(site.sparql)
    assert (service, SD.endpoint, service) in described
    used = {str(term).removeprefix(SD) for triple in described for term in triple if str(term).startswith(SD)}
    assert used <= set(_VOCABULARY.split())
    assert set(described.objects(service, SD.supportedLanguage)) == {SD.SPARQL11Query} <= _LANGUAGES
    assert set(described.objects(service, SD.feature)) == {SD.UnionDefaultGraph} <= _FEATURES
    assert not list(described.objects(service, SD.extensionFunction))
    told = site.get("SELECT DISTINCT ?g { GRAPH ?g { ?s ?p ?o } }").json["results"]["bindings"]
    assert {str(name) for name in described.objects(None, SD.name)} == {row["g"]["value"] for row in told}


def test_the_description_names_every_format_that_there_is(described, site):
    formats = {str(f).rpartition("media-types/")[2] for f in described.objects(URIRef(site.sparql), SD.resultFormat)}
    for media_type in formats:
        assert site.get(ALL if "results" in media_type or media_type in {CSV, TSV} else CONSTRUCT, media_type).type == media_type
    assert {JSON, XML, CSV, TSV, TURTLE, NTRIPLES, JSONLD, RDFXML} <= formats


def test_the_description_is_the_same_in_every_format(site):
    first, *others = [site.get(accept=media_type).graph for media_type in (TURTLE, RDFXML, JSONLD, NTRIPLES)]
    assert len(first) > 20 and all(isomorphic(first, other) for other in others)


@pytest.mark.parametrize(
    ("accept", "expected"),
    [
        (None, TURTLE),
        ("*/*", TURTLE),
        ("application/*", NTRIPLES),
        ("application/xml", "application/xml"),
        (f"{NQUADS}, application/trig;q=0.95, {JSONLD};q=0.9, {TURTLE};q=0.6", NQUADS),
        (f"{RDFXML}, {TURTLE};q=0.9", RDFXML),
        (BROWSER, "text/html"),
        (NQUADS, NQUADS),
    ],
)
def test_the_description_is_negotiated(site, accept, expected):
    answer = site.get(accept=accept)
    assert (answer.status, answer.type) == (200, expected)


def test_the_description_names_the_address_that_the_settings_say(other):
    """Not the one by which it was asked: that of a proxy's inside would lead nowhere."""
    (service,) = other.get().graph.subjects(SD.endpoint)
    assert str(service) == f"http://localhost:{urlsplit(other.address).port}/sparql"
    assert other.get().graph.value(service, SD.endpoint) == service


# --- what HTTP promises --------------------------------------------------------------------------------------------------

_VARYING = {"date", "x-request-id"}


@pytest.mark.parametrize(
    ("path", "headers"),
    [
        (f"/sparql?query={quote(SELECT)}", {}),
        (f"/sparql?query={quote(SELECT)}", {"Accept": XML}),
        (f"/sparql?query={quote(ALL)}", {"Accept-Encoding": "gzip"}),
        (f"/sparql?query={quote(CONSTRUCT)}", {"Accept": RDFXML}),
        (f"/sparql?query={quote('SELECT (STRUUID() AS ?id) {}')}", {}),
        (f"/sparql?query={quote(SELECT)}", {"Accept": BROWSER}),
        ("/sparql?query=SELEC", {}),
        ("/sparql", {}),
        ("/sparql", {"Accept": BROWSER}),
        ("/", {}),
        ("/questions/enunciados?format=csv", {}),
        ("/doc/plan/demo-2019-2022/s001", {"Accept": TURTLE}),
        ("/id/plan/demo-2019-2022/s001", {}),
        ("/ontology.ttl", {}),
        ("/health", {}),
        ("/nowhere", {}),
    ],
)
def test_head_has_the_headers_of_get(site, path, headers):
    head, get = site.request("HEAD", path, headers), site.request("GET", path, headers)
    assert (head.status, head.body) == (get.status, b"")
    first, second = ({n: v for n, v in answer.headers.items() if n not in _VARYING} for answer in (head, get))
    assert first == second


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("If-None-Match", "{etag}", 304),
        ("If-None-Match", '"other", {etag}', 304),
        ("If-None-Match", '"other"', 200),
        ("If-None-Match", "{strong}", 304),
        ("If-None-Match", "*", 304),
        ("If-Modified-Since", "{modified}", 304),
        ("If-Modified-Since", "Thu, 01 Jan 1970 00:00:00 GMT", 200),
    ],
)
@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_an_answer_that_is_known_is_not_sent_again(site, method, name, value, expected):
    known_ = site.get(SELECT).headers
    etag = known_["etag"]
    filled = value.format(etag=etag, strong=etag.removeprefix("W/"), modified=known_["last-modified"])
    answer = site.get(SELECT, method=method, **{name.replace("-", "_"): filled})
    assert answer.status == expected
    if expected == 304:
        assert not answer.body and answer.headers["etag"] == etag and "content-length" not in answer.headers
        assert {"vary", "cache-control"} <= set(answer.headers)


def test_the_mark_of_an_answer_is_of_its_form(site):
    """Two answers that differ have two marks; one query written twice has one."""
    forms = [(SELECT, JSON, ""), (SELECT, XML, ""), (SELECT, JSON, "gzip"), (ALL, JSON, "")]
    marks = [site.get(query, accept, Accept_Encoding=encoding).headers["etag"] for query, accept, encoding in forms]
    assert len(set(marks)) == len(marks)
    assert site.get(SELECT + "  ", JSON, Accept_Encoding="").headers["etag"] == marks[0]
    assert "etag" not in site.get("SELECT (RAND() AS ?r) {}").headers


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ("gzip", "gzip"),
        ("zstd", "zstd"),
        ("gzip, deflate, br", "gzip"),
        ("gzip, deflate, br, zstd", "zstd"),
        ("zstd;q=0.1, gzip;q=0.9", "gzip"),
        ("gzip;q=0", ""),
        ("identity", ""),
        ("br", ""),
        ("", ""),
    ],
)
def test_answers_are_compressed_as_the_client_can(site, header, expected):
    answer = site.get(ALL, Accept_Encoding=header)
    assert answer.headers.get("content-encoding", "") == expected
    unpack: dict[str, Callable[[bytes], bytes]] = {
        "gzip": gzip.decompress,
        "zstd": lambda data: zstandard.ZstdDecompressor().decompressobj().decompress(data),
        "": lambda data: data,
    }
    assert len(json.loads(unpack[expected](answer.body))["results"]["bindings"]) > 20
    assert len(answer.body) == int(answer.headers["content-length"])
    assert (len(answer.body) < 2000) is bool(expected)


@pytest.mark.parametrize("query", [SELECT, ALL, CONSTRUCT, "SELECT (RAND() AS ?r) {}"])
def test_caches_are_told_what_an_answer_depends_on(site, query):
    answer = site.get(query, Accept_Encoding="gzip")
    assert {name.strip().lower() for name in answer.headers["vary"].split(",")} == {"accept", "accept-encoding"}
    assert ("no-store" in answer.headers["cache-control"]) is ("RAND" in query)


@pytest.mark.parametrize(
    ("query", "accept", "expected"),
    [
        (SELECT, JSON, JSON),
        (SELECT, XML, f"{XML}; charset=utf-8"),
        (SELECT, CSV, f"{CSV}; charset=utf-8"),
        (SELECT, TSV, f"{TSV}; charset=utf-8"),
        (SELECT, BROWSER, "text/html; charset=utf-8"),
        (CONSTRUCT, TURTLE, f"{TURTLE}; charset=utf-8"),
        (CONSTRUCT, RDFXML, f"{RDFXML}; charset=utf-8"),
        (CONSTRUCT, NTRIPLES, NTRIPLES),
        (CONSTRUCT, JSONLD, JSONLD),
    ],
)
def test_text_says_its_charset(site, query, accept, expected):
    answer = site.get(query, accept)
    assert answer.headers["content-type"] == expected
    assert answer.body.decode("utf-8")


@pytest.mark.parametrize(
    ("parameters", "status", "expected"),
    [
        ([("query", ASK), ("query", ASK)], 400, PROBLEM),
        ([("query", ASK), ("default-graph-uri", GRAPH_A), ("default-graph-uri", GRAPH_B)], 200, JSON),
        ([("query", ASK), ("format", "csv"), ("format", "xml")], 200, XML),
        ([("query", ASK), ("format", "")], 200, JSON),
        ([("query", ASK), ("unknown", "x"), ("output", "xml")], 200, JSON),
        ([("query", ASK), ("format", "json")], 200, JSON),
        ([("query", ASK), ("format", "srx")], 200, XML),
        ([("query", ASK), ("format", "text/csv")], 200, CSV),
        ([("query", ASK), ("format", XML)], 200, XML),
        ([("query", ASK), ("format", "html")], 200, "text/html"),
        ([("query", ASK), ("format", "turtle")], 406, PROBLEM),
        ([("query", CONSTRUCT), ("format", "ttl")], 200, TURTLE),
        ([("query", CONSTRUCT), ("format", "n3")], 200, TURTLE),
        ([("query", CONSTRUCT), ("format", "json")], 200, JSONLD),
        ([("query", CONSTRUCT), ("format", "rdf")], 200, RDFXML),
        ([("query", CONSTRUCT), ("format", RDFXML)], 200, RDFXML),
        ([("query", CONSTRUCT), ("format", NTRIPLES)], 200, NTRIPLES),
        ([("query", CONSTRUCT), ("format", "csv")], 406, PROBLEM),
        ([("query", ASK), ("format", "nonsense")], 406, PROBLEM),
        ([("query", CONSTRUCT), ("format", "json-ld")], 200, JSONLD),
    ],
)
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_parameters(site, method, parameters, status, expected):
    encoded = urlencode(parameters)
    headers = {"Content-Type": FORM} if method == "POST" else {}
    answer = site.request(method, "/sparql" + ("" if headers else "?" + encoded), headers, encoded if headers else None)
    assert (answer.status, answer.type) == (status, expected)


@pytest.mark.parametrize(
    ("query", "accept", "offered", "not_offered"),
    [
        (SELECT, TURTLE, {JSON, XML, CSV, TSV}, {TURTLE, NTRIPLES}),
        (ASK, "image/png", {JSON, XML, CSV, TSV}, set()),
        (CONSTRUCT, CSV, {TURTLE, NTRIPLES, JSONLD, RDFXML}, {CSV, XML}),
        (CONSTRUCT, "application/json", {TURTLE, NTRIPLES, JSONLD, RDFXML}, {CSV, JSON}),
        ("", CSV, {TURTLE, RDFXML, JSONLD, NTRIPLES, "text/html"}, {CSV}),
    ],
)
def test_a_406_lists_what_can_be_had(site, query, accept, offered, not_offered):
    answer = site.get(query, accept)
    assert (answer.status, answer.type) == (406, PROBLEM)
    told = answer.json
    named = {word.strip("(),.") for word in told["detail"].split()}
    assert told["kind"] == "format" and offered <= named and not named & not_offered


# --- errors --------------------------------------------------------------------------------------------------------------

_LATER = "the place is where the engine gave up, at the bracket on the line below"
_EARLIER = "the place is before what is wrong"


@pytest.mark.parametrize(
    "marked",
    [
        "‹SELEC› ?s { ?s ?p ?o }",
        "SELECT ?s\nWHERE {\n  ?s a pg:Plan\n  ‹?s› rdfs:label ?ñ .\n}",
        "SELECT ?s WHERE ‹?s› a pg:Plan }",
        "SELECT ?s WHERE {\n  ?s a pg:Plan‹›",
        "SELECT ?s ?o\nWHERE {\n  ?s rdfs:label ‹'Puno .\n›}",
        "SELECT ?s ?l {\n  ?s a pg:Plan\n  OPTIONAL { ?s rdfs:label ‹}›\n}",
        "SELECT ?s { ?s pg:text ?t FILTER(‹CONTAINZ›(?t, 'agua')) }",
        "SELECT ?s { ?s pg:sourceLine ?l FILTER(?l > ‹)› }",
        "SELECT ?s (COUNT(?o) AS ?n) { ?s ?p ?o } ‹GRUOP› BY ?s",
        "SELECT ?s { ?s ?p ?o } ORDER BY‹›",
        "SELECT ?s { ?s ?p ?o } LIMIT ‹-5›",
        "PREFIX ‹pg <›https://w3id.org/plan-de-gobierno/ontology#>\nSELECT ?s { ?s a pg:Plan }",
        "PREFIX pg: ‹https:›//w3id.org/plan-de-gobierno/ontology#\nSELECT ?s { ?s a pg:Plan }",
        "SELECT ?s {\n  ?s a pg:Plan .\n  ?s ‹nada:name› ?n .\n}",
        "SELECT ‹s› { ?s ?p ?o }",
        "SELECT ?s‹,› ?p { ?s ?p ?o }",
        "CONSTRUCT { ?s ?p ?o ‹WHERE› { ?s ?p ?o }",
        "SELECT ?s { VALUES ?s { pg:a pg:b ‹?s› a pg:Plan }",
        "SELECT ?s { BIND(1 AS ‹x›) }",
        "SELECT * { ?s pg:text|pg:section/ ‹?o› }",
        "SELECT * { ?s ?p ?o FILTER ‹NOT EXIST› { ?s a ?p } }",
        "SELECT * { ?s ?p ?o ‹MINUS ?s› a pg:Plan }",
        "SELECT * { ?s ?p ?o } ‹;› SELECT * { ?s ?p ?o }",
        "SELECT * {\n  # ¿año?\n  ?s pg:año ‹,› ?o .\n}",
        known(_LATER, "SELECT * {\n  ?s ?p ?o .\n  FILTER ‹?o› > 5\n}", id="filter without brackets"),
        known(_LATER, "SELECT * {\n  ?s pg:text ?o ‹?z› .\n}", id="a full stop is missing"),
        known(_LATER, "SELECT ?s {\n  ?s a pg:Plan ;\n     ‹?l .›\n}", id="an object is missing"),
        known(_LATER, 'SELECT ?s {\n  ?s rdfs:label ‹"Puno"@› .\n}', id="a language is missing"),
        known(_EARLIER, "SELECT ?s (COUNT(?o) ‹?n›) { ?s ?p ?o } GROUP BY ?s", id="AS is missing"),
        known(_EARLIER, "SELECT ?s (COUNT(?o) AS ‹n›) { ?s ?p ?o } GROUP BY ?s", id="no variable after AS"),
        known(_EARLIER, "SELECT ?s { ?s pg:text ?t FILTER CONTAINS(‹?t, 'agua' }›", id="a bracket is not closed"),
        known(_EARLIER, "SELECT * { ?s ?p ‹“agua”› }", id="typographic quotes"),
        known(_EARLIER, "SELECT * {\n  ?s ?p ‹<http://a b>› .\n}", id="a blank in an IRI"),
        known(_EARLIER, "SELECT * {\n  BIND(1 AS ?x)\n  ‹BIND(2 AS ?x)›\n}", id="a name used twice"),
        known("the place is the end of the query", "SELECT ?s ‹?o› { ?s ?p ?o }\nGROUP BY ?s\nLIMIT 5", id="not grouped"),
    ],
)
def test_an_error_is_told_where_a_person_sees_it(site, marked):
    """Between ‹ and › is where it may be: what is wrong begins there."""
    query = marked.replace("‹", "").replace("›", "")
    answer = site.request("POST", "/sparql", {"Content-Type": "application/sparql-query"}, query)
    assert (answer.status, answer.type) == (400, PROBLEM)
    told = answer.json
    lines = query.split("\n")
    offset = sum(len(line) + 1 for line in lines[: told["line"] - 1]) + told["column"] - 1
    start, end = marked.index("‹"), marked.index("›") - 1
    assert start <= offset < max(end, start + 1), f"{query[:offset]}⟦{query[offset:]}: {told['detail']}"
    assert str(told["line"]) in told["es"]["detail"] and str(told["column"]) in told["en"]["detail"]


@pytest.mark.parametrize(
    ("path", "headers", "language"),
    [
        ("/sparql?query=SELEC", {}, "es"),
        ("/sparql?query=SELEC&lang=en", {}, "en"),
        ("/sparql?query=SELEC&lang=es", {}, "es"),
        ("/sparql?query=SELEC&lang=qu", {}, "es"),
        ("/sparql?query=SELEC&lang=en", {"Accept": BROWSER}, "en"),
        ("/sparql", {"Accept": BROWSER}, "es"),
        ("/?lang=en", {"Accept": BROWSER}, "en"),
        ("/sparql?query=SELEC", {"Accept-Language": "en"}, "es"),
        ("/", {"Accept": BROWSER, "Accept-Language": "en-GB,en;q=0.9"}, "es"),
    ],
)
def test_spanish_unless_the_address_says_otherwise(site, path, headers, language):
    answer = site.request("GET", path, headers)
    if answer.type == "text/html":
        assert f'<html lang="{language}">' in answer.text
    else:
        assert answer.json["title"] == answer.json[language]["title"] != answer.json["en" if language == "es" else "es"]["title"]


def test_plain_text_has_both_languages(site):
    text = site.get("SELEC", "text/plain").text
    assert "consulta" in text and "query" in text
