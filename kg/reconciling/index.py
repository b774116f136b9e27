"""The names of one snapshot's things, in memory: exact look-up, likeness, codes, beginnings."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import product

from rapidfuzz import fuzz, process

from kg.reconciling.likeness import INITIALS, initials_of, likeness
from kg.reconciling.vocabulary import SYSTEMS, Property, Vocabulary

LEAST = 55.0  # likeness below which a name is not shown
NEAREST = 60  # names that are looked at closely because their letters are like those asked for
SHARING = 300  # and because they share a rare word, or have these initials
ALL = ""  # the type of everything
_NUMBER = re.compile(r"\d+")
_MOST_COMPOUND = 4  # values of a property that compound names are made with


@dataclass(slots=True)
class Entity:
    """A thing with its names. `values`: property → texts, or ids of things where the property is declared to have these."""

    id: str
    type: str
    name: str = ""
    name_en: str = ""
    about: str = ""
    names: list[str] = field(default_factory=list)
    values: dict[str, tuple[str, ...]] = field(default_factory=dict)
    keys: tuple[str, ...] = ()

    def label(self, language: str) -> str:
        """Return the name in a language, in Spanish where there is no other; never empty."""
        return (self.name_en if language == "en" else self.name) or self.name or self.name_en or self.id


class Names:
    """The names of the things of a type, each with the things that have it."""

    def __init__(self) -> None:
        self.ids: dict[str, list[str]] = defaultdict(list)
        self.keys: list[str] = []

    def add(self, key: str, entity: str) -> None:
        """Add a name; every name of a thing is added once."""
        if key not in self.ids:
            self.keys.append(key)
        self.ids[key].append(entity)


class Index:
    """Look-ups over the things of a snapshot."""

    def __init__(self, entities: Iterable[Entity], vocabulary: Vocabulary):
        self.vocabulary, self.words = vocabulary, vocabulary.words
        self.entities = {e.id: e for e in entities}
        self.order = {type_: number for number, type_ in enumerate(vocabulary.types)}
        self._names: dict[str, Names] = defaultdict(Names)
        self._sharing: dict[str, list[str]] = defaultdict(list)
        self._initials: dict[str, list[str]] = defaultdict(list)
        self._codes: dict[tuple[str, str], list[str]] = defaultdict(list)
        self._value_keys: dict[str, str] = {}
        for entity in self.entities.values():
            entity.keys = tuple(dict.fromkeys(filter(None, map(self.words.key, entity.names))))
        for entity in self.entities.values():
            self._add(entity)

    def _add(self, entity: Entity) -> None:
        types = (ALL, *self.vocabulary.with_broader(entity.type))
        for key in dict.fromkeys([*entity.keys, *self._compound(entity)]):
            if key not in self._names[ALL].ids:
                self._note(key)
            for type_ in types:
                self._names[type_].add(key, entity.id)
        for property_ in self.vocabulary.properties.values():
            if property_.identifies:
                for value in entity.values.get(property_.id, ()):
                    self._codes[property_.id, value].append(entity.id)

    def _note(self, key: str) -> None:
        """Note a new name by its words and by its initials."""
        for token in set(key.split()):
            self._sharing[token].append(key)
        if initials := initials_of(key):
            self._initials[initials].append(key)

    def _compound(self, entity: Entity) -> Iterator[str]:
        """Yield the names that are put together from the thing's own and those of what it belongs to."""
        for parts in self.vocabulary.types[entity.type].compound:
            texts = [entity.keys if p == "name" else self._texts(entity, p)[:_MOST_COMPOUND] for p in parts]
            yield from (" ".join(together) for together in product(*texts))

    def _texts(self, entity: Entity, property_: str) -> list[str]:
        """Return the values of a property as they are compared; of things, their own names."""
        found = []
        for value in entity.values.get(property_, ()):
            other = self.entities.get(value)
            found.append(other.keys[0] if other and other.keys else self.value_key(value))
        return [text for text in found if text]

    def value_key(self, value: str) -> str:
        """Return the form in which a property's value is compared; there are few of them, asked for often."""
        if value not in self._value_keys:
            self._value_keys[value] = self.words.key(value)
        return self._value_keys[value]

    # ------------------------------------------------------------------ look-ups

    def of_type(self, types: Iterable[str]) -> Iterator[Entity]:
        """Yield the things of some types; of all where none is given."""
        wanted = set(types)
        return (e for e in self.entities.values() if not wanted or wanted & set(self.vocabulary.with_broader(e.type)))

    def exactly(self, key: str, types: Iterable[str]) -> set[str]:
        """Return what has a name, in the form of `Words.key`."""
        return {entity for type_ in types or (ALL,) for entity in self._names[type_].ids.get(key, ())}

    def like(self, key: str, types: Iterable[str]) -> dict[str, float]:
        """Return what has a name like the one given, with the likeness of its best name (`LEAST` to 100)."""
        found: dict[str, float] = {}
        for type_ in types or (ALL,):
            names = self._names[type_]
            for name, score in self._likenesses(key, names):
                for entity in names.ids[name]:
                    found[entity] = max(found.get(entity, 0.0), score)
        return found

    def likeness_to(self, entity: Entity, key: str) -> float:
        """Return how like the names of a thing are to one."""
        return max((likeness(key, own) for own in entity.keys), default=0.0)

    def by_code(self, property_: Property, value: str) -> set[str]:
        """Return what a value identifies; codes may lack their first zero and end with pairs of zeros."""
        forms = code_forms(value) if property_.compare in SYSTEMS else [value.strip()]
        return next((set(ids) for form in forms if (ids := self._codes.get((property_.id, form)))), set())

    def beginning(self, text: str, types: Iterable[str]) -> list[str]:
        """Return what has a name that begins so, then what has a word that does, then what has a name like it."""
        key = self.words.key(text)
        ranks: dict[str, tuple[int, str, str]] = {}
        for type_ in types or (ALL,):
            names = self._names[type_]
            for name in names.keys if key else ():
                place = name.find(key)
                if place == 0 or (place > 0 and name[place - 1] == " "):
                    for entity in names.ids[name]:
                        rank = (0 if place == 0 else 1, name, entity)
                        ranks[entity] = min(ranks.get(entity, rank), rank)
        found = sorted(ranks, key=lambda e: (ranks[e][0], len(ranks[e][1]), self.order[self.entities[e].type], e))
        others = self.like(key, types) if key else {}
        return found + sorted((e for e in others if e not in ranks), key=lambda e: (-others[e], e))

    def _likenesses(self, key: str, names: Names) -> Iterator[tuple[str, float]]:
        near = process.extract(key, names.keys, scorer=fuzz.ratio, score_cutoff=LEAST, limit=NEAREST)
        for name in dict.fromkeys([*(found[0] for found in near), *self._sharing_words(key, names.ids)]):
            if (score := likeness(key, name)) >= LEAST:
                yield name, score
        for name in self._initials.get(key, ())[:SHARING] if len(key) > 1 else ():
            if name in names.ids:
                yield name, INITIALS

    def _sharing_words(self, key: str, known: Mapping[str, object]) -> list[str]:
        """Return the names that share the rarest words with one, or whose words begin with its letters."""
        tokens = key.split()
        lists = sorted((self._sharing.get(token, []) for token in tokens), key=len)
        lists.append(self._initials.get("".join(t if len(t) < 3 else t[0] for t in tokens), []))
        found: dict[str, None] = {}
        for names in lists:
            found |= dict.fromkeys(name for name in names[: SHARING * 10] if name in known)
            if len(found) >= SHARING:
                break
        return list(found)[:SHARING]


def code_forms(text: str) -> list[str]:
    """Return the codes that digits may stand for: with the zero in front that a spreadsheet took, without the `00` at the end.

    Empty where the text is no code.
    """
    digits = text.strip().removesuffix(".0")
    if not _NUMBER.fullmatch(digits) or not digits.isascii() or len(digits) > 6:
        return []
    forms = [digits if len(digits) % 2 == 0 else "0" + digits]
    while len(forms[-1]) > 2 and forms[-1].endswith("00"):
        forms.append(forms[-1][:-2])
    return forms
