"""From a record to the graph of its plan. Simple record keys are mapped by what the ontology declares for them."""

from __future__ import annotations

from collections import Counter
from decimal import Decimal

from rdflib import Graph, Literal, URIRef
from rdflib.namespace import DCTERMS, PROV, RDF, RDFS, XSD

from kg.gazetteer import Gazetteer
from kg.graph.literals import both, decimal_literal, es, year_literal
from kg.issues import Issues
from kg.namespaces import OA, PG, RFC5147, VOID, count_iri, item_iri, plan_graph, plan_iri, thing_iri
from kg.ontology import Ontology
from kg.records import LINKS, Budget, Figure, Partner, Record, Review, Statement, Target
from kg.text import shorten

_SIMPLE = ("line", "page", "text", "clean", "axis", "row", "confidence", "rule")
_MONEY = {"PEN": "S/", "USD": "US$"}


class PlanGraph:
    """Makes the graph of one plan."""

    def __init__(self, record: Record, ontology: Ontology, issues: Issues, gazetteer: Gazetteer):
        self.record, self.ontology, self.issues, self.gazetteer = record, ontology, issues, gazetteer
        self.graph = Graph()
        self.plan = plan_iri(record.plan)
        self.document = thing_iri("document", record.document.sha256)
        self._dimensions = {a.name: a.dimension for a in record.axes}

    def make(self) -> Graph:
        """Return the graph: plan, document, statements with their evidence, figures; and how many there are of each class."""
        self._plan()
        for statement in self.record.statements:
            self._statement(statement)
        for figure in self.record.figures:
            self._figure(figure)
        self._counts()
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
            self._add(plan, PG.presentedBy, thing_iri("organization", record.organization.key))
        if record.candidate:
            candidate = item_iri(record.plan, "candidate")
            self._typed(candidate, PG.Candidate)
            self._add(candidate, RDFS.label, es(record.candidate.raw.title()))
            self._add(plan, PG.candidate, candidate)
        self._review(plan, record.review, own=True)
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
        for key in LINKS:
            for other in getattr(statement, key):
                self._add(node, self.ontology.properties[key].iri, item_iri(self.record.plan, other))
        for issue in statement.issues:
            self._add(node, PG.issue, thing_iri("issue", issue))
        dimension = self._dimension(statement)
        if dimension:
            self._add(node, PG.dimension, thing_iri("dimension", dimension))
        self._review(node, self.record.review_of(statement), own=statement.review is not None)
        self._evidence(node, [(statement.line, statement.first_run), *((p.line, p.text) for p in statement.parts)])
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

    def _review(self, node: URIRef, review: Review, own: bool) -> None:
        """State how far the review has come; who and on which day only where it is the thing's own."""
        self._add(node, PG.reviewStatus, thing_iri("review-status", review.status))
        if own:
            self._keyed(node, "review.by", review.by)
            self._keyed(node, "review.date", review.date and review.date[:10])

    def _dimension(self, statement: Statement) -> str | None:
        """Return the JNE dimension: that of the plan's own axis, else that of the first issue."""
        declared = self._dimensions.get(statement.axis or "")
        return declared or (self.issues.issues[statement.issues[0]].dimension if statement.issues else None)

    def _evidence(self, node: URIRef, runs: list[tuple[int, str]]) -> None:
        """Say where the words stand: one piece of evidence for each run, with a selector of the quote and one of the line."""
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
            both(self.graph, exact, f"Cita en la línea {line}", f"Quote in line {line}")
            both(self.graph, position, f"Línea {line}", f"Line {line}")
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
        self._add(money, RDFS.label, es(f"{_MONEY.get(budget.currency, budget.currency)} {budget.amount:,.2f}"))
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
        self._evidence(node, [(figure.line, figure.raw)])
        for key in ("line", "raw", "subject", "value", "unit", "year"):
            self._keyed(node, f"figures.{key}", getattr(figure, key))
        self._keyed(node, "page", figure.page)

    # ------------------------------------------------------------------ how many there are

    def _counts(self) -> None:
        """Tell how many things of each class the graph describes, as VoID tells it of a data set."""
        graph = plan_graph(self.record.plan)
        counted = Counter(URIRef(str(cls)) for cls in self.graph.objects(None, RDF.type) if str(cls).startswith(str(PG)))
        self._add(graph, RDF.type, VOID.Dataset)
        both(
            self.graph,
            graph,
            self._plan_label("Grafo del plan de gobierno de"),
            self._plan_label("Graph of the government plan of"),
        )
        self._add(graph, DCTERMS.subject, self.plan)
        for cls, number in counted.items():
            self._count(graph, cls, number)

    def _count(self, graph: URIRef, cls: URIRef, number: int) -> None:
        node = count_iri(self.record.plan, cls)
        spanish, english = (self.ontology.label(cls, language) for language in ("es", "en"))
        self._typed(node, PG.Count)
        self._add(node, RDF.type, VOID.Dataset)
        both(self.graph, node, f"Cuenta de «{spanish}»: {number}", f"Count of “{english}”: {number}")
        self._add(node, VOID["class"], cls)
        self._add(node, VOID.entities, Literal(number, datatype=XSD.integer))
        self._add(graph, VOID.classPartition, node)
