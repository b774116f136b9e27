"""What several plans say, side by side: a few queries that touch the chosen plans only, and what follows from their answers."""

from __future__ import annotations

import csv
import io
import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation

from api.lookup import Row, labels, quotable, rows
from kg.frames import Query
from kg.namespaces import BASE, PREFIXES
from kg.pool import Pool

PG = PREFIXES["pg"]
PLAN, PLACE, ISSUE = BASE + "id/plan/", BASE + "id/territory/", BASE + "id/issue/"
KINDS = {"Problem": "problem", "Objective": "objective", "Commitment": "commitment", "Target": "target"}
LONGEST_TEXT = 2**24  # characters of a statement that are read; the reader of CSV stops at 2**17 unless told otherwise
ANSWERS = {"objective", "commitment"}  # what a problem has to be tied to, to count as answered

_CHOSEN = """SELECT ?plan ?place ?top ?level ?start ?end ?organization ?status ?lines {
  VALUES ?plan { %s } ?plan a pg:Plan
  OPTIONAL { ?plan pg:forTerritory ?place OPTIONAL { ?place pg:within ?top . ?top a pg:Department } }
  OPTIONAL { ?plan pg:level ?level }
  OPTIONAL { ?plan pg:periodStart ?start } OPTIONAL { ?plan pg:periodEnd ?end }
  OPTIONAL { ?plan pg:presentedBy ?organization } OPTIONAL { ?plan pg:reviewStatus ?status }
  OPTIONAL { ?plan pg:sourceDocument ?document . ?document pg:lineCount ?lines }
} ORDER BY ?plan ?organization"""
_TEXTS = """SELECT ?plan ?s ?text ?line ?page ?dimension {
  VALUES ?plan { %s } ?s pg:statedIn ?plan ; pg:text ?text
  OPTIONAL { ?s pg:sourceLine ?line } OPTIONAL { ?s pg:sourcePage ?page } OPTIONAL { ?s pg:dimension ?dimension }
}"""
_FACTS = """SELECT ?s ?p ?o { VALUES ?plan { %s } ?s pg:statedIn ?plan ; ?p ?o FILTER(?p IN (rdf:type, pg:issue, pg:addresses,
  pg:fundedBy, pg:partner, pg:targetValue, pg:targetUnit, pg:targetDirection, pg:targetYear) && ?o != pg:Statement) }"""
_MONEY = """SELECT ?s ?amount ?currency ?certain {
  VALUES ?plan { %s } ?s pg:statedIn ?plan ; pg:budget ?budget . ?budget pg:amount ?amount
  OPTIONAL { ?budget pg:currency ?currency } OPTIONAL { ?budget pg:certain ?certain }
}"""
_ISSUES = """SELECT ?issue ?above ?higher ?dimension {
  VALUES ?issue { %s }
  OPTIONAL { ?issue pg:dimension ?dimension }
  OPTIONAL { ?issue skos:broaderTransitive ?above OPTIONAL { ?above skos:broader ?higher } }
}"""


@dataclass(frozen=True)
class Plan:
    """A plan as the head of a column: what it is for, when, by whom; `name` is the shortest that tells it from the others."""

    iri: str
    key: str
    label: str
    place: str = ""
    code: str = ""
    department: str = ""
    level: str = ""
    start: str = ""
    end: str = ""
    organization: str = ""
    draft: bool = False
    lines: int = 0
    name: str = ""

    @property
    def period(self) -> str:
        """The years, as far as they are known."""
        return "–".join(filter(None, (self.start, self.end)))


@dataclass(frozen=True)
class Money:
    """An amount that a plan states; `certain` is false where its separators allow two readings."""

    amount: Decimal
    currency: str
    certain: bool


@dataclass
class Said:
    """A statement: where it stands, what it is (`kind`: problem, objective, commitment, target, or empty), what it is tied to."""

    iri: str
    plan: str
    text: str
    line: int = 0
    page: str = ""
    kind: str = ""
    type: str = ""
    dimension: str = ""
    issues: list[str] = field(default_factory=list)
    about: set[str] = field(default_factory=set)  # the issues, and all that lie above them
    money: list[Money] = field(default_factory=list)
    funds: list[str] = field(default_factory=list)
    partners: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)  # those that it addresses
    value: str = ""
    unit: str = ""
    direction: str = ""
    year: str = ""
    answered: bool = False  # of a problem: an objective or commitment of the same plan is tied to it


