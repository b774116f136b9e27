"""The server before another SPARQL server: the same protocol, questions and pages, on a graph that was published there."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from starlette.testclient import TestClient

from api.app import create_app
from api.settings import Settings
from kg.publishing import Target, publish
from kg.store import version_of
from tests.servers import running

PLAN = "/doc/plan/puno-2019-2022"


@pytest.fixture(scope="module", params=["oxigraph", "fuseki", "virtuoso"])
def client(request, built, tmp_path_factory) -> Iterator[TestClient]:
    """Our server before one of the others, with the project's graph in it."""
    with running(request.param, tmp_path_factory.mktemp(request.param)) as server:
        publish(built / "graph.nq", Target(server.endpoint, user=server.user, password=server.password))
        known = {"endpoint": server.endpoint, "endpoint_user": server.user, "endpoint_password": server.password}
        settings = Settings(**known, query_seconds=5.0)  # type: ignore[arg-type]
        with TestClient(create_app(settings), follow_redirects=False) as client:
            yield client


def ask(client: TestClient, query: str, **more: object):
    return client.get("/sparql", params={"query": query}, **more)  # type: ignore[arg-type]


def test_it_is_ready_with_the_version_that_was_published(client, built):
    assert client.get("/ready").json()["version"] == version_of(built / "graph.nq")


def test_answers_in_every_format_and_from_the_cache(client):
    query = "SELECT * { ?plan a pg:Plan ; pg:periodStart ?from } ORDER BY ?plan"
    first = ask(client, query)
    assert [list(row) for row in first.json()["results"]["bindings"]] == [["plan", "from"]] * 5
    again = ask(client, query, headers={"If-None-Match": first.headers["etag"]})
    assert again.status_code == 304
    for name, media_type in (("csv", "text/csv"), ("xml", "application/sparql-results+xml"), ("tsv", "text/tab-separated")):
        told = client.get("/sparql", params={"query": query, "format": name})
        assert told.headers["content-type"].startswith(media_type) and "puno-2019-2022" in told.text
    graph = client.get(
        "/sparql", params={"query": "CONSTRUCT WHERE { ?plan a pg:Plan ; pg:periodEnd ?to }", "format": "ntriples"}
    )
    assert len(graph.text.splitlines()) == 10


def test_what_we_refuse_is_refused_before_the_other_server_sees_it(client):
    assert ask(client, "SELECT * { SERVICE <http://127.0.0.1:9/> { ?s ?p ?o } }").status_code == 403
    assert client.post("/sparql", data={"update": "CLEAR ALL"}).status_code == 403
    assert ask(client, "SELECT * { " + "{" * 200 + "}" * 200 + " }").json()["kind"] == "depth"


def test_a_syntax_error_has_its_line(client):
    told = ask(client, "SELECT *\nWHERE { ?s ?p }").json()
    assert (told["status"], told["kind"], told["line"]) == (400, "syntax", 2)


def test_a_cut_answer_says_so(client):
    client.app.app.state.settings.__dict__["result_rows"] = 7
    try:
        told = ask(client, "SELECT ?s { ?s pg:text ?t }").json()
        assert len(told["results"]["bindings"]) == 7 and told["cut"] == {"rows": 7}
        assert "cut" not in ask(client, "SELECT ?s { ?s a pg:Plan }").json()
    finally:
        client.app.app.state.settings.__dict__["result_rows"] = 1_000_000


def test_questions_and_pages(client):
    answer = client.get("/questions/formacion-tecnica", params={"format": "csv"})
    assert answer.status_code == 200 and len(answer.text.splitlines()) == 4
    assert client.get("/questions/formacion-tecnica", headers={"Accept": "text/html"}).status_code == 200
    home = client.get("/", headers={"Accept": "text/html"})
    assert home.status_code == 200 and "Huancané" in home.text
    page = client.get(PLAN, headers={"Accept": "text/html"})
    assert page.status_code == 200 and "Puno" in page.text
    assert client.get(PLAN + ".ttl").headers["content-type"].startswith("text/turtle")


def test_a_server_that_is_away_is_told_without_its_address(tmp_path):
    settings = Settings(endpoint="http://127.0.0.1:9/secret/sparql", query_seconds=5.0)
    with TestClient(create_app(settings)) as client:
        told = ask(client, "ASK {}")
        assert (told.status_code, told.json()["kind"]) == (503, "unavailable")
        assert "secret" not in told.text and told.headers["retry-after"]
        assert client.get("/health").status_code == 200
