"""Accept header or ?format= → format, or 406: in a table of its own, and over HTTP."""

from __future__ import annotations

import pytest
from httpx import Headers
from starlette.testclient import TestClient

from api.app import create_app
from api.negotiation import ANSWER_FORMATS, DOCUMENT_FORMATS, GRAPH_FORMATS, negotiate, parse_accept
from tests.serving import build, settings

BROWSER = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"
CASES = [
    # offers, Accept, ?format=, chosen media type or None for 406
    (ANSWER_FORMATS, "", None, "application/sparql-results+json"),
    (ANSWER_FORMATS, "*/*", None, "application/sparql-results+json"),
    (ANSWER_FORMATS, "application/json", None, "application/json"),
    (ANSWER_FORMATS, "application/sparql-results+xml", None, "application/sparql-results+xml"),
    (ANSWER_FORMATS, "text/csv, application/json;q=0.5", None, "text/csv"),
    (ANSWER_FORMATS, "text/csv;q=0.5, application/json;q=0.6", None, "application/json"),
    (ANSWER_FORMATS, "text/*", None, "text/csv"),
    (ANSWER_FORMATS, "application/xml", None, "application/xml"),
    (ANSWER_FORMATS, "TEXT/CSV ; Q=0.3", None, "text/csv"),
    (ANSWER_FORMATS, "*/*, application/sparql-results+json;q=0", None, "application/sparql-results+xml"),
    (ANSWER_FORMATS, "image/png", None, None),
    (ANSWER_FORMATS, "text/csv;q=0", None, None),
    (ANSWER_FORMATS, BROWSER, None, "text/html"),
    (ANSWER_FORMATS, BROWSER, "csv", "text/csv"),
    (ANSWER_FORMATS, "", "nonsense", None),
    (ANSWER_FORMATS, "", "application/sparql-results+xml", "application/sparql-results+xml"),
    (GRAPH_FORMATS, "", None, "text/turtle"),
    (GRAPH_FORMATS, "application/n-triples", None, "application/n-triples"),
    (GRAPH_FORMATS, "text/plain", None, "text/plain"),
    (GRAPH_FORMATS, "application/ld+json;q=0.9, text/turtle;q=0.8", None, "application/ld+json"),
    (GRAPH_FORMATS, "application/*", None, "application/n-triples"),
    (GRAPH_FORMATS, "", "json", "application/ld+json"),
    (GRAPH_FORMATS, "", "xml", "application/rdf+xml"),
    (GRAPH_FORMATS, "", "ttl", "text/turtle"),
    (GRAPH_FORMATS, "text/csv", None, None),
    (DOCUMENT_FORMATS, "", None, "text/html"),
    (DOCUMENT_FORMATS, BROWSER, None, "text/html"),
    (DOCUMENT_FORMATS, "application/rdf+xml", None, "application/rdf+xml"),
    (DOCUMENT_FORMATS, "text/turtle, */*;q=0.1", None, "text/turtle"),
]


@pytest.mark.parametrize(("offers", "accept", "wanted", "expected"), CASES)
def test_choice(offers, accept, wanted, expected):
    choice = negotiate(accept, wanted, offers)
    assert (choice.media_type if choice else None) == expected


@pytest.mark.parametrize("header", ["text/csv;q=2", "text/csv;q=x", "/csv", "text", ";;,", "*/csv"])
def test_unreadable_ranges_are_left_out(header):
    assert parse_accept(header) == []


# --- the same over HTTP: what a request for a thing's document gets ---------------------------------------------------------