@dataclass
class Comparison:
    """Plans in the order asked for, everything that they say in the order of their documents, and the names of all things."""

    plans: list[Plan]
    said: list[Said]
    names: dict[str, str]
    above: dict[str, set[str]]  # issue → what lies above it
    top: dict[str, str]  # issue → the highest above it, or itself
    dimensions: dict[str, str]  # issue → dimension

    def narrowed(self, issue: str = "", dimension: str = "") -> list[Said]:
        """Return what is said on an issue (or one below it) and in a dimension; empty leaves that open. Both are IRIs."""
        return [s for s in self.said if (not issue or issue in s.about) and (not dimension or s.dimension == dimension)]

    def name(self, iri: str) -> str:
        """Return a thing's name, or the end of its address."""
        return self.names.get(iri) or re.split(r"[/#]", iri)[-1]


async def _table(pool: Pool, text: str) -> list[list[str]]:
    """Answer a SELECT as plain text, row by row, empty where nothing is bound: a third of the time that typed values take."""
    csv.field_size_limit(LONGEST_TEXT)
    answer = await pool.ask(Query(text, "csv", None))
    lines = csv.reader(io.StringIO((await answer.read()).decode(), newline=""))
    return list(lines)[1:]


async def all_plans(pool: Pool) -> dict[str, str]:
    """Return the key of every plan that can be compared, with the code of the place that it is for (may be empty)."""
    found = dict.fromkeys((iri for (iri,) in await _table(pool, "SELECT ?plan { ?plan a pg:Plan }")), "")
    for iri, place in await _table(pool, "SELECT ?plan ?place { ?plan pg:forTerritory ?place }"):
        if iri in found:
            found[iri] = place.removeprefix(PLACE)
    keys = {iri.removeprefix(PLAN): code for iri, code in sorted(found.items()) if quotable(iri) and iri.startswith(PLAN)}
    return {key: code for key, code in keys.items() if "/" not in key}


async def describe(pool: Pool, keys: Sequence[str], language: str) -> list[Plan]:
    """Return the heads of plans, in the order of their keys."""
    found = await rows(pool, _CHOSEN % _values(PLAN + key for key in keys)) if keys else []
    names = await labels(pool, {n.value for row in found for n in row.values() if n.is_iri}, language)
    heads: dict[str, Plan] = {}
    for row in found:
        iri, place, organization = row["plan"].value, value_of(row, "place"), value_of(row, "organization")
        heads.setdefault(
            iri.removeprefix(PLAN),
            Plan(
                iri=iri,
                key=iri.removeprefix(PLAN),
                label=names.get(iri, iri.removeprefix(PLAN)),
                place=names.get(place, ""),
                code=place.removeprefix(PLACE),
                department=names.get(value_of(row, "top"), ""),
                level=names.get(value_of(row, "level"), ""),
                start=value_of(row, "start"),
                end=value_of(row, "end"),
                organization=names.get(organization, ""),
                draft=value_of(row, "status").endswith("/draft"),
                lines=int(_number(value_of(row, "lines"))),
            ),
        )
    return [heads[key] for key in keys if key in heads]


async def compare(pool: Pool, plans: list[Plan], language: str) -> Comparison:
    """Read what the plans say.

    Raises:
        QueryFailed: any of its kinds.
    """
    wanted = _values(plan.iri for plan in plans)
    said = {row[1]: _said(*row) for row in await _table(pool, _TEXTS % wanted)}
    await _fill(pool, wanted, said)
    used = {iri for s in said.values() for iri in s.issues}
    above, top, dimensions = await _above(pool, used)
    for s in said.values():
        s.about = set(s.issues).union(*(above.get(issue, ()) for issue in s.issues))
    _mark_answered(said)
    names = await labels(pool, _named(said.values()) | used.union(*above.values()) | set(dimensions.values()), language)
    order = {plan.key: place for place, plan in enumerate(plans)}
    everything = sorted(said.values(), key=lambda s: (order[s.plan], s.line, s.iri))
    return Comparison(_shortly_named(plans), everything, names, above, top, dimensions)


async def _fill(pool: Pool, wanted: str, said: dict[str, Said]) -> None:
    """Add to statements what the graph says of them."""
    for iri, name, value in await _table(pool, _FACTS % wanted):
        if name in _ADDED and iri in said:
            _ADDED[name](said[iri], value)
    for iri, amount, currency, certain in await _table(pool, _MONEY % wanted):
        if iri in said:
            said[iri].money.append(Money(_number(amount), currency, certain not in {"false", "0"}))
    for s in said.values():
        for entries in (s.issues, s.funds, s.partners, s.problems):
            entries.sort()


def _classify(s: Said, cls: str) -> None:
    """Take a class of a statement: its kind, and the narrowest name for it."""
    name = cls.removeprefix(PG)
    if name == cls:
        return
    s.kind = KINDS.get(name, s.kind)
    if not s.type or s.type.removeprefix(PG) in KINDS:
        s.type = cls


