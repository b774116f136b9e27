"""From records and declared data to RDF: one graph a plan, and graphs for ontology, issues, territories, actors and findings.

Every node has a name; there are no blank nodes. Simple record keys are mapped by what the ontology declares for them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from decimal import Decimal

from rdflib import Graph, Literal, URIRef
from rdflib.namespace import DCTERMS, PROV, RDF, RDFS, SKOS, XSD

from kg.findings import Finding
from kg.gazetteer import Gazetteer, Place, Territory, load_gazetteer
from kg.issues import Issues, load_issues
from kg.namespaces import OA, PG, RFC5147, item_iri, plan_iri, shared_graph, thing_iri
from kg.ontology import ALIGNMENTS, CORE, VOCABULARIES, Ontology, load_ontology, parse_turtle
from kg.paths import ONTOLOGY
from kg.records import Budget, Figure, Funding, Mention, Partner, Record, Statement, Target
from kg.registry import Institution, Registry, load_registry
from kg.text import shorten

_SIMPLE = ("line", "page", "text", "clean", "axis", "row", "confidence", "rule")
_LINKS = ("addresses", "pursues", "part_of", "measures")
_ORGANIZATION_CLASSES = {
    "party": PG.Party,
    "regional-movement": PG.RegionalMovement,
    "local-organization": PG.LocalOrganization,
    "alliance": PG.Alliance,
}
_TERRITORY_CLASSES = {"department": PG.Department, "province": PG.Province, "district": PG.District}


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


class PlanGraph:
    """Makes the graph of one plan."""

    def __init__(self, record: Record, ontology: Ontology, issues: Issues, gazetteer: Gazetteer):
        self.record, self.ontology, self.issues, self.gazetteer = record, ontology, issues, gazetteer
        self.graph = Graph()
        self.plan = plan_iri(record.plan)
        self.document = thing_iri("document", record.document.sha256)
        self._dimensions = {a.name: a.dimension for a in record.axes}

    def make(self) -> Graph:
        """Return the graph: plan, document, statements with their evidence, figures."""
        self._plan()
        for statement in self.record.statements:
            self._statement(statement)
        for figure in self.record.figures:
            self._figure(figure)
        return self.graph

    def _add(self, subject: URIRef, predicate: URIRef, value: URIRef | Literal | None) -> None:
        if value is not None:
            self.graph.add((subject, predicate, value))

    def _typed(self, subject: URIRef, cls: URIRef) -> None:
        for above in self.ontology.superclasses(cls):
            self._add(subject, RDF.type, above)

    def _value(self, key: str, value: object) -> Literal:
        """Make the literal that the ontology asks for a record key."""
        wanted = self.ontology.properties[key].range
        if wanted == RDF.langString:
            return Literal(str(value), lang=self.record.language)
        if wanted == XSD.gYear:
            return year_literal(int(str(value)))
        if isinstance(value, Decimal):
            return decimal_literal(value)
        if wanted == XSD.boolean:
            return Literal(value)
        return Literal(str(value), datatype=None if wanted == XSD.string else wanted)

    def _keyed(self, subject: URIRef, key: str, value: object) -> None:
        if value is not None and value != ():
            self._add(subject, self.ontology.properties[key].iri, self._value(key, value))

    # ------------------------------------------------------------------ the plan and its document

    def _plan(self) -> None:
        record, plan = self.record, self.plan
        self._typed(plan, PG.Plan)
        self._add(plan, RDF.type, PROV.Entity)
        both(self.graph, plan, self._plan_label("Plan de gobierno de"), self._plan_label("Government plan of"))
        self._add(plan, DCTERMS.title, Literal(record.title, lang=record.language))
        self._add(plan, DCTERMS.identifier, Literal(record.plan))
        self._add(plan, DCTERMS.language, Literal(record.language))
        self._add(plan, PG.level, thing_iri("plan-level", record.level))
        if record.territory:
            self._add(plan, PG.forTerritory, thing_iri("territory", record.territory))
        self._keyed(plan, "period.start", record.start)
        self._keyed(plan, "period.end", record.end)
        if record.organization:
            self._add(plan, PG.presentedBy, thing_iri("organization", record.organization.id or ""))
        if record.candidate:
            candidate = item_iri(record.plan, "candidate")
            self._typed(candidate, PG.Candidate)
            self._add(candidate, RDFS.label, es(record.candidate.raw.title()))
            self._add(plan, PG.candidate, candidate)
        self._add(plan, PG.reviewStatus, thing_iri("review-status", record.review.status))
        self._keyed(plan, "review.by", record.review.by)
        self._keyed(plan, "review.date", record.review.date)
        self._add(plan, PG.statementCount, Literal(len(record.statements), datatype=XSD.integer))
        self._source()

    def _plan_label(self, words: str) -> str:
        record = self.record
        place = self.gazetteer.territories[record.territory].name if record.territory else "Perú"
        period = "-".join(str(y) for y in (record.start, record.end) if y)
        return f"{words} {place} {period}".strip()

    def _source(self) -> None:
        source, document = self.record.document, self.document
        self._typed(document, PG.PlanDocument)
        self._add(document, RDF.type, PROV.Entity)
        both(self.graph, document, f"Documento {source.file}", f"Document {source.file}")
        self._keyed(document, "document.sha256", source.sha256)
        self._keyed(document, "document.file", source.file)
        self._keyed(document, "document.lines", source.lines)
        self._add(document, DCTERMS["format"], Literal(source.media_type))
        if source.url:
            self._add(document, DCTERMS.source, URIRef(source.url))
        self._add(self.plan, PG.sourceDocument, document)
        self._add(self.plan, PROV.wasDerivedFrom, document)

    # ------------------------------------------------------------------ statements

    def _statement(self, statement: Statement) -> None:
        node = item_iri(self.record.plan, statement.id)
        self._typed(node, self.ontology.statement_types[statement.type])
        self._add(node, RDFS.label, es(shorten(statement.clean or statement.text)))
        self._add(node, PG.statedIn, self.plan)
        for key in _SIMPLE:
            self._keyed(node, key, getattr(statement, key))
        if statement.section:
            self._keyed(node, "section", " › ".join(statement.section))
        for key in _LINKS:
            for other in getattr(statement, key):
                self._add(node, self.ontology.properties[key].iri, item_iri(self.record.plan, other))
        for issue in statement.issues:
            self._add(node, PG.issue, thing_iri("issue", issue))
        dimension = self._dimension(statement)
        if dimension:
            self._add(node, PG.dimension, thing_iri("dimension", dimension))
        self._add(node, PG.reviewStatus, thing_iri("review-status", statement.review or self.record.review.status))
        self._evidence(node, statement)
        if statement.target:
            self._target(node, statement.target)
        if statement.budget:
            self._budget(node, statement.budget)
        for funding in statement.funding:
            source = thing_iri("fund", funding.fund) if funding.fund else thing_iri("institution", funding.institution or "")
            self._add(node, PG.fundedBy, source)
        for partner in statement.partners:
            self._partnership(node, partner)
        for mention in statement.mentions:
            for kind in ("institution", "territory", "place"):
                if key := getattr(mention, kind):
                    self._add(node, PG.mentions, thing_iri(kind, key))

    def _dimension(self, statement: Statement) -> str | None:
        """Return the JNE dimension: that of the plan's own axis, else that of the first issue."""
        declared = self._dimensions.get(statement.axis or "")
        return declared or (self.issues.issues[statement.issues[0]].dimension if statement.issues else None)

    def _evidence(self, node: URIRef, statement: Statement) -> None:
        runs = [(statement.line, statement.first_run), *((p.line, p.text) for p in statement.parts)]
        self._add(node, PROV.wasQuotedFrom, self.document)
        for number, (line, quote) in enumerate(runs, 1):
            evidence = URIRef(f"{node}/evidence" + (f"/{number}" if number > 1 else ""))
            exact, position = URIRef(f"{evidence}/quote"), URIRef(f"{evidence}/line")
            self._typed(evidence, PG.Evidence)
            self._add(evidence, RDF.type, OA.SpecificResource)
            both(self.graph, evidence, f"Cita de la línea {line}", f"Quote from line {line}")
            self._add(evidence, PG.evidenceLine, Literal(line, datatype=XSD.integer))
            self._add(evidence, PG.quote, Literal(quote))
            self._add(evidence, OA.hasSource, self.document)
            self._add(evidence, OA.hasSelector, exact)
            self._add(evidence, OA.hasSelector, position)
            self._add(exact, RDF.type, OA.TextQuoteSelector)
            self._add(exact, OA.exact, Literal(quote))
            self._add(position, RDF.type, OA.FragmentSelector)
            self._add(position, RDF.value, Literal(f"line={line - 1},{line}"))
            self._add(position, DCTERMS.conformsTo, RFC5147)
            self._add(node, PG.evidence, evidence)

    def _target(self, node: URIRef, target: Target) -> None:
        for key in ("raw", "value", "unit", "direction", "year", "baseline"):
            self._keyed(node, f"target.{key}", getattr(target, key))

    def _budget(self, node: URIRef, budget: Budget) -> None:
        money = URIRef(f"{node}/budget")
        self._typed(money, PG.Budget)
        self._add(money, RDFS.label, es(f"{budget.currency} {budget.amount:,.2f}".replace(",", " ").replace(".", ",")))
        for key in ("raw", "amount", "currency", "certain"):
            self._keyed(money, f"budget.{key}", getattr(budget, key))
        for reading in budget.readings:
            self._keyed(money, "budget.readings", reading)
        self._add(node, PG.budget, money)

    def _partnership(self, node: URIRef, partner: Partner) -> None:
        institution = thing_iri("institution", partner.institution)
        tie = URIRef(f"{node}/partner/{partner.institution}")
        self._typed(tie, PG.Partnership)
        both(self.graph, tie, f"Participación de «{partner.raw}»", f"Participation of “{partner.raw}”")
        self._add(tie, PG.partnershipInstitution, institution)
        self._add(tie, PG.partnershipOf, node)
        self._add(tie, PG.partnershipRole, thing_iri("partnership-role", partner.role))
        if partner.instrument:
            self._add(tie, PG.instrument, thing_iri("instrument", partner.instrument))
        self._keyed(tie, "partners.raw", partner.raw)
        self._add(node, PG.partnership, tie)
        self._add(node, PG.partner, institution)

    def _figure(self, figure: Figure) -> None:
        node = item_iri(self.record.plan, figure.id)
        self._typed(node, PG.Figure)
        self._add(node, RDFS.label, es(shorten(f"{figure.subject}: {figure.raw}")))
        self._add(node, PG.statedIn, self.plan)
        self._add(node, PROV.wasQuotedFrom, self.document)
        for key in ("line", "raw", "subject", "value", "unit", "year"):
            self._keyed(node, f"figures.{key}", getattr(figure, key))
        self._keyed(node, "page", figure.page)


