"""The page of a plan: what it is, what it speaks of line by line, from problem to partner, what was noticed, all that it says."""

from __future__ import annotations

import asyncio
from collections import Counter, defaultdict
from dataclasses import dataclass, field

from starlette.requests import Request

from api.context import pages_of, settings_of
from api.datasets import as_script, described_plan
from api.lookup import Node, Row, rows, value_of
from api.negotiation import DOCUMENT_FORMATS
from api.places import trail_of
from api.quotes import KINDS, PG, Quote, known_names, known_terms, quote_of
from api.rendering import Cell, cell, data_version, grouped, language_of, link_maker, site_path
from api.statement_page import amount_text, cited
from api.strings import say

Facts = dict[str, list[Node]]
FINDINGS_SHOWN = 8
LANES = ("Problem", "Objective", "Commitment", "Target", "Diagnosis")
COMMITMENTS = {"Commitment", "Program", "Project", "Activity", "Proposal"}

_STATEMENTS = """SELECT ?s ?line ?page ?text ?section ?axis ?class {
  ?s pg:statedIn <%s> ; pg:text ?text ; a ?class FILTER(?class NOT IN (pg:Statement, pg:Commitment))
  OPTIONAL { ?s pg:sourceLine ?line } OPTIONAL { ?s pg:sourcePage ?page }
  OPTIONAL { ?s pg:section ?section } OPTIONAL { ?s pg:axis ?axis }
} LIMIT %d"""
_TIES = "SELECT ?s ?o { ?s pg:statedIn <%s> ; pg:addresses ?o }"
_MONEY = """SELECT ?s ?amount ?currency ?certain ?raw { ?s pg:statedIn <%s> ; pg:budget ?b . ?b pg:amount ?amount
  OPTIONAL { ?b pg:currency ?currency } OPTIONAL { ?b pg:certain ?certain } OPTIONAL { ?b pg:rawText ?raw } }"""
_PARTNERS = """SELECT ?s ?who ?name ?acronym {
  ?s pg:statedIn <%s> ; pg:partner ?who . ?who rdfs:label ?name FILTER(LANG(?name) = "es")
  OPTIONAL { ?who pg:acronym ?acronym } }"""
_FINDINGS = """SELECT ?finding ?text ?kind ?line {
  ?finding pg:inPlan <%s> ; pg:description ?text ; pg:findingKind ?kind FILTER(LANG(?text) = "%s")
  OPTIONAL { ?finding pg:findingLine ?line }
}"""
_DOCUMENT = """SELECT ?lines ?file ?sha { <%s> pg:sourceDocument ?d
  OPTIONAL { ?d pg:lineCount ?lines } OPTIONAL { ?d pg:fileName ?file } OPTIONAL { ?d pg:sha256 ?sha } }"""


@dataclass
class Chain:
    """A problem of a plan with what the plan ties to it."""

    problem: Quote
    commitments: list[Quote] = field(default_factory=list)
    activities: list[Quote] = field(default_factory=list)
    targets: list[Quote] = field(default_factory=list)
    objectives: list[Quote] = field(default_factory=list)
    money: list[tuple[str, str, bool]] = field(default_factory=list)
    partners: list[Cell] = field(default_factory=list)

    @property
    def is_answered(self) -> bool:
        """Tell whether the plan ties anything to the problem."""
        return bool(self.commitments or self.activities or self.targets or self.objectives)


@dataclass(frozen=True)
class Lane:
    """One type of statement along a document: name, colour's word, runs of lines (first, how many), how many statements."""

    name: str
    kind: str
    runs: list[tuple[int, int]]
    count: int


@dataclass(frozen=True)
class Noticed:
    """A finding: its kind, its words, its lines, and where its page is."""

    kind: str
    text: str
    lines: list[int]
    href: str


async def plan_page(request: Request, iri: str, facts: Facts) -> dict[str, object]:
    """Collect what the page of a plan shows."""
    pool = pages_of(request)
    (said, sections, axes), ties, money, partners, noticed, documents = await asyncio.gather(
        _statements(request, iri),
        rows(pool, _TIES % iri),
        _money(request, iri),
        _partners(request, iri),
        _noticed(request, iri),
        rows(pool, _DOCUMENT % iri),
    )
    chains = _chains(said, ties, money, partners)
    about = await _about(request, facts)
    document: Row = documents[0] if documents else {}
    lines = int(value_of(document, "lines") or 0) or max((q.line for q in said), default=0)
    answered = [c for c in chains if c.is_answered]
    statements = grouped(len(said))
    return {
        "key": iri.rpartition("/")[2],
        "about": about,
        "trail": await trail_of(request, about["place_iri"]) if about["place_iri"] else [],
        "statement_count": statements,
        "line_count": len({q.line for q in said}),
        "document": {name: value_of(document, name) for name in ("lines", "file", "sha")},
        "lanes": _lanes(request, said),
        "last_line": lines,
        "unread": _lines_between(said, lines),
        "chains": _by_axis(answered, axes),
        "by_objective": any(not c.commitments and not c.activities and c.objectives for c in answered),
        "unanswered": [c.problem for c in chains if not c.is_answered],
        "summary": _summary(request, said, chains, len(money)),
        "sections": sections,
        "findings": noticed[:FINDINGS_SHOWN],
        "more_findings": noticed[FINDINGS_SHOWN:],
        "citation": _citation(request, iri, about),
        "cited": cited(request, iri, about["name"] or iri.rpartition("/")[2]),
        "dataset": as_script(_described(request, iri, about, statements)),
    }


