"""The DCAT 3 catalogue: one dataset, its export files that are there, and the SPARQL endpoint; named nodes only.

Follows DCAT-AP 3.0.1. Dates come from the records' reviews and the plans' periods, never from a clock.
Source: https://semiceu.github.io/DCAT-AP/releases/3.0.1/
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from rdflib import Graph, Literal, Namespace, URIRef
from rdflib.namespace import DCTERMS, RDF, RDFS, SKOS, XSD

from kg.exports.columns import LICENSE, TABLES
from kg.exports.rdf import jsonld_text, turtle_text
from kg.exports.tables import METADATA
from kg.facts import Facts, Text, facts_of
from kg.media_types import BY_NAME
from kg.namespaces import BASE, DCAT, FOAF, PG, PREFIXES, SPDX
from kg.store import version_of

VCARD = Namespace("http://www.w3.org/2006/vcard/ns#")
FILE_TYPE = Namespace("http://publications.europa.eu/resource/authority/file-type/")
IANA = Namespace("https://www.iana.org/assignments/media-types/")
LANGUAGE = Namespace("http://publications.europa.eu/resource/authority/language/")
THEMES = URIRef("http://publications.europa.eu/resource/authority/data-theme")
PERU = URIRef("http://publications.europa.eu/resource/authority/country/PER")
IRREGULAR = URIRef("http://publications.europa.eu/resource/authority/frequency/IRREG")
SPARQL_PROTOCOL = URIRef("http://www.w3.org/TR/sparql11-protocol/")
_MORE_PREFIXES = {"spdx": str(SPDX), "vcard": str(VCARD)}

_TITLE = ("Planes de gobierno del Perú: grafo de conocimiento", "Government plans of Peru: knowledge graph")
_ABOUT = (
    "Lo que enuncian los planes de gobierno que las organizaciones políticas presentan en el Perú (problemas, objetivos, "
    "compromisos, metas, montos, fuentes y socios), con la cita literal y la línea del documento en que consta cada cosa.",
    "What the government plans filed by political organizations in Peru state (problems, objectives, commitments, targets, "
    "amounts, funders and partners), with the verbatim quote and the line of the document where each thing stands.",
)
_CATALOG = ("Catálogo de planes de gobierno del Perú", "Catalogue of government plans of Peru")
_SERVICE = ("Punto de consulta SPARQL, solo lectura", "SPARQL endpoint, read-only")
_PUBLISHER = ("Proyecto plan-de-gobierno", "The plan-de-gobierno project")
_KEYWORDS = (
    ("planes de gobierno", "government plans"),
    ("elecciones municipales", "municipal elections"),
    ("compromisos electorales", "election pledges"),
    ("gobierno local", "local government"),
    ("Perú", "Peru"),
)


@dataclass(frozen=True)
class File:
    """An export file: its path below the exports folder, IANA media type, EU file type, and title in both languages."""

    path: str
    media_type: str
    file_type: str
    es: str
    en: str


def _rdf(path: str, name: str, file_type: str, es: str, en: str) -> File:
    return File(path, BY_NAME[name].media_type, file_type, es, en)


_XML = "application/xml"
FILES = (
    _rdf(
        "graph.nq", "nquads", "RDF_N_QUADS", "Grafo completo con grafos nombrados, N-Quads", "Whole graph, named graphs, N-Quads"
    ),
    _rdf("graph.trig", "trig", "RDF_TRIG", "Grafo completo con grafos nombrados, TriG", "Whole graph, named graphs, TriG"),
    _rdf("graph.ttl", "turtle", "RDF_TURTLE", "Grafo completo, Turtle", "Whole graph, Turtle"),
    _rdf("graph.jsonld", "jsonld", "JSON_LD", "Grafo completo, JSON-LD", "Whole graph, JSON-LD"),
    _rdf("context.jsonld", "jsonld", "JSON_LD", "Contexto JSON-LD", "JSON-LD context"),
    File("graph.graphml", _XML, "XML", "Red completa, GraphML", "Whole network, GraphML"),
    File("graph.gexf", _XML, "XML", "Red completa para Gephi, GEXF", "Whole network for Gephi, GEXF"),
    *(File(f"csv/{t.name}.csv", "text/csv", "CSV", f"Tabla, CSV. {t.es}", f"Table, CSV. {t.en}") for t in TABLES),
    File(f"csv/{METADATA}", "application/json", "JSON", "Descripción de las tablas (CSVW)", "Description of the tables (CSVW)"),
)


def catalog_files(nquads: Path, folder: Path) -> dict[str, bytes]:
    """Return the catalogue as Turtle and JSON-LD, by file name.

    Raises:
        KgError: the graph or an export file cannot be read.
    """
    graph = catalog_graph(facts_of(nquads), version_of(nquads), folder)
    name = URIRef(BASE + "catalog")
    lines = [f"{line[:-1]}<{name}> ." for line in graph.serialize(format="nt", encoding="utf-8").decode().split("\n") if line]
    facts = Facts(lines, "catalog")
    context = {"@version": 1.1, **PREFIXES, **_MORE_PREFIXES}
    return {
        "catalog.ttl": turtle_text(lines, _MORE_PREFIXES).encode(),
        "catalog.jsonld": jsonld_text(facts, context).encode(),
    }


def catalog_graph(facts: Facts, version: str, folder: Path, base: str = BASE) -> Graph:
    """Describe the dataset, the export files in the folder, and the endpoint, all below the base address."""
    made = _Catalog(base, facts, version)
    made.describe()
    for file in FILES:
        if (folder / file.path).is_file():
            made.distribution(file, folder / file.path)
    return made.graph


class _Catalog:
    """Makes the catalogue's graph."""

    def __init__(self, base: str, facts: Facts, version: str):
        self.base, self.facts, self.version, self.graph = base, facts, version, Graph()
        self.catalog = URIRef(base + "catalog")
        self.dataset, self.service = self._part("dataset"), self._part("sparql")

    def _part(self, name: str) -> URIRef:
        return URIRef(f"{self.base}catalog#{name}")

    def _add(self, subject: URIRef, predicate: URIRef, *values: URIRef | Literal) -> None:
        for value in values:
            self.graph.add((subject, predicate, value))

    def _both(self, subject: URIRef, predicate: URIRef, texts: tuple[str, str]) -> None:
        self._add(subject, predicate, Literal(texts[0], lang="es"), Literal(texts[1], lang="en"))

    def _node(self, node: URIRef, *classes: URIRef) -> URIRef:
        self._add(node, RDF.type, *classes)
        return node

    def describe(self) -> None:
        """Describe catalogue, dataset and service."""
        catalog, dataset, service = self.catalog, self.dataset, self.service
        self._node(catalog, DCAT.Catalog)
        self._node(dataset, DCAT.Dataset)
        self._node(service, DCAT.DataService)
        for node, title in ((catalog, _CATALOG), (dataset, _TITLE), (service, _SERVICE)):
            self._both(node, DCTERMS.title, title)
            self._both(node, DCTERMS.description, _ABOUT)
            self._common(node)
        self._add(catalog, DCAT.dataset, dataset)
        self._add(catalog, DCAT.service, service)
        self._add(catalog, DCAT.themeTaxonomy, self._scheme())
        self._add(catalog, FOAF.homepage, self._node(URIRef(self.base), FOAF.Document))
        self._dataset()
        endpoint = self._node(URIRef(self.base + "sparql"), RDFS.Resource)  # DCAT-AP's shapes want the type said
        self._add(service, DCAT.endpointURL, endpoint)
        self._add(service, DCAT.endpointDescription, endpoint)
        self._add(service, DCAT.servesDataset, dataset)
        self._add(service, DCTERMS.conformsTo, self._node(SPARQL_PROTOCOL, DCTERMS.Standard))

    def _common(self, node: URIRef) -> None:
        """Say what catalogue, dataset and service share: publisher, contact, licence."""
        publisher, contact = self._part("publisher"), self._part("contact")
        self._both(self._node(publisher, FOAF.Agent), FOAF.name, _PUBLISHER)
        self._add(publisher, FOAF.homepage, URIRef(self.base))
        self._both(self._node(contact, VCARD.Kind, VCARD.Organization), VCARD.fn, _PUBLISHER)
        self._add(contact, VCARD.hasURL, URIRef(self.base))
        self._add(node, DCTERMS.publisher, publisher)
        self._add(node, DCAT.contactPoint, contact)
        self._add(node, DCTERMS.license, self._node(URIRef(LICENSE), DCTERMS.LicenseDocument))
        self._add(node, DCTERMS.language, self._node(LANGUAGE.SPA, DCTERMS.LinguisticSystem))
        reviewed = self._literals(PG.reviewDate)
        if reviewed:
            self._add(node, DCTERMS.modified, Literal(max(reviewed), datatype=XSD.date))

    def _dataset(self) -> None:
        dataset = self.dataset
        self._add(dataset, DCTERMS.identifier, Literal(str(dataset)))
        self._add(dataset, DCAT.version, Literal(self.version))
        for words in _KEYWORDS:
            self._both(dataset, DCAT.keyword, words)
        self._add(dataset, DCAT.theme, self._theme())
        self._add(dataset, DCAT.landingPage, URIRef(self.base))
        self._add(dataset, DCTERMS.spatial, self._node(PERU, DCTERMS.Location))
        self._both(PERU, SKOS.prefLabel, ("Perú", "Peru"))
        self._add(dataset, DCTERMS.accrualPeriodicity, self._node(IRREGULAR, DCTERMS.Frequency))
        self._add(dataset, DCTERMS.conformsTo, self._node(URIRef(str(PG).rstrip("#")), DCTERMS.Standard))
        starts, ends = self._literals(PG.periodStart), self._literals(PG.periodEnd)
        if starts and ends:
            period = self._node(self._part("period"), DCTERMS.PeriodOfTime)
            self._add(period, DCAT.startDate, Literal(min(starts), datatype=XSD.gYear))
            self._add(period, DCAT.endDate, Literal(max(ends), datatype=XSD.gYear))
            self._add(dataset, DCTERMS.temporal, period)

    def _literals(self, predicate: URIRef) -> list[str]:
        """Return the plans' values of a property."""
        return [v.value for p in self.facts.instances(PG.Plan) for v in self.facts.values(p, predicate) if isinstance(v, Text)]

    def _scheme(self) -> URIRef:
        self._both(self._node(THEMES, SKOS.ConceptScheme), DCTERMS.title, ("Temas de datos de la UE", "EU data themes"))
        return THEMES

    def _theme(self) -> URIRef:
        theme = self._node(URIRef(f"{THEMES}/GOVE"), SKOS.Concept)
        self._both(theme, SKOS.prefLabel, ("Gobierno y sector público", "Government and public sector"))
        self._add(theme, SKOS.inScheme, THEMES)
        return theme

    def distribution(self, file: File, path: Path) -> None:
        """Describe one export file by what it holds: its size and its checksum."""
        node = self._node(self._part(file.path), DCAT.Distribution)
        data = path.read_bytes()
        address = URIRef(f"{self.base}dumps/{quote(file.path)}")
        self._add(self.dataset, DCAT.distribution, node)
        self._both(node, DCTERMS.title, (file.es, file.en))
        self._add(node, DCAT.accessURL, address)
        self._add(node, DCAT.downloadURL, address)
        self._add(node, DCAT.accessService, self.service)
        self._add(node, DCTERMS.license, URIRef(LICENSE))
        self._add(node, DCAT.mediaType, self._node(IANA[file.media_type], DCTERMS.MediaType))
        self._add(node, DCTERMS["format"], self._node(FILE_TYPE[file.file_type], DCTERMS.MediaTypeOrExtent))
        self._add(node, DCAT.byteSize, Literal(str(len(data)), datatype=XSD.nonNegativeInteger))
        checksum = self._node(URIRef(f"{node}-sha256"), SPDX.Checksum)
        algorithm = self._node(SPDX.checksumAlgorithm_sha256, SPDX.ChecksumAlgorithm)
        self._add(checksum, SPDX.algorithm, algorithm)
        self._add(checksum, SPDX.checksumValue, Literal(hashlib.sha256(data).hexdigest(), datatype=XSD.hexBinary))
        self._add(node, SPDX.checksum, checksum)
