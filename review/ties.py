"""Ties between statements: made and taken away by a person, and only such as the ontology allows."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

from rdflib import URIRef
from rdflib.namespace import RDFS

from kg.ontology import load_ontology
from kg.records import LINKS, Mark, Record, Statement
from review.edits import Edited, EditError, put, remembering, statement_of, union


@cache
def link_types(kind: str) -> tuple[frozenset[str], frozenset[str]]:
    """Return (types that can have the tie, types that it can lead to), as the ontology says."""
    ontology = load_ontology()
    term = ontology.properties[kind]
    domain = next(iter(ontology.graph.objects(term.iri, RDFS.domain)))
    return _types_below(URIRef(str(domain))), _types_below(term.range)


def _types_below(cls: URIRef) -> frozenset[str]:
    ontology = load_ontology()
    below = set(ontology.graph.transitive_subjects(RDFS.subClassOf, cls))
    return frozenset(key for key, type_ in ontology.statement_types.items() if type_ in below)


def link(record: Record, key: str, kind: str, other: str, mark: Mark) -> Edited:
    """Tie a statement to another, and accept it."""
    statement, target = statement_of(record, key), statement_of(record, other)
    if kind not in LINKS:
        raise EditError("field", "link", detail=kind)
    if key == other:
        raise EditError("same-statement", id=key)
    sources, targets = link_types(kind)
    if statement.type not in sources or target.type not in targets:
        raise EditError("tie", "link", kind=kind, source=statement.type, target=target.type)
    linked = statement.with_links({kind: union(getattr(statement, kind), (other,))})
    return Edited(put(record, replace(remembering(statement, linked), review=mark)), focus=key)


def unlink(record: Record, key: str, kind: str, other: str, mark: Mark) -> Edited:
    """Take a tie away, and accept the statement."""
    statement = statement_of(record, key)
    if kind not in LINKS or other not in getattr(statement, kind):
        raise EditError("no-tie", "link", id=key, other=other)
    linked = statement.with_links({kind: tuple(o for o in getattr(statement, kind) if o != other)})
    return Edited(put(record, replace(remembering(statement, linked), review=mark)), focus=key)


def refitted(record: Record, key: str) -> Edited:
    """Take away the ties from and to a statement that its type cannot have."""
    types = {s.id: s.type for s in record.statements}
    lost: list[str] = []

    def fits(source: Statement, kind: str, other: str) -> bool:
        sources, targets = link_types(kind)
        fine = key not in {source.id, other} or (source.type in sources and types[other] in targets)
        if not fine:
            lost.append(f"{source.id}–{other}")
        return fine

    def fitted(s: Statement) -> Statement:
        kept = {kind: tuple(o for o in getattr(s, kind) if fits(s, kind, o)) for kind in LINKS}
        return s.with_links(kept) if any(kept[k] != getattr(s, k) for k in LINKS) else s

    done = replace(record, statements=tuple(map(fitted, record.statements)))
    return Edited(done, (("ties-lost", {"ties": ", ".join(lost)}),) if lost else (), key)
