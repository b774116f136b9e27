"""The shapes: each with a graph that conforms and one that does not, and what all of them have in common.

An example names the results that it expects in comment lines, one a result:

    # expects: sourceConstraintComponent=sh:MinCountConstraintComponent path=pg:text focus=<…> shape=shapes:Statement-text-…

`path` is left out where the result has none, and `value` is given where the shape is written in SPARQL, whose results
name what is wrong there. IRIs in angle brackets are relative to the @base of the examples.
"""

from __future__ import annotations

import re
from collections import Counter
from functools import cache
from pathlib import Path
from urllib.parse import urljoin

import pyshacl
import pytest
from rdflib import Graph, Literal, URIRef
from rdflib.namespace import OWL, RDF, RDFS, SH
from rdflib.term import BNode, Node

ROOT = Path(__file__).parent.parent
SHAPES = ROOT / "shapes"
EXAMPLES = Path(__file__).parent / "shapes"
COMMON = SHAPES / "shapes.ttl"
NAMES = sorted(path.stem for path in SHAPES.glob("*.ttl") if path != COMMON)

BASE = "https://w3id.org/plan-de-gobierno/id/"
PG = "https://w3id.org/plan-de-gobierno/ontology#"
SHAPE = "https://w3id.org/plan-de-gobierno/shapes#"
GRAPH_OF = URIRef(SHAPE + "graph")
RECORD_GRAPHS = {"plan", "findings", "territories", "actors", "issues"}
SEVERITIES = {SH.Violation, SH.Warning, SH.Info}

# Classes of the ontology that need no shape, with the reason. Abstract classes are never stated and so not asked for.
EXEMPT: dict[str, str] = {}

# The parameters of constraints that the shapes use; a constraint of another kind goes here with its first use.
CONSTRAINTS = {
    SH["class"],
    SH["not"],
    SH.datatype,
    SH.pattern,
    SH.qualifiedMinCount,
    SH.qualifiedMaxCount,
    SH.sparql,
    SH.uniqueLang,
}
CONSTRAINTS |= {SH[f"{end}{what}"] for end in ("min", "max") for what in ("Count", "Inclusive", "Exclusive", "Length")}
BESIDE = {
    RDF.type,
    RDFS.label,
    GRAPH_OF,
    SH.message,
    SH.name,
    SH.path,
    SH.property,
    SH.qualifiedValueShape,
    SH.severity,
    SH.targetClass,
}

Result = tuple[str, str, str, str, str]


@cache
def _shapes(*names: str) -> Graph:
    graph = Graph().parse(COMMON)
    for name in names:
        graph.parse(SHAPES / f"{name}.ttl")
    return graph


@cache
def _ontology() -> Graph:
    return Graph().parse(ROOT / "ontology" / "plan-de-gobierno.ttl")


def _property_shapes() -> list[URIRef]:
    return sorted(URIRef(str(s)) for s in _shapes(*NAMES).subjects(RDF.type, SH.PropertyShape))


def _node_shapes() -> list[URIRef]:
    return sorted(URIRef(str(s)) for s in _shapes(*NAMES).subjects(SH.targetClass))


def _speaking_shapes() -> list[URIRef]:
    """Return the shapes that results come from: property shapes, and node shapes with a constraint of their own."""
    shapes = _shapes(*NAMES)
    return _property_shapes() + [s for s in _node_shapes() if set(shapes.predicates(s)) & {SH.pattern, SH.sparql}]


def _short(iri: object) -> str:
    return str(iri).rsplit("#", 1)[-1]


def _results(data: Graph, shapes: Graph) -> Counter[Result]:
    _, report, _ = pyshacl.validate(data, shacl_graph=shapes, inplace=True)
    found: Counter[Result] = Counter()
    for result in report.subjects(RDF.type, SH.ValidationResult):

        def value(term: URIRef, result: Node = result) -> str:
            return str(report.value(result, term) or "")

        component = value(SH.sourceConstraintComponent)
        named = value(SH.value) if component == str(SH.SPARQLConstraintComponent) else ""
        found[component, value(SH.resultPath), value(SH.focusNode), value(SH.sourceShape), named] += 1
    return found


def _expected(example: Path, data: Graph) -> Counter[Result]:
    prefixes = {prefix: str(base) for prefix, base in data.namespaces()} | {"sh": str(SH), "shapes": SHAPE}

    def full(name: str) -> str:
        if name.startswith("<"):
            return urljoin(BASE, name.strip("<>"))
        prefix, _, local = name.partition(":")
        return prefixes[prefix] + local if name else ""

    found: Counter[Result] = Counter()
    for line in re.findall(r"^# expects: (.*)$", example.read_text(encoding="utf-8"), flags=re.M):
        given = dict(part.split("=", 1) for part in line.split())
        assert set(given) <= {"sourceConstraintComponent", "path", "focus", "shape", "value"}, line
        keys = ("sourceConstraintComponent", "path", "focus", "shape", "value")
        component, path, focus, shape, value = (full(given.get(key, "")) for key in keys)
        found[component, path, focus, shape, value] += 1
    return found


def _told(results: Counter[Result]) -> list[str]:
    names = ("sourceConstraintComponent", "path", "focus", "shape", "value")
    return sorted(" ".join(f"{n}={v}" for n, v in zip(names, result, strict=True) if v) for result in results.elements())


# --------------------------------------------------------------------------------------------- examples


def test_each_file_of_shapes_has_both_examples() -> None:
    wanted = {f"{name}.{kind}.ttl" for name in NAMES for kind in ("valid", "invalid")}
    assert {path.name for path in EXAMPLES.iterdir()} == wanted


