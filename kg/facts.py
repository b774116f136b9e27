"""A plain index of a built graph, for what looks things up in it and asks no queries: exports, networks, pictures."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable
from functools import cached_property
from pathlib import Path
from typing import NamedTuple

from rdflib.namespace import RDF, RDFS, XSD

from kg.errors import KgError
from kg.files import read_text_file
from kg.namespaces import ID
from kg.paths import shown

# An N-Quads line of named things: subject, predicate, then an IRI or a text with its language or datatype, graph.
QUAD = re.compile(
    r'<([^<>"]*)> <([^<>"]*)> (?:<([^<>"]*)>|"((?:[^"\\]|\\.)*)"(?:@([A-Za-z0-9-]+)|\^\^<([^<>"]*)>)?) <([^<>"]*)> \.'
)
_ESCAPE = re.compile(r"\\(?:u([0-9A-Fa-f]{4})|U([0-9A-Fa-f]{8})|(.))")
_ESCAPED = {"n": "\n", "r": "\r", "t": "\t", "b": "\b", "f": "\f"}


class Text(NamedTuple):
    """A literal: its lexical form, its language or an empty string, its datatype or an empty string."""

    value: str
    language: str = ""
    datatype: str = ""


Term = str | Text


class Facts:
    """The union of all graphs, ready for look-ups: subject → property → values, sorted, each once. An IRI is a plain string."""

    def __init__(self, lines: Iterable[str], source: str = "graph"):
        """Index N-Quads lines; raises KgError where one is none, or has a blank node."""
        about: dict[str, dict[str, set[Term]]] = defaultdict(lambda: defaultdict(set))
        for number, line in enumerate(lines, 1):
            match = QUAD.fullmatch(line)
            if not match:
                raise KgError(f"{source}:{number}: not a quad of named things; build it again with `kg build`")
            subject, predicate, iri, text, language, datatype, _ = match.groups()
            plain = "" if datatype == str(XSD.string) else datatype or ""
            about[subject][predicate].add(iri if iri is not None else Text(_unescape(text), language or "", plain))
        self.about = {s: {p: sorted(v, key=_term_key) for p, v in sorted(ps.items())} for s, ps in sorted(about.items())}

    @cached_property
    def pointing(self) -> dict[str, dict[str, list[str]]]:
        """Index the other way round: object → property → subjects, sorted."""
        found: dict[str, dict[str, list[str]]] = defaultdict(lambda: defaultdict(list))
        for subject, properties in self.about.items():
            for predicate, values in properties.items():
                for value in values:
                    if isinstance(value, str):
                        found[value][predicate].append(subject)
        return found

    def values(self, subject: str, predicate: str) -> list[Term]:
        """Return the values, sorted; may be empty."""
        return self.about.get(subject, {}).get(str(predicate), [])

    def links(self, subject: str, predicate: str) -> list[str]:
        """Return the IRIs among the values."""
        return [v for v in self.values(subject, predicate) if isinstance(v, str)]

    def sources(self, target: str, predicate: str) -> list[str]:
        """Return the subjects that point at a thing."""
        return self.pointing.get(target, {}).get(str(predicate), [])

    def text(self, subject: str, predicate: str, language: str = "es") -> str:
        """Return the first literal, of the language if there is one, or an empty string."""
        texts = [v for v in self.values(subject, predicate) if isinstance(v, Text)]
        return next((t.value for t in texts if t.language == language), texts[0].value if texts else "")

    def label(self, thing: str, language: str = "es") -> str:
        """Return a thing's label, else the end of its address."""
        return self.text(thing, str(RDFS.label), language) or re.split(r"[/#]", thing)[-1]

    def instances(self, cls: str) -> list[str]:
        """Return the members of a class; numbers within their addresses count as numbers (s2 before s10)."""
        return sorted(self.sources(str(cls), str(RDF.type)), key=natural_key)


def facts_of(nquads: Path) -> Facts:
    """Read a built graph.

    Raises:
        KgError: the file is missing or is not what `kg build` writes.
    """
    if not nquads.is_file():
        raise KgError(f"{shown(nquads)}: not there; run `kg build` first")
    return Facts(read_text_file(nquads).removesuffix("\n").split("\n"), shown(nquads))


def key_of(iri: str) -> str:
    """Return an address below `…/id/` without that beginning: `institution/minsa`."""
    return iri.removeprefix(str(ID))


def natural_key(text: str) -> list[tuple[int, str]]:
    """Return a sort key by which numbers within a text count as numbers."""
    return [(int(part), "") if part.isdigit() else (-1, part) for part in re.split(r"([0-9]+)", text)]


def _term_key(term: Term) -> tuple[str, str, str, str]:
    return ("", term, "", "") if isinstance(term, str) else ("literal", *term)


def _unescape(text: str) -> str:
    if "\\" not in text:
        return text
    return _ESCAPE.sub(lambda m: chr(int(m[1] or m[2], 16)) if m[1] or m[2] else _ESCAPED.get(m[3], m[3]), text)
