"""The actors: institutions, funding sources, political organizations; their names, acronyms and what tells them apart."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cache, cached_property

from kg.declared import Collector, Item, entries
from kg.gazetteer import Gazetteer, Territory, load_gazetteer
from kg.paths import DATA
from kg.text import fold, slug

_SMALL_WORDS = re.compile(r"\b(?:de-las?|de-los|del?|y)\b")


@dataclass(frozen=True)
class ContextRule:
    """When a colliding name counts: `any` of these folded words must stand in the statement, `none` of those may.

    `capitals`: among words in small letters the name's capitals are evidence enough, and `any` is not asked.
    `party`: `any` is asked only where the plan's own political organization goes by the same short name.
    """

    match: str
    any: tuple[str, ...]
    none: tuple[str, ...]
    capitals: bool = False
    party: bool = False

    def allows(self, folded: str, sure: bool = False) -> bool:
        """Say whether the rule lets the name count in this folded text; `sure` where other evidence makes `any` needless."""
        return (sure or not self.any or any(_has(folded, w) for w in self.any)) and not any(_has(folded, w) for w in self.none)


def _has(folded: str, word: str) -> bool:
    return re.search(rf"(?<![a-z0-9]){re.escape(fold(word).rstrip('*'))}", folded) is not None


@dataclass(frozen=True)
class Institution:
    """An institution. `relative` names mean it only in plans of its own territory (`Gobierno Regional`)."""

    id: str
    name: str
    name_en: str
    acronym: str | None
    acronyms: tuple[str, ...]
    kind: str
    aliases: tuple[str, ...]
    generic: bool
    context: tuple[ContextRule, ...]
    within: tuple[str, ...]
    note: str | None
    relative: tuple[str, ...] = ()
    territory: str | None = None


@dataclass(frozen=True)
class Template:
    """A family of institutions, one for each territory of a level."""

    id: str
    level: str
    pattern: Institution

    def for_territory(self, territory: Territory) -> Institution:
        """Make the family's institution of one territory."""
        values = {
            territory.level: territory.name,
            f"{territory.level}_slug": slug(territory.name),
            f"{territory.level}_capitals": territory.name.upper(),
            "initials": _initials(territory.name),
            "code": territory.inei,
            "name": territory.name,
        }

        def fill(pattern: str) -> str:
            return _fill(pattern, values)

        return replace(
            self.pattern,
            id=fill(self.id),
            name=fill(self.pattern.name),
            name_en=fill(self.pattern.name_en),
            acronym=fill(self.pattern.acronym) if self.pattern.acronym else None,
            acronyms=tuple(map(fill, self.pattern.acronyms)),
            aliases=tuple(map(fill, self.pattern.aliases)),
            relative=tuple(map(fill, self.pattern.relative)),
            territory=territory.inei,
        )


def _initials(name: str) -> str:
    """Return the first letters of a name's words in capitals, as municipalities abbreviate theirs."""
    return "".join(word[0] for word in _SMALL_WORDS.sub("", slug(name)).split("-") if word).upper()


def _fill(pattern: str, values: dict[str, str]) -> str:
    return re.sub(r"\{(\w+)\}", lambda m: values[m.group(1)], pattern)


@dataclass(frozen=True)
class Concept:
    """An institution kind: labels and definitions in Spanish and English."""

    id: str
    es: str
    en: str
    definition_es: str
    definition_en: str


@dataclass(frozen=True)
class Fund:
    """A funding source."""

    id: str
    name: str
    name_en: str
    definition_es: str
    definition_en: str
    aliases: tuple[str, ...]
    broader: str | None
    mef_rubro: str | None


@dataclass(frozen=True)
class Organization:
    """A political organization; `kind` is party, regional-movement, local-organization or alliance."""

    id: str
    name: str
    kind: str
    short: tuple[str, ...]
    jne_id: str | None
    aliases: tuple[str, ...]
    basis: str | None