# ------------------------------------------------------------------------------------- the graphs beside the plans


def ontology_graph() -> Graph:
    """Return ontology, vocabularies and alignments together."""
    graph = Graph()
    for name in (CORE, VOCABULARIES, ALIGNMENTS):
        parse_turtle(ONTOLOGY / name, graph)
    return graph


def issues_graph(issues: Issues) -> Graph:
    """Return the issues and the four dimensions as SKOS schemes."""
    graph = Graph()
    scheme, dimensions = thing_iri("scheme", "issue"), thing_iri("scheme", "dimension")
    _scheme(graph, scheme, "Temas de los planes de gobierno", "Issues of government plans")
    _scheme(graph, dimensions, "Dimensiones del formato del JNE", "Dimensions of the JNE's format")
    for dimension in issues.dimensions.values():
        node = thing_iri("dimension", dimension.id)
        _concept(graph, node, dimensions, dimension.es, dimension.en, dimension.definition_es, dimension.definition_en)
    for issue in issues.issues.values():
        node = thing_iri("issue", issue.id)
        _concept(graph, node, scheme, issue.es, issue.en, issue.definition_es, issue.definition_en)
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
    return graph


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


def actors_graph(registry: Registry, records: Iterable[Record]) -> Graph:
    """Return institutions (all listed ones, regional governments, and what the records name), funds and organizations."""
    graph = Graph()
    scheme = thing_iri("scheme", "institution-kind")
    _scheme(graph, scheme, "Clases de institución", "Kinds of institution")
    for kind in registry.kinds.values():
        _concept(graph, thing_iri("institution-kind", kind.id), scheme, kind.es, kind.en, kind.definition_es, kind.definition_en)
    named = {k for r in records for k in _institutions_named(r)}
    wanted = {**registry.listed, **{k: i for k, i in registry.families.items() if k in named or i.kind == "regional-government"}}
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
    for acronym in filter(None, (institution.acronym, *institution.acronyms)):
        graph.add((node, PG.acronym, Literal(acronym)))
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


def nquads_lines(name: URIRef, graph: Graph) -> list[str]:
    """Return a graph's quads as sorted N-Quads lines, without line ends."""
    text = graph.serialize(format="nt", encoding="utf-8").decode()
    return sorted({f"{line[:-2]} <{name}> ." for line in text.split("\n") if line})
