"""The index of a graph: a folder, made once, never changed. Statements in the order of their addresses, then named things."""

from __future__ import annotations

import json
import re
from collections import defaultdict
from collections.abc import Callable, Container, Iterable, Iterator
from itertools import chain
from pathlib import Path
from typing import Any, Protocol

import tantivy
from rdflib.namespace import RDF, RDFS, SKOS

from kg.errors import KgError
from kg.files import write_whole
from kg.namespaces import ID, PG
from kg.search.fields import FACETS, HEAD, INDEX_FORMAT, KIND, SHOWN, STATEMENT, STEMS, THINGS, USED, WORDS, schema
from kg.search.words import folded_words, stem

# Memory for the index while it is made, in bytes: what fits into it is one segment, in which the order of documents is certain.
HEAP = 2_000_000_000
Values = dict[str, list[str]]
Labels = dict[str, tuple[str, str]]  # key → the Spanish and the English label
_LABELLED = {*THINGS, "review-status"}
# By these a plan or a statement refers to a named thing.
_USES = (PG.issue, PG.dimension, PG.partner, PG.fundedBy, PG.mentions, PG.statedIn, PG.forTerritory, PG.presentedBy)
_NUMBER = re.compile(r"([0-9]+)")


class Source(Protocol):
    """A graph from which the index is made."""

    def pairs(self, predicate: str) -> Iterable[tuple[str, str, str]]:
        """Yield subject, value and language (empty: none) of each triple with a predicate, each once."""

    def about(self, subject: str) -> Iterable[tuple[str, str]]:
        """Yield predicate and value of each triple about a thing, each once."""


def build_index(source: Source, folder: Path) -> int:
    """Write the index of a graph into a new folder; returns how many documents it has.

    Raises:
        KgError: the index cannot be written.
    """
    try:
        folder.mkdir(parents=True)
        index = tantivy.Index(schema(), path=str(folder), reuse=False)
        writer = index.writer(HEAP, 1)
        count = 0
        graph = _Graph(source)
        for document in chain(graph.statements(), graph.things()):
            writer.add_document(document)
            count += 1
        writer.commit()
        writer.wait_merging_threads()
    except (ValueError, OSError) as error:
        raise KgError(f"{folder}: the search index cannot be written ({error}); check space and permissions") from error
    head = {"format": INDEX_FORMAT, "documents": count, "above": graph.above, "labels": graph.labels}
    mode = write_whole(folder / HEAD, json.dumps(head, ensure_ascii=False, sort_keys=True)).stat().st_mode
    for file in folder.iterdir():
        file.chmod(mode)  # tantivy keeps some of its files to their owner, and a server may be somebody else
    return count


class _Graph:
    """What the index needs of a graph, read property by property."""

    def __init__(self, source: Source):
        self.source = source
        self.names: dict[str, list[str]] = defaultdict(list)  # key of a thing → its names
        self.labels: Labels = {}
        self.above = {k: [_tail(v) for v in values if _is_class(v)] for k, values in self.of(RDFS.subClassOf, _class_of).items()}
        self._read_labels()

    def of(self, predicate: str, key: Callable[[str], str | None] | None = None, wanted: Container[str] | None = None) -> Values:
        """Return subject → values, sorted; `key` makes a subject into what it is to be known by, or None to leave it out."""
        found: Values = defaultdict(list)
        for subject, value, _ in self.source.pairs(str(predicate)):
            name = key(subject) if key else subject
            if name is not None and (wanted is None or name in wanted):
                found[name].append(value)
        for values in found.values():
            values.sort()
        return found

    def _read_labels(self) -> None:
        seen: dict[str, dict[str, str]] = defaultdict(dict)
        for predicate in (RDFS.label, SKOS.prefLabel, SKOS.altLabel, PG.acronym, PG.ubigeo):
            for subject, value, language in self.source.pairs(str(predicate)):
                key = _key_of(subject)
                if key is None:
                    continue
                if predicate == RDFS.label:
                    known = seen[key].get(language)
                    seen[key][language] = min(known, value) if known else value
                self.names[key].append(value)
        for key, texts in sorted(seen.items()):
            spanish = texts.get("es") or texts.get("") or min(texts.values())
            self.labels[key] = (spanish, texts.get("en") or spanish)

    def things(self) -> Iterator[tantivy.Document]:
        """Yield the named things, by key."""
        types = self.of(RDF.type, _key_of, self.names)
        used = {_key_of(value) for predicate in _USES for _, value, _ in self.source.pairs(str(predicate))}
        for predicate in (SKOS.broaderTransitive, PG.within):
            used |= {_key_of(value) for below, value, _ in self.source.pairs(str(predicate)) if _key_of(below) in used}
        for key in sorted(self.names, key=natural_key):
            kind = key.partition("/")[0]
            if kind not in THINGS:
                continue
            names = sorted(set(self.names[key]))
            shown = {"iri": ID[key], "kind": kind, "label": self.labels.get(key, (names[0], names[0])), "names": names}
            counted = {"type": [_tail(t) for t in types.get(key, []) if _is_class(t)]}
            yield _document(kind, " ".join(names), shown, counted, key in used)

    def statements(self) -> Iterator[tantivy.Document]:
        """Yield the statements, by address."""
        read = _Statements(self)
        for iri in sorted({subject for subject, _, _ in self.source.pairs(str(PG.text))}, key=natural_key):
            yield _document(STATEMENT, *read.of(iri))


