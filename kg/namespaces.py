"""The only maker of IRIs: namespaces, and the address of every kind of thing."""

from __future__ import annotations

import os

from rdflib import Namespace, URIRef
from rdflib.namespace import DCTERMS, OWL, PROV, RDF, RDFS, SKOS, XSD

# The one setting for addresses: a deployment may publish everything below a base of its own.
PUBLISHED_BASE = "https://w3id.org/plan-de-gobierno/"
BASE = os.environ.get("KG_BASE_IRI", PUBLISHED_BASE).rstrip("/") + "/"
PG = Namespace(BASE + "ontology#")
ID = Namespace(BASE + "id/")
GRAPH = Namespace(BASE + "graph/")
OA = Namespace("http://www.w3.org/ns/oa#")
GEO = Namespace("http://www.opengis.net/ont/geosparql#")
SCHEMA = Namespace("https://schema.org/")
SH = Namespace("http://www.w3.org/ns/shacl#")
DCAT = Namespace("http://www.w3.org/ns/dcat#")
VOID = Namespace("http://rdfs.org/ns/void#")
SD = Namespace("http://www.w3.org/ns/sparql-service-description#")
SPDX = Namespace("http://spdx.org/rdf/terms#")
FOAF = Namespace("http://xmlns.com/foaf/0.1/")
ORG = Namespace("http://www.w3.org/ns/org#")
RFC5147 = URIRef("http://tools.ietf.org/rfc/rfc5147")

# Prefix → namespace, in the order in which they are written into queries and files.
PREFIXES: dict[str, str] = {
    "pg": str(PG),
    "rdf": str(RDF),
    "rdfs": str(RDFS),
    "skos": str(SKOS),
    "dcterms": str(DCTERMS),
    "prov": str(PROV),
    "oa": str(OA),
    "owl": str(OWL),
    "xsd": str(XSD),
    "geo": str(GEO),
    "schema": str(SCHEMA),
    "org": str(ORG),
    "foaf": str(FOAF),
    "sh": str(SH),
    "dcat": str(DCAT),
    "void": str(VOID),
}


def prefix_header() -> str:
    """Return the PREFIX lines that every query of the project may rely on."""
    return "".join(f"PREFIX {prefix}: <{iri}>\n" for prefix, iri in PREFIXES.items())


def shrink(iri: str) -> str:
    """Write an IRI with its prefix where one fits, else as it is."""
    for prefix, base in PREFIXES.items():
        if iri.startswith(base) and "/" not in iri[len(base) :]:
            return f"{prefix}:{iri[len(base) :]}"
    return iri


def plan_iri(plan: str) -> URIRef:
    """Address of a plan by its key."""
    return ID[f"plan/{plan}"]


def item_iri(plan: str, item: str) -> URIRef:
    """Address of something that a plan contains: a statement, a figure, or a part of one (`s014/budget`)."""
    return ID[f"plan/{plan}/{item}"]


def count_iri(plan: str, cls: URIRef) -> URIRef:
    """Address of how many things of a class a plan's graph describes: `…/count/Problem`."""
    return item_iri(plan, f"count/{cls.removeprefix(str(PG))}")


def thing_iri(kind: str, key: str) -> URIRef:
    """Address of a shared thing: kind is territory, place, institution, organization, fund, issue, dimension …"""
    return ID[f"{kind}/{key}"]


def plan_graph(plan: str) -> URIRef:
    """Name of a plan's graph."""
    return GRAPH[f"plan/{plan}"]


def shared_graph(name: str) -> URIRef:
    """Name of a graph beside the plans': ontology, issues, territories, actors or findings."""
    return GRAPH[name]
