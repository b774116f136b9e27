"""The graph: the contract's terms, evidence on everything, no blank nodes, the same bytes twice."""

from __future__ import annotations

import dataclasses
from collections import Counter
from decimal import Decimal

import pytest
from rdflib import BNode, Literal, URIRef
from rdflib.namespace import RDF, RDFS, XSD

from kg.build import make_graphs, read_graphs, write_graph
from kg.findings import findings_of
from kg.gazetteer import load_gazetteer
from kg.graph import PlanGraph
from kg.issues import load_issues
from kg.namespaces import BASE, PG, PREFIXES, VOID, item_iri, plan_graph, plan_iri, shared_graph, shrink, thing_iri
from kg.ontology import load_ontology
from kg.records import Budget, Figure, Record, Statement, Target
from kg.store import current_store, open_store, query

PUNO = "puno-2019-2022"


def ask(built, text):
    header = "".join(f"PREFIX {p}: <{i}> " for p, i in PREFIXES.items())
    return query(open_store(current_store(built)), header + text).rows


def test_one_named_graph_a_plan_and_five_beside(made, records):
    names = set(made[0])
    assert {plan_graph(k) for k in records} <= names
    assert names - {plan_graph(k) for k in records} == {
        shared_graph(n) for n in ("ontology", "issues", "territories", "actors", "findings")
    }


def test_no_blank_nodes(made):
    for name, graph in made[0].items():
        assert not [n for triple in graph for n in triple if isinstance(n, BNode)], name


def test_two_builds_give_the_same_bytes(records, made, tmp_path):
    write_graph(made[0], tmp_path / "one.nq")
    write_graph(make_graphs(list(records.values()))[0], tmp_path / "two.nq")
    assert (tmp_path / "one.nq").read_bytes() == (tmp_path / "two.nq").read_bytes()


def test_a_written_graph_reads_back(made, tmp_path):
    write_graph(made[0], tmp_path / "graph.nq")
    again = read_graphs(tmp_path / "graph.nq")
    assert {n: len(g) for n, g in again.items()} == {n: len(g) for n, g in made[0].items()}


def test_every_term_that_is_used_is_declared(made):
    declared = set(made[0][shared_graph("ontology")].subjects())
    used = {p for g in made[0].values() for p in g.predicates() if str(p).startswith(str(PG))}
    used |= {o for g in made[0].values() for o in g.objects(None, RDF.type) if str(o).startswith(str(PG))}
    assert used <= declared


def test_every_statement_shows_document_line_and_quote(built, records):
    total = ask(built, "SELECT (COUNT(*) AS ?n) { ?s pg:statedIn ?p ; a pg:Statement }")[0][0]
    shown = ask(
        built,
        """SELECT (COUNT(DISTINCT ?s) AS ?n) { ?s a pg:Statement ; pg:statedIn ?p ; pg:sourceLine ?l ; pg:evidence ?e .
        ?e pg:evidenceLine ?l ; pg:quote ?q ; oa:hasSource ?d ; oa:hasSelector ?x . ?x oa:exact ?q . ?p pg:sourceDocument ?d .
        ?d pg:sha256 ?h }""",
    )[0][0]
    assert total == shown == sum(len(r.statements) for r in records.values())


def test_everything_has_a_label(built):
    assert (
        ask(
            built,
            """SELECT DISTINCT ?s { ?s a ?c FILTER(STRSTARTS(STR(?s), "https://w3id.org/plan-de-gobierno/id/"))
            MINUS { ?s rdfs:label ?l } MINUS { ?s a oa:TextQuoteSelector } MINUS { ?s a oa:FragmentSelector } }""",
        )
        == []
    )


def test_links_stay_inside_their_plan(built):
    links = "pg:addresses|pg:pursues|pg:partOf|pg:measures"
    assert ask(built, f"SELECT ?a {{ ?a {links} ?b ; pg:statedIn ?p . ?b pg:statedIn ?q FILTER(?p != ?q) }}") == []


