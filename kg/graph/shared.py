"""The graphs beside the plans': ontology, issues, territories, actors, findings."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator

from rdflib import Graph, Literal, URIRef
from rdflib.namespace import RDF, RDFS, SKOS, XSD

from kg.findings import Finding
from kg.gazetteer import Gazetteer, Place, Territory, load_gazetteer
from kg.graph.literals import both, decimal_literal, en, es
from kg.issues import Issues, load_issues
from kg.namespaces import ID, PG, item_iri, plan_iri, shared_graph, thing_iri
from kg.ontology import ALIGNMENTS, CORE, VOCABULARIES, Ontology, load_ontology, parse_turtle
from kg.paths import ONTOLOGY
from kg.records import Funding, Mention, Partner, Record
from kg.registry import Institution, Registry, load_registry
from kg.text import shorten

_ORGANIZATION_CLASSES = {
    "party": PG.Party,
    "regional-movement": PG.RegionalMovement,
    "local-organization": PG.LocalOrganization,
    "alliance": PG.Alliance,
}
_TERRITORY_CLASSES = {"department": PG.Department, "province": PG.Province, "district": PG.District}


def ontology_graph() -> Graph:
    """Return ontology, vocabularies and alignments together."""
    graph = Graph()
    for name in (CORE, VOCABULARIES, ALIGNMENTS):
        parse_turtle(ONTOLOGY / name, graph)
    return graph


def issues_graph(issues: Issues) -> Graph:
    """Return the issues and the four dimensions as SKOS schemes."""
    graph = Graph()
    scheme, dimensions = ID["issue"], ID["dimension"]
    _scheme(graph, scheme, "Temas de los planes de gobierno", "Issues of government plans")
    _scheme(graph, dimensions, "Dimensiones del formato del JNE", "Dimensions of the JNE's format")
    for dimension in issues.dimensions.values():
        node = thing_iri("dimension", dimension.id)
        _concept(graph, node, dimensions, dimension.es, dimension.en, dimension.definition_es, dimension.definition_en)
    for issue in issues.issues.values():
        node = thing_iri("issue", issue.id)
        _concept(graph, node, scheme, issue.es, issue.en, issue.definition_es, issue.definition_en)
        if not issue.group:
            graph.add((node, RDF.type, PG.Issue))
        graph.add((node, PG.dimension, thing_iri("dimension", issue.dimension)))
        if issue.mef_function:
            graph.add((node, PG.mefFunction, Literal(issue.mef_function)))
        if issue.broader:
            graph.add((node, SKOS.broader, thing_iri("issue", issue.broader)))
            graph.add((thing_iri("issue", issue.broader), SKOS.narrower, node))
        else:
            graph.add((node, SKOS.topConceptOf, scheme))
            graph.add((scheme, SKOS.hasTopConcept, node))
        for word in issue.words:
            graph.add((node, PG.triggerWord, Literal(word)))
    _close_broader(graph)
    return graph


def _close_broader(graph: Graph) -> None:
    """Tie each concept to everything above it, so that queries need no path of unknown length."""
    for node, broader in list(graph.subject_objects(SKOS.broader)):
        for upper in graph.transitive_objects(broader, SKOS.broader):
            graph.add((node, SKOS.broaderTransitive, URIRef(str(upper))))


def _scheme(graph: Graph, node: URIRef, spanish: str, english: str) -> None:
    graph.add((node, RDF.type, SKOS.ConceptScheme))
    both(graph, node, spanish, english)


def _concept(graph: Graph, node: URIRef, scheme: URIRef, *texts: str) -> None:
    label_es, label_en, definition_es, definition_en = texts
    graph.add((node, RDF.type, SKOS.Concept))
    graph.add((node, SKOS.inScheme, scheme))
    both(graph, node, label_es, label_en)
    graph.add((node, SKOS.prefLabel, es(label_es)))
    graph.add((node, SKOS.prefLabel, en(label_en)))
    graph.add((node, SKOS.definition, es(definition_es)))
    graph.add((node, SKOS.definition, en(definition_en)))


def territories_graph(gazetteer: Gazetteer, ontology: Ontology) -> Graph:
    """Return all territories with both codes, each tied to everything above it, and the other named places."""
    graph = Graph()
    for territory in gazetteer.territories.values():
        _territory(graph, territory, gazetteer, ontology)
    for place in gazetteer.places.values():
        _place(graph, place, gazetteer, ontology)
    return graph


def _territory(graph: Graph, territory: Territory, gazetteer: Gazetteer, ontology: Ontology) -> None:
    node = thing_iri("territory", territory.inei)
    for cls in ontology.superclasses(_TERRITORY_CLASSES[territory.level]):
        graph.add((node, RDF.type, cls))
    graph.add((node, RDFS.label, es(territory.name)))
    for alias in territory.aliases:
        graph.add((node, SKOS.altLabel, es(alias)))
    graph.add((node, PG.ubigeo, Literal(territory.inei)))
    graph.add((node, SKOS.notation, Literal(territory.inei, datatype=PG.ubigeoINEI)))
    if territory.reniec:
        graph.add((node, SKOS.notation, Literal(territory.reniec, datatype=PG.ubigeoRENIEC)))
    if territory.iso3166_2:
        graph.add((node, SKOS.notation, Literal(territory.iso3166_2, datatype=PG["iso3166-2"])))
    if territory.capital:
        graph.add((node, PG.capital, Literal(territory.capital)))
    for predicate, value in ((PG.area, territory.area), (PG.latitude, territory.latitude), (PG.longitude, territory.longitude)):
        if value is not None:
            graph.add((node, predicate, decimal_literal(value)))
    if territory.altitude is not None:
        graph.add((node, PG.altitude, Literal(territory.altitude, datatype=XSD.integer)))
    for upper in gazetteer.ancestors(territory.inei):
        graph.add((node, PG.within, thing_iri("territory", upper.inei)))
    if territory.parent:
        graph.add((node, PG.directlyWithin, thing_iri("territory", territory.parent)))


def _place(graph: Graph, place: Place, gazetteer: Gazetteer, ontology: Ontology) -> None:
    node = thing_iri("place", place.id)
    populated = place.kind == "populated-place"
    for cls in ontology.superclasses(PG.PopulatedPlace if populated else PG.GeographicFeature):
        graph.add((node, RDF.type, cls))
    graph.add((node, RDFS.label, es(place.name)))
    graph.add((node, PG.placeKind, thing_iri("place-kind", place.kind)))
    for alias in place.aliases:
        graph.add((node, SKOS.altLabel, es(alias)))
    for code in place.within:
        graph.add((node, PG.locatedIn, thing_iri("territory", code)))
        if populated:
            if len(place.within) == 1:
                graph.add((node, PG.directlyWithin, thing_iri("territory", code)))
            for upper in (code, *(t.inei for t in gazetteer.ancestors(code))):
                graph.add((node, PG.within, thing_iri("territory", upper)))


def actors_graph(registry: Registry, records: Collection[Record]) -> Graph:
    """Return institutions (all listed ones, regional governments, and what the records name), funds and organizations.

    An organization that a record names and the registry does not know has a label and no kind: a check asks for it.
    """
    graph = Graph()
    scheme = ID["institution-kind"]
    _scheme(graph, scheme, "Clases de institución", "Kinds of institution")
    for kind in registry.kinds.values():
        _concept(graph, thing_iri("institution-kind", kind.id), scheme, kind.es, kind.en, kind.definition_es, kind.definition_en)
    named = {k for r in records for k in _institutions_named(r)}
    named |= registry.regional_governments
    wanted = {**registry.listed, **{k: i for k, i in registry.families.items() if k in named}}
    for institution in wanted.values():
        _institution(graph, registry.listed.get(institution.id, institution))
    for fund in registry.funds.values():
        node = thing_iri("fund", fund.id)
        graph.add((node, RDF.type, PG.FundingSource))
        both(graph, node, fund.name, fund.name_en)
        graph.add((node, SKOS.definition, es(fund.definition_es)))
        graph.add((node, SKOS.definition, en(fund.definition_en)))
        for alias in fund.aliases:
            graph.add((node, SKOS.altLabel, es(alias)))
        if fund.broader:
            graph.add((node, SKOS.broader, thing_iri("fund", fund.broader)))
        if fund.mef_rubro:
            graph.add((node, PG.mefRubro, Literal(fund.mef_rubro)))
    _close_broader(graph)
    for organization in registry.organizations.values():
        node = thing_iri("organization", organization.id)
        for cls in (_ORGANIZATION_CLASSES[organization.kind], PG.PoliticalOrganization):
            graph.add((node, RDF.type, cls))
        graph.add((node, RDFS.label, es(organization.name)))
        for alias in organization.aliases:
            graph.add((node, SKOS.altLabel, es(alias)))
        for short in organization.short:
            graph.add((node, PG.acronym, Literal(short)))
        if organization.jne_id:
            graph.add((node, PG.jneId, Literal(organization.jne_id)))
    for unknown in (r.organization for r in records if r.organization and r.organization.key not in registry.organizations):
        node = thing_iri("organization", unknown.key)
        graph.add((node, RDF.type, PG.PoliticalOrganization))
        if (node, RDFS.label, None) not in graph:
            graph.add((node, RDFS.label, es(unknown.raw)))
    return graph


def _institutions_named(record: Record) -> Iterator[str]:
    for statement in record.statements:
        ties: list[Partner | Mention | Funding] = [*statement.partners, *statement.mentions, *statement.funding]
        for tie in ties:
            if tie.institution:
                yield tie.institution


def _institution(graph: Graph, institution: Institution) -> None:
    node = thing_iri("institution", institution.id)
    graph.add((node, RDF.type, PG.Institution))
    both(graph, node, institution.name, institution.name_en)
    graph.add((node, PG.institutionKind, thing_iri("institution-kind", institution.kind)))
    if institution.acronym:
        graph.add((node, PG.acronym, Literal(institution.acronym)))
    for acronym in institution.acronyms:
        well_formed = re.fullmatch(r"[A-ZÁÉÍÓÚÑ0-9][\w&.-]*", acronym)
        graph.add((node, PG.acronym, Literal(acronym)) if well_formed else (node, SKOS.altLabel, es(acronym)))
    for alias in institution.aliases:
        graph.add((node, SKOS.altLabel, es(alias)))
    if institution.note:
        graph.add((node, SKOS.note, es(institution.note)))
    for code in institution.within or ([institution.territory] if institution.territory else []):
        graph.add((node, PG.locatedIn, thing_iri("territory", code)))


def findings_graph(findings: Iterable[Finding]) -> Graph:
    """Return what is odd in the plans themselves."""
    graph = Graph()
    for finding in findings:
        node = item_iri(finding.plan, f"finding/{finding.id}")
        graph.add((node, RDF.type, PG.Finding))
        graph.add((node, PG.inPlan, plan_iri(finding.plan)))
        graph.add((node, PG.findingKind, thing_iri("finding-kind", finding.kind)))
        both(graph, node, shorten(finding.es), shorten(finding.en))
        graph.add((node, PG.description, es(finding.es)))
        graph.add((node, PG.description, en(finding.en)))
        about = item_iri(finding.plan, finding.statement) if finding.statement else plan_iri(finding.plan)
        graph.add((node, PG.findingAbout, about))
        for line in finding.lines:
            graph.add((node, PG.findingLine, Literal(line, datatype=XSD.integer)))
    return graph


def shared_graphs(records: list[Record], findings: list[Finding]) -> dict[URIRef, Graph]:
    """Return the graphs beside the plans', by name: those of the declared data, and the findings."""
    registry, gazetteer, issues, ontology = load_registry(), load_gazetteer(), load_issues(), load_ontology()
    return {
        shared_graph("ontology"): ontology_graph(),
        shared_graph("issues"): issues_graph(issues),
        shared_graph("territories"): territories_graph(gazetteer, ontology),
        shared_graph("actors"): actors_graph(registry, records),
        shared_graph("findings"): findings_graph(findings),
    }
