"""Media types of RDF and SPARQL results: one table that files, endpoint and exports share."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Format:
    """A serialization: its short name, media type, file ending, and what it can carry."""

    name: str
    media_type: str
    ending: str
    aliases: tuple[str, ...] = ()


RDF_FORMATS = (
    Format("turtle", "text/turtle", "ttl", ("application/x-turtle",)),
    Format("ntriples", "application/n-triples", "nt", ("text/plain",)),
    Format("jsonld", "application/ld+json", "jsonld"),
    Format("rdfxml", "application/rdf+xml", "rdf", ("application/xml",)),
    Format("nquads", "application/n-quads", "nq"),
    Format("trig", "application/trig", "trig"),
)
RESULT_FORMATS = (
    Format("json", "application/sparql-results+json", "srj", ("application/json",)),
    Format("xml", "application/sparql-results+xml", "srx", ("application/xml", "text/xml")),
    Format("csv", "text/csv", "csv"),
    Format("tsv", "text/tab-separated-values", "tsv"),
)
# GRAPH results carry no graph names, so N-Quads and TriG come last in negotiation but are allowed.
BY_NAME = {f.name: f for f in (*RDF_FORMATS, *RESULT_FORMATS)}