def test_what_needs_an_issue_has_one(built):
    rows = ask(
        built,
        "SELECT ?s { VALUES ?c { pg:Problem pg:Objective pg:Commitment pg:Target } ?s a ?c MINUS { ?s pg:issue ?i } }",
    )
    assert rows == []


def test_superclasses_are_materialised(built):
    both = ask(built, "SELECT (COUNT(*) AS ?n) { ?s a pg:Project, pg:Commitment, pg:Statement }")[0][0]
    assert both == ask(built, "SELECT (COUNT(*) AS ?n) { ?s a pg:Project }")[0][0] > 0


def test_both_codes_of_a_territory_say_their_system(made):
    notations = set(made[0][shared_graph("territories")].objects(thing_iri("territory", "21")))
    assert Literal("21", datatype=PG.ubigeoINEI) in notations
    assert Literal("20", datatype=PG.ubigeoRENIEC) in notations
    assert Literal("PE-PUN", datatype=PG["iso3166-2"]) in notations


def test_within_is_materialised(built):
    rows = ask(built, f"SELECT ?t {{ <{BASE}id/territory/080105> pg:within ?t }}")
    assert {str(r[0]).rsplit("/", 1)[-1] for r in rows} == {"0801", "08"}


def test_what_is_above_a_concept_is_materialised(built):
    stated = ask(built, "SELECT ?a ?b { ?a skos:broaderTransitive ?b }")
    assert stated and Counter(stated) == Counter(ask(built, "SELECT DISTINCT ?a ?b { ?a skos:broader+ ?b }"))


def test_counts_are_what_a_query_counts(made, built):
    told = ask(built, "SELECT ?g ?c ?n { ?g a void:Dataset ; void:classPartition ?x . ?x void:class ?c ; void:entities ?n }")
    wanted = ask(
        built,
        f"""SELECT ?g ?c (COUNT(?s) AS ?n) {{ GRAPH ?g {{ ?s a ?c }}
        FILTER(CONTAINS(STR(?g), "/graph/plan/") && STRSTARTS(STR(?c), "{PG}") && ?c != pg:Count) }} GROUP BY ?g ?c""",
    )
    assert Counter(told) == Counter(wanted)
    assert {c for _, c, _ in told} >= {str(PG[c]) for c in ("Statement", "Commitment", "Project", "Budget", "Figure")}
    for name, graph in made[0].items():
        assert len(set(graph.objects(name, VOID.classPartition))) == len({c for g, c, _ in told if g == str(name)})


def test_a_budget_is_counted_for_each_statement_that_has_one(built):
    told = ask(
        built, "SELECT ?p ?n { ?g dcterms:subject ?p ; void:classPartition ?x . ?x void:class pg:Budget ; void:entities ?n }"
    )
    assert Counter(told) == Counter(
        ask(built, "SELECT ?p (COUNT(DISTINCT ?s) AS ?n) { ?s pg:budget ?b ; pg:statedIn ?p } GROUP BY ?p")
    )


def test_types_name_the_next_class_above(made):
    """Where a type lies above another one, single steps through the thing's own types lead there."""
    ontology = made[0][shared_graph("ontology")]
    for types in {frozenset(g.objects(s, RDF.type)) for g in made[0].values() for s in g.subjects(RDF.type, unique=True)}:
        above = {c: set(ontology.transitive_objects(c, RDFS.subClassOf)) - {c} for c in types}
        steps = {c: set(ontology.objects(c, RDFS.subClassOf)) for c in types}
        assert types & set().union(*above.values()) == types & set().union(*steps.values())


