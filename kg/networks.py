"""The graph as networks: whole, plan–institution and plan–issue.

Beside the pictures the only importer of networkx. A network is written so that Gephi, Cytoscape and networkx read it whole:
attributes are text, numbers or booleans, none is missing-but-named, and none takes a name that a format keeps for itself.
"""

from __future__ import annotations

import io
import re
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TypeAlias, cast

import networkx as nx
from rdflib import URIRef
from rdflib.namespace import OWL, RDF, RDFS, SKOS, XSD

from kg.facts import Facts, Text, key_of, natural_key
from kg.files import write_whole
from kg.namespaces import PG
from kg.ontology import load_ontology
from kg.text import slug

Network: TypeAlias = "nx.DiGraph[str]"  # a MultiDiGraph is one too
Scalar = str | int | float | bool

_NOT_XML = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_GEXF_DATE = re.compile(rb' lastmodifieddate="[^"]*"')
LIST = "; "

# Kind of node → the classes whose members it holds, and its colour (after Okabe and Ito: safe for the colour-blind). A thing is
# of the first kind that fits. Territories are taken where something refers to them, everything else is taken whole.
KINDS: dict[str, tuple[tuple[URIRef, ...], str]] = {
    "plan": ((PG.Plan,), "#000000"),
    "statement": ((PG.Statement,), "#56B4E9"),
    "figure": ((PG.Figure,), "#BBBBBB"),
    "finding": ((PG.Finding,), "#D55E00"),
    "budget": ((PG.Budget,), "#F0E442"),
    "candidate": ((PG.Candidate,), "#444444"),
    "institution": ((PG.Institution,), "#E69F00"),
    "organization": ((PG.PoliticalOrganization,), "#CC79A7"),
    "fund": ((PG.FundingSource,), "#B8860B"),
    "issue": ((PG.Issue,), "#009E73"),
    "place": ((PG.PopulatedPlace, PG.GeographicFeature), "#88CCEE"),
    "territory": ((PG.Territory,), "#0072B2"),
}
_BORROWED = {str(SKOS.broader): "más general", str(SKOS.narrower): "más específico"}
_NAMES = {"sourceLine": "line", "sourcePage": "page"}


# ------------------------------------------------------------------------------------- the whole graph


def whole_graph(facts: Facts) -> Network:
    """Return every thing as a node and every property between two of them as an edge.

    Nodes are keyed by address below `…/id/`; edges `e1`, `e2` …, and carry `property` (name) and `label` (Spanish).
    """
    kinds = _kinds(facts)
    graph: nx.MultiDiGraph[str] = nx.MultiDiGraph(name="Planes de gobierno del Perú")
    for iri in sorted(kinds, key=natural_key):
        graph.add_node(key_of(iri), **_node(facts, iri, kinds[iri]))
    for number, (subject, predicate, target) in enumerate(_ties(facts, kinds), 1):
        graph.add_edge(key_of(subject), key_of(target), f"e{number}", **_edge(facts, subject, predicate, target))
    return graph


def _kinds(facts: Facts) -> dict[str, str]:
    """Sort the things into kinds."""
    kinds: dict[str, str] = {}
    for kind, (classes, _) in KINDS.items():
        for cls in classes:
            for iri in facts.instances(cls):
                kinds.setdefault(iri, kind)
    used = {t for s, k in kinds.items() if k != "territory" for values in facts.about[s].values() for t in values}
    used |= {upper for t in used if isinstance(t, str) for upper in facts.links(t, PG.within)}
    return {iri: kind for iri, kind in kinds.items() if kind != "territory" or iri in used}


def _ties(facts: Facts, kinds: dict[str, str]) -> Iterator[tuple[str, str, str]]:
    for subject in sorted(kinds, key=natural_key):
        for predicate in facts.about[subject]:
            for target in facts.links(subject, predicate):
                if target in kinds:
                    yield subject, predicate, target


def _node(facts: Facts, iri: str, kind: str) -> dict[str, Scalar]:
    """Return a node's attributes: those that all have, then the thing's own literals and concepts by their property's name."""
    ontology = load_ontology()
    classes = [URIRef(c) for c in facts.links(iri, str(RDF.type)) if c.startswith(str(PG))]
    specific = [c for c in classes if not any(c in ontology.superclasses(d)[1:] for d in classes if d != c)]
    found: dict[str, Any] = {
        "label": facts.label(iri),
        "kind": kind,
        "class": LIST.join(sorted(ontology.label(c) for c in specific)),
        "iri": iri,
        "color": KINDS[kind][1],
        "plan": plan_of(iri),
    }
    for predicate in facts.about[iri]:
        if predicate.startswith(str(PG)):
            name = predicate.removeprefix(str(PG))
            found[_NAMES.get(name, name)] = _attribute(facts, iri, predicate)
    if kind == "budget":
        for statement in facts.sources(iri, PG.budget):
            found["text"] = facts.text(statement, PG.text)
            found["line"] = _attribute(facts, statement, str(PG.sourceLine))
    return _clean(found)


