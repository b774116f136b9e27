"""SHACL validation: every plan against the shapes, the results as values, as readable text and as RDF.

A violation is an error of ours. What is odd in a plan itself is a finding (`kg.findings`), not a violation.
"""

from __future__ import annotations

import signal
from collections.abc import Iterable, Mapping
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import cache
from itertools import groupby
from pathlib import Path

from pyshacl import validate
from rdflib import BNode, Graph, Literal, URIRef
from rdflib.namespace import RDF, RDFS
from rdflib.term import Node

from kg.errors import KgError
from kg.namespaces import BASE, SH, shrink
from kg.ontology import parse_turtle
from kg.paths import SHAPES, shown

SEVERITIES = {SH.Violation: "violation", SH.Warning: "warning", SH.Info: "info"}
_SPANISH = {"violation": "VIOLACIÓN", "warning": "AVISO", "info": "NOTA"}
Told = dict[Node, list[tuple[Node, Node]]]
_TARGETS = (SH.targetClass, SH.targetNode, SH.targetSubjectsOf, SH.targetObjectsOf)
_REPORT = URIRef(BASE + "id/validation-report")


@dataclass(frozen=True, order=True)
class Result:
    """One validation result. `part` is the plan's key or the name of the shared graph; `label` is the focus node's."""

    part: str
    severity: str
    shape: str
    focus: str
    path: str
    value: str
    component: str
    message_es: str
    message_en: str
    label: str


@dataclass(frozen=True)
class Report:
    """All results, sorted. `checked` is the number of graphs that were validated."""

    results: tuple[Result, ...]
    checked: int

    def count(self, severity: str) -> int:
        """Number of results of a severity: violation, warning or info."""
        return sum(r.severity == severity for r in self.results)

    @property
    def conforms(self) -> bool:
        """True when nothing of ours is wrong."""
        return not self.count("violation")


@cache
def load_shapes(folder: Path = SHAPES) -> Graph:
    """Load every shape file into one graph.

    Raises:
        KgError: the folder has no shapes, or a file is not Turtle.
    """
    graph = Graph()
    paths = sorted(folder.glob("*.ttl"))
    if not paths:
        raise KgError(f"{shown(folder)}: no shapes (.ttl) in it")
    for path in paths:
        parse_turtle(path, graph)
    return _aim_properties(graph)


def _aim_properties(shapes: Graph) -> Graph:
    """Give each property shape the targets of its node shape, instead of a link from there: the same results, faster.

    pySHACL runs a linked property shape once for each node, a targeted one once for all (five to ten times as fast).
    """
    used_by_reference = set(shapes.objects(None, SH.node))
    for shape, prop in list(shapes.subject_objects(SH.property)):
        targets = [(p, o) for p in _TARGETS for o in shapes.objects(shape, p)]
        if targets and shape not in used_by_reference:
            shapes.remove((shape, SH.property, prop))
            for predicate, target in targets:
                shapes.add((prop, predicate, target))
    return shapes


def validate_graphs(parts: Mapping[str, Graph], context: Iterable[Graph], processes: int = 1) -> Report:
    """Validate each part by itself, with the types and labels of the things that it refers to.

    `processes` greater than 1 spreads the parts over as many processes, the largest first.
    """
    told = _types_and_labels(context)
    largest_first = sorted(parts, key=lambda name: -len(parts[name]))
    if processes > 1 and len(parts) > 1:
        load_shapes()  # before the processes start, so that a forked one has them already
        with ProcessPoolExecutor(max_workers=processes, initializer=_start, initargs=(parts, told)) as pool:
            found = list(pool.map(_validate_named, largest_first))
    else:
        found = [_validate_part(name, parts[name], told) for name in largest_first]
    return Report(tuple(sorted(r for results in found for r in results)), len(parts))


# What a validating process works on. Handed over once at its start: a forked process inherits it, nothing is copied.
_given: tuple[Mapping[str, Graph], Told] | None = None


def _start(parts: Mapping[str, Graph], told: Told) -> None:
    global _given  # noqa: PLW0603 - the process's own, set once before its first job
    _given = parts, told
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's


def _validate_named(name: str) -> list[Result]:
    assert _given is not None
    parts, told = _given
    return _validate_part(name, parts[name], told)


def _types_and_labels(graphs: Iterable[Graph]) -> Told:
    """Return what all graphs say of each thing's types and labels."""
    told: Told = {}
    for graph in graphs:
        for predicate in (RDF.type, RDFS.label):
            for subject, value in graph.subject_objects(predicate):
                told.setdefault(subject, []).append((predicate, value))
    return told


def _with_context(graph: Graph, told: Told) -> Graph:
    """Return the graph with the type and label triples of what it points at."""
    full = Graph()
    full += graph
    for node in {o for o in graph.objects() if isinstance(o, URIRef)}:
        for predicate, value in told.get(node, ()):
            full.add((node, predicate, value))
    return full