S001, S002 = "/doc/plan/demo-2019-2022/s001", "/doc/plan/demo-2019-2022/s002"
PAGE, TURTLE, JSONLD = "text/html; charset=utf-8", "text/turtle; charset=utf-8", "application/ld+json"
NTRIPLES, RDFXML = "application/n-triples", "application/rdf+xml; charset=utf-8"
FIREFOX = "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8"
RDFLIB = "text/turtle;q=1.0, application/rdf+xml;q=0.9, application/xhtml+xml;q=0.5, */*;q=0.1"
REQUESTS = [
    # path, Accept (None: no such header; a tuple: several lines of it), content type or None for 406
    (S001, None, PAGE),
    (S001, "", PAGE),
    (S001, "*/*", PAGE),
    (S001, FIREFOX, PAGE),
    (S001, BROWSER, PAGE),
    (S001, RDFLIB, TURTLE),
    (S001, "text/html", PAGE),
    (S001, "TEXT/HTML", PAGE),
    (S001, "application/xhtml+xml", PAGE),
    (S001, "text/turtle", TURTLE),
    (S001, "text/turtle;charset=utf-8", TURTLE),
    (S001, 'text/turtle;profile="a,b"', TURTLE),
    (S001, "  text/turtle  ;  q=0.7  ", TURTLE),
    (S001, "application/ld+json", JSONLD),
    (S001, 'application/ld+json;profile="http://www.w3.org/ns/json-ld#compacted"', JSONLD),
    (S001, "application/n-triples", NTRIPLES),
    (S001, "application/rdf+xml", RDFXML),
    (S001, "text/turtle;q=0.5, application/ld+json;q=0.6", JSONLD),
    (S001, "text/turtle;q=0.6, application/ld+json;q=0.5", TURTLE),
    (S001, "application/ld+json, text/turtle", TURTLE),  # equal: the order of ours, not of theirs
    (S001, "text/html;q=0.1, application/rdf+xml;q=0.2", RDFXML),
    (S001, "text/html;q=0, */*", TURTLE),
    (S001, "text/html;q=0.0, */*;q=0.001", TURTLE),
    (S001, "text/html;q=0, text/turtle;q=0, */*", NTRIPLES),
    (S001, "text/*", PAGE),
    (S001, "text/*, text/html;q=0.1", TURTLE),
    (S001, "text/*;q=0.5, application/ld+json;q=0.4", PAGE),
    (S001, "application/*", NTRIPLES),
    (S001, "image/*, application/rdf+xml;q=0.1", RDFXML),
    (S001, "image/png, */*;q=0.1", PAGE),
    (S001, "nonsense, text/turtle", TURTLE),
    (S001, "text/html;q=2, text/turtle", TURTLE),  # no quality: such a range is left out
    (S001, "text/html;q=, text/turtle;q=0.1", TURTLE),
    (S001, "text/html;q=nan, text/turtle;q=0.1", TURTLE),
    (S001, ",,text/turtle,,", TURTLE),
    (S001, ("text/html;q=0.2", "text/turtle;q=0.9"), TURTLE),
    (S001, ("image/png", "application/ld+json"), JSONLD),
    (S001, "image/png", None),
    (S001, "text/csv", None),
    (S001, "nonsense", None),
    (S001, "*/csv", None),
    (S001, "*/*;q=0", None),
    (S001, "text/turtle;q=0", None),
    # an ending or ?format= counts more than the header
    (f"{S001}.ttl", FIREFOX, TURTLE),
    (f"{S001}.jsonld", "image/png", JSONLD),
    (f"{S001}.nt", None, NTRIPLES),
    (f"{S001}.rdf", "text/html", RDFXML),
    (f"{S001}.html", "text/turtle", PAGE),
    (f"{S001}?format=ttl", FIREFOX, TURTLE),
    (f"{S001}?format=jsonld", None, JSONLD),
    (f"{S001}?format=application/rdf%2Bxml", None, RDFXML),
    (f"{S001}?format=csv", "text/html", None),
    (f"{S001}.ttl?format=html", "text/html", TURTLE),
    # other documents
    (S002, "text/turtle", TURTLE),
    ("/doc/plan/demo-2019-2022", FIREFOX, PAGE),
    ("/doc/plan/demo-2019-2022", "application/ld+json", JSONLD),
    ("/doc/territory/2101.ttl", None, TURTLE),
    ("/ontology", FIREFOX, PAGE),
    ("/ontology", RDFLIB, TURTLE),
    ("/ontology", "application/ld+json, text/html;q=0.9", JSONLD),
    ("/ontology", "image/png", None),
]


@pytest.fixture(scope="module")
def client(tmp_path_factory):
    out = build(tmp_path_factory.mktemp("out"))
    with TestClient(create_app(settings(out)), follow_redirects=False) as client:
        yield client


def ask(client: TestClient, path: str, accept: str | tuple[str, ...] | None):
    """Send a request with exactly this Accept header, or lines of it."""
    lines = [] if accept is None else [accept] if isinstance(accept, str) else accept
    request = client.build_request("GET", path)
    del request.headers["accept"]
    request.headers = Headers([*request.headers.multi_items(), *(("accept", line) for line in lines)])
    return client.send(request)


@pytest.mark.parametrize(("path", "accept", "expected"), REQUESTS)
def test_what_a_request_gets(client, path, accept, expected):
    answer = ask(client, path, accept)
    assert (answer.status_code, answer.headers["content-type"]) == (200, expected) if expected else answer.status_code == 406
    assert "Accept" in answer.headers["vary"]


@pytest.mark.parametrize(("path", "accept"), [(path, accept) for path, accept, expected in REQUESTS if expected is None])
def test_a_refusal_lists_what_there_is(client, path, accept):
    answer = ask(client, path, accept)
    base = path.partition("?")[0]
    assert all(
        f"{base}.{ending}" in answer.text + answer.headers.get("link", "") for ending in ("html", "ttl", "jsonld", "nt", "rdf")
    )
    assert "text/turtle" in answer.text


def test_the_table_is_long_enough():
    assert len({(path, accept) for path, accept, _ in REQUESTS}) == len(REQUESTS) >= 40