def test_the_budgets_of_the_plan_with_money(built):
    plan = plan_iri("san-sebastian-2007-2010")
    rows = ask(built, f"SELECT ?c ?a {{ ?s pg:statedIn <{plan}> ; pg:budget ?b . ?b pg:amount ?a ; pg:certain ?c }}")
    assert len(rows) == 41
    assert sum(Decimal(str(a)) for _, a in rows) == 19_776_000
    assert sum(not c for c, _ in rows) == 6


def test_shrink():
    assert shrink(str(PG.Problem)) == "pg:Problem"
    assert shrink(str(RDFS.label)) == "rdfs:label"
    assert shrink("https://example.org/x") == "https://example.org/x"


# ------------------------------------------------------------------ small records


def graph_of(record: Record):
    return PlanGraph(record, load_ontology(), load_issues(), load_gazetteer()).make()


def test_values_are_typed_by_the_ontology(records):
    puno = records[PUNO]
    target = Target("de 18 % a 12 %", Decimal(12), "%", "decrease", 2026, Decimal(18))
    statement = dataclasses.replace(puno.statements[0], target=target, budget=Budget("S/ 1", Decimal("1.00")), page=3)
    graph = graph_of(dataclasses.replace(puno, statements=(statement,)))
    node = item_iri(PUNO, statement.id)
    assert graph.value(node, PG.targetValue) == Literal("12.0", datatype=XSD.decimal)
    assert graph.value(node, PG.targetYear) == Literal("2026", datatype=XSD.gYear)
    assert graph.value(node, PG.sourcePage) == Literal("3", datatype=XSD.integer)
    assert graph.value(URIRef(f"{node}/budget"), PG.amount) == Literal("1.00", datatype=XSD.decimal)
    assert graph.value(plan_iri(PUNO), PG.periodStart) == Literal("2019", datatype=XSD.gYear)


def test_a_statement_that_a_page_cut_has_evidence_for_each_run(records):
    cut = next(s for r in records.values() for s in r.statements if len(s.parts) == 1)
    plan = next(k for k, r in records.items() if cut in r.statements)
    graph = graph_of(records[plan])
    lines = sorted(int(str(graph.value(e, PG.evidenceLine))) for e in graph.objects(item_iri(plan, cut.id), PG.evidence))
    assert lines == [cut.line, cut.parts[0].line]


def one(record: Record, *statements: Statement, figures: tuple[Figure, ...] = ()) -> Record:
    return dataclasses.replace(record, statements=statements, figures=figures, findings=())


@pytest.fixture
def bare(records) -> Record:
    return records[PUNO]


def test_findings_by_rule(bare):
    doubtful = Statement("s1", "project", 1, "Un pozo", budget=Budget("S/.50.000.00", Decimal(50000), certain=False))
    lax = Statement("s2", "target", 2, "Reducir al 100%.", target=Target("al 100%", Decimal(100), "%", "decrease"))
    again = [Statement(i, "problem", n, "Deficientes vías de comunicación terrestre.") for i, n in (("s3", 3), ("s4", 4))]
    shares = tuple(Figure(f"f{n}", n, r, "x", Decimal(r), "%") for n, r in ((5, "40.63"), (6, "50.37"), (7, "100.00")))
    found = {f.id: f for f in findings_of(one(bare, doubtful, lax, *again, figures=shares))}
    assert {"amount-s1", "target-s2", "repeats-s4", "shares-f7", "no-candidate"} <= set(found)
    assert "91.00" in found["shares-f7"].es
    assert found["repeats-s4"].lines == (3, 4)


def test_shares_that_add_up_are_no_finding(bare):
    shares = tuple(Figure(f"f{n}", n, r, "x", Decimal(r), "%") for n, r in ((5, "49.63"), (6, "50.37"), (7, "100.00")))
    assert not [f for f in findings_of(one(bare, figures=shares)) if f.kind == "arithmetic"]


def test_a_plan_without_organization_says_so(records):
    assert records["pativilca-2019-2022"].organization is None
    assert any(f.kind == "missing-metadata" for f in findings_of(records["pativilca-2019-2022"]))
