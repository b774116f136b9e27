"""The server over HTTP: the SPARQL protocol, pages, questions, errors."""

from __future__ import annotations

import csv
import io
import socket
import subprocess
import sys
import time
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.parse import quote

import openpyxl
import pytest
from rdflib import RDF, Dataset, Graph, Namespace, URIRef
from rdflib.collection import Collection
from starlette.testclient import TestClient

from api.app import create_app, serve
from api.settings import describe_settings, load_settings
from api.strings import error_texts
from kg.errors import KgError
from kg.namespaces import BASE, PG, SD
from kg.paths import ROOT
from kg.store import current_store
from tests.servers import free_ports
from tests.serving import CRASH, GRAPH_A, GRAPH_B, LABEL, QUESTION, S1, S2, SLOW, build, product, settings

SUITE = ROOT.parent / "shared" / "conformance" / "sparql11-protocol"
BROWSER = {"Accept": "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"}
SELECT = "SELECT ?o ?s { ?s pg:text ?o } ORDER BY ?s"
CONSTRUCT = "CONSTRUCT WHERE { ?s pg:text ?o }"
UPDATE = "INSERT DATA { <a:a> <b:b> 1 }"
SPARQL_QUERY = {"Content-Type": "application/sparql-query"}


@pytest.fixture(scope="module")
def out(tmp_path_factory) -> Path:
    return build(tmp_path_factory.mktemp("out"))


@pytest.fixture(scope="module")
def client(out) -> Iterator[TestClient]:
    with TestClient(create_app(settings(out)), follow_redirects=False) as client:
        yield client


@pytest.fixture(scope="module")
def tight(out) -> Iterator[TestClient]:
    """One worker, one second, one place in the queue."""
    small = settings(out, workers=1, query_seconds=1.0, queue=1, query_bytes=60_000, table_bytes=500)
    with TestClient(create_app(small), follow_redirects=False) as client:
        yield client


# --- queries -------------------------------------------------------------------------------------------------------------


def test_three_ways_to_ask(client):
    answers = [
        client.get("/sparql", params={"query": SELECT}),
        client.post("/sparql", data={"query": SELECT}),
        client.post("/sparql", content=SELECT, headers=SPARQL_QUERY),
        client.post("/sparql/", content=SELECT, headers={"Content-Type": "application/sparql-query; charset=UTF-8"}),
    ]
    assert {a.status_code for a in answers} == {200}
    assert len({a.text for a in answers}) == 1
    assert answers[0].headers["content-type"] == "application/sparql-results+json"
    assert answers[0].headers["access-control-allow-origin"] == "*"
    found = answers[0].json()
    assert found["head"]["vars"] == ["o", "s"]
    assert [b["s"]["value"] for b in found["results"]["bindings"]] == [S1, S2]
    assert found["results"]["bindings"][0]["o"] == {"type": "literal", "value": LABEL, "xml:lang": "es"}


@pytest.mark.parametrize("media_type", ["text/csv", "text/tab-separated-values", "application/sparql-results+xml"])
def test_solutions_parse_back(client, media_type):
    answer = client.get("/sparql", params={"query": SELECT}, headers={"Accept": media_type})
    assert answer.headers["content-type"] == f"{media_type}; charset=utf-8"
    if media_type == "text/csv":
        assert list(csv.reader(io.StringIO(answer.text))) == [["o", "s"], [LABEL, S1], ["Planta de agua", S2]]
    elif media_type.startswith("text/"):
        lines = answer.text.splitlines()
        assert lines[0] == "?o\t?s" and lines[2] == f'"Planta de agua"@es\t<{S2}>'
    else:
        names = [e.get("name") for e in ET.fromstring(answer.content).iter("{http://www.w3.org/2005/sparql-results#}variable")]
        assert names == ["o", "s"]


@pytest.mark.parametrize(
    ("media_type", "expected"),
    [("application/sparql-results+json", '"boolean":true'), ("application/sparql-results+xml", "<boolean>true</boolean>")],
)
def test_ask(client, media_type, expected):
    assert expected in client.get("/sparql", params={"query": "ASK { ?s a pg:Plan }"}, headers={"Accept": media_type}).text