def _attribute(facts: Facts, iri: str, predicate: str) -> Scalar | None:
    """Return a property's value: typed where the ontology allows one value only, else as a list in one text."""
    values = facts.values(iri, predicate)
    concepts = [facts.label(v) for v in values if isinstance(v, str) and str(SKOS.Concept) in facts.links(v, str(RDF.type))]
    texts = [v for v in values if isinstance(v, Text)]
    spanish = [t for t in texts if t.language == "es"] or texts
    listed = [*concepts, *(t.value for t in spanish)]
    graph = load_ontology().graph
    if len(listed) == 1 and (URIRef(predicate), RDF.type, OWL.FunctionalProperty) in graph:
        return _typed(listed[0], graph.value(URIRef(predicate), RDFS.range))
    return LIST.join(listed) or None


def _typed(text: str, wanted: object) -> Scalar:
    if wanted == XSD.decimal:
        return float(text)
    if wanted in (XSD.integer, XSD.gYear):
        return int(text)
    return text == "true" if wanted == XSD.boolean else text


def _edge(facts: Facts, subject: str, predicate: str, target: str) -> dict[str, Scalar]:
    found: dict[str, Any] = {"property": re.split(r"[/#]", predicate)[-1], "label": relation(predicate), "weight": 1}
    if predicate == str(PG.partner):
        for tie in partnerships(facts, subject, target):
            found["role"] = LIST.join(facts.label(r) for r in facts.links(tie, PG.partnershipRole))
            found["instrument"] = LIST.join(facts.label(i) for i in facts.links(tie, PG.instrument))
            found["rawText"] = facts.text(tie, PG.rawText)
    return _clean(found)


def relation(predicate: str) -> str:
    """Return a property's Spanish label."""
    return _BORROWED.get(predicate) or load_ontology().label(URIRef(predicate))


def partnerships(facts: Facts, statement: str, institution: str) -> list[str]:
    """Return the nodes that tell how an institution takes part in a statement."""
    return [t for t in facts.links(statement, PG.partnership) if institution in facts.links(t, PG.partnershipInstitution)]


def plan_of(iri: str) -> str:
    """Return the key of the plan that a thing belongs to, or an empty string."""
    parts = key_of(iri).split("/")
    return parts[1] if parts[0] == "plan" else ""


def _clean(found: dict[str, Any]) -> dict[str, Scalar]:
    """Leave out what is not there, and characters that XML cannot hold; a line end would come back as a space."""
    kept = {k: _NOT_XML.sub("", v) if isinstance(v, str) else v for k, v in found.items() if v not in (None, "")}
    return {k: " ".join(v.split()) if isinstance(v, str) else v for k, v in kept.items()}


# ------------------------------------------------------------------------------------- projections

COUNTED_ON = ("partner", "funder")
_ROLE_OF = {str(PG.partner): "partner", str(PG.fundedBy): "funder", str(PG.mentions): "mention"}


def plan_institution(facts: Facts) -> Network:
    """Return who names whom: an edge from a plan to each institution that its statements name.

    An edge carries `weight` (statements that name it), `partner`, `funder` and `mention` (statements in each role), `countedOn`
    (statements in which it is partner or funder), `roles`, and an example of the strongest role: `statement`, `line`, `quote`.
    `own` marks the municipality of the plan's own territory.
    """
    graph: Network = nx.DiGraph(name="Planes e instituciones")
    for plan in facts.instances(PG.Plan):
        _plan_node(facts, graph, plan)
        named: dict[str, dict[str, set[str]]] = defaultdict(lambda: defaultdict(set))
        for source in [plan, *_statements(facts, plan)]:
            for predicate, role in _ROLE_OF.items():
                for target in facts.links(source, predicate):
                    if str(PG.Institution) in facts.links(target, str(RDF.type)):
                        named[target][role].add(source)
        for institution in sorted(named):
            graph.add_node(key_of(institution), **_institution_node(facts, institution))
            graph.add_edge(key_of(plan), key_of(institution), **_tie(facts, plan, institution, named[institution]))
    return graph


def _tie(facts: Facts, plan: str, institution: str, roles: dict[str, set[str]]) -> dict[str, Scalar]:
    present = [r for r in _ROLE_OF.values() if roles.get(r)]
    kind = key_of(next(iter(facts.links(institution, PG.institutionKind)), ""))
    own = kind.endswith("/municipality") and bool(
        set(facts.links(institution, PG.locatedIn)) & set(facts.links(plan, PG.forTerritory))
    )
    counts = {role: len(roles.get(role, ())) for role in _ROLE_OF.values()}
    example = min(roles[present[0]], key=natural_key)
    relied = len(set().union(*(roles.get(role, set()) for role in COUNTED_ON)))
    weight = len(set().union(*roles.values()))
    said = {"weight": weight, "countedOn": relied, "roles": LIST.join(present), "own": own, **counts}
    return _clean({**said, **_example(facts, example)})


