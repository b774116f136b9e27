"""RDF literals and lines as the graphs write them."""

from __future__ import annotations

from decimal import Decimal

from rdflib import Graph, Literal, URIRef
from rdflib.namespace import RDFS, XSD


def es(text: str) -> Literal:
    """Make a Spanish text."""
    return Literal(text, lang="es")


def en(text: str) -> Literal:
    """Make an English text."""
    return Literal(text, lang="en")


def year_literal(year: int) -> Literal:
    """Make a calendar year."""
    return Literal(f"{year:04d}", datatype=XSD.gYear)


def decimal_literal(value: Decimal) -> Literal:
    """Make a decimal without exponent; a whole number keeps one decimal place (`100.0`), the canonical form of XSD."""
    text = f"{value:f}"
    return Literal(text if "." in text else f"{text}.0", datatype=XSD.decimal)


def both(graph: Graph, subject: URIRef, spanish: str, english: str) -> None:
    """Label a thing in both languages."""
    graph.add((subject, RDFS.label, es(spanish)))
    graph.add((subject, RDFS.label, en(english)))


def nquads_lines(name: URIRef, graph: Graph) -> list[str]:
    """Return a graph's quads as sorted N-Quads lines, without line ends."""
    text = graph.serialize(format="nt", encoding="utf-8").decode()
    return sorted({f"{line[:-2]} <{name}> ." for line in text.split("\n") if line})