def _validate_part(name: str, graph: Graph, told: Told) -> list[Result]:
    """Validate one part; what is said of a node that only the context types belongs to another part."""
    full = _with_context(graph, told)
    _, report, _ = validate(full, shacl_graph=load_shapes(), inference="none", inplace=True, do_owl_imports=False)
    if not isinstance(report, Graph):
        raise KgError(f"{name}: the shapes could not be applied: {report}")
    own = {str(s) for s in graph.subjects()}
    results = [_result(name, node, report, full) for node in report.subjects(RDF.type, SH.ValidationResult)]
    return [r for r in results if r.focus in own]


def _result(part: str, node: Node, report: Graph, data: Graph) -> Result:
    def one(predicate: URIRef) -> str:
        value = next(iter(report.objects(node, predicate)), None)
        return "" if value is None or isinstance(value, BNode) else str(value)

    messages = _messages(node, report)
    focus = next(iter(report.objects(node, SH.focusNode)))
    labels = sorted((getattr(v, "language", None) != "es", str(v)) for v in data.objects(focus, RDFS.label))
    label = labels[0][1] if labels else ""
    return Result(
        part,
        SEVERITIES.get(URIRef(one(SH.resultSeverity)), "violation"),
        one(SH.sourceShape),
        str(focus),
        one(SH.resultPath),
        one(SH.value),
        one(SH.sourceConstraintComponent),
        messages.get("es", messages[""]),
        messages.get("en", messages[""]),
        label,
    )


def _messages(result: Node, report: Graph) -> dict[str, str]:
    """Return the messages of a result by language, "" for the first of any.

    They are taken from the shapes: pySHACL drops the language of messages that a SPARQL constraint gives.
    """
    found: dict[str, str] = {}
    sources = [*report.objects(result, SH.sourceConstraint), *report.objects(result, SH.sourceShape)]
    texts = [m for source in sources for m in load_shapes().objects(source, SH.message)]
    for message in (*texts, *report.objects(result, SH.resultMessage)):
        found.setdefault("", str(message))
        found.setdefault(getattr(message, "language", None) or "", str(message))
    return found or {"": ""}


def report_text(report: Report, limit: int = 20) -> str:
    """Return the report for people, in Spanish and English, grouped by plan and rule; at most `limit` results a rule."""
    lines = [
        f"Informe de validación / Validation report: {report.checked} grafos, "
        f"{report.count('violation')} violaciones, {report.count('warning')} avisos, {report.count('info')} notas"
    ]
    ordered = sorted(report.results, key=lambda r: (r.part, r.severity != "violation", r.severity, r.shape, r.focus))
    for part, of_part in groupby(ordered, key=lambda r: r.part):
        lines.append(f"\n{part}")
        for (severity, shape, es, en), group in groupby(of_part, key=lambda r: (r.severity, r.shape, r.message_es, r.message_en)):
            results = list(group)
            lines.append(f"  {_SPANISH[severity]} ({len(results)}): {es}")
            lines.append(f"    {en} [{shape.rsplit('#', 1)[-1]}]")
            lines += [f"    - {_focus_text(r)}" for r in results[:limit]]
            if len(results) > limit:
                lines.append(f"    … y {len(results) - limit} más / and {len(results) - limit} more")
    lines.append(
        "\nConforme." if report.conforms else "\nNo conforme: corrija las violaciones (son errores nuestros, no del plan)."
    )
    return "\n".join(lines)


def _focus_text(result: Result) -> str:
    name = result.focus.removeprefix(BASE + "id/")
    value = f" = {result.value[:80]}" if result.value else ""
    label = f" «{result.label}»" if result.label else ""
    return f"{name}{label}: {shrink(result.path) or 'nodo'}{value}"


def report_graph(report: Report) -> Graph:
    """Return the report in SHACL's own vocabulary, every node named, in a stable order."""
    graph = Graph()
    graph.bind("sh", SH)
    graph.add((_REPORT, RDF.type, SH.ValidationReport))
    graph.add((_REPORT, SH.conforms, Literal(report.conforms)))
    names = {name: severity for severity, name in SEVERITIES.items()}
    for number, result in enumerate(report.results, 1):
        node = URIRef(f"{_REPORT}/{number:06d}")
        graph.add((_REPORT, SH.result, node))
        graph.add((node, RDF.type, SH.ValidationResult))
        graph.add((node, SH.resultSeverity, names[result.severity]))
        graph.add((node, SH.focusNode, URIRef(result.focus)))
        for predicate, value in ((SH.sourceShape, result.shape), (SH.sourceConstraintComponent, result.component)):
            if value:
                graph.add((node, predicate, URIRef(value)))
        if result.path.startswith("http"):
            graph.add((node, SH.resultPath, URIRef(result.path)))
        if result.value:
            graph.add((node, SH.value, Literal(result.value)))
        graph.add((node, SH.resultMessage, Literal(result.message_es, lang="es")))
        graph.add((node, SH.resultMessage, Literal(result.message_en, lang="en")))
    return graph