@pytest.mark.parametrize(
    ("media_type", "parser"),
    [
        ("text/turtle", "turtle"),
        ("application/n-triples", "nt"),
        ("application/ld+json", "json-ld"),
        ("application/rdf+xml", "xml"),
        ("application/n-quads", "nquads"),
        ("application/trig", "trig"),
    ],
)
@pytest.mark.parametrize("query", [CONSTRUCT, f"DESCRIBE <{S2}>"])
def test_graphs_parse_back(client, media_type, parser, query):
    answer = client.get("/sparql", params={"query": query}, headers={"Accept": media_type})
    assert answer.headers["content-type"].startswith(media_type)
    graph = Dataset(default_union=True).parse(data=answer.text, format=parser)
    assert str(graph.value(URIRef(S2), PG.text)) == "Planta de agua"


@pytest.mark.parametrize(
    ("parameters", "expected"),
    [
        ({}, 2),  # the union is a set: Puno's label stands in two graphs
        ({"default-graph-uri": GRAPH_A}, 1),
        ({"default-graph-uri": BASE + "graph/ontology"}, 0),
        ({"default-graph-uri": "http://example.org/unknown"}, 0),
        ({"named-graph-uri": GRAPH_A}, 0),
    ],
)
def test_the_dataset_of_the_protocol_has_effect(client, parameters, expected):
    pattern = (
        "{ ?t rdfs:label 'Puno'@es } UNION { GRAPH ?g { ?t rdfs:label 'Puno'@es } }"
        if not parameters
        else "?t rdfs:label 'Puno'@es"
    )
    answer = client.get("/sparql", params={"query": f"SELECT * {{ {pattern} }}", **parameters})
    count = len(answer.json()["results"]["bindings"])
    assert count == (3 if not parameters else expected)


def test_named_graphs_of_the_protocol(client):
    query = "SELECT ?g { GRAPH ?g { ?t rdfs:label 'Puno'@es } }"
    asked = {"query": query, "named-graph-uri": GRAPH_B, "default-graph-uri": GRAPH_A}
    assert [b["g"]["value"] for b in client.post("/sparql", data=asked).json()["results"]["bindings"]] == [GRAPH_B]
    inside = client.get("/sparql", params={"query": f"SELECT ?g FROM <{GRAPH_A}> {{ GRAPH ?g {{ ?s ?p ?o }} }}"})
    assert inside.json()["results"]["bindings"] == []
    overruled = {"query": f"ASK FROM <{GRAPH_B}> {{ ?s pg:text ?o }}", "default-graph-uri": GRAPH_A}
    assert client.get("/sparql", params=overruled).json()["boolean"] is True
    assert client.get("/sparql", params={"query": "ASK {}", "default-graph-uri": "nope"}).json()["kind"] == "iri"


def test_head_and_options(client):
    head = client.head("/sparql", params={"query": SELECT})
    assert head.status_code == 200 and not head.content
    assert int(head.headers["content-length"]) == len(client.get("/sparql", params={"query": SELECT}).content)
    options = client.options("/sparql", headers={"Origin": "https://example.org", "Access-Control-Request-Method": "POST"})
    assert options.status_code == 204 and "POST" in options.headers["access-control-allow-methods"]
    assert options.headers["access-control-allow-origin"] == "*"
    assert "POST" not in client.options("/doc/plan/x").headers["allow"]


