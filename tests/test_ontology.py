"""The ontology: no inconsistency under OWL RL, no blank nodes, the contract's terms, versions and licence."""

from __future__ import annotations

from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import pytest
from rdflib import BNode, Graph, Literal, URIRef
from rdflib.namespace import DCTERMS, OWL, RDF, RDFS

from kg.graph import ontology_graph
from kg.namespaces import PG, shared_graph

CONTRACT = [
    "Plan",
    "Territory",
    "Department",
    "Province",
    "District",
    "PopulatedPlace",
    "PoliticalOrganization",
    "Party",
    "RegionalMovement",
    "LocalOrganization",
    "Alliance",
    "Candidate",
    "Institution",
    "FundingSource",
    "Issue",
    "Budget",
    "Partnership",
    "Figure",
    "Finding",
    "Statement",
    "Problem",
    "Objective",
    "Commitment",
    "Program",
    "Project",
    "Activity",
    "Proposal",
    "Target",
    "Priority",
    "Strength",
    "Opportunity",
    "Weakness",
    "Threat",
    "Vision",
    "Mission",
    "Principle",
    "Strategy",
    "Monitoring",
    "Diagnosis",
    "institutionKind",
    "forTerritory",
    "presentedBy",
    "candidate",
    "periodStart",
    "periodEnd",
    "statedIn",
    "text",
    "sourceLine",
    "sourcePage",
    "axis",
    "dimension",
    "issue",
    "addresses",
    "pursues",
    "partOf",
    "measures",
    "targetValue",
    "targetUnit",
    "targetDirection",
    "targetYear",
    "budget",
    "amount",
    "currency",
    "certain",
    "rawText",
    "fundedBy",
    "partner",
    "mentions",
    "acronym",
    "within",
    "ubigeo",
]


@pytest.fixture(scope="module")
def graph() -> Graph:
    return ontology_graph()


@pytest.mark.parametrize("term", CONTRACT)
def test_the_contracts_terms_are_there(graph, term):
    kinds = set(graph.objects(PG[term], RDF.type))
    assert kinds & {OWL.Class, OWL.ObjectProperty, OWL.DatatypeProperty}
    assert {o.language for o in graph.objects(PG[term], RDFS.label) if isinstance(o, Literal)} == {"es", "en"}


def test_no_blank_nodes_and_no_imports(graph):
    assert not [n for triple in graph for n in triple if isinstance(n, BNode)]
    assert (None, OWL.imports, None) not in graph


def test_version_and_licence(graph):
    ontology = URIRef(str(PG).rstrip("#"))
    assert str(graph.value(ontology, OWL.versionIRI)).startswith(f"{ontology}/")
    assert "publicdomain/zero" in str(graph.value(ontology, DCTERMS.license))


def closure(*graphs: Graph) -> list[str]:
    """Return what OWL RL reasoning finds inconsistent; in a process of its own, as owlrl changes how rdflib reads datatypes."""
    with ProcessPoolExecutor(max_workers=1) as pool:
        return pool.submit(_closure, list(graphs)).result()


def _closure(graphs: list[Graph]) -> list[str]:
    import owlrl

    merged = Graph()
    for graph in graphs:
        merged += graph
    owlrl.DeductiveClosure(owlrl.OWLRL_Semantics).expand(merged)
    return [str(o) for s, p, o in merged if str(p).endswith("/agents/agent-ont#error") or str(p).endswith("ErrorMessage")]


def test_owl_rl_finds_no_inconsistency(graph):
    assert closure(graph) == []


def test_owl_rl_would_find_one(graph):
    wrong = Graph()
    wrong.add((URIRef("https://example.org/x"), RDF.type, PG.Problem))
    wrong.add((URIRef("https://example.org/x"), RDF.type, PG.Institution))
    wrong.add((URIRef("https://example.org/x"), RDF.type, PG.Commitment))
    assert closure(graph, wrong) != []


def test_owl_rl_finds_nothing_wrong_in_a_plan_and_its_actors(graph, made):
    name, smallest = min(((n, g) for n, g in made[0].items() if "/plan/" in n), key=lambda item: len(item[1]))
    beside = [made[0][shared_graph(n)] for n in ("actors", "findings")]
    assert closure(graph, smallest, *beside) == [], name


def test_inverses_are_stated_on_both_sides(graph):
    for a, b in graph.subject_objects(OWL.inverseOf):
        assert (b, OWL.inverseOf, a) in graph, (a, b)


def test_licences_lie_where_they_are_said():
    root = Path(__file__).resolve().parent.parent
    assert "Apache License" in (root / "LICENSE").read_text(encoding="utf-8")
    assert "CC0" in (root / "ontology" / "LICENSE.md").read_text(encoding="utf-8")
    assert "CC BY 4.0" in (root / "plans" / "LICENSE.md").read_text(encoding="utf-8")
    assert "CC BY 4.0" in (root / "kg" / "data" / "LICENSE.md").read_text(encoding="utf-8")
