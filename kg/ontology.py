"""The ontology as the code needs it: statement types, record keys, labels, superclasses — all read from the Turtle files."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from rdflib import Graph, Literal, URIRef
from rdflib.namespace import OWL, RDF, RDFS, SKOS, XSD

from kg.errors import KgError, reason_of
from kg.namespaces import BASE, PG, PUBLISHED_BASE, thing_iri
from kg.paths import ONTOLOGY, shown

CORE = "plan-de-gobierno.ttl"
VOCABULARIES = "vocabularies.ttl"
ALIGNMENTS = "alignments.ttl"


@dataclass(frozen=True)
class Property:
    """A property bound to a record key. `range` is a class or an XSD datatype; `is_object` tells which."""

    iri: URIRef
    key: str
    range: URIRef
    is_object: bool


@dataclass
class Ontology:
    """Classes, properties and concept schemes by the names that records use for them."""

    graph: Graph
    statement_types: dict[str, URIRef] = field(default_factory=dict)
    properties: dict[str, Property] = field(default_factory=dict)

    def superclasses(self, cls: URIRef) -> list[URIRef]:
        """Return the project's own classes above a class, itself first, then sorted; without the abstract ones."""
        above = {URIRef(str(c)) for c in self.graph.transitive_objects(cls, RDFS.subClassOf) if str(c).startswith(str(PG))}
        return [cls, *sorted(c for c in above - {cls} if (c, PG.abstract, None) not in self.graph)]

    def label(self, term: URIRef, language: str = "es") -> str:
        """Return the label in the language, else in any, else the local name."""
        labels = [o for o in self.graph.objects(term, RDFS.label) if isinstance(o, Literal)]
        labels += [o for o in self.graph.objects(term, SKOS.prefLabel) if isinstance(o, Literal)]
        chosen = [o for o in labels if o.language == language] or labels
        return str(chosen[0]) if chosen else str(term).rsplit("#", 1)[-1]

    def concepts(self, scheme: str) -> dict[str, URIRef]:
        """Return the concepts of a scheme by the last part of their address."""
        prefix = f"{thing_iri(scheme, '')}"
        members = [str(c) for c in self.graph.subjects(RDF.type, SKOS.Concept)]
        found = {c[len(prefix) :]: URIRef(c) for c in members if c.startswith(prefix)}
        return dict(sorted(found.items()))

    def classes(self) -> list[URIRef]:
        """Return the project's classes, sorted."""
        return sorted(URIRef(str(c)) for c in self.graph.subjects(RDF.type, OWL.Class) if str(c).startswith(str(PG)))


@cache
def load_ontology(folder: Path = ONTOLOGY) -> Ontology:
    """Load the core ontology and its vocabularies (not the alignments, which nothing at run time needs).

    Raises:
        KgError: a file is missing or is not Turtle, with the place of the fault.
    """
    graph = Graph()
    for name in (CORE, VOCABULARIES):
        parse_turtle(folder / name, graph)
    ontology = Ontology(graph)
    for cls, key in graph.subject_objects(PG.recordType):
        ontology.statement_types[str(key)] = URIRef(str(cls))
    for term, key in graph.subject_objects(PG.recordKey):
        ranges = [*graph.objects(term, RDFS.range), XSD.string]
        is_object = (term, RDF.type, OWL.ObjectProperty) in graph
        ontology.properties[str(key)] = Property(URIRef(str(term)), str(key), URIRef(str(ranges[0])), is_object)
    if not ontology.statement_types:
        raise KgError(f"{shown(folder / CORE)}: no class carries pg:recordType; the records cannot be read")
    return ontology


def parse_turtle(path: Path, graph: Graph) -> Graph:
    """Parse a Turtle file of the project into the graph; its addresses follow the base IRI that is set.

    Raises:
        KgError: the file cannot be read or parsed.
    """
    try:
        text = path.read_text(encoding="utf-8")
        graph.parse(data=text if BASE == PUBLISHED_BASE else text.replace(PUBLISHED_BASE, BASE), format="turtle")
    except OSError as error:
        raise KgError(f"{shown(path)}: cannot be read ({reason_of(error)})") from error
    except Exception as error:
        raise KgError(f"{shown(path)}: not valid Turtle: {str(error).strip()[:300]}") from error
    return graph
