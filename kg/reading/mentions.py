"""Who and what a statement names: institutions with their role, places, funds, amounts — by the declared registries."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import TypeVar

from kg.declared import read_yaml
from kg.gazetteer import Gazetteer, Place, Territory
from kg.paths import DATA
from kg.phrases import Match, PhraseIndex, longest
from kg.reading.roles import COMMITMENTS
from kg.records import Funding, Mention, Partner
from kg.registry import Institution, Registry
from kg.text import fold, fold_aligned, squeeze

T = TypeVar("T")
Thing = Institution | Territory | Place


_PARTNERING = COMMITMENTS | {"objective", "target", "priority", "strategy", "monitoring"}
_LEVEL_WORDS = (("district", "distritos? "), ("province", "provincias? "), ("department", "(?:departamento|region) "))


@dataclass(frozen=True)
class Found:
    """A name found: characters `start` to `end`, and the thing it stands for."""

    start: int
    end: int
    raw: str
    thing: Thing


@dataclass(frozen=True)
class _Cues:
    partner: re.Pattern[str]
    instruments: tuple[tuple[str, re.Pattern[str]], ...]
    stop: re.Pattern[str]
    before_body: re.Pattern[str]
    before_kind: re.Pattern[str]
    joined: re.Pattern[str]


class Mentions:
    """Finds names in the statements of one plan; `territory` is the plan's own (INEI code) or None."""

    def __init__(self, registry: Registry, gazetteer: Gazetteer, territory: str | None, organization: str | None = None):
        self._registry, self._gazetteer = registry, gazetteer
        self._territory, self._organization = territory, organization
        self._cues = _load_cues()

    @cached_property
    def _institutions(self) -> PhraseIndex[Institution]:
        index = _common_institutions(self._registry).copy()
        for institution in self._registry.listed.values():
            if institution.within and self._territory and self._gazetteer.near(self._territory, institution.within):
                _add_names(index, institution)
        own = self._registry.of_territory(self._territory) if self._territory else []
        taken: set[str] = set()
        for institution in own:
            for name in institution.relative:
                if fold(name) not in taken:
                    taken.add(fold(name))
                    index.add(name, institution, exact_case=name.isupper())
        return index

    @cached_property
    def _places(self) -> PhraseIndex[Thing]:
        """Territories and places that a plan of this territory is likely to mean: its own surroundings, and all departments."""
        index: PhraseIndex[Thing] = PhraseIndex()
        for territory in self._gazetteer.territories.values():
            close = self._territory is not None and territory.inei[:2] == self._territory[:2]
            if close or territory.level == "department":
                for name in (territory.name, *territory.aliases):
                    index.add(name, territory)
        for place in self._gazetteer.places.values():
            if self._territory is None or self._gazetteer.near(self._territory, place.within):
                for name in (place.name, *place.aliases):
                    index.add(name, place)
        return index

    @cached_property
    def _funds(self) -> PhraseIndex[str]:
        index: PhraseIndex[str] = PhraseIndex()
        for fund in self._registry.funds.values():
            for name in (fund.name, *fund.aliases):
                index.add(name, fund.id)
        return index

    def institutions(self, text: str, listed: bool = False) -> list[Found]:
        """Find the institutions that a text names, each span once, in the order of the text.

        `listed`: the text stands where only bodies are named, such as a column of partners; a colliding name needs no context.
        """
        folded = fold(text)
        matches = [m for m in self._institutions.find_all(text) if self._counts(m, text, folded, listed)]
        return [Found(m.start, m.end, squeeze(text[m.start : m.end]), m.payload) for m in _one_each(longest(matches))]

    def _counts(self, match: Match[Institution], text: str, folded: str, listed: bool) -> bool:
        written = fold(text[match.start : match.end])
        rules = [r for r in match.payload.context if fold(r.match) == written]
        small = any(map(str.islower, (text[: match.start].split() or [""])[-1]))
        other = written not in self._own_short
        return all(r.allows(folded, listed or (r.capitals and small) or (r.party and other)) for r in rules)

    @cached_property
    def _own_short(self) -> set[str]:
        organization = self._registry.organizations.get(self._organization or "")
        return {fold(short) for short in organization.short} if organization else set()

    def places(self, text: str, taken: Iterable[Found] = ()) -> list[Found]:
        """Find the territories and places that a text names with a capital, outside the spans already taken."""
        spans = [(f.start, f.end) for f in taken]
        matches = [
            m
            for m in self._places.find_all(text)
            if not any(m.start < end and start < m.end for start, end in spans) and self._is_name(text, m)
        ]
        return [
            Found(m.start, m.end, squeeze(text[m.start : m.end]), self._choose(text, m, matches))
            for m in _first_of_each_span(longest(matches))
        ]

    def _is_name(self, text: str, match: Match[Thing]) -> bool:
        word = text[match.start : match.end]
        return word[:1].isupper() or (isinstance(match.payload, Place) and " " in word)

    def _choose(self, text: str, match: Match[Thing], all_matches: list[Match[Thing]]) -> Thing:
        """Choose among things of one name: the level that the words before say, else the plan's own, else the nearest."""
        same = [m.payload for m in all_matches if (m.start, m.end) == (match.start, match.end)]
        before = fold_aligned(text[max(0, match.start - 30) : match.start])
        for level, words in (
            ("district", "distritos? "),
            ("province", "provincias? "),
            ("department", "(?:departamento|region) "),
        ):
            if re.search(rf"{words}(?:de |del |de la )?$", before):
                fitting = [t for t in same if isinstance(t, Territory) and t.level == level]
                if fitting:
                    return fitting[0]
        return min(same, key=self._distance)

    def _distance(self, thing: Thing) -> tuple[int, str]:
        own = self._territory or ""
        if isinstance(thing, Place):
            return 3, thing.id
        assert isinstance(thing, Territory)
        if thing.inei == own:
            return 0, thing.inei
        if thing.inei.startswith(own):
            return 1, thing.inei
        return (2 if own.startswith(thing.inei) else 4), thing.inei

    def funding(self, cell: str) -> tuple[Funding, ...]:
        """Read a funding cell: every fund and institution it names, in its order."""
        found: list[tuple[int, Funding]] = []
        funds = self._funds.find(cell)
        for match in funds:
            found.append((match.start, Funding(squeeze(cell[match.start : match.end]), fund=match.payload)))
        for name in self.institutions(cell, listed=True):
            if not any(name.start < m.end and m.start < name.end for m in funds):
                assert isinstance(name.thing, Institution)
                found.append((name.start, Funding(name.raw, institution=name.thing.id)))
        return tuple(f for _, f in sorted(found, key=lambda pair: pair[0]))

    def partners(self, text: str, kind: str, column: str = "") -> tuple[tuple[Partner, ...], tuple[Mention, ...]]:
        """Sort the institutions named by a text into partners (after words such as `en convenio con`) and mere mentions.

        `column` is what a column or label of partners says beside the text: all that it names are partners.
        """
        found = self.institutions(text)
        zones = self._zones(text) if kind in _PARTNERING else []
        beside = self._beside(text, found) if kind in _PARTNERING else set()
        partners: dict[str, Partner] = {}
        mentions: list[Mention] = []
        for name in found:
            assert isinstance(name.thing, Institution)
            without = "-" if name.start in beside else ""
            zone = next((instrument for start, end, instrument in zones if start <= name.start < end), without)
            if zone and name.thing.id != self._own_municipality:
                partners.setdefault(name.thing.id, Partner(name.raw, name.thing.id, "partner", zone if zone != "-" else None))
            else:
                mentions.append(Mention(name.raw, institution=name.thing.id))
        for name in self.institutions(column, listed=True):
            assert isinstance(name.thing, Institution)
            if name.thing.id != self._own_municipality:
                partners.setdefault(name.thing.id, Partner(name.raw, name.thing.id))
        mentions += [_place_mention(f) for f in self.places(text, found)]
        unique = {(m.institution, m.territory, m.place): m for m in reversed(mentions) if m.institution not in partners}
        return tuple(partners.values()), tuple(reversed(unique.values()))

    @property
    def _own_municipality(self) -> str | None:
        return f"municipalidad-{self._territory}" if self._territory else None

    def _zones(self, text: str) -> list[tuple[int, int, str]]:
        """Return the stretches that name partners: from a cue to its sentence's end, with the instrument ("-" for none)."""
        folded = fold_aligned(text)
        zones = []
        for cue in self._cues.partner.finditer(folded):
            stop = self._cues.stop.search(folded, cue.end())
            end = stop.start() if stop else len(folded)
            instrument = next((i for i, p in self._cues.instruments if p.search(cue.group())), "-")
            zones.append((cue.start(), end, instrument))
        return zones

    def _beside(self, text: str, found: Iterable[Found]) -> set[int]:
        """Return where the names begin that a word such as `con` stands right before, and those joined to one by `y` or comma."""
        folded = fold_aligned(text)
        starts: set[int] = set()
        end, joined = 0, False
        for name in found:
            before = (
                self._cues.before_kind if isinstance(name.thing, Institution) and name.thing.generic else self._cues.before_body
            )
            joined = bool(
                before.search(folded[: name.start]) or (joined and self._cues.joined.fullmatch(folded[end : name.start]))
            )
            if joined:
                starts.add(name.start)
            end = name.end
        return starts

    def only_a_place(self, text: str) -> bool:
        """Say whether a text is nothing but the name of a place."""
        found = self.places(text.strip(" .;,"))
        return len(found) == 1 and found[0].raw == text.strip(" .;,")