def plan_issue(facts: Facts) -> Network:
    """Return what the plans are about: an edge from a plan to each issue of its statements.

    An edge carries `weight` (statements), `commitments` (programs, projects, activities and proposals among them), and an
    example, of a commitment where there is one: `statement`, `line`, `quote`.
    """
    graph: Network = nx.DiGraph(name="Planes y temas")
    promised = set(facts.sources(str(PG.Commitment), str(RDF.type)))
    for plan in facts.instances(PG.Plan):
        _plan_node(facts, graph, plan)
        about: dict[str, list[str]] = defaultdict(list)
        for statement in _statements(facts, plan):
            for issue in facts.links(statement, PG.issue):
                about[issue].append(statement)
        for issue in sorted(about):
            commitments = [s for s in about[issue] if s in promised]
            dimension = LIST.join(facts.label(d) for d in facts.links(issue, PG.dimension))
            graph.add_node(key_of(issue), **_clean({**_ends(facts, issue, "issue"), "dimension": dimension}))
            counts = {"weight": len(about[issue]), "commitments": len(commitments)}
            example = _example(facts, (commitments or about[issue])[0])
            graph.add_edge(key_of(plan), key_of(issue), **_clean({**counts, **example}))
    return graph


def _statements(facts: Facts, plan: str) -> list[str]:
    members = set(facts.sources(str(PG.Statement), str(RDF.type)))
    return sorted((s for s in facts.sources(plan, PG.statedIn) if s in members), key=natural_key)


def _example(facts: Facts, statement: str) -> dict[str, Scalar | None]:
    line = facts.text(statement, PG.sourceLine)
    return {
        "statement": key_of(statement).split("/")[-1],
        "line": int(line) if line else None,
        "quote": facts.text(statement, PG.text),
    }


def _ends(facts: Facts, iri: str, kind: str) -> dict[str, Any]:
    return {"label": facts.label(iri), "kind": kind, "iri": iri, "color": KINDS[kind][1], "bipartite": 0 if kind == "plan" else 1}


def _plan_node(facts: Facts, graph: Network, plan: str) -> None:
    """Add a plan, with what a short label of it is made of: territory, period, organization."""
    place = " ".join(facts.label(t) for t in facts.links(plan, PG.forTerritory))
    years = [y for y in (facts.text(plan, PG.periodStart), facts.text(plan, PG.periodEnd)) if y]
    party = " ".join(facts.label(o) for o in facts.links(plan, PG.presentedBy))
    reviewed = any(not key_of(r).endswith("/draft") for r in facts.links(plan, PG.reviewStatus))
    more = {"territory": place, "period": "-".join(years), "organization": party, "reviewed": reviewed}
    graph.add_node(key_of(plan), **_clean({**_ends(facts, plan, "plan"), **more}))


def _institution_node(facts: Facts, institution: str) -> dict[str, Scalar]:
    kinds = facts.links(institution, PG.institutionKind)
    return _clean(
        {
            **_ends(facts, institution, "institution"),
            "acronym": _acronym(facts, institution),
            "institutionKind": LIST.join(facts.label(k) for k in kinds),
        }
    )


def _acronym(facts: Facts, institution: str) -> str:
    """Return the acronym that the institution's address is made of; the others may be of something wider or narrower."""
    acronyms = [v.value for v in facts.values(institution, PG.acronym) if isinstance(v, Text)]
    tail = key_of(institution).rsplit("/", 1)[-1]
    return next((a for a in acronyms if slug(a) == tail), "")


# ------------------------------------------------------------------------------------- files


def graphml_bytes(graph: Network) -> bytes:
    """Return a network as GraphML."""
    return ("\n".join(nx.generate_graphml(graph, prettyprint=True)) + "\n").encode()


def gexf_bytes(graph: Network) -> bytes:
    """Return a network as GEXF 1.2 with a colour for each kind, and without the date that the writer puts in."""
    shaded = graph.copy()
    for _, data in shaded.nodes(data=True):
        red, green, blue = (int(data["color"][i : i + 2], 16) for i in (1, 3, 5))
        data["viz"] = {"color": {"r": red, "g": green, "b": blue, "a": 1.0}}
    written = io.BytesIO()
    nx.write_gexf(shaded, written, version="1.2draft")
    return _GEXF_DATE.sub(b"", written.getvalue()) + b"\n"


def write_graphml(graph: Network, path: Path) -> Path:
    """Write a network as GraphML."""
    return write_whole(path, graphml_bytes(graph))


def write_gexf(graph: Network, path: Path) -> Path:
    """Write a network as GEXF."""
    return write_whole(path, gexf_bytes(graph))


def read_network(path: Path) -> Network:
    """Read a network back from `.graphml` or `.gexf`, without what the formats add of their own."""
    graph = cast(Network, nx.read_graphml(path) if path.suffix == ".graphml" else nx.read_gexf(path))
    for _, node in graph.nodes(data=True):
        node.pop("viz", None)
    for *_, edge in graph.edges(data=True):
        edge.pop("id", None)
    return graph
