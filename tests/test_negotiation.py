"""Accept header or ?format= → format, or 406."""

from __future__ import annotations

import pytest

from api.negotiation import ANSWER_FORMATS, DOCUMENT_FORMATS, GRAPH_FORMATS, negotiate, parse_accept

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
