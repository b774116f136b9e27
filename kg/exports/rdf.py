"""Turtle, TriG and JSON-LD, written straight from the sorted quads: fast, stable, and without a node that has no name."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from itertools import groupby
from typing import Any

from rdflib import URIRef
from rdflib.namespace import OWL, RDF, RDFS, XSD

from kg.errors import KgError
from kg.facts import QUAD, Facts, Term, Text
from kg.namespaces import BASE, ID, PG, PREFIXES
from kg.ontology import load_ontology

_LOCAL = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*")
_RELATIVE = re.compile(r"(?:id|graph)/[A-Za-z0-9/_.-]+")
_SHORT = {
    f"^^<{XSD.integer}>": re.compile(r'"([+-]?[0-9]+)"'),
    f"^^<{XSD.decimal}>": re.compile(r'"([+-]?[0-9]*\.[0-9]+)"'),
    f"^^<{XSD.boolean}>": re.compile(r'"(true|false)"'),
}
_TYPE = f"<{RDF.type}>"
Triple = tuple[str, str, str]

# ------------------------------------------------------------------------------------- Turtle and TriG


def turtle_text(nquads: Iterable[str], more: Mapping[str, str] | None = None) -> str:
    """Write the union of the graphs as Turtle: subjects, properties and values sorted, a subject in a paragraph."""
    prefixes = {**PREFIXES, **(more or {})}
    triples = sorted({triple for triple, _ in map(_split, nquads)}, key=_order)
    return _header(prefixes) + "\n".join(_paragraphs(triples, prefixes))


def trig_text(nquads: Iterable[str]) -> str:
    """Write the named graphs as TriG, sorted by name."""
    quads = sorted(((graph, triple) for triple, graph in map(_split, nquads)), key=lambda q: (q[0], _order(q[1])))
    parts = [_header(PREFIXES)]
    for graph, members in groupby(quads, key=lambda q: q[0]):
        paragraphs = "\n".join(_paragraphs((t for _, t in members), PREFIXES))
        parts.append(f"{_name(graph, PREFIXES)} {{\n\n{paragraphs}\n}}\n\n")
    return "".join(parts)


def _split(line: str) -> tuple[Triple, str]:
    """Cut an N-Quads line of named things into its terms, as written: a triple and the graph that holds it."""
    match = QUAD.fullmatch(line)
    if not match:
        raise KgError(f"not a quad of named things: {line[:200]}; build it again with `kg build`")
    value = line[match.end(2) + 2 : match.start(7) - 2]
    return (f"<{match[1]}>", f"<{match[2]}>", value), f"<{match[7]}>"


def _order(triple: Triple) -> Triple:
    """Return a sort key that puts a thing before its parts, and its types before all else."""
    subject, predicate, value = triple
    return subject[:-1], "" if predicate == _TYPE else predicate, value


def _header(prefixes: Mapping[str, str]) -> str:
    return f"@base <{BASE}> .\n" + "".join(f"@prefix {p}: <{iri}> .\n" for p, iri in prefixes.items()) + "\n"


def _paragraphs(triples: Iterable[Triple], prefixes: Mapping[str, str]) -> Iterator[str]:
    for subject, about in groupby(triples, key=lambda t: t[0]):
        by_property = {p: [v for _, _, v in members] for p, members in groupby(about, key=lambda t: t[1])}
        lines = [f"    {_verb(p, prefixes)}{_objects(values, prefixes)}" for p, values in by_property.items()]
        yield f"{_name(subject, prefixes)}\n" + " ;\n".join(lines) + " .\n"


def _verb(predicate: str, prefixes: Mapping[str, str]) -> str:
    return "a" if predicate == _TYPE else _name(predicate, prefixes)


def _objects(values: list[str], prefixes: Mapping[str, str]) -> str:
    written = [_name(v, prefixes) if v.startswith("<") else _literal(v, prefixes) for v in values]
    return f" {written[0]}" if len(written) == 1 else "\n        " + " ,\n        ".join(written)


def _name(token: str, prefixes: Mapping[str, str]) -> str:
    """Shorten `<iri>`: by a prefix, else against the base."""
    iri = token[1:-1]
    relative = iri.removeprefix(BASE)
    if relative != iri and _RELATIVE.fullmatch(relative) and "//" not in relative and "/." not in relative:
        return f"<{relative}>"
    for prefix, base in prefixes.items():
        if iri.startswith(base) and _LOCAL.fullmatch(iri, len(base)):
            return f"{prefix}:{iri[len(base) :]}"
    return token


def _literal(token: str, prefixes: Mapping[str, str]) -> str:
    """Shorten a literal without changing its lexical form; plain text and xsd:string are the same in RDF 1.1."""
    quoted, mark, datatype = token.rpartition("^^")
    if not mark or not quoted.endswith('"') or not datatype.startswith("<"):
        return token
    if datatype == f"<{XSD.string}>":
        return quoted
    short = _SHORT.get(mark + datatype)
    match = short.fullmatch(quoted) if short else None
    return match[1] if match else f"{quoted}^^{_name(datatype, prefixes)}"


# ------------------------------------------------------------------------------------- JSON-LD

_LANGUAGES: dict[str, Any] = {"@container": "@language"}
_LISTED: dict[str, Any] = {"@type": "@id", "@container": "@set"}
# Terms of other vocabularies that get a short name of their own; all others are written with their prefix.
_BORROWED: dict[str, dict[str, Any]] = {
    "label": {"@id": "rdfs:label", **_LANGUAGES},
    "prefLabel": {"@id": "skos:prefLabel", **_LANGUAGES},
    "altLabel": {"@id": "skos:altLabel", **_LANGUAGES},
    "definition": {"@id": "skos:definition", **_LANGUAGES},
    "note": {"@id": "skos:note", **_LANGUAGES},
    "title": {"@id": "dcterms:title", **_LANGUAGES},
    "broader": {"@id": "skos:broader", **_LISTED},
    "narrower": {"@id": "skos:narrower", **_LISTED},
    "wasQuotedFrom": {"@id": "prov:wasQuotedFrom", "@type": "@id"},
    "wasDerivedFrom": {"@id": "prov:wasDerivedFrom", "@type": "@id"},
}


@cache
def context() -> dict[str, Any]:
    """Return the JSON-LD context, made from the ontology: a term for each class and property, with the type of its values.

    A property with one value at most has a plain value, all others a list; texts are keyed by language.
    """
    terms: dict[str, Any] = {"@version": 1.1, "id": str(ID), **PREFIXES}
    graph = load_ontology().graph
    own: dict[str, Any] = {str(c).removeprefix(str(PG)): {"@id": _compact(c)} for c in load_ontology().classes()}
    for kind in (OWL.ObjectProperty, OWL.DatatypeProperty):
        for term in graph.subjects(RDF.type, kind):
            if str(term).startswith(str(PG)):
                own[str(term).removeprefix(str(PG))] = _definition(URIRef(str(term)))
    clash = (terms.keys() | _BORROWED.keys()) & own.keys()
    if clash:
        raise KgError(
            f"ontology: {', '.join(sorted(clash))}: also a prefix or a borrowed term of the JSON-LD context; rename one"
        )
    return {**terms, **dict(sorted({**_BORROWED, **own}.items()))}


def _definition(term: URIRef) -> dict[str, Any]:
    graph = load_ontology().graph
    wanted = graph.value(term, RDFS.range) or XSD.string
    found: dict[str, Any] = {"@id": _compact(term)}
    if wanted == RDF.langString:
        return {**found, **_LANGUAGES}
    if (term, RDF.type, OWL.ObjectProperty) in graph:
        found["@type"] = "@id"
    elif wanted != XSD.string:
        found["@type"] = _compact(URIRef(str(wanted)))
    return found if (term, RDF.type, OWL.FunctionalProperty) in graph else {**found, "@container": "@set"}


def context_text() -> str:
    """Return the context as a document of its own."""
    return json.dumps({"@context": context()}, ensure_ascii=False, indent=2) + "\n"


def jsonld_text(facts: Facts, terms: dict[str, Any] | None = None) -> str:
    """Write all things as JSON-LD, one a line, with the context inside."""
    terms = context() if terms is None else terms
    names = {_expand(d["@id"], terms): name for name, d in terms.items() if isinstance(d, dict)}
    nodes = (json.dumps(_node(facts, s, terms, names), ensure_ascii=False) for s in facts.about)
    head = json.dumps(terms, ensure_ascii=False, indent=1)
    return f'{{"@context": {head},\n"@graph": [\n' + ",\n".join(nodes) + "\n]}\n"


def _node(facts: Facts, subject: str, terms: dict[str, Any], names: dict[str, str]) -> dict[str, Any]:
    node: dict[str, Any] = {"@id": _compact(subject, terms)}
    for predicate, values in facts.about[subject].items():
        if predicate == str(RDF.type):
            node["@type"] = [names.get(str(v)) or _compact(str(v), terms) for v in values]
            continue
        name = names.get(predicate)
        rest = values
        if name and (fitting := [v for v in values if _fits(v, terms[name], terms)]):
            node[name] = _shaped(fitting, terms[name], terms)
            rest = [v for v in values if v not in fitting]
        if rest:
            node[_compact(predicate, terms)] = [_expanded(v, terms) for v in rest]
    return node


def _fits(value: Term, definition: dict[str, Any], terms: dict[str, Any]) -> bool:
    """Tell whether a value is of the type that its term promises."""
    if isinstance(value, str):
        return definition.get("@type") == "@id"
    if definition.get("@container") == "@language":
        return bool(value.language)
    wanted = definition.get("@type", "")
    return not value.language and wanted != "@id" and value.datatype == (_expand(wanted, terms) if wanted else "")


def _shaped(values: list[Term], definition: dict[str, Any], terms: dict[str, Any]) -> Any:
    if definition.get("@container") == "@language":
        texts = sorted((v.language, v.value) for v in values if isinstance(v, Text))
        grouped = {k: [t for _, t in members] for k, members in groupby(texts, key=lambda t: t[0])}
        return {k: v[0] if len(v) == 1 else v for k, v in grouped.items()}
    plain = [_compact(v, terms) if isinstance(v, str) else _native(v) for v in values]
    return plain[0] if len(plain) == 1 and "@container" not in definition else plain


def _native(text: Text) -> str | int | bool:
    """Return whole numbers and truth values as JSON has them, where that keeps the lexical form; all else stays text."""
    if text.datatype == str(XSD.integer) and text.value == str(int(text.value)):
        return int(text.value)
    return text.value == "true" if text.datatype == str(XSD.boolean) and text.value in {"true", "false"} else text.value


def _expanded(value: Term, terms: dict[str, Any]) -> dict[str, str]:
    if isinstance(value, str):
        return {"@id": _compact(value, terms)}
    if value.language:
        return {"@value": value.value, "@language": value.language}
    return {"@value": value.value, **({"@type": _compact(value.datatype, terms)} if value.datatype else {})}


def _compact(iri: str, terms: Mapping[str, Any] | None = None) -> str:
    """Write an IRI with a prefix of the context where one fits."""
    terms = PREFIXES if terms is None else terms
    for prefix, base in terms.items():
        if isinstance(base, str) and iri.startswith(base) and (prefix == "id" or _LOCAL.fullmatch(iri, len(base))):
            return f"{prefix}:{iri[len(base) :]}"
    return str(iri)


def _expand(name: str, terms: Mapping[str, Any]) -> str:
    prefix, _, local = name.partition(":")
    base = terms.get(prefix)
    return base + local if isinstance(base, str) else name