# --- refusals ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("request_", "status", "kind"),
    [
        ({"method": "GET", "params": {"query": UPDATE}}, 403, "update"),
        ({"method": "POST", "data": {"update": UPDATE}}, 403, "update"),
        ({"method": "POST", "content": UPDATE, "headers": {"Content-Type": "application/sparql-update"}}, 403, "update"),
        ({"method": "GET", "params": {"query": "ASK { SERVICE <http://127.0.0.1/> { ?s ?p ?o } }"}}, 403, "service"),
        ({"method": "GET", "params": [("query", "ASK {}"), ("query", "ASK {}")]}, 400, "missing_query"),
        ({"method": "POST", "data": {"x": "y"}}, 400, "missing_query"),
        ({"method": "POST", "content": "ASK {}", "headers": {"Content-Type": "text/plain"}}, 415, "media_type"),
        ({"method": "POST", "content": "ASK {}"}, 415, "media_type"),
        ({"method": "POST", "content": "ASK {}".encode("utf-16"), "headers": SPARQL_QUERY}, 400, "encoding"),
        (
            {"method": "POST", "content": b"query=%FF", "headers": {"Content-Type": "application/x-www-form-urlencoded"}},
            400,
            "encoding",
        ),
        ({"method": "POST", "content": "#" * 200_000, "headers": SPARQL_QUERY}, 413, "too_long"),
        ({"method": "PUT", "params": {"query": "ASK {}"}}, 405, "method"),
        ({"method": "GET", "params": {"query": SELECT}, "headers": {"Accept": "text/turtle"}}, 406, "format"),
        ({"method": "GET", "params": {"query": SELECT, "format": "nonsense"}}, 406, "format"),
    ],
)
def test_refusals(client, request_, status, kind):
    answer = client.request(url="/sparql", **request_)
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"
    told = answer.json()
    assert (told["status"], told["kind"]) == (status, kind)
    assert told["es"]["title"] and told["en"]["title"] and told["es"]["title"] != told["en"]["title"]


def test_406_lists_what_there_is(client):
    answer = client.get("/sparql", params={"query": CONSTRUCT}, headers={"Accept": "text/csv"})
    assert answer.status_code == 406
    assert "text/turtle" in answer.json()["detail"] and "text/csv" not in answer.json()["detail"]


@pytest.mark.parametrize(
    ("query", "line", "column", "kind"),
    [
        ("SELEC ?s { ?s ?p ?o }", 1, 1, "syntax"),
        ("SELECT ?s\nWHER { ?s ?p ?o }", 2, 1, "syntax"),
        ("SELECT ?s WHERE {\n  ?s a pg:Plan\n  ?s rdfs:label ?ñ .\n}", 3, 3, "syntax"),
        ("SELECT ?s { ?s ?p ?o OPTIONL { ?s ?q ?z } }", 1, 22, "syntax"),
        ("SELECT ?s { ?s ?p ?o FILTER(?o > ) }", 1, 34, "syntax"),
        ("SELECT * {\n ?s ?p ?o", 2, 10, "syntax"),
        ("SELECT * { ?s ?p ?o } }", 1, 23, "syntax"),
        ("SELECT * {} LIMIT x", 1, 19, "syntax"),
        ("SELECT * {\n ?s foo:bar ?o }", 2, 5, "prefix"),
        ("SELECT * { ?s <http://a b> ?o }", 1, 12, "bad_iri"),
        ("", 1, 1, "syntax"),
    ],
)
def test_a_syntax_error_has_line_and_column(client, query, line, column, kind):
    answer = client.post("/sparql", content=query, headers=SPARQL_QUERY)
    assert answer.status_code == 400
    told = answer.json()
    assert (told["line"], told["column"], told["kind"]) == (line, column, kind)
    assert str(column) in told["es"]["detail"] and str(column) in told["en"]["detail"]


@pytest.mark.parametrize(
    ("accept", "content_type"),
    [
        ("text/html", "text/html"),
        ("text/plain", "text/plain"),
        ("text/csv", "application/problem+json"),
        ("*/*", "application/problem+json"),
    ],
)
def test_errors_speak_the_clients_format(client, accept, content_type):
    answer = client.get("/sparql", params={"query": "SELECT"}, headers={"Accept": accept})
    assert answer.status_code == 400
    assert answer.headers["content-type"].startswith(content_type)
    assert "consulta" in answer.text


# --- survival ------------------------------------------------------------------------------------------------------------


def test_what_would_crash_the_engine_is_refused(client):
    answer = client.post("/sparql", content=CRASH, headers=SPARQL_QUERY)
    assert (answer.status_code, answer.json()["kind"]) == (400, "depth")
    assert answer.json()["line"] == 1 and answer.json()["column"] > 100