async def _statements(request: Request, plan: str) -> tuple[list[Quote], list[tuple[str, list[Quote]]], dict[str, str]]:
    """Return a plan's statements by line, the same by section, and each one's own axis."""
    terms, link = await known_terms(request), link_maker(language_of(request))
    made: dict[str, tuple[Quote, str, str]] = {}
    for row in await rows(pages_of(request), _STATEMENTS % (plan, settings_of(request).table_rows * 10)):
        iri = row["s"].value
        if iri not in made and row["class"].value.startswith(PG):
            quote = quote_of(row, terms, link(site_path(iri)))
            made[iri] = (quote, value_of(row, "section"), value_of(row, "axis"))
    ordered = sorted(made.values(), key=lambda entry: (entry[0].line, entry[0].iri))
    sections: dict[str, list[Quote]] = {}
    for quote, section, _ in ordered:
        sections.setdefault(section, []).append(quote)
    shown = [(title.rpartition(" › ")[2], found) for title, found in sections.items()]
    return [quote for quote, _, _ in ordered], shown, {quote.iri: axis for quote, _, axis in ordered}


def _chains(
    said: list[Quote], ties: list[Row], all_money: dict[str, list[tuple[str, str, bool]]], all_partners: dict[str, list[Cell]]
) -> list[Chain]:
    """Tie to each problem what addresses it, the money and the partners of that."""
    chains = {q.iri: Chain(q) for q in said if q.name == "Problem"}
    by_iri = {q.iri: q for q in said}
    answers: dict[str, list[str]] = defaultdict(list)
    for row in ties:
        answers[row["o"].value].append(row["s"].value)
    for problem, chain in chains.items():
        for iri in sorted(answers[problem], key=lambda i: (by_iri[i].line, i) if i in by_iri else (0, i)):
            quote = by_iri.get(iri)
            if quote is None:
                continue
            column = {"Activity": chain.activities, "Target": chain.targets}.get(quote.name)
            if column is None:
                column = chain.commitments if quote.name in COMMITMENTS else chain.objectives
            column.append(quote)
            chain.money += all_money.get(iri, [])
            chain.partners += [cell for cell in all_partners.get(iri, []) if cell not in chain.partners]
    return list(chains.values())


async def _money(request: Request, plan: str) -> dict[str, list[tuple[str, str, bool]]]:
    """Return statement → (amount, as the plan writes it, whether it can be read in one way only)."""
    language, found = language_of(request), defaultdict(list)
    for row in await rows(pages_of(request), _MONEY % plan):
        certain = value_of(row, "certain") != "false"
        found[row["s"].value].append((amount_text(row, "amount", language), value_of(row, "raw"), certain))
    return found


async def _partners(request: Request, plan: str) -> dict[str, list[Cell]]:
    link = link_maker(language_of(request))
    found: dict[str, dict[str, Cell]] = defaultdict(dict)
    for row in await rows(pages_of(request), _PARTNERS % plan):
        name = value_of(row, "acronym") or row["name"].value
        found[row["s"].value][row["who"].value] = Cell(name, link(site_path(row["who"].value)))
    return {iri: sorted(cells.values(), key=lambda c: c.text) for iri, cells in found.items()}


async def _noticed(request: Request, plan: str) -> list[Noticed]:
    """Return what readers noticed in a plan, by its first line."""
    language, terms = language_of(request), await known_terms(request)
    link = link_maker(language)
    lines: dict[str, set[int]] = defaultdict(set)
    told: dict[str, Row] = {}
    for row in await rows(pages_of(request), _FINDINGS % (plan, language)):
        told[row["finding"].value] = row
        if "line" in row:
            lines[row["finding"].value].add(int(row["line"].value))
    found = [
        Noticed(terms.get(row["kind"].value, ""), row["text"].value, sorted(lines[iri]), link(site_path(iri)))
        for iri, row in told.items()
    ]
    return sorted(found, key=lambda n: (n.lines or [0], n.href))