class Registry:
    """All actors by id; institutions of template families are made when asked for."""

    def __init__(
        self,
        kinds: list[Concept],
        institutions: list[Institution],
        templates: list[Template],
        funds: list[Fund],
        organizations: list[Organization],
        gazetteer: Gazetteer,
    ):
        self.kinds = {k.id: k for k in kinds}
        self.listed = {i.id: i for i in institutions}
        self.templates = templates
        self.funds = {f.id: f for f in funds}
        self.organizations = {o.id: o for o in organizations}
        self._gazetteer = gazetteer

    @cached_property
    def families(self) -> dict[str, Institution]:
        """Every institution that the templates make (about 2,700), by id."""
        return {i.id: i for i in self._families()}

    @cached_property
    def regional_governments(self) -> set[str]:
        """Ids of the regional governments themselves, without their offices."""
        return {i.id for i in self.families.values() if i.kind == "regional-government" and i.relative}

    def _families(self) -> Iterator[Institution]:
        """Make the families; the capital district of a province has no municipality of its own (Ley 27972, art. 2)."""
        for template in self.templates:
            for territory in self._gazetteer.territories.values():
                if territory.level == template.level and not (territory.level == "district" and territory.inei.endswith("01")):
                    yield template.for_territory(territory)

    def institution(self, key: str) -> Institution | None:
        """Find an institution by id, listed or of a family."""
        return self.listed.get(key) or self.families.get(key)

    def institution_ids(self) -> set[str]:
        """Every known institution id."""
        return self.listed.keys() | self.families.keys()

    def of_territory(self, code: str) -> list[Institution]:
        """The families' institutions of a territory and of those above it, the nearest first."""
        codes = [code, *(t.inei for t in self._gazetteer.ancestors(code))]
        return [i for c in codes for i in self.families.values() if i.territory == c]


@cache
def load_registry() -> Registry:
    """Load the declared actors.

    Raises:
        ProblemsError: a key is unknown; every fault of a file is told at once.
    """
    institution_keys = {"id", "name", "name_en", "acronym", "acronyms", "kind", "aliases", "generic", "context", "within", "note"}
    path = DATA / "institutions.yaml"
    concept_keys = {"id", "es", "en", "definition_es", "definition_en"}
    kinds = [
        Concept(*_texts(f, c, "id", "es", "en", "definition_es", "definition_en"))
        for f, _, c in entries(path, "kinds", concept_keys)
    ]
    institutions = [_institution(f, c) for f, _, c in entries(path, "institutions", institution_keys)]
    templates = [
        Template(c.scalar(f.get("id"), "id") or "", c.scalar(f.get("level"), "level") or "", _institution(f, c))
        for f, _, c in entries(path, "templates", institution_keys | {"level", "relative"})
    ]
    return Registry(kinds, institutions, templates, _funds(), _organizations(), load_gazetteer())


def _institution(fields: dict[str, Item], collector: Collector) -> Institution:
    def text(key: str) -> str | None:
        return collector.scalar(fields.get(key), key)

    def texts(key: str) -> tuple[str, ...]:
        return tuple(collector.scalars(fields.get(key), key))

    rules = []
    for item in collector.sequence(fields.get("context"), "context"):
        rule = collector.mapping(item, "context")
        collector.known_keys(item, {"match", "any", "none", "capitals", "party", "note"}, "context")
        wanted, barred = (tuple(collector.scalars(rule.get(k), f"context.{k}")) for k in ("any", "none"))
        capitals, party = (collector.scalar(rule.get(k), f"context.{k}") == "true" for k in ("capitals", "party"))
        match = collector.scalar(rule.get("match"), "context.match") or ""
        rules.append(ContextRule(match, wanted, barred, capitals, party))
    return Institution(
        id=text("id") or "",
        name=text("name") or "",
        name_en=text("name_en") or text("name") or "",
        acronym=text("acronym"),
        acronyms=texts("acronyms"),
        kind=text("kind") or "other",
        aliases=texts("aliases"),
        generic=text("generic") == "true",
        context=tuple(rules),
        within=texts("within"),
        note=text("note"),
        relative=texts("relative"),
    )


def _texts(fields: dict[str, Item], collector: Collector, *keys: str) -> list[str]:
    return [collector.scalar(fields.get(key), key) or "" for key in keys]


def _funds() -> list[Fund]:
    keys = {"id", "name", "name_en", "definition_es", "definition_en", "aliases", "broader", "mef_rubro", "note"}
    found = []
    for f, _, c in entries(DATA / "funds.yaml", "funds", keys):
        key, name, name_en, es, en = _texts(f, c, "id", "name", "name_en", "definition_es", "definition_en")
        aliases = tuple(c.scalars(f.get("aliases"), "aliases"))
        broader, rubro = c.scalar(f.get("broader"), "broader"), c.scalar(f.get("mef_rubro"), "mef_rubro")
        found.append(Fund(key, name, name_en, es, en, aliases, broader, rubro))
    return found


def _organizations() -> list[Organization]:
    keys = {"id", "name", "kind", "short", "jne_id", "aliases", "basis", "note"}
    found = []
    for f, _, c in entries(DATA / "organizations.yaml", "organizations", keys):
        key, name, kind = _texts(f, c, "id", "name", "kind")
        short, aliases = (tuple(c.scalars(f.get(k), k)) for k in ("short", "aliases"))
        jne_id, basis = (c.scalar(f.get(k), k) for k in ("jne_id", "basis"))
        found.append(Organization(key, name, kind, short, jne_id, aliases, basis))
    return found