def test_deadline_overload_and_what_goes_on(tight):
    with ThreadPoolExecutor(5) as threads:
        slow = [threads.submit(tight.get, "/sparql", params={"query": SLOW}) for _ in range(4)]
        time.sleep(0.3)
        started = time.perf_counter()
        assert tight.get("/doc/plan/demo-2019-2022").status_code == 200  # pages have a worker of their own
        assert time.perf_counter() - started < 0.5
        answers = [task.result() for task in slow]
    assert {a.status_code for a in answers} == {503, 504}
    busy = next(a for a in answers if a.status_code == 503)
    assert int(busy.headers["retry-after"]) > 0 and busy.json()["kind"] == "overload"
    assert tight.get("/sparql", params={"query": "ASK {}"}).json()["boolean"] is True


def test_an_answer_too_large_for_a_page_says_so(tight):
    answer = tight.get("/sparql", params={"query": "SELECT * { ?s ?p ?o }"}, headers=BROWSER)
    assert answer.status_code == 413 and "CSV" in answer.text


def test_a_new_build_is_served_without_a_restart(tmp_path):
    out = build(tmp_path)
    with TestClient(create_app(settings(out))) as client:
        ask = {"query": "ASK { <new:thing> ?p ?o }"}
        assert client.get("/sparql", params=ask).json()["boolean"] is False
        build(out, f'<new:thing> <b:b> "c" <{GRAPH_A}> .\n')
        told = client.post("/-/reload")
        assert told.json() == {"version": current_store(out).name, "changed": True}
        assert client.get("/sparql", params=ask).json()["boolean"] is True
        assert client.get("/ready").json()["version"] == current_store(out).name
        (out / "store" / "current").unlink()
        assert client.post("/-/reload").status_code == 503
        assert client.get("/sparql", params=ask).json()["boolean"] is True, "what is in service stays"


def test_without_data_the_server_says_what_to_do(tmp_path):
    (tmp_path / "questions").mkdir()
    (tmp_path / "questions" / "q.rq").write_text(QUESTION)
    with TestClient(create_app(settings(tmp_path))) as client:
        assert client.get("/health").status_code == 200
        for path in ("/ready", "/", "/sparql?query=ASK{}"):
            answer = client.get(path, headers={"Accept": "application/json"})
            assert answer.status_code == 503 and "kg build" in answer.text and answer.headers["retry-after"]


@pytest.mark.parametrize("headers", [{"X-Forwarded-For": "10.1.2.3"}, {"X-Forwarded-For": "127.0.0.1"}])
def test_only_this_host_may_ask_for_a_reload(client, headers):
    assert client.post("/-/reload", headers=headers).status_code == 404
    assert client.get("/-/reload").status_code == 405


def test_a_client_that_leaves_frees_its_worker(out):
    port = free_ports(1)[0]
    code = f"from api.app import serve; from api.settings import load_settings; serve(load_settings(), '127.0.0.1', {port})"
    environment = {
        "KG_OUT": str(out),
        "KG_WORKERS": "1",
        "KG_RESULT_BYTES": "9000000",
        "KG_QUESTIONS": str(out / "questions"),
        "PYTHONPATH": str(ROOT),
    }
    server = subprocess.Popen([sys.executable, "-c", code], env=environment, stdout=subprocess.PIPE, text=True)
    try:
        assert server.stdout and "serving" in server.stdout.readline()
        with pytest.raises(KgError, match="--port"):
            serve(settings(out), "127.0.0.1", port)
        with _request(port, f"SELECT * {{ {product('abcd', 30)} }}") as cut:
            assert b"200 OK" in (told := _read_all(cut)) and not told.endswith(b"0\r\n\r\n")  # visibly incomplete
        with _request(port, SLOW) as leaving:
            time.sleep(0.5)
            leaving.shutdown(socket.SHUT_RDWR)
        started = time.perf_counter()
        with _request(port, "ASK {}") as asking:
            assert b"true" in _read_all(asking)
        assert time.perf_counter() - started < 5
    finally:
        server.terminate()
        assert server.wait(15) is not None