def _lanes(request: Request, said: list[Quote]) -> list[Lane]:
    """Lay the statements out along the document's lines, one lane a type, what has no lane of its own in the last."""
    lines: dict[str, list[int]] = defaultdict(list)
    for quote in said:
        name = "Commitment" if quote.name in COMMITMENTS else quote.name
        lines[name if name in LANES else "Other"].append(quote.line)
    language = language_of(request)
    return [
        Lane(say(f"lanes.{name}", language), KINDS.get(name, ""), _runs(lines[name]), len(lines[name]))
        for name in (*LANES, "Other")
    ]


def _runs(lines: list[int]) -> list[tuple[int, int]]:
    """Join lines that follow each other: (first, how many)."""
    runs: list[tuple[int, int]] = []
    for line in sorted(set(lines)):
        if runs and line == sum(runs[-1]):
            runs[-1] = (runs[-1][0], runs[-1][1] + 1)
        else:
            runs.append((line, 1))
    return runs


def _lines_between(said: list[Quote], lines: int) -> int:
    """Count the lines of a document that no statement begins on."""
    return max(lines - len({q.line for q in said}), 0)


def _by_axis(chains: list[Chain], axes: dict[str, str]) -> list[tuple[str, list[Chain]]]:
    groups: dict[str, list[Chain]] = {}
    for chain in chains:
        groups.setdefault(axes.get(chain.problem.iri, ""), []).append(chain)
    return list(groups.items())


def _summary(request: Request, said: list[Quote], chains: list[Chain], money: int) -> str:
    """Say in sentences what the plan has; the numbers are ours."""
    counts = Counter("Commitment" if q.name in COMMITMENTS else q.name for q in said)
    language = language_of(request)

    def told(what: str, count: int) -> str:
        form = "none" if count == 0 else "one" if count == 1 else "many"
        return say(f"plan_counts.{what}_{form}", language, count=grouped(count))

    answered = told("answered", sum(c.is_answered for c in chains)) if chains else ""
    first = "; ".join(filter(None, (told("problems", len(chains)), answered)))
    second = say("plan.and", language, one=told("commitments", counts["Commitment"]), other=told("targets", counts["Target"]))
    return ". ".join(_capital(text) for text in (first, f"{second}; {told('money', money)}")) + "."


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


async def _about(request: Request, facts: Facts) -> dict[str, str]:
    """Return what the plan is: organization, candidate, place and code, period, level, review; empty where it is not said."""
    language = language_of(request)
    names = ("presentedBy", "candidate", "forTerritory", "level", "reviewStatus", "sourceDocument")
    nodes = {name: facts[PG + name][0] for name in names if facts.get(PG + name)}
    iris = {n.value for n in nodes.values() if n.is_iri}
    known = await known_names(request, iris)
    told = {name: cell(node, known, language) for name, node in nodes.items()}
    place = nodes.get("forTerritory")
    plain = ("periodStart", "periodEnd", "reviewedBy", "reviewDate")
    about = {name: facts[PG + name][0].value if facts.get(PG + name) else "" for name in plain}
    for name in names:
        about[name] = told[name].text if name in told else ""
        about[f"{name}Href"] = told[name].href if name in told else ""
    about["place_iri"] = place.value if place else ""
    about["code"] = place.value.rpartition("/")[2] if place else ""
    about["draft"] = "1" if "reviewStatus" in nodes and nodes["reviewStatus"].value.endswith("/draft") else ""
    titles = [n for name, found in facts.items() if name.endswith("/title") for n in found]
    about["title"] = titles[0].value if titles else ""
    named = [n.value for name, found in facts.items() if name.endswith("#label") for n in found if n.language in {language, ""}]
    about["name"] = named[0] if named else about["title"]
    return about


def _citation(request: Request, iri: str, about: dict[str, str]) -> str:
    by = f"{about['presentedBy']}, " if about["presentedBy"] else ""
    name = about["name"] or iri.rpartition("/")[2]
    return say("plan.citation", language_of(request), by=by, name=name, version=data_version(request), iri=iri)


def _described(request: Request, iri: str, about: dict[str, str], statements: str) -> dict[str, object]:
    """Describe the plan's data for search engines."""
    language, path = language_of(request), site_path(iri)
    name = about["name"] or iri.rpartition("/")[2]
    start, end = about["periodStart"], about["periodEnd"]
    told = {
        "name": name,
        "description": say("plan.description", language, name=name, statements=statements),
        "place": about["forTerritory"],
        "period": f"{start}/{end}" if start and end else "",
        "organization": about["presentedBy"],
    }
    return described_plan(request, iri, path, told, {f.media_type: f"{path}.{f.ending}" for f in DOCUMENT_FORMATS})
