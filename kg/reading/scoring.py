"""How near a draft comes to a careful reader: statements found and typed, links, institutions, amounts, targets."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from functools import cache

from rapidfuzz import fuzz, process

from kg.reading.annotations import Annotation, Body, Expected
from kg.records import Record, Statement
from kg.registry import load_registry
from kg.text import squeeze, strip_accents

# Two careful readers agree on these to an F1 of 0.98; where prose is cut into the others is a judgement.
CORE = frozenset({"problem", "objective", "program", "project", "activity", "proposal", "target", "priority"})
LINK_KINDS = ("addresses", "part_of", "measures")
_ALIKE, _ALIKE_NAME = 85, 90
_CANDIDATES = 5
_TYPED_BONUS = 20
_CENT, _MILLIONTH = Decimal("0.01"), Decimal("0.000001")


@dataclass(frozen=True)
class Tally:
    """How many were right, of those that the careful reader wants and of those that the draft gives."""

    right: int
    wanted: int
    given: int = 0

    @property
    def recall(self) -> float | None:
        """Share of what is wanted (0 to 1); None where nothing is."""
        return self.right / self.wanted if self.wanted else None

    @property
    def precision(self) -> float | None:
        """Share of what is given (0 to 1); None where nothing is."""
        return self.right / self.given if self.given else None

    @property
    def f1(self) -> float | None:
        """Harmonic mean of precision and recall; None where nothing is wanted nor given."""
        both = self.wanted + self.given
        return 2 * self.right / both if both else None


@dataclass(frozen=True)
class Miss:
    """Something that differs: `what` is missed, mistyped, invented, link, institution, amount or target."""

    what: str
    line: int
    wanted: str
    given: str
    text: str


@dataclass(frozen=True)
class Score:
    """How near one draft comes to its annotation."""

    found: Tally
    typed: Tally
    core: Tally
    covered: Tally
    types: Mapping[str, Tally]
    links: Tally
    link_kinds: Mapping[str, Tally]
    institutions: Tally
    acronyms: Tally
    amounts: Tally
    targets: Tally
    misses: tuple[Miss, ...]


# The figures that are printed, held by floors and averaged: name → how it is taken from a score (0 to 1, or None).
FIGURES: dict[str, Callable[[Score], float | None]] = {
    "core_typed_f1": lambda s: s.core.f1,
    "core_typed_precision": lambda s: s.core.precision,
    "core_typed_recall": lambda s: s.core.recall,
    "covered_recall": lambda s: s.covered.recall,
    "found_f1": lambda s: s.found.f1,
    "typed_f1": lambda s: s.typed.f1,
    "link_recall": lambda s: s.links.recall,
    "link_precision": lambda s: s.links.precision,
    "institution_recall": lambda s: s.institutions.recall,
    "acronym_recall": lambda s: s.acronyms.recall,
    "budget_recall": lambda s: s.amounts.recall,
    "budget_precision": lambda s: s.amounts.precision,
    "target_recall": lambda s: s.targets.recall,
    "target_precision": lambda s: s.targets.precision,
}


def figures(score: Score) -> dict[str, float | None]:
    """Return the figures of a score by name."""
    return {name: take(score) for name, take in FIGURES.items()}


def means(scores: Iterable[Score]) -> dict[str, float | None]:
    """Return the mean of each figure over those scores that have it."""
    rows = [figures(score) for score in scores]
    known = {name: [value for row in rows if (value := row[name]) is not None] for name in FIGURES}
    return {name: sum(values) / len(values) if values else None for name, values in known.items()}


def plain(text: str) -> str:
    """Reduce a text to what is compared: lower case, no accents, letters, digits and % only."""
    return squeeze(re.sub(r"[^a-z0-9%]+", " ", strip_accents(text).casefold()))


def score_draft(draft: Record, annotation: Annotation) -> Score:
    """Compare a draft (or any record) with what a careful reader found."""
    return _Comparison(draft, annotation).score()


@dataclass
class _Comparison:
    draft: Record
    annotation: Annotation
    given: dict[str, Statement] = field(init=False)
    match: dict[str, str] = field(init=False)

    def __post_init__(self) -> None:
        self.given = {s.id: s for s in self.draft.statements}
        self.words = {key: plain(s.text) for key, s in self.given.items()}
        self.match = self._matched()

    def score(self) -> Score:
        wanted = self.annotation.statements
        typed = [e for e in wanted if self._typed(e)]
        right, asked = Counter(e.type for e in typed), Counter(e.type for e in wanted)
        given = Counter(s.type for s in self.given.values())
        types = {kind: Tally(right[kind], asked[kind], given[kind]) for kind in sorted(asked.keys() | given.keys())}
        core = [tally for kind, tally in types.items() if kind in CORE]
        kinds = {kind: self._links(kind) for kind in LINK_KINDS}
        bodies, missing = self.annotation.bodies, self._bodies_missed()
        return Score(
            found=Tally(len(self.match), len(wanted), len(self.given)),
            typed=Tally(len(typed), len(wanted), len(self.given)),
            core=total(core),
            covered=Tally(self._covered(), len(wanted)),
            types=types,
            links=total(kinds.values()),
            link_kinds=kinds,
            institutions=Tally(len(bodies) - len(missing), len(bodies)),
            acronyms=Tally(sum(bool(b.acronym) and b not in missing for b in bodies), sum(bool(b.acronym) for b in bodies)),
            amounts=self._values(lambda e: e.amount, _amount, _CENT),
            targets=self._values(lambda e: e.value, _value, _MILLIONTH),
            misses=tuple(self._misses(missing)),
        )

    def _matched(self) -> dict[str, str]:
        """Pair each wanted statement with at most one of the draft, the nearest words and the right type first."""
        pairs: list[tuple[float, str, str]] = []
        for expected in self.annotation.statements:
            for reading in _readings(expected):
                near = process.extract(reading, self.words, scorer=fuzz.ratio, limit=_CANDIDATES, score_cutoff=_ALIKE)
                for _, ratio, key in near:
                    bonus = _TYPED_BONUS if self.given[key].type == expected.type else 0
                    pairs.append((ratio + bonus, expected.id, key))
        match: dict[str, str] = {}
        used: set[str] = set()
        for _, wanted, key in sorted(pairs, reverse=True):
            if wanted not in match and key not in used:
                match[wanted] = key
                used.add(key)
        return match

    def _typed(self, expected: Expected) -> bool:
        key = self.match.get(expected.id)
        return key is not None and self.given[key].type == expected.type

    def _covered(self) -> int:
        everything = " # ".join(self.words.values())
        return sum(any(reading in everything for reading in _readings(e)) for e in self.annotation.statements)

    # ------------------------------------------------------------------ links

    def _wanted_links(self, kind: str) -> list[tuple[str, str]]:
        return list(dict.fromkeys((e.id, other) for e in self.annotation.statements for k, other in e.links if k == kind))

    def _links(self, kind: str) -> Tally:
        have = self._given_links(kind)
        wanted = self._wanted_links(kind)
        return Tally(sum(self._tied(pair, have) for pair in wanted), len(wanted), len(have))

    def _given_links(self, kind: str) -> set[tuple[str, str]]:
        return {(s.id, other) for s in self.given.values() for other in getattr(s, kind)}

    def _tied(self, pair: tuple[str, str], have: set[tuple[str, str]]) -> bool:
        first, second = (self.match.get(key) for key in pair)
        return first is not None and second is not None and (first, second) in have

    # ------------------------------------------------------------------ who, how much

    def _bodies_missed(self) -> list[Body]:
        names = sorted({plain(name) for key in _named_ids(self.draft) for name in _names(key)})
        return [body for body in self.annotation.bodies if not any(_is_among(plain(n), names) for n in body.names)]

    def _values(
        self, wanted: Callable[[Expected], Decimal | None], own: Callable[[Statement], Decimal | None], near: Decimal
    ) -> Tally:
        asked = [e for e in self.annotation.statements if wanted(e) is not None]
        right = sum(self._agrees(e, wanted, own, near) for e in asked)
        return Tally(right, len(asked), sum(own(s) is not None for s in self.given.values()))

    def _agrees(
        self,
        expected: Expected,
        wanted: Callable[[Expected], Decimal | None],
        own: Callable[[Statement], Decimal | None],
        near: Decimal,
    ) -> bool:
        key = self.match.get(expected.id)
        value, given = wanted(expected), own(self.given[key]) if key else None
        return value is not None and given is not None and abs(value - given) < near

    # ------------------------------------------------------------------ what differs

    def _misses(self, bodies: list[Body]) -> Iterable[Miss]:
        known = {e.id: e for e in self.annotation.statements}
        for e in known.values():
            if e.id not in self.match:
                yield Miss("missed", e.line, e.type, "", e.text)
        for e in known.values():
            if e.id in self.match and not self._typed(e):
                yield Miss("mistyped", e.line, e.type, self.given[self.match[e.id]].type, e.text)
        used = set(self.match.values())
        yield from (Miss("invented", s.line, "", s.type, s.text) for s in self.given.values() if s.id not in used)
        yield from (Miss("institution", 0, body.acronym or "", "", body.names[0]) for body in bodies)
        for kind in LINK_KINDS:
            have = self._given_links(kind)
            for first, second in self._wanted_links(kind):
                if not self._tied((first, second), have):
                    yield Miss("link", known[first].line, kind, "", f"{known[first].text} → {known[second].text}")
        for what, wanted, own, near in (
            ("amount", _wanted_amount, _amount, _CENT),
            ("target", _wanted_value, _value, _MILLIONTH),
        ):
            for e in known.values():
                if wanted(e) is not None and not self._agrees(e, wanted, own, near):
                    key = self.match.get(e.id)
                    yield Miss(what, e.line, f"{wanted(e):f}", f"{own(self.given[key]) or ''}" if key else "", e.text)


def _readings(expected: Expected) -> set[str]:
    """Return the forms in which a statement may stand in a draft: as written, corrected, and with what follows a page break."""
    found = {plain(expected.text)}
    if expected.clean:
        found.add(plain(expected.clean))
    if expected.rest:
        found.add(plain(" ".join((expected.text, *expected.rest))))
    return found


def _wanted_amount(expected: Expected) -> Decimal | None:
    return expected.amount


def _wanted_value(expected: Expected) -> Decimal | None:
    return expected.value


def _amount(statement: Statement) -> Decimal | None:
    return statement.budget.amount if statement.budget else None


def _value(statement: Statement) -> Decimal | None:
    return statement.target.value if statement.target else None


def total(tallies: Iterable[Tally]) -> Tally:
    """Sum tallies."""
    found = list(tallies)
    return Tally(sum(t.right for t in found), sum(t.wanted for t in found), sum(t.given for t in found))


def _named_ids(record: Record) -> set[str]:
    found: set[str | None] = set()
    for statement in record.statements:
        found.update(partner.institution for partner in statement.partners)
        found.update(mention.institution for mention in statement.mentions)
        found.update(funding.institution or funding.fund for funding in statement.funding)
    return {key for key in found if key}


@cache
def _names(key: str) -> tuple[str, ...]:
    """Return every name of an institution or fund."""
    registry = load_registry()
    if institution := registry.institution(key):
        names = (institution.name, institution.name_en, institution.acronym, *institution.acronyms, *institution.aliases)
        return tuple(name for name in names if name)
    fund = registry.funds.get(key)
    return (fund.name, fund.name_en, *fund.aliases) if fund else ()


def _is_among(name: str, names: list[str]) -> bool:
    return name in names or process.extractOne(name, names, scorer=fuzz.ratio, score_cutoff=_ALIKE_NAME) is not None
