"""What is declared for reconciliation: words, types and properties of kg/data/reconciling.yaml."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache

from kg.declared import Collector, Item, entries, read_yaml
from kg.paths import DATA
from kg.text import fold

_FILE = DATA / "reconciling.yaml"
_TOKEN = re.compile(r"[a-z0-9]+")
_LOST = re.compile(r"(?<=[^\W\d])[?\ufffd]+(?=[^\W\d])")  # in the place of letters that some program could not write
_INITIALS = re.compile(r"(?<![a-z0-9])(?:[a-z]\.){2,}[a-z]?(?![a-z0-9])")
_TYPE_KEYS = {"id", "es", "en", "broader", "pattern", "compound", "shown", "code", "default"}
_PROPERTY_KEYS = {"id", "es", "en", "of", "pattern", "value", "compare", "prefix", "counted"}
SYSTEMS = ("inei", "reniec")
_COMPARISONS = {"name", "number", "id", *SYSTEMS}
_ALL = "all"


@dataclass(frozen=True)
class Words:
    """The words of names: what may be missing, what stands for what, what only says a level or a code's system."""

    small: frozenset[str]
    expand: Mapping[str, str]
    levels: Mapping[str, str]
    systems: Mapping[str, str]

    def tokens(self, text: str) -> list[str]:
        """Return the words of a name as they are compared: folded, abbreviations written out, small words left out."""
        folded = _INITIALS.sub(lambda m: m.group().replace(".", ""), fold(_LOST.sub("", text)))
        written = (self.expand.get(token, token) for token in _TOKEN.findall(folded))
        return [token for token in " ".join(written).split() if token not in self.small]

    def key(self, text: str) -> str:
        """Return the form in which names are the same: `tokens` with a space between; may be empty."""
        return " ".join(self.tokens(text))


@dataclass(frozen=True)
class Type:
    """A kind of thing that can be looked for. `code`: a territory by its code in that system; `default`: proposed to users."""

    id: str
    es: str
    en: str
    broader: str | None
    pattern: str
    compound: tuple[tuple[str, ...], ...]
    shown: tuple[str, ...]
    code: str | None
    default: bool


@dataclass(frozen=True)
class Property:
    """A property that queries narrow by or columns are made of. `pattern` is SPARQL with ?s and ?o."""

    id: str
    es: str
    en: str
    of: tuple[str, ...]
    pattern: str
    value: str | None
    compare: str | None
    prefix: str
    counted: bool

    @property
    def identifies(self) -> bool:
        """Whether a value tells one thing from all others."""
        return self.compare == "id" or self.compare in SYSTEMS


@dataclass(frozen=True)
class Vocabulary:
    """All that is declared, by id, in the order of the file."""

    words: Words
    types: Mapping[str, Type]
    properties: Mapping[str, Property]
    examples: tuple[str, ...]

    def with_broader(self, type_: str) -> tuple[str, ...]:
        """Return a type and those above it, the nearest first."""
        found = [type_]
        while upper := self.types[found[-1]].broader:
            found.append(upper)
        return tuple(found)

    def properties_of(self, type_: str) -> list[Property]:
        """Return what things of a type may have: what is declared for it, for one above it or below it, or for all."""
        below = {t for t in self.types if type_ in self.with_broader(t)}
        wanted = {_ALL, *self.with_broader(type_), *below}
        return [p for p in self.properties.values() if wanted & set(p.of)]


@cache
def load_vocabulary() -> Vocabulary:
    """Load what is declared for reconciliation.

    Raises:
        ProblemsError: a key or reference is unknown, each with its line.
    """
    types = {t.id: t for t in _types()}
    properties = {p.id: p for p in _properties(types)}
    root, collector = read_yaml(_FILE)
    top = collector.mapping(root, "")
    examples = tuple(collector.scalars(top.get("examples"), "examples"))
    return Vocabulary(_words(top["words"], collector), types, properties, examples)


def _words(declared: Item, collector: Collector) -> Words:
    words = collector.mapping(declared, "words")

    def pairs(name: str) -> dict[str, str]:
        found = collector.mapping(words[name], name)
        return {key: collector.scalar(item, f"{name}.{key}") or "" for key, item in found.items()}

    made = Words(frozenset(collector.scalars(words["small"], "small")), pairs("expand"), pairs("levels"), pairs("systems"))
    collector.raise_if_any()
    return made


def _types() -> Iterable[Type]:
    for fields, _, c in entries(_FILE, "types", _TYPE_KEYS):
        id_, es, en = (c.scalar(fields.get(k), k) or "" for k in ("id", "es", "en"))
        broader, code, default = (c.scalar(fields.get(k), k) for k in ("broader", "code", "default"))
        pattern = c.scalar(fields.get("pattern"), "pattern") or ("" if code else f"?s a pg:{id_}")
        compound = tuple(tuple(text.split()) for text in c.scalars(fields.get("compound"), "compound"))
        shown = tuple(c.scalars(fields.get("shown"), "shown"))
        yield Type(id_, es, en, broader, pattern, compound, shown, code, default == "true")


def _properties(types: Mapping[str, Type]) -> Iterable[Property]:
    for fields, item, c in entries(_FILE, "properties", _PROPERTY_KEYS):
        id_, es, en, pattern = (c.scalar(fields.get(k), k) or "" for k in ("id", "es", "en", "pattern"))
        value, compare, prefix, counted = (c.scalar(fields.get(k), k) for k in ("value", "compare", "prefix", "counted"))
        of = tuple(c.scalars(fields.get("of"), "of"))
        _check(c, item, [*of, value], {*types, _ALL}, "a type")
        _check(c, item, [compare], _COMPARISONS, "a comparison")
        yield Property(id_, es, en, of, pattern, value, compare, prefix or "", counted == "true")


def _check(collector: Collector, item: Item, given: Iterable[str | None], known: set[str], what: str) -> None:
    for name in given:
        if name is not None and name not in known:
            collector.add(item.line, name, f"is not {what}", f"known: {', '.join(sorted(known))}")