_ADDED: dict[str, Callable[[Said, str], object]] = {
    PREFIXES["rdf"] + "type": _classify,
    PG + "issue": lambda s, value: s.issues.append(value),
    PG + "fundedBy": lambda s, value: s.funds.append(value),
    PG + "partner": lambda s, value: s.partners.append(value),
    PG + "addresses": lambda s, value: s.problems.append(value),
    PG + "targetValue": lambda s, value: setattr(s, "value", value),
    PG + "targetUnit": lambda s, value: setattr(s, "unit", value),
    PG + "targetDirection": lambda s, value: setattr(s, "direction", value),
    PG + "targetYear": lambda s, value: setattr(s, "year", value),
}


async def _above(pool: Pool, issues: set[str]) -> tuple[dict[str, set[str]], dict[str, str], dict[str, str]]:
    """Return what lies above each issue, the highest of it, and the dimension."""
    above: dict[str, set[str]] = {issue: set() for issue in issues}
    top, dimensions = {issue: issue for issue in issues}, {}
    for issue, upper, higher, dimension in await _table(pool, _ISSUES % _values(issues)) if issues else []:
        if upper:
            above[issue].add(upper)
        if upper and not higher:
            top[issue] = upper
        if dimension:
            dimensions[issue] = dimension
    return above, top, dimensions


def _said(plan: str, iri: str, text: str, line: str, page: str, dimension: str) -> Said:
    return Said(iri, plan.removeprefix(PLAN), text, int(_number(line)), page, dimension=dimension)


def _mark_answered(said: dict[str, Said]) -> None:
    for s in said.values():
        if s.kind in ANSWERS:
            for problem in s.problems:
                if problem in said and said[problem].plan == s.plan:
                    said[problem].answered = True


def unanswered(said: Iterable[Said]) -> list[Said]:
    """Return the problems that no objective and no commitment of their plan is tied to."""
    return [s for s in said if s.kind == "problem" and not s.answered]


def only_one(said: Iterable[Said], things: Callable[[Said], Iterable[str]]) -> dict[str, Counter[str]]:
    """Return plan → thing → how often, for the things that one plan alone has."""
    found: dict[str, Counter[str]] = defaultdict(Counter)
    for s in said:
        for thing in things(s):
            found[thing][s.plan] += 1
    alone: dict[str, Counter[str]] = defaultdict(Counter)
    for thing, plans in found.items():
        if len(plans) == 1:
            alone[next(iter(plans))][thing] = plans.total()
    return alone


def left_open(said: Iterable[Said], everything: Iterable[Said]) -> dict[str, Counter[str]]:
    """Return issue → plan → problems, for the issues of problems on which nothing at all is an objective or commitment."""
    met = {issue for s in everything if s.kind in ANSWERS for issue in s.issues}
    problems: dict[str, Counter[str]] = defaultdict(Counter)
    for s in said:
        if s.kind == "problem":
            for issue in set(s.issues) - met:
                problems[issue][s.plan] += 1
    return problems


def _shortly_named(plans: list[Plan]) -> list[Plan]:
    """Give each plan the shortest name that no other one has: place, organization, both, with the years, or its key."""
    schemes: list[Callable[[Plan], tuple[str, ...]]] = [
        lambda p: (p.place,),
        lambda p: (p.organization,),
        lambda p: (p.place, p.period),
        lambda p: (p.place, p.organization),
        lambda p: (p.place, p.organization, p.period),
    ]
    for scheme in schemes:
        told = [scheme(plan) for plan in plans]
        if all(all(parts) for parts in told) and len(set(told)) == len(plans):
            return [_renamed(plan, ", ".join(parts)) for plan, parts in zip(plans, told, strict=True)]
    return [_renamed(plan, plan.key) for plan in plans]


def _renamed(plan: Plan, name: str) -> Plan:
    return Plan(**{**plan.__dict__, "name": name})


def _named(said: Iterable[Said]) -> set[str]:
    return {iri for s in said for iri in (s.type, s.dimension, *s.funds, *s.partners) if iri}


def _values(iris: Iterable[str]) -> str:
    return " ".join(f"<{iri}>" for iri in sorted(iris) if quotable(iri))


def _number(text: str) -> Decimal:
    try:
        number = Decimal(text)
    except InvalidOperation:
        return Decimal(0)
    return number if number.is_finite() else Decimal(0)


def value_of(row: Row, name: str) -> str:
    """Return a cell's text, empty where there is none."""
    return row[name].value if name in row else ""