# --- description, form, pages --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("accept", "parser"), [("text/turtle", "turtle"), ("", "turtle"), ("application/rdf+xml", "xml")])
def test_service_description(client, accept, parser):
    answer = client.get("/sparql", headers={"Accept": accept})
    graph = Graph().parse(data=answer.text, format=parser)
    (service,) = graph.subjects(RDF.type, SD.Service)
    assert (service, SD.feature, SD.UnionDefaultGraph) in graph
    assert URIRef(GRAPH_A) in set(graph.objects(None, SD.name))
    assert not any("BasicFederatedQuery" in o for o in graph.objects(service, SD.feature))


def test_the_form_for_browsers(client):
    form = client.get("/sparql", headers=BROWSER)
    assert "<textarea" in form.text and "PREFIX" not in form.text and str(PG) in form.text
    answer = client.get("/sparql", params={"query": SELECT}, headers=BROWSER)
    assert "/doc/plan/demo-2019-2022/s001" in answer.text and "<script>" not in answer.text
    assert "&lt;script&gt;" in answer.text
    assert "ns" in client.get("/sparql", params={"query": CONSTRUCT, "format": "html"}).text


@pytest.mark.parametrize("accept", ["text/html", "text/turtle", ""])
def test_a_thing_leads_to_its_document(client, accept):
    answer = client.get("/id/plan/demo-2019-2022/s001", headers={"Accept": accept})
    assert (answer.status_code, answer.headers["location"]) == (303, "/doc/plan/demo-2019-2022/s001")
    followed = client.get(answer.headers["location"], headers={"Accept": accept or "*/*"})
    assert followed.headers["content-type"].startswith(accept or "text/html")


@pytest.mark.parametrize(("ending", "parser"), [("ttl", "turtle"), ("jsonld", "json-ld"), ("nt", "nt"), ("rdf", "xml")])
def test_documents_by_ending(client, ending, parser):
    graph = Graph().parse(data=client.get(f"/doc/plan/demo-2019-2022/s001.{ending}").text, format=parser)
    assert str(graph.value(URIRef(S1), PG.text)) == LABEL
    assert str(graph.value(URIRef(f"{S1}/evidence"), PG.quote)) == "Agua"
    assert (URIRef(S2), None, None) not in graph


def test_a_statements_page(client):
    page = client.get("/doc/plan/demo-2019-2022/s001", headers=BROWSER)
    assert page.status_code == 200 and page.headers["vary"] == "Accept, Cookie"
    assert "<script>" not in page.text and "<b>AMBIENTE" not in page.text
    assert "<blockquote" in page.text and "195" in page.text and "AMBIENTE" in page.text
    assert 'href="javascript' not in page.text
    assert "Problema" in page.text and "Le responde" in page.text  # its type; what points at it, in words
    assert "/doc/plan/demo-2019-2022/s002" in page.text
    assert "Problem" in client.get("/doc/plan/demo-2019-2022/s001?lang=en", headers=BROWSER).text


@pytest.mark.parametrize("accept", ["text/html", "application/json"])
def test_a_missing_thing_names_its_neighbours(client, accept):
    answer = client.get("/doc/plan/demo-2019-2023", headers={"Accept": accept})
    assert answer.status_code == 404 and "/doc/plan/demo-2019-2022" in answer.text
    assert client.get('/doc/plan/"><script>', headers={"Accept": accept}).status_code == 404


@pytest.mark.parametrize(
    "path", ["/", "/questions", "/questions/enunciados", "/ontology", "/sparql", "/doc/plan/demo-2019-2022", "/nope"]
)
@pytest.mark.parametrize("language", ["es", "en"])
def test_pages_are_self_contained(client, path, language):
    page = client.get(path, params={"lang": language}, headers=BROWSER)
    assert page.status_code == (404 if path == "/nope" else 200)
    assert f'<html lang="{language}">' in page.text
    assert page.headers["content-security-policy"].startswith("default-src 'self'")
    assert page.headers["x-content-type-options"] == "nosniff"
    executable = page.text.replace('<script type="application/ld+json">', "")  # a block of data, which no browser runs
    assert "<script>" not in executable and "style=" not in page.text and 'src="http' not in page.text
    assert all('src="/static/' in tag.partition(">")[0] for tag in executable.split("<script")[1:])
    assert "English" in page.text if language == "es" else "Español" in page.text