@pytest.mark.parametrize("kind", ["valid", "invalid"])
@pytest.mark.parametrize("name", NAMES)
def test_example_gives_the_expected_results(name: str, kind: str) -> None:
    example = EXAMPLES / f"{name}.{kind}.ttl"
    data = Graph().parse(example)
    expected = _expected(example, data)
    assert bool(expected) is (kind == "invalid")
    assert _told(_results(data, _shapes(name))) == _told(expected)


def test_a_whole_plan_conforms_to_all_shapes_for_plans() -> None:
    names = [name for name in NAMES if Literal("plan") in set(_shapes(name).objects(None, GRAPH_OF))]
    results = _results(Graph().parse(EXAMPLES / "statement.valid.ttl"), _shapes(*names))
    assert _told(results) == []


@pytest.mark.parametrize("shape", _speaking_shapes(), ids=_short)
def test_shape_has_an_example_that_breaks_it(shape: URIRef) -> None:
    assert set(_shapes(*NAMES).predicates(shape)) <= CONSTRAINTS | BESIDE
    broken = {_short(component) for component, _, _, source, _ in _all_expected() if source == str(shape)}
    assert broken >= _components(shape)


@cache
def _all_expected() -> Counter[Result]:
    found: Counter[Result] = Counter()
    for name in NAMES:
        example = EXAMPLES / f"{name}.invalid.ttl"
        found += _expected(example, Graph().parse(example))
    return found


def _components(shape: URIRef) -> set[str]:
    """Name the constraint components of a shape, as results name them."""
    names = {_short(term) for term in _shapes(*NAMES).predicates(shape) if term in CONSTRAINTS} - {"sparql"}
    named = {f"{name[0].upper()}{name[1:]}ConstraintComponent" for name in names}
    return named | {"SPARQLConstraintComponent" for _ in _shapes(*NAMES).objects(shape, SH.sparql)}


# --------------------------------------------------------------------------------------------- what all shapes share


def test_every_class_has_a_shape() -> None:
    ontology = _ontology()
    classes = {str(c) for c in ontology.subjects(RDF.type, OWL.Class) if str(c).startswith(PG)}
    abstract = {str(c) for c in ontology.subjects(URIRef(PG + "abstract"), Literal(True))}
    targets = {str(c) for c in _shapes(*NAMES).objects(None, SH.targetClass)}
    assert {_short(c) for c in classes - abstract - targets} == set(EXEMPT)


@pytest.mark.parametrize("shape", _speaking_shapes(), ids=_short)
def test_shape_speaks_both_languages_and_has_a_severity(shape: URIRef) -> None:
    shapes = _shapes(*NAMES)
    severities = list(shapes.objects(shape, SH.severity))
    assert len(severities) == 1
    assert severities[0] in SEVERITIES
    name = SH.name if (shape, RDF.type, SH.PropertyShape) in shapes else RDFS.label
    for term in (name, SH.message):
        assert sorted(str(o.language) for o in shapes.objects(shape, term) if isinstance(o, Literal)) == ["en", "es"], term
    for message in shapes.objects(shape, SH.message):
        assert re.search(r"[.:?] \S.*\.$", str(message)), f"what is wrong, then what to do: {message}"


@pytest.mark.parametrize("path", sorted(SHAPES.glob("*.ttl")), ids=lambda path: path.stem)
def test_shapes_have_no_blank_nodes(path: Path) -> None:
    assert not [triple for triple in Graph().parse(path) if any(isinstance(term, BNode) for term in triple)]


def test_no_shape_is_declared_twice() -> None:
    subjects = Counter(str(s) for path in SHAPES.glob("*.ttl") for s in set(Graph().parse(path).subjects()))
    assert [s for s, times in subjects.items() if times > 1] == []


def test_every_property_shape_is_used() -> None:
    shapes = _shapes(*NAMES)
    assert set(_property_shapes()) == {URIRef(str(o)) for o in shapes.objects(None, SH.property)}


@pytest.mark.parametrize("name", NAMES)
def test_a_file_is_for_one_graph(name: str) -> None:
    own = Graph().parse(SHAPES / f"{name}.ttl")
    targeted = set(own.subjects(SH.targetClass))
    assert targeted == set(own.subjects(GRAPH_OF))
    graphs = {str(o) for o in own.objects(None, GRAPH_OF)}
    assert len(graphs) == 1
    assert graphs <= RECORD_GRAPHS


def test_all_terms_of_ours_are_in_the_ontology() -> None:
    shapes, ontology = _shapes(*NAMES), _ontology()
    known = {str(s) for s in ontology.subjects(RDFS.isDefinedBy)}
    named = {str(term) for triple in shapes for term in triple if str(term).startswith(PG) and isinstance(term, URIRef)}
    queried = {PG + local for query in shapes.objects(None, SH.select) for local in re.findall(r"\bpg:([\w-]+)", str(query))}
    assert (named | queried) - known == set()


@pytest.mark.parametrize("shape", _property_shapes(), ids=_short)
def test_shape_agrees_with_the_ontology(shape: URIRef) -> None:
    shapes, ontology = _shapes(*NAMES), _ontology()
    path = shapes.value(shape, SH.path)
    for datatype in shapes.objects(shape, SH.datatype):
        assert not str(path).startswith(PG) or (path, RDFS.range, datatype) in ontology
    scheme = ontology.value(path, URIRef(PG + "conceptScheme"))
    for pattern in shapes.objects(shape, SH.pattern):
        assert scheme is None or str(pattern).startswith("/id/" + str(scheme).rsplit("/", 1)[-1] + "/")