class _Statements:
    """What is shown of a statement, and by which values it is counted."""

    def __init__(self, graph: _Graph):
        self.graph = graph
        self.measured = {target for _, target, _ in graph.source.pairs(str(PG.measures))}
        self.broader = graph.of(SKOS.broaderTransitive)
        self.plans = _plans(graph)

    def of(self, iri: str) -> tuple[str, dict[str, Any], Values]:
        """Return the text, what is shown, and facet → values."""
        facts = self._facts(iri)
        types = [_tail(t) for t in facts[str(RDF.type)] if _is_class(t)]
        counted = dict(self.plans.get(_first(facts, PG.statedIn), {}))
        counted["type"] = [t for t in types if t != "Statement"]
        counted["dimension"] = [_last(v) for v in facts[str(PG.dimension)]]
        issues = facts[str(PG.issue)]
        counted["issue"] = sorted({_last(v) for issue in issues for v in (issue, *self.broader.get(issue, []))})
        counted["funding"] = [_below(v) for v in facts[str(PG.fundedBy)]]
        counted["review"] = [_last(v) for v in facts[str(PG.reviewStatus)]]
        has_target = bool(facts[str(PG.targetRaw)] or facts[str(PG.targetValue)]) or iri in self.measured
        precise = {"target": has_target, "budget": bool(facts[str(PG.budget)]), "partner": bool(facts[str(PG.partner)])}
        counted["precision"] = [name for name, is_so in precise.items() if is_so]
        return _first(facts, PG.text), self._shown(iri, facts, types) | {"dimension": counted["dimension"]}, counted

    def _shown(self, iri: str, facts: Values, types: list[str]) -> dict[str, Any]:
        above = {upper for name in types for upper in self.graph.above.get(name, [])}
        money = self._facts(_first(facts, PG.budget)) if facts[str(PG.budget)] else facts
        shown = {
            "iri": iri,
            "plan": _below(_first(facts, PG.statedIn)),
            "line": _first(facts, PG.sourceLine),
            "page": _first(facts, PG.sourcePage),
            "type": next((name for name in types if name not in above), ""),
            "text": _first(facts, PG.text),
            "amount": _first(money, PG.amount),
            "currency": _first(money, PG.currency),
            "doubtful": _first(money, PG.certain) in {"false", "0"} or "",
            "partners": [_below(v) for v in facts[str(PG.partner)]],
        }
        return {name: value for name, value in shown.items() if value not in ("", [])}

    def _facts(self, subject: str) -> Values:
        """Return property → values of a thing, sorted."""
        found: Values = defaultdict(list)
        for predicate, value in self.graph.source.about(subject):
            found[predicate].append(value)
        for values in found.values():
            values.sort()
        return found


def _plans(graph: _Graph) -> dict[str, Values]:
    """Return the facets that a statement has from its plan: place with what lies above it, organization, period."""
    place, within = graph.of(PG.forTerritory), graph.of(PG.within)
    organization, start, end = graph.of(PG.presentedBy), graph.of(PG.periodStart), graph.of(PG.periodEnd)
    found: dict[str, Values] = {}
    for plan in {*place, *organization, *start, *end}:
        around = {_last(v) for p in place.get(plan, []) for v in (p, *within.get(p, []))}
        years = [y for y in (_first(start, plan), _first(end, plan)) if y]
        found[plan] = {
            "place": sorted(around),
            "organization": [_last(v) for v in organization.get(plan, [])],
            "period": ["-".join(years)] if years else [],
        }
    return found


def _document(kind: str, text: str, shown: dict[str, Any], counted: Values, used: bool = False) -> tantivy.Document:
    words = folded_words(text)
    document = tantivy.Document()
    document.add_text(KIND, kind)
    if used:
        document.add_text(KIND, USED)
    document.add_text(WORDS, " ".join(words))
    document.add_text(STEMS, " ".join(map(stem, words)))
    for name in FACETS:
        for value in counted.get(name, []):
            document.add_text(name, value)
    document.add_bytes(SHOWN, json.dumps(shown, ensure_ascii=False).encode("utf-8", "replace"))
    return document


def natural_key(text: str) -> list[tuple[int, str]]:
    """Return a sort key by which numbers within a text count as numbers."""
    return [(int(part), "") if part.isdigit() else (-1, part) for part in _NUMBER.split(text)]


def _key_of(iri: str) -> str | None:
    """Return the key by which a label is known: `territory/2101`, `class/Problem`; None for what needs none."""
    if iri.startswith(str(ID)):
        kind, _, rest = iri[len(ID) :].partition("/")
        return f"{kind}/{rest}" if kind in _LABELLED and rest and "/" not in rest else None
    return f"class/{_tail(iri)}" if _is_class(iri) else None


def _class_of(iri: str) -> str | None:
    return _tail(iri) if _is_class(iri) else None


def _is_class(iri: str) -> bool:
    return iri.startswith(str(PG)) and iri[len(PG) :][:1].isupper()


def _tail(iri: str) -> str:
    return iri[len(PG) :]


def _below(iri: str) -> str:
    return iri.removeprefix(str(ID))


def _last(iri: str) -> str:
    return iri.rpartition("/")[2]


def _first(values: Values, key: str) -> str:
    return values.get(str(key), [""])[0]