@lru_cache(maxsize=2)
def _common_institutions(registry: Registry) -> PhraseIndex[Institution]:
    """Return the names of institutions that count in every plan, wherever it is for: to be copied, not changed."""
    index: PhraseIndex[Institution] = PhraseIndex()
    for institution in (*(i for i in registry.listed.values() if not i.within), *registry.families.values()):
        _add_names(index, institution)
    return index


def _place_mention(found: Found) -> Mention:
    if isinstance(found.thing, Territory):
        return Mention(found.raw, territory=found.thing.inei)
    return Mention(found.raw, place=found.thing.id)


def _add_names(index: PhraseIndex[Institution], institution: Institution) -> None:
    index.add(institution.name, institution)
    for name in institution.aliases:
        index.add(name, institution)
    for acronym in filter(None, (institution.acronym, *institution.acronyms)):
        index.add(acronym, institution, exact_case=True)
        if acronym.isalpha() and not acronym.endswith(("s", "S")):
            index.add(acronym + "s", institution, exact_case=True)


def _one_each(matches: list[Match[Institution]]) -> list[Match[Institution]]:
    return _first_of_each_span(matches)


def _first_of_each_span(matches: list[Match[T]]) -> list[Match[T]]:
    seen: set[tuple[int, int]] = set()
    kept = []
    for match in matches:
        if (match.start, match.end) not in seen:
            seen.add((match.start, match.end))
            kept.append(match)
    return kept


def _load_cues() -> _Cues:
    root, c = read_yaml(DATA / "cues.yaml")
    top = c.mapping(root, "")
    words = c.scalars(top.get("partner"), "partner")
    instruments = []
    for item in c.sequence(top.get("instruments"), "instruments"):
        f = c.mapping(item, "instruments")
        instruments.append(
            (c.scalar(f.get("instrument"), "instrument") or "", re.compile(c.scalar(f.get("pattern"), "pattern") or "$^"))
        )
    stop, *others = (re.compile(c.scalar(top.get(key), key) or "$^") for key in ("stop", "before_body", "before_kind", "joined"))
    c.raise_if_any()
    return _Cues(re.compile("|".join(words)), tuple(instruments), stop, *others)