def test_the_start_page_counts(client):
    page = client.get("/").text
    assert "2 enunciados de 1 planes" in page and "Plan de Demo" in page and "enunciados" in page


def test_static_files(client):
    assert client.get("/static/site.css").headers["content-type"].startswith("text/css")
    assert client.get("/static/../settings.py").status_code == 404


@pytest.mark.parametrize(
    ("path", "content_type"), [("/ontology.ttl", "text/turtle"), ("/ontology?format=jsonld", "application/ld+json")]
)
def test_the_ontology_as_rdf(client, path, content_type):
    answer = client.get(path)
    assert answer.headers["content-type"].startswith(content_type)
    assert "Problema" in answer.text


# --- questions -----------------------------------------------------------------------------------------------------------


def test_a_question_in_every_format(client):
    path = "/questions/enunciados"
    page = client.get(path, headers=BROWSER)
    assert "¿Qué dice el plan?" in page.text and "/doc/plan/demo-2019-2022/s002" in page.text and "2 filas" in page.text
    table = client.get(path, params={"format": "csv", "bom": "1"})
    assert table.content.startswith(b"\xef\xbb\xbfstatement,line,text\r\n")
    assert client.get(path, params={"format": "csv"}).content == table.content[3:]
    assert len(client.get(path, params={"format": "json"}).json()["results"]["bindings"]) == 2
    sheet = openpyxl.load_workbook(io.BytesIO(client.get(path, params={"format": "xlsx"}).content)).active
    assert [c.value for c in sheet[2]] == [S1, 195, LABEL]


@pytest.mark.parametrize(
    ("given", "kind", "near"),
    [
        ({"plan": "demo"}, "parameter_missing_thing", "/questions/enunciados?plan=demo-2019-2022"),
        ({"plan": "a> ?x"}, "parameter_missing_thing", None),
        ({"plam": "demo-2019-2022"}, "parameter_unknown", "/questions/enunciados?plan=demo-2019-2022"),
    ],
)
def test_a_wrong_parameter_is_told_and_not_answered_with_nothing(client, given, kind, near):
    answer = client.get("/questions/enunciados", params=given, headers={"Accept": "application/json"})
    assert answer.status_code == 400 and kind in answer.text
    assert near is None or near in answer.json()["near"]
    page = client.get("/questions/enunciados", params=given, headers=BROWSER)
    assert page.status_code == 400 and "a> ?x" not in page.text


def test_the_start_page_lists_the_questions(client):
    assert "¿Qué dice el plan?" in client.get("/", headers=BROWSER).text
    assert "/questions/enunciados" in client.get("/?lang=en", headers=BROWSER).text


def test_a_plan_page_reads_as_the_plan(client):
    page = client.get("/doc/plan/demo-2019-2022", headers=BROWSER).text
    assert f'href="{S1.replace(BASE + "id", "/doc")}"' in page and "Lo que dice" in page
    assert "<script>alert" not in page


def test_unknown_and_listed_questions(client):
    unknown = client.get("/questions/enunciado", headers={"Accept": "application/json"})
    assert unknown.status_code == 404 and unknown.json()["near"] == ["/questions/enunciados"]
    listed = client.get("/questions", headers={"Accept": "application/json"}).json()
    assert listed[0]["name"] == "enunciados" and listed[0]["parameters"][0]["name"] == "plan"


# --- declared things -----------------------------------------------------------------------------------------------------


def test_every_error_has_its_texts():
    filled = {
        "name": "n",
        "value": "v",
        "detail": "d",
        "line": 1,
        "column": 2,
        "retry": 5,
        "limit": 9,
        "offers": "x",
        "count": 2,
        "rate": 3,
        "date": "2026-12-01",
        "es": "por algo",
        "en": "for something",
        "least": 2,
        "most": 8,
    }
    for texts in error_texts().values():
        assert all(
            text[language].format(**filled) for text in (texts.title, texts.detail, texts.hint) for language in ("es", "en")
        )
    assert {k for k, t in error_texts().items() if not (400 <= t.status < 600)} == set()
    kinds = "syntax update service format size iri engine deadline crash memory overload unavailable rate gone"
    kinds += " unknown_graph depth too_complex"
    assert set(kinds.split()) <= set(error_texts())


def test_settings_come_from_the_environment():
    assert load_settings({"KG_WORKERS": "3"}).workers == 3
    assert all(name.startswith("KG_") and text for name, _, _, text in describe_settings())
    with pytest.raises(KgError, match="KG_WORKERS"):
        load_settings({"KG_WORKERS": "many"})


def test_serving_nothing_says_what_to_do(tmp_path):
    with pytest.raises(KgError, match="kg build"):
        serve(settings(tmp_path))


# --- the W3C's own cases -------------------------------------------------------------------------------------------------

HT = Namespace("http://www.w3.org/2011/http#")
MF = Namespace("http://www.w3.org/2001/sw/DataAccess/tests/test-manifest#")
CNT = Namespace("http://www.w3.org/2011/content#")


@pytest.fixture(scope="module")
def conforming(tmp_path_factory) -> Iterator[TestClient]:
    if not SUITE.is_dir():
        pytest.skip(f"the W3C protocol cases are not beside the checkout ({SUITE})")
    names = [(f"data{n}", f"http://kasei.us/2009/09/sparql/data/data{n}.rdf") for n in (1, 2, 3)]
    lines = [(SUITE / f"{file}.nt").read_text().strip().rstrip(" .") + f" <{iri}> .\n" for file, iri in names]
    with TestClient(create_app(settings(build(tmp_path_factory.mktemp("w3c"), "".join(lines))))) as client:
        yield client


def _cases() -> list[tuple[str, dict[str, object], set[int], bool | None]]:
    if not SUITE.is_dir():
        return [("absent", {}, set(), None)]
    manifest = Graph().parse(SUITE / "manifest.ttl")
    cases = []
    for test in sorted(manifest.subjects(RDF.type, MF.ProtocolTest)):
        name = str(test).rpartition("#")[2]
        (request, *more) = Collection(manifest, manifest.value(manifest.value(test, MF.action), HT.requests))
        if name.startswith("update_") or more:
            continue  # updates are not served
        headers = {}
        if listed := manifest.value(request, HT.headers):
            for header in Collection(manifest, listed):
                headers[str(manifest.value(header, HT.fieldName))] = str(manifest.value(header, HT.fieldValue))
        body = manifest.value(request, HT.body)
        content = str(manifest.value(body, CNT.chars)).encode(str(manifest.value(body, CNT.characterEncoding))) if body else None
        sent = {"method": str(manifest.value(request, HT.methodName)), "url": str(manifest.value(request, HT.absolutePath))}
        reply = manifest.value(request, HT.resp)
        statuses = {int(str(s).rpartition("StatusCode")[2][0]) for s in manifest.objects(reply, MF.expectedStatus)}
        boolean = manifest.value(reply, MF.expectedBoolean)
        cases.append((name, {**sent, "headers": headers, "content": content}, statuses, boolean and bool(boolean.toPython())))
    return cases


@pytest.mark.parametrize(("name", "request_", "statuses", "boolean"), [pytest.param(*c, id=c[0]) for c in _cases()])
def test_w3c_protocol(conforming, name, request_, statuses, boolean):
    answer = conforming.request(**request_)
    assert answer.status_code // 100 in statuses, answer.text
    if boolean is not None:
        assert answer.json()["boolean"] is boolean


# --- a bare client -------------------------------------------------------------------------------------------------------


def _request(port: int, query: str) -> socket.socket:
    connection = socket.create_connection(("127.0.0.1", port), timeout=20)
    connection.sendall(f"GET /sparql?query={quote(query)} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode())
    return connection


def _read_all(connection: socket.socket) -> bytes:
    return b"".join(iter(lambda: connection.recv(65536), b""))
